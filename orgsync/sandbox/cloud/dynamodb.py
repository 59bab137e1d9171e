"""DynamoDB with one request at a time: moto checks a condition and writes in two separate steps."""

import copy
import threading
from collections import defaultdict
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from moto.dynamodb import models
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler

from orgsync.sandbox.cloud.patches import Patches


def install(patches: Patches) -> None:
    """Patch moto so that one request at a time reaches the tables, and a transaction copies no item."""
    lock = threading.RLock()

    def call_action(original: Callable[..., Any], handler: Any) -> Any:
        with lock:
            return original(handler)

    patches.wrap(DynamoHandler, "call_action", call_action)
    patches.replace(models, "copy", SimpleNamespace(copy=copy.copy, deepcopy=_deepcopy))


def _deepcopy(value: Any) -> Any:
    """Copy a value; of a table, which a failed transaction goes back to, only the places of the items.

    A transaction that puts and checks changes no item in place: it replaces it.
    """
    if not isinstance(value, Table) or not value.has_range_key:
        return copy.deepcopy(value)
    kept = copy.copy(value)
    kept.items = defaultdict(dict, {key: dict(items) for key, items in value.items.items()})
    return kept
