"""One run at a time for the organization, and nothing lost while it runs.

Pure: the state table's adapter applies these functions under optimistic locking, so that
each is decided on what is really stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orgsync.contact_sync.core.request import Request


@dataclass(frozen=True)
class Turn:
    """A run and what it was asked to do."""

    run_id: str
    request: Request

    def to_json(self) -> dict[str, Any]:
        """A JSON document."""
        return {"run_id": self.run_id, "request": self.request.to_json()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any] | None) -> "Turn | None":
        """Read back what `to_json` wrote; None stays None."""
        return cls(document["run_id"], Request.from_json(document["request"])) if document else None


@dataclass(frozen=True)
class Lease:
    """Who runs now, who is next, and who handed over last.

    Attributes:
        holder: the run that may write, or None.
        pending: the run that answers every bell that rang since, or None.
        previous: id of the run that handed over to `holder`. Kept so that a hand-over
            whose execution was never started (the function died in between) can be
            finished by whoever repeats it.
    """

    holder: Turn | None = None
    pending: Turn | None = None
    previous: str | None = None


@dataclass(frozen=True)
class Granted:
    """The run holds the lease and does what `request` says."""

    request: Request


@dataclass(frozen=True)
class Merged:
    """Another run answers this bell."""

    into: str


def ring(lease: Lease, turn: Turn, next_run_id: str) -> tuple[Lease, Granted | Merged]:
    """A bell asks for the lease.

    Free: it is granted. Held by this very run (its plan is being tried again, or it was
    handed the lease): granted again. A bell that the holder or the pending run already
    answers is merged into that one. Else it joins the pending request, which is named
    `next_run_id` when it is the first to wait.
    """
    if lease.holder is None:
        return Lease(holder=turn), Granted(turn.request)
    if lease.holder.run_id == turn.run_id:
        return lease, Granted(lease.holder.request)
    for answering in (lease.holder, lease.pending):
        if answering and set(turn.request.bells) <= set(answering.request.bells):
            return lease, Merged(answering.run_id)
    if lease.pending is None:
        pending = Turn(next_run_id, turn.request)
    else:
        pending = Turn(lease.pending.run_id, lease.pending.request.merged(turn.request))
    return Lease(lease.holder, pending, lease.previous), Merged(pending.run_id)


def release(lease: Lease, run_id: str) -> tuple[Lease, Turn | None]:
    """A run ends. Returns the turn whose execution must be started now, if one waits.

    Repeating it is harmless: it names the same turn again until that run itself ends.
    """
    if lease.holder and lease.holder.run_id == run_id:
        return Lease(holder=lease.pending, previous=run_id if lease.pending else None), lease.pending
    if lease.previous == run_id:
        return lease, lease.holder
    return lease, None
