"""A deployed stack, found through the one SSM parameter that it leaves behind."""

import json
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from handlers.contact_sync.adapters import aws
from handlers.contact_sync.adapters.config_table import ConfigTable
from handlers.contact_sync.adapters.pipeline import Pipeline
from handlers.contact_sync.adapters.state_table import StateTable
from handlers.contact_sync.names import discovery_parameter

from .errors import Wrong

RETENTION_DAYS = 90
"""Only for what the command writes, which is nothing: the stack's own functions keep the receipts."""


@dataclass(frozen=True)
class Stack:
    """What the command works with."""

    name: str
    management: str
    configs: ConfigTable
    states: StateTable
    pipeline: Pipeline
    operator: str
    """ARN of whoever runs the command."""


def find(name: str | None) -> Stack:
    """The stack of that name, or the only one that there is.

    Raises:
        Wrong: there is none, or there are several and none was named.
    """
    try:
        found = _parameters()
        caller = aws.client("sts").get_caller_identity()
    except (ClientError, BotoCoreError) as error:
        raise Wrong(f"AWS cannot be asked ({type(error).__name__}): are there credentials and a region?") from error
    if name is None and len(found) == 1:
        name = next(iter(found))
    if name is None or name not in found:
        known = (
            f"stacks here: {', '.join(sorted(found))}" if found else "no stack is deployed in this account and region"
        )
        raise Wrong(f"{known}; name one with --stack" if found else known)
    document = json.loads(found[name])
    return Stack(
        name,
        caller["Account"],
        ConfigTable(document["config_table"]),
        StateTable(document["state_table"], RETENTION_DAYS),
        Pipeline(document["state_machine_arn"]),
        caller["Arn"],
    )


def _parameters() -> dict[str, str]:
    path = discovery_parameter("")
    pages = aws.client("ssm").get_paginator("get_parameters_by_path").paginate(Path=path)
    return {found["Name"].removeprefix(path): found["Value"] for page in pages for found in page["Parameters"]}
