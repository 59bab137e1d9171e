"""A world in virtual time: runs of the real entry points under AWS's quotas, with events that come in their midst.

An hour passes in a second, because the event loop's clock jumps to whatever is due next. Only one function works at a
time, as in the cloud; what happens meanwhile (`at`) happens at its own moment inside that function's life.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from orgsync.handlers.contact_sync.process import process
from orgsync.sandbox.contact_sync.simulation import EPOCH, SimulatedContacts, VirtualLoop
from orgsync.sandbox.model.account import AccountService, CallerIdentity, Write
from orgsync.sandbox.model.organization import OrganizationModel
from orgsync.sandbox.model.quotas import AWS
from orgsync.shared.clock import timestamp
from tests.sample_events import sample_event
from tests.world import World

_LIFE = 900.0
"""Seconds of a function's life."""


class _Loop(VirtualLoop):
    """A loop that goes on at the moment where the one before it ended; a thread's work takes no time."""

    def __init__(self, began: float) -> None:
        super().__init__()
        self._jump.now = began

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        """Do the work at once."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future


@dataclass
class Timeline:
    """The virtual seconds so far, and what is to happen later."""

    now: float = 0.0
    _loop: _Loop | None = None

    def __post_init__(self) -> None:
        self._later: list[tuple[float, Callable[[], object]]] = []

    def seconds(self) -> float:
        """Return the virtual seconds so far."""
        return self._loop.time() if self._loop else self.now

    def at(self, moment: float, happens: Callable[[], object]) -> None:
        """Let something happen at a moment."""
        self._later.append((moment, happens))

    def run(self, main: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine as `asyncio.run` does, from this moment on."""
        loop = _Loop(self.now)

        async def watched() -> Any:
            self._loop = loop
            for moment, happens in self._later:
                loop.call_at(moment, self._happen, (moment, happens))
            return await main

        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                return runner.run(watched())
        finally:
            self.now, self._loop = loop.time(), None

    def catch_up(self) -> None:
        """Let everything happen whose moment is over."""
        for one in sorted(self._later, key=lambda later: later[0]):
            if one[0] <= self.now:
                self._happen(one)

    def skip(self) -> bool:
        """Go on to the next moment at which something is to happen; return whether there is one."""
        if not self._later:
            return False
        self.now = max(self.now, min(moment for moment, _ in self._later))
        self.catch_up()
        return True

    def _happen(self, one: tuple[float, Callable[[], object]]) -> None:
        if one in self._later:
            self._later.remove(one)
            one[1]()


class TimedClock:
    """The timeline as `Clock`, inside a loop and between two."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    def now(self) -> datetime:
        """See `Clock.now`."""
        return EPOCH + timedelta(seconds=self._timeline.seconds())

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return self._timeline.seconds()

    async def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`."""
        await asyncio.sleep(seconds)


class TimedWorld(World):
    """A world whose Account API keeps AWS's quotas, in virtual time."""

    def __init__(
        self, organization: OrganizationModel, patch: pytest.MonkeyPatch, latency: float = 0.15, lag_s: float = 0.0
    ) -> None:
        super().__init__(organization)
        self.timeline = Timeline()
        self.written: list[tuple[float, str, str, str]] = []
        self.account = AccountService(
            organization,
            clock=self.timeline.seconds,
            quotas=AWS,
            on_write=self._note,
            lag_s=lag_s,
            refuse=lambda operation, account: self.refuses(operation, account),
        )
        self.services = replace(
            self.services, clock=TimedClock(self.timeline), contacts=SimulatedContacts(self.account, latency)
        )
        patch.setattr(asyncio, "run", self.timeline.run)
        self._runs = 0

    def _note(self, write: Write) -> None:
        if write.account != self.management:
            contact = write.parameters.get("ContactInformation", write.parameters)
            value = str(contact.get("FullName") or contact.get("Name") or "")
            self.written.append((self.timeline.seconds(), write.account, write.kind, value))

    def now(self) -> str:
        """Return the time of day as events write it."""
        return timestamp(self.services.clock.now())

    def happen(self, event: dict[str, Any]) -> str:
        """Let an event start an execution at this moment; return its run."""
        self._runs += 1
        run_id = f"event-{self._runs}"
        self.start(run_id, event | {"time": self.now()}, self.now())
        return run_id

    def edit_source(self, kind: str, value: str) -> str:
        """Change a contact of the source, with the event that AWS sends; return the event's run."""
        caller = CallerIdentity(self.management, "arn:aws:iam::100000000001:user/ann", sandbox=True)
        fields = self.held(self.management, kind)
        if kind == "primary":
            request = {"ContactInformation": fields | {"FullName": value}}
            self.account.write_directly("PutContactInformation", request, caller)
            return self.happen(sample_event("source-primary-changed", eventID=f"edit-{value}"))
        named = {"AlternateContactType": kind.upper()}
        self.account.write_directly("PutAlternateContact", named | fields | {"Name": value}, caller)
        changed = sample_event("source-changed-camel-with-values", eventID=f"edit-{value}", requestParameters=named)
        return self.happen(changed)

    def live(self, run_id: str, *, until: Callable[[], bool] = lambda: False, batch_size: int = 1000) -> None:
        """Do the state machine's work for a run, and for those that wait for the lease after it.

        Args:
            until: whether enough was seen.
        """
        while run_id and not until():
            started, event = self.now(), self.executions.events()[run_id]
            known = self.services.states.run(run_id)
            answer = self.plan(run_id, event, started, batch_size) if not (known and known.planned) else None
            if answer is None or answer["outcome"] == "process":
                for item in self.batches(run_id):
                    answer = {"done": False}
                    while not answer["done"] and not until():
                        answer = self._process(run_id, item["batch"], until, answer.get("throttled", False))
                    self.timeline.catch_up()
            if until():
                return
            self.report(run_id)
            self.timeline.catch_up()
            run_id = self.holder() or ""

    def _process(self, run_id: str, batch: int, until: Callable[[], bool], throttled: bool) -> dict[str, Any]:
        began = self.timeline.now

        def remaining() -> float:
            return 0.0 if until() else _LIFE - (self.timeline.seconds() - began)

        return process(run_id, batch, remaining, self.services, throttled=throttled)
