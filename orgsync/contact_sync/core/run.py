"""A run's header: its request, the source and configuration that it works with, and its outcome."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from orgsync.contact_sync.core.contacts import Contact
from orgsync.contact_sync.names import Cause, Kind


class RunStatus(StrEnum):
    """States of a run.

    `stopped`: it died, its worker must write no more, and its end is being counted.
    `merged` marks an event that another run answers; it is no run of its own.
    """

    IN_PROGRESS = "in_progress"
    STOPPED = "stopped"
    COMPLETED = "completed"
    FAILED = "failed"
    MERGED = "merged"


@dataclass(frozen=True)
class Run:
    """One run (spec: SyncOperation), as the state table keeps it.

    Attributes:
        triggered_at: when the first event that it answers happened; `started` where the event did not say.
        source: the source's contacts as this run read them; a kind it lacks is absent.
        flawed: kinds that the source holds in a form that AWS refuses: the fields with their rules, no values.
        unreadable: kinds of the source that could not be read: the code of each one's error.
        deletions: kinds that the plan decided to delete, because the owner lets a missing contact propagate.
        exclusions: how many accounts each excluded unit and id covers; empty where not all accounts were listed.
        planned: batches are written; planning again would only repeat it.
        batches: how many batches there are.
        error: code of what ended the run before or besides its accounts.
        detail: the places that `error` speaks of: ids, kinds and field names.
        circuit: code of the failure that opened the circuit breaker.
        into: for a merged event, the run that answers it.
        notified: the notification has been published.
    """

    run_id: str
    cause: Cause
    started: str
    triggered_at: str
    initiator: str | None = None
    config_version: int = 0
    status: RunStatus = RunStatus.IN_PROGRESS
    severity: str | None = None
    scenario: str | None = None
    ended: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    source: Mapping[Kind, Contact] = field(default_factory=dict)
    flawed: Mapping[Kind, str] = field(default_factory=dict)
    unreadable: Mapping[Kind, str] = field(default_factory=dict)
    deletions: frozenset[Kind] = frozenset()
    exclusions: Mapping[str, int] = field(default_factory=dict)
    planned: bool = False
    batches: int = 0
    error: str | None = None
    detail: str | None = None
    circuit: str | None = None
    into: str | None = None
    notified: bool = False

    @property
    def closed(self) -> bool:
        """Return whether it has ended."""
        return self.status not in (RunStatus.IN_PROGRESS, RunStatus.STOPPED)
