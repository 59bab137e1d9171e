"""The lease: one run at a time and no event lost, in any order of events, ends, retries and duplicates."""

import json
from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, precondition, rule

from orgsync.contact_sync.core.lease import Lease, LeasedRun
from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.names import Cause, Kind

EVERY = frozenset(Kind)
KINDS = st.frozensets(st.sampled_from(list(Kind)), min_size=1)

Asked = tuple[str, str, frozenset[Kind]]
"""A run that an event started, the event's id, and the kinds that it asks for."""


def request(event_id: str, kinds: frozenset[Kind] = EVERY, *, urgent: bool = False) -> Request:
    """Return the request of one event about the source."""
    at = "2026-11-01T10:00:00.000+00:00"
    return Request(Cause.SOURCE_CHANGED, None, at, kinds, event_ids=(event_id,), urgent=urgent)


def stored(lease: Lease) -> Lease:
    """Return a lease as it comes back from a table."""
    found = [run.to_json() if run else None for run in (lease.holder, lease.pending)]
    holder, pending = json.loads(json.dumps(found))
    return replace(lease, holder=LeasedRun.from_json(holder), pending=LeasedRun.from_json(pending))


class LeaseMachine(RuleBasedStateMachine):
    """Events come, runs end, functions die in between and are called again."""

    started: Bundle[Asked] = Bundle("started")

    @initialize()
    def begin(self) -> None:
        """Begin with a free lease."""
        self.lease = Lease()
        self.count = 0
        self.running: set[str] = set()  # executions that were started and have not ended
        self.ended: set[str] = set()
        self.unclosed: list[str] = []  # runs that handed over before they were closed
        self.open: dict[str, frozenset[Kind]] = {}  # event → its kinds, until a run that knew of it ended

    def _acquire(self, run_id: str, wanted: Request) -> LeasedRun:
        self.count += 1
        # Whatever is decided goes through the state table as JSON.
        self.lease, answering = stored(self.lease).acquire(LeasedRun(run_id, wanted), f"pending-{self.count}")
        return answering

    def _leased(self) -> list[LeasedRun]:
        return [run for run in (self.lease.holder, self.lease.pending) if run]

    @rule(target=started, kinds=KINDS, urgent=st.booleans())
    def send_event(self, kinds: frozenset[Kind], urgent: bool) -> Asked:
        """Let a new event's execution ask for the lease."""
        self.count += 1
        run_id, event_id = f"run-{self.count}", f"event-{self.count}"
        self.open[event_id] = kinds
        answering = self._acquire(run_id, request(event_id, kinds, urgent=urgent))
        if answering.run_id == run_id:
            assert not self.running, "granted while another runs"
            self.running.add(run_id)
        assert answering in self._leased()
        return run_id, event_id, kinds

    @rule(asked=started)
    def send_event_again(self, asked: Asked) -> None:
        """Deliver the same event again: no further run comes of it while one answers it."""
        run_id, event_id, kinds = asked
        known = [run for run in self._leased() if event_id in run.request.event_ids]
        if not known:
            return
        before = self.lease
        answering = self._acquire(f"{run_id}-again-{self.count}", request(event_id, kinds))
        assert answering == known[0]
        assert self.lease == before

    @precondition(lambda self: self.running)
    @rule()
    def plan_again(self) -> None:
        """Repeat the plan of the holder, which died after it got the lease: it is granted the same."""
        (holder,) = self.running
        before = self.lease
        answering = self._acquire(holder, request("another-event"))
        assert answering.run_id == holder
        assert answering == before.holder
        assert self.lease == before

    @precondition(lambda self: self.running)
    @rule()
    def look(self) -> None:
        """Let the worker look: it makes way where something urgent waits, which is remembered until the run ends."""
        (run_id,) = self.running
        urgent = self.lease.pending is not None and self.lease.pending.request.urgent
        self.lease, makes_way = stored(self.lease).preempt(run_id)
        assert makes_way == urgent
        assert self.lease.made_way(run_id) or not makes_way
        assert self.lease.preempt("nobody") == (self.lease, False)

    @precondition(lambda self: self.running)
    @rule(times=st.integers(1, 3), closed=st.booleans())
    def end(self, times: int, closed: bool) -> None:
        """End a run; its end is repeated while the function that reports it dies and is called again.

        One that makes way hands over before it is closed, and its closer may die in between.
        """
        (run_id,) = self.running
        assert self.lease.holder
        answered = self.lease.holder.request.event_ids
        waiting = self.lease.pending
        rest = run_id if self.lease.made_way(run_id) else None
        if waiting and rest:
            request = waiting.request.taking_up(rest, self.lease.holder.request, itself=True)
            waiting = replace(waiting, request=request)
        for _ in range(times):
            self.lease, next_run = stored(self.lease).release(run_id, rest, closed=closed)
            assert next_run == waiting
            assert waiting is None or not self.lease.made_way(waiting.run_id)
        self.running = {waiting.run_id} if waiting else set()
        self.ended.add(run_id)
        self.unclosed += [] if closed else [run_id]
        for event_id in answered:
            self.open.pop(event_id, None)

    @precondition(lambda self: self.ended)
    @rule(data=st.data())
    def end_once_more(self, data: st.DataObject) -> None:
        """Report a run again that ended long ago: nobody loses the lease by it."""
        run_id = data.draw(st.sampled_from(sorted(self.ended)))
        before = self.lease
        self.lease, next_run = stored(self.lease).release(run_id)
        self.unclosed = [one for one in self.unclosed if one != run_id]
        assert replace(self.lease, unclosed=()) == replace(before, unclosed=())
        assert next_run is None or {next_run.run_id} == self.running

    @rule(asked=consumes(started))
    def end_of_a_merged_event(self, asked: Asked) -> None:
        """End an execution that never held the lease: it cannot free it."""
        run_id, _, _ = asked
        if run_id not in self.running | self.ended:
            assert self.lease.release(run_id) == (self.lease, None)

    @invariant()
    def one_holder(self) -> None:
        """The lease's holder is the one run that runs."""
        holder = self.lease.holder
        assert self.running == ({holder.run_id} if holder else set())

    @invariant()
    def runs_without_a_closer_are_known(self) -> None:
        """Whoever handed over before it was closed is named until it is, the newest of them."""
        assert list(self.lease.unclosed) == self.unclosed[-Lease.MAX_UNCLOSED :]

    @invariant()
    def nobody_waits_for_nobody(self) -> None:
        """A request is pending only while a run holds the lease."""
        assert self.lease.holder or not self.lease.pending

    @invariant()
    def every_event_is_answered(self) -> None:
        """Each open event stands, with all its kinds, in what the holder or the pending run was asked for."""
        requests = [run.request for run in self._leased()]
        for event_id, kinds in self.open.items():
            assert any(event_id in one.event_ids and kinds <= one.everyone for one in requests)


TestLease = LeaseMachine.TestCase
TestLease.__doc__ = "Never two runs at once, every event answered, hand-overs named again when repeated."


def test_ten_events_cost_two_runs() -> None:
    """Ten edits in a minute: one run for the first, one for the rest."""
    lease, _ = Lease().acquire(LeasedRun("first", request("event-0")), "unused")
    names = set()
    for number in range(1, 10):
        asking = LeasedRun(f"run-{number}", request(f"event-{number}"))
        lease, answering = lease.acquire(asking, f"next-{number}")
        names.add(answering.run_id)
    assert names == {"next-1"}
    lease, run = lease.release("first")
    assert run
    assert set(run.request.event_ids) == {f"event-{number}" for number in range(1, 10)}
    assert lease.release("next-1") == (Lease(), None)


def test_a_lease_survives_its_table() -> None:
    """A lease that was stored as JSON is the same again."""
    lease, _ = Lease().acquire(LeasedRun("first", request("event-0")), "unused")
    lease, _ = lease.acquire(LeasedRun("second", request("event-1", frozenset({Kind.BILLING}))), "next")
    assert stored(lease) == lease


def test_a_request_without_events_is_nobodys_duplicate() -> None:
    """No event at all is not the same event: what it asks for waits like anything else."""
    lease, _ = Lease().acquire(LeasedRun("first", request("event-0", frozenset({Kind.BILLING}))), "unused")
    nameless = Request(Cause.OPERATOR, None, None, frozenset({Kind.SECURITY}))
    lease, answering = lease.acquire(LeasedRun("second", nameless), "next")
    assert answering.run_id == "next"
    assert lease.pending
    assert lease.pending.request.everyone == {Kind.SECURITY}
