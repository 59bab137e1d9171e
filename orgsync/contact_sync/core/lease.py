"""The lease: one run at a time for the organization, and nothing lost while it runs.

Pure: the state table's adapter applies these functions under optimistic locking, so that
each decides on what is really stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.names import Cause, Kind


@dataclass(frozen=True)
class LeasedRun:
    """A run and what it was asked to do.

    Attributes:
        preempted: it makes way for the run that waits; what it has not compared is left to that one.
    """

    run_id: str
    request: Request
    preempted: bool = False

    def taking_up(self, left: "LeasedRun") -> "LeasedRun":
        """Return the same run with what another leaves to it: see `Request.taking_up`."""
        return replace(self, request=self.request.taking_up(left.run_id, left.request, itself=left.preempted))

    def to_json(self) -> dict[str, Any]:
        """Return a JSON document."""
        return {"run_id": self.run_id, "request": self.request.to_json(), "preempted": self.preempted}

    @classmethod
    def from_json(cls, document: Mapping[str, Any] | None) -> "LeasedRun | None":
        """Read back what `to_json` wrote; None stays None.

        A request that cannot be read, of another release or another hand, becomes one for everything: what is unclear
        widens the comparison. A run without an id cannot be held, started or ended: it is none.
        """
        if not isinstance(document, Mapping) or not isinstance(document.get("run_id"), str) or not document["run_id"]:
            return None
        try:
            request = Request.from_json(document["request"])
        except (KeyError, ValueError, TypeError, AttributeError):
            request = Request(Cause.SCHEDULE, None, None, frozenset(Kind))
        return cls(document["run_id"], request, document.get("preempted") is True)


@dataclass(frozen=True)
class Lease:
    """The right to run: the run that holds it, the one that comes next, and the one that held it before.

    Attributes:
        holder: the run that may write, or None.
        pending: the run that answers every event that came since, or None.
        previous: id of the run that handed over to `holder`. Kept so that a hand-over
            whose execution was never started (the function died in between) can be
            finished by whoever repeats it.
        left: what no run waited for when it was handed over: the run whose rest it is, with the request of the run
            that ended. The next run takes it up.
        unclosed: ids of the runs that handed over before they were closed, the newest `MAX_UNCLOSED`. Whoever closes
            one may die, and nobody else would know of it.
    """

    MAX_UNCLOSED: ClassVar[int] = 20

    holder: LeasedRun | None = None
    pending: LeasedRun | None = None
    previous: str | None = None
    left: LeasedRun | None = None
    unclosed: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return a JSON document."""
        return {
            "holder": self.holder.to_json() if self.holder else None,
            "pending": self.pending.to_json() if self.pending else None,
            "previous": self.previous,
            "left": self.left.to_json() if self.left else None,
            "unclosed": list(self.unclosed),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Lease":
        """Read back what `to_json` wrote, whoever wrote it; an empty document is a free lease."""
        previous, unclosed = document.get("previous"), document.get("unclosed")
        return cls(
            LeasedRun.from_json(document.get("holder")),
            LeasedRun.from_json(document.get("pending")),
            previous if isinstance(previous, str) else None,
            LeasedRun.from_json(document.get("left")),
            tuple(one for one in unclosed if isinstance(one, str)) if isinstance(unclosed, list) else (),
        )

    def acquire(self, run: LeasedRun, next_run_id: str) -> tuple["Lease", LeasedRun]:
        """Ask for the lease; return it as it stands afterwards, and the run that answers.

        It is granted where the answering run is the one that asked: the lease was free, or held by this very run
        (its plan is being tried again, or it was handed the lease), whose request may have grown meanwhile. Otherwise
        another run answers: one that already answers the same events, or the pending one, which is named
        `next_run_id` when it is the first to wait.

        Raises:
            Refusal: what waits already cannot take so many ids besides (see `Request.bounded`).
        """
        if self.holder is None:
            granted = run.taking_up(self.left) if self.left else run
            return Lease(holder=granted, unclosed=self.unclosed), granted
        if self.holder.run_id == run.run_id:
            return self, self.holder
        for answering in (self.holder, self.pending):
            # A request that names no event is nobody's duplicate.
            known = set(answering.request.event_ids) if answering else set[str]()
            if answering and run.request.event_ids and known.issuperset(run.request.event_ids):
                return self, answering
        if self.pending is None:
            pending = LeasedRun(next_run_id, run.request)
        else:
            pending = LeasedRun(self.pending.run_id, self.pending.request.merged(run.request))
        return replace(self, pending=pending), pending

    def preempt(self, run_id: str) -> tuple["Lease", bool]:
        """Ask whether a run should make way; return the lease, which remembers it, and the answer.

        It should where the source or the configuration has changed since, whichever kinds are concerned: the waiting
        run takes up what is left, for every kind that either wanted.
        """
        if not self.holder or self.holder.run_id != run_id or not self.pending or not self.pending.request.urgent:
            return self, False
        return replace(self, holder=replace(self.holder, preempted=True)), True

    def made_way(self, run_id: str) -> bool:
        """Return whether a run has made way, and still holds the lease."""
        return self.holder is not None and self.holder.run_id == run_id and self.holder.preempted

    def release(self, run_id: str, rest: str | None = None, *, closed: bool = True) -> tuple["Lease", LeasedRun | None]:
        """End a run; return the lease, and the run whose execution must be started now, if one waits.

        Repeating it is harmless: it names the same run again until that run itself ends.

        Args:
            rest: id of the run whose rest the waiting one takes up; a reference, because ids fill an item.
            closed: whether the run is closed; one that makes way is not yet.
        """
        unclosed = tuple(one for one in self.unclosed if one != run_id)
        unclosed = unclosed if closed else (*unclosed, run_id)[-self.MAX_UNCLOSED :]
        if self.holder and self.holder.run_id == run_id:
            left = LeasedRun(rest, self.holder.request, preempted=rest == run_id) if rest else None
            if self.pending is None:
                return Lease(left=left, unclosed=unclosed), None
            following = self.pending.taking_up(left) if left else self.pending
            return Lease(holder=following, previous=run_id, unclosed=unclosed), following
        return replace(self, unclosed=unclosed), self.holder if self.previous == run_id else None
