"""A run's header: its request, the source and configuration that it works with, and its outcome."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
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
        planned: batches are written; planning again would only repeat it.
        batches: how many batches there are.
        error: code of what ended the run before or besides its accounts.
        detail: the places that `error` speaks of: ids, kinds and field names.
        circuit: code of the failure that opened the circuit breaker.
        into: for a merged event, the run that answers it.
        notified: the notification has been published.
        initiators: ARNs of everybody who asked for what the run did, the first included (see `Request`).
        fresh_until: until then permissions may not be in force yet, and a refusal is asked again.
        new_accounts: accounts that may not be ready yet, with the time of the first event about each.
        rest: id of the run that made way for this one, and whose rest this one compares first.
        preempted: it made way for a change of the source or the configuration before it was done.
    """

    run_id: str
    cause: Cause
    started: str
    triggered_at: str
    initiator: str | None = None
    initiators: tuple[str, ...] = ()
    config_version: int = 0
    status: RunStatus = RunStatus.IN_PROGRESS
    severity: str | None = None
    scenario: str | None = None
    ended: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    source: Mapping[Kind, Contact] = field(default_factory=dict)
    planned: bool = False
    batches: int = 0
    error: str | None = None
    detail: str | None = None
    circuit: str | None = None
    into: str | None = None
    notified: bool = False
    fresh_until: str | None = None
    new_accounts: Mapping[str, str] = field(default_factory=dict)
    rest: str | None = None
    preempted: bool = False

    @property
    def closed(self) -> bool:
        """Return whether it has ended."""
        return self.status not in (RunStatus.IN_PROGRESS, RunStatus.STOPPED)

    @property
    def left(self) -> str | None:
        """Return the id of the run whose rest the next one takes up: its own, or the one that it did not take up."""
        if self.preempted:
            return self.run_id
        return self.rest if not self.batches and (self.error or not self.planned) else None

    def unready(self, now: datetime, patience: float) -> frozenset[str]:
        """Return the new accounts whose refusals mean "not yet": `patience` in seconds is not over."""
        return frozenset(
            account
            for account, since in self.new_accounts.items()
            if (now - datetime.fromisoformat(since)).total_seconds() < patience
        )
