"""A run's header: its request, the source and configuration that it works with, and its outcome."""

import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, ClassVar

from pydantic import TypeAdapter, ValidationError

from orgsync.contact_sync.core.contacts import Contact
from orgsync.contact_sync.core.errors import SyncReason
from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.names import Cause, Kind
from orgsync.shared.clock import as_timestamp

_BEGINNING = "1970-01-01T00:00:00.000+00:00"
"""Start of a run whose header does not say when it started."""


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
        initiator: ARN of who caused the first of these events, where it said.
        initiators: ARNs of everybody who asked for what the run did, the first included (see `Request`).
        source_account: id of the account whose contacts every other should hold.
        everyone: every account of the organization was asked for, not only accounts by their ids.
        source: the source's contacts as this run read them; a kind it lacks is absent.
        flawed: kinds that the source holds in a form that AWS refuses: the fields with their rules, no values.
        unreadable: kinds of the source that could not be read, and why.
        deletions: kinds that the plan decided to delete in the members; no other kind is ever deleted.
        planned: batches are written; planning again would only repeat it.
        attempt: which of the plans that were asked for this run wrote its batches (see `RunStore`).
        batches: how many batches there are.
        error: code of what ended the run before or besides its accounts.
        detail: the places that `error` speaks of: ids, kinds and field names.
        into: for a merged event, the run that answers it; for a run that made way, the one that took up its rest.
        notified: the notification has been published.
        fresh_until: until then permissions may not be in force yet, and a refusal is asked again.
        new_accounts: accounts that may not be ready yet, with the time of the first event about each.
        rest: id of the run that made way for this one, and whose rest this one compares first.
        preempted: it made way for a change of the source or the configuration before it was done.
        reported: the report is written, and the run is counted in the metrics.
        revision: how often the header was written; each write is conditional on the revision that was read.
    """

    run_id: str
    cause: Cause
    started: str
    triggered_at: str
    initiator: str | None = None
    initiators: tuple[str, ...] = ()
    source_account: str = ""
    everyone: bool = False
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
    planned: bool = False
    attempt: int = 1
    batches: int = 0
    error: str | None = None
    detail: str | None = None
    into: str | None = None
    notified: bool = False
    fresh_until: str | None = None
    new_accounts: Mapping[str, str] = field(default_factory=dict)
    rest: str | None = None
    preempted: bool = False
    reported: bool = False
    revision: int = 0

    # Seconds before a header or an intent is written again, after a conflict with another transaction.
    CONFLICT_WAITS: ClassVar = (0.05, 0.1, 0.2, 0.4, 0.8)

    # Ten million accounts, in batches of a thousand; whoever closes a run looks for each of them.
    MAX_BATCHES: ClassVar = 10_000

    # Name of the notes of its worker's lives: one that has not come to its end, and whether any two overlapped.
    LIVES: ClassVar = "lives"

    @classmethod
    def of(cls, run_id: str, request: Request, started: str, **more: Any) -> "Run":
        """Make the header of a run that answers a request.

        Args:
            more: whatever else is known of it, by attribute.
        """
        asked: dict[str, Any] = {
            "triggered_at": request.triggered_at or started,
            "initiator": request.initiator,
            "initiators": request.initiators,
            "everyone": bool(request.everyone),
            "rest": request.rest,
        }
        return cls(run_id, request.cause, started, **asked | more)

    @property
    def closed(self) -> bool:
        """Return whether it has ended."""
        return self.status not in (RunStatus.IN_PROGRESS, RunStatus.STOPPED)

    @property
    def rest_for_next(self) -> str | None:
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

    def to_json(self) -> dict[str, Any]:
        """Return the header as a JSON document."""
        return {one.name: _plain(getattr(self, one.name)) for one in fields(self)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Run":
        """Read a header, whoever wrote it.

        The header of another release may lack attributes, which get their defaults, and have others, which are
        ignored; a status that this release does not know lets nobody work on the run. Where an attribute is none that
        any release wrote, its default stands in its place and `error` is `HeaderUnreadable`: nobody works on the run,
        and it can be closed.
        """
        read: dict[str, Any] = {}
        damaged: set[str] = set()
        for name, adapter in _readers().items():
            try:
                if name in document:
                    read[name] = adapter.validate_python(_known(name, document))
            except ValidationError:
                damaged.add(name)
        source = {Kind(kind): Contact.of(Kind(kind), fields) for kind, fields in read.pop("source", {}).items()}
        started = read.pop("started", "")
        started = started if as_timestamp(started) else None
        damaged |= {name for name, value in (("started", started), ("cause", read.get("cause"))) if not value}
        times = {name: read.get(name) for name in ("triggered_at", "ended", "fresh_until")}
        damaged |= {name for name, time in times.items() if time is not None and not as_timestamp(time)}
        if not all(map(as_timestamp, read.get("new_accounts", {}).values())):
            damaged.add("new_accounts")
        damaged |= {name for name in ("attempt", "batches", "config_version", "revision") if read.get(name, 1) < 0}
        damaged |= {"batches"} if read.get("batches", 0) > cls.MAX_BATCHES else set()
        read = {name: value for name, value in read.items() if name not in damaged}
        # A number that is none protects nothing any more: see `StateStore.save_run`.
        revision = {"revision": -1} if "revision" in damaged else {}
        known = {"cause": Cause.SCHEDULE, "triggered_at": started or _BEGINNING} | read | revision
        run = cls(**known | {"started": started or _BEGINNING, "source": source})
        if damaged and not run.closed:
            return replace(run, error=SyncReason.HEADER_UNREADABLE, detail=", ".join(sorted(damaged)))
        return run


@cache
def _readers() -> Mapping[str, TypeAdapter[Any]]:
    """Return what reads each attribute of a header, after its type."""
    return {
        name: TypeAdapter(Mapping[Kind, Mapping[str, str]] if name == "source" else hint)
        for name, hint in _types().items()
        if name in {one.name for one in fields(Run)}
    }


@cache
def _types() -> Mapping[str, Any]:
    """Return the type of each attribute of a header: to work them out takes longer than to read a header."""
    return typing.get_type_hints(Run)


def _known(name: str, document: Mapping[str, Any]) -> Any:
    """Return an attribute without the kinds, and with a harmless value for the words, of another release."""
    value = document[name]
    if name == "status" and isinstance(value, str) and value not in set(RunStatus):
        return RunStatus.FAILED if document.get("ended") else RunStatus.STOPPED
    if name == "cause" and isinstance(value, str) and value not in set(Cause):
        return Cause.SCHEDULE
    arguments = typing.get_args(_types()[name])
    if not arguments or arguments[0] is not Kind:
        return value
    if isinstance(value, Mapping):
        return {kind: item for kind, item in value.items() if kind in set(Kind)}
    # What is no word at all is no kind of another release: it is damage, and named.
    return (
        [kind for kind in value if not isinstance(kind, str) or kind in set(Kind)] if isinstance(value, list) else value
    )


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, Contact):
        return dict(value.fields)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return sorted(map(str, value))
    if isinstance(value, tuple):
        return list(map(_plain, value))
    return str(value) if isinstance(value, StrEnum) else value
