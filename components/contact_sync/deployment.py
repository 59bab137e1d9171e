"""The deployment document: how one stack runs (`orgsync:deployment` in the stack file).

The owner's decisions about contacts are another document (`orgsync.contact_sync.config`).
Both are validated before anything is declared, so a mistake fails the preview.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from orgsync.contact_sync.names import FailOn
from orgsync.shared.configuration import StrictModel
from orgsync.shared.organization_units import unit_id

# What CloudWatch Logs accepts (PutRetentionPolicy).
_RETENTIONS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)


def _retention(days: int) -> int:
    if days not in _RETENTIONS:
        raise ValueError(f"CloudWatch Logs keeps one of {', '.join(map(str, _RETENTIONS))} days")
    return days


def _units_once(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) != len(values):
        raise ValueError("name each unit once")
    return values


Memory = Annotated[int, Field(ge=128, le=10240)]


class LogLevel(StrEnum):
    """Least level of the log lines that functions write."""

    DEBUG = "DEBUG"
    """Each account and call; for the search of a fault."""
    INFO = "INFO"
    """Each run and batch."""
    WARNING = "WARNING"
    """Events that somebody may have to look at."""
    ERROR = "ERROR"
    """Failures only."""


class InitialSyncWait(StrEnum):
    """Moment of the initial sync that a deployment waits for."""

    END = "end"
    """The end of the run."""
    START = "start"
    """The start of the run; its outcome is then no output of the deployment."""


class MemorySizes(StrictModel):
    """Megabytes of memory by function; processor share grows with them."""

    plan: Memory = 512
    process: Memory = 1024
    report: Memory = 512
    initial_sync: Memory = 256


class InitialSyncSettings(StrictModel):
    """Waiting of a deployment for the initial sync that it starts, and which end of it fails the deployment."""

    wait: InitialSyncWait = InitialSyncWait.END
    fail_on: FailOn = FailOn.FAILED


class Deployment(StrictModel):
    """Running of one stack; the defaults are production's."""

    log_level: LogLevel = LogLevel.INFO
    log_retention_days: Annotated[int, AfterValidator(_retention)] = 90
    receipt_retention_days: int = Field(default=90, ge=1, le=3653)
    tracing: bool = False
    point_in_time_recovery: bool = True
    protect: bool = False
    trail: bool = False
    memory: MemorySizes = MemorySizes()
    initial_sync: InitialSyncSettings = InitialSyncSettings()
    member_events: bool = True
    # CloudFormation takes no more units at once.
    member_units: Annotated[tuple[Annotated[str, AfterValidator(unit_id)], ...], AfterValidator(_units_once)] = Field(
        default=(), max_length=50
    )
    throttles_tolerated: int = Field(default=50, ge=1)
