"""Plans, workers and closers of one run side by side, in any order of their steps, killed anywhere."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from orgsync.contact_sync.core.errors import RunConflict
from orgsync.contact_sync.core.run import Run, RunStatus
from orgsync.contact_sync.services import Services
from orgsync.handlers.contact_sync.plan import plan
from orgsync.handlers.contact_sync.process import process
from orgsync.handlers.contact_sync.report import report
from orgsync.sandbox.model.organization import KINDS
from orgsync.shared.errors import StoreFailed
from tests.actors import Actor, Killed
from tests.world import STARTED, World, make_world, schedule

MEMBERS = 5
BATCH = 2


class RunMachine(RuleBasedStateMachine):
    """One run, for which everything may be asked twice, and of which everything may outlive its caller."""

    @initialize(excluded=st.integers(0, 2), refused=st.booleans(), planned=st.booleans())
    def begin(self, excluded: int, refused: bool, planned: bool) -> None:
        """Begin an execution, whose plan has not been called, or has answered."""
        self.patch = pytest.MonkeyPatch()
        # A step waits for the others' steps: in real time that is as long as the machine likes.
        self.patch.setattr("orgsync.contact_sync.core.bounds.WorkerBounds.ANSWER", 3600.0)
        self.world: World = make_world(MEMBERS)
        self.world.configure(excluded_accounts=self.world.members[:excluded])
        if refused:
            self.world.refuse("PutAlternateContact", self.world.members[-1], "AccessDeniedException")
        self.world.executions.start("run-1", schedule())
        self.actors: list[Actor] = []
        self.headers: list[Run] = []
        self.publishers: set[str] = set()  # who has published and not yet said so
        self.dead_publishers = 0
        self.notices = 0
        self.writes_when_closed: int | None = None
        self.dies_early = not planned
        if planned:
            self.ask_for_the_plan()
            self.actors[0].finish()

    # --- who comes ---------------------------------------------------------------------------

    def _come(self, name: str, invoke: Callable[[Services], Any]) -> None:
        self.actors.append(Actor(f"{name}-{len(self.actors)}", self.world, invoke))

    def _living(self, name: str = "") -> list[Actor]:
        return [actor for actor in self.actors if not actor.ended and actor.name.startswith(name)]

    @precondition(lambda self: len(self._living("plan")) < 3)
    @rule()
    def ask_for_the_plan(self) -> None:
        """Call plan, for the first time or again, while an earlier call may still be under way."""
        self._come("plan", lambda services: plan("run-1", STARTED, schedule(), services, BATCH))

    @precondition(lambda self: self.planned and len(self._living("process")) < 3)
    @rule(batch=st.integers(0, (MEMBERS - 1) // BATCH))
    def ask_for_a_batch(self, batch: int) -> None:
        """Call process, as the state machine does once a plan has answered, and again when it gave up on a call."""
        if batch < self.world.header().batches:
            self._come("process", lambda services: process("run-1", batch, lambda: 900.0, services, concurrency=1))

    @precondition(lambda self: self.planned and len(self._living("report")) < 3)
    @rule()
    def ask_for_the_report(self) -> None:
        """Call report, as the state machine does when it has come to its end."""
        self._come("report", lambda services: report({"run_id": "run-1"}, services))

    @precondition(lambda self: (self.planned or self.dies_early) and len(self._living("report")) < 3)
    @rule()
    def die(self) -> None:
        """Let the execution fail: its own catch, its failure's event or a later trigger asks for the report."""
        event = {"run_id": "run-1", "error": {"Error": "States.Timeout"}, "event": schedule(), "started": STARTED}
        self._come("report", lambda services: report(event, services))

    # --- what happens ------------------------------------------------------------------------

    @precondition(lambda self: self._living())
    @rule(data=st.data(), steps=st.integers(1, 25))
    def advance(self, data: st.DataObject, steps: int) -> None:
        """Let one of them make a few calls."""
        actor = data.draw(st.sampled_from(self._living()), label="who")
        for _ in range(steps):
            self._advance(actor)

    @precondition(lambda self: self._living())
    @rule(data=st.data())
    def kill(self, data: st.DataObject) -> None:
        """Kill one of them; of a closer that has published nobody can know it before it said so."""
        actor = data.draw(st.sampled_from(self._living()), label="who")
        self.dead_publishers += int(actor.name in self.publishers)
        actor.kill()

    def _advance(self, actor: Actor) -> None:
        if actor.waits == "clock.sleep":
            # While a closer waits, a call is sent whose intent was recorded, or it never is: that bound is enforced.
            for worker in self._living("process"):
                while (worker.waits or "").startswith("contacts."):
                    worker.advance()
            # And another closer goes on to its next write of the header.
            if self.world.header().closed:
                for closer in self._living("report"):
                    self._past_its_publication(closer)
        if not actor.ended:
            published = actor.waits == "publisher.publish"
            actor.advance()
            self.publishers = {actor.name} if published else self.publishers - {actor.name}
            self.notices += int(published)

    def _past_its_publication(self, closer: Actor) -> None:
        while closer.waits == "publisher.publish" or (closer.name in self.publishers and not closer.ended):
            self._advance(closer)

    # --- what must hold at every step --------------------------------------------------------

    @property
    def planned(self) -> bool:
        """Return whether the header says that a plan is final."""
        run = self.world.states.run("run-1")
        return run is not None and run.planned

    @invariant()
    def a_header_only_goes_forward(self) -> None:
        """A plan that is final stays so with its source, an end stays as it is, and each write has its revision."""
        run = self.world.states.run("run-1") if hasattr(self, "world") else None
        if run is None:
            return
        if self.headers:
            before = self.headers[-1]
            assert run.revision >= before.revision
            assert run == before or run.revision > before.revision
            if before.planned:
                assert (run.planned, run.source, run.batches, run.attempt) == (
                    True,
                    before.source,
                    before.batches,
                    before.attempt,
                )
            if before.closed:
                assert (run.status, run.ended, run.counts, run.error) == (
                    before.status,
                    before.ended,
                    before.counts,
                    before.error,
                )
            assert not (before.status is RunStatus.STOPPED and run.status is RunStatus.IN_PROGRESS)
        self.headers.append(run)

    @invariant()
    def a_closed_run_writes_nothing(self) -> None:
        """From the end on no contact is written, and at no time is one deleted."""
        if not hasattr(self, "world"):
            return
        writes = self.world.account.writes
        assert not [write for write in writes if write["operation"].startswith("Delete")]
        run = self.world.states.run("run-1")
        if run is not None and run.closed:
            if self.writes_when_closed is None:
                self.writes_when_closed = len(writes)
            assert len(writes) == self.writes_when_closed

    @invariant()
    def people_hear_once(self) -> None:
        """One notice of a run, save where a closer died between publishing and saying so."""
        if hasattr(self, "world"):
            assert self.notices <= 1 + self.dead_publishers

    # --- the end -----------------------------------------------------------------------------

    def teardown(self) -> None:
        """Let everybody come to the end, and the state machine call what it still would: the run ends, once."""
        if hasattr(self, "world"):
            try:
                self._come_to_the_end()
            finally:
                self.patch.undo()

    def _come_to_the_end(self) -> None:
        while living := self._living():
            for actor in living:
                self._advance(actor)
                self.a_header_only_goes_forward()
                self.a_closed_run_writes_nothing()
        for actor in self.actors:
            assert isinstance(actor.error, None | Killed | RunConflict | StoreFailed), actor.error
        for _ in range(2):
            report(
                {"run_id": "run-1", "error": {"Error": "x"}, "event": schedule(), "started": STARTED},
                self.world.services,
            )
        run = self.world.header()
        self.a_header_only_goes_forward()
        assert run.closed
        assert run.reported
        assert self.world.holder() is None
        receipts = self.world.ends()
        if run.planned:
            assert set(receipts) == {(account, kind) for account in self.world.members for kind in KINDS}
        assert sum(run.counts.values()) == len(receipts)
        failed = sum(status == "failed" for status, _ in receipts.values())
        assert run.counts["failed"] == failed
        assert len(self.world.messages()) <= 1 + self.dead_publishers


RunMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestInterleavings = RunMachine.TestCase
