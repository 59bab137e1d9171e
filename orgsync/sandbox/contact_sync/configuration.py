"""The configuration that a rehearsal lays over the one in the stack file."""

from collections.abc import Mapping
from typing import Any

from orgsync.contact_sync.config import parse
from orgsync.contact_sync.names import Operation
from orgsync.sandbox.engines.program import merge_config
from orgsync.sandbox.rehearsal.model import Scenario
from orgsync.shared.configuration import ConfigurationRefused

Document = dict[str, Any]

STACK_KEY = "orgsync:contact_sync"
"""The key of contact sync's configuration in a stack file."""

_LOOK_AFTER = 0.75
"""Seconds before the first look at what was written; each further one waits twice as long."""

QUICK: Document = {
    "pacing": {operation.value: {"rate": 500, "burst": 500} for operation in Operation},
    "verify_config": {"delay": _LOOK_AFTER, "max_attempts": 2},
    "retry_config": {"fresh_permissions": 4},
}
"""The configuration below the scenario's own `config` while the sandbox has no quotas and no lag to wait for."""


def overlay(scenario: Scenario, step: Mapping[str, Any]) -> Document:
    """Merge the pace that fits the quotas, the scenario's `config` over it, and the step's over both."""
    match scenario.quotas:
        case "off":
            pace = QUICK
            if scenario.lag_s:
                pace = merge_config(QUICK, {"verify_config": {"max_attempts": _looks(scenario.lag_s)}})
        case "aws":
            pace = {}
        case quotas:
            pace = {"pacing": {operation: quota.model_dump() for operation, quota in quotas.items()}}
    both: Document = merge_config(merge_config(pace, scenario.config), step)
    return both


def _looks(lag_s: float) -> int:
    """Return how often to look: all waits together outlast the lag, as an owner's must outlast AWS's own."""
    return next((looks for looks in range(2, 10) if _LOOK_AFTER * (2**looks - 1) >= lag_s + 5), 10)


def describe_pace(scenario: Scenario) -> str:
    """Describe in a few words how the stack's pace fits the scenario's quotas."""
    match scenario.quotas:
        case "off":
            return "the stack is deployed with a pace that waits for none (`pacing`, `verify_config`)"
        case "aws":
            return "the stack keeps its own pace"
        case _:
            return "and the stack keeps to them"


def accepts(config: Document) -> bool:
    """Ask the product itself: a configuration that it refuses was never deployed."""
    try:
        parse(config)
    except ConfigurationRefused:
        return False
    return True
