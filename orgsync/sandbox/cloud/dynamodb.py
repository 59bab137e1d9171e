"""DynamoDB with one request at a time: moto checks a condition and writes in two separate steps."""

import threading
from collections.abc import Callable
from typing import Any

from moto.dynamodb.responses import DynamoHandler

from orgsync.sandbox.cloud.patches import Patches


def install(patches: Patches) -> None:
    """Patch moto so that one request at a time reaches the tables."""
    lock = threading.RLock()

    def call_action(original: Callable[..., Any], handler: Any) -> Any:
        with lock:
            return original(handler)

    patches.wrap(DynamoHandler, "call_action", call_action)
