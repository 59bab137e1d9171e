"""One run at a time, and no bell lost: laws of the lease under any order of rings, ends, retries and duplicates."""

import json

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, precondition, rule

from orgsync.contact_sync.core.lease import (
    Granted,
    Lease,
    LeasedRun,
    Merged,
    acquire,
    release,
)
from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.names import Cause, Kind

KINDS = st.frozensets(st.sampled_from(list(Kind)), min_size=1)


def request(bell, kinds=frozenset(Kind)):
    return Request(Cause.SOURCE_CHANGED, None, "2026-11-01T10:00:00.000+00:00", kinds, event_ids=(bell,))


class Organization(RuleBasedStateMachine):
    """Bells ring, runs end, functions die in between and are called again."""

    triggered_at = Bundle("rung")

    @initialize()
    def begin(self):
        """Nobody holds the lease."""
        self.lease = Lease()
        self.count = 0
        self.running = set()  # executions that were started and have not ended
        self.ended = set()
        self.open = {}  # bell → its kinds, until a run that knew of it ended

    def _ring(self, run_id, wanted):
        self.count += 1
        # Whatever is decided goes through the state table as JSON.
        self.lease, verdict = acquire(_stored(self.lease), LeasedRun(run_id, wanted), f"pending-{self.count}")
        return verdict

    @rule(target=triggered_at, kinds=KINDS)
    def acquire(self, kinds):
        """A new bell rings: its execution asks for the lease."""
        self.count += 1
        run_id, bell = f"run-{self.count}", f"bell-{self.count}"
        self.open[bell] = kinds
        verdict = self._ring(run_id, request(bell, kinds))
        if isinstance(verdict, Granted):
            assert not self.running, "granted while another runs"
            self.running.add(run_id)
        else:
            assert verdict.into in {run.run_id for run in (self.lease.holder, self.lease.pending) if run}
        return run_id, bell, kinds

    @rule(which=triggered_at)
    def ring_again(self, which):
        """The same event is delivered again: no further run comes of it while one answers it."""
        run_id, bell, kinds = which
        answering = [t for t in (self.lease.holder, self.lease.pending) if t and bell in t.request.event_ids]
        if not answering:
            return
        before = self.lease
        verdict = self._ring(f"{run_id}-again-{self.count}", request(bell, kinds))
        assert verdict == Merged(answering[0].run_id)
        assert self.lease == before

    @precondition(lambda self: self.running)
    @rule()
    def plan_again(self):
        """The holder's plan died after it got the lease and is tried again: it is granted the same."""
        (holder,) = self.running
        before = self.lease
        verdict = self._ring(holder, request("another-bell"))
        assert verdict == Granted(before.holder.request)
        assert self.lease == before

    @precondition(lambda self: self.running)
    @rule(times=st.integers(1, 3))
    def end(self, times):
        """A run ends; its end is repeated while the function that reports it dies and is called again."""
        (run_id,) = self.running
        answered = self.lease.holder.request.event_ids
        waiting = self.lease.pending
        for _ in range(times):
            self.lease, next_turn = release(_stored(self.lease), run_id)
            assert next_turn == waiting
        self.running = {waiting.run_id} if waiting else set()
        self.ended.add(run_id)
        for bell in answered:
            self.open.pop(bell, None)

    @precondition(lambda self: self.ended)
    @rule(data=st.data())
    def end_once_more(self, data):
        """A run that ended long ago is reported again: nobody loses the lease by it."""
        run_id = data.draw(st.sampled_from(sorted(self.ended)))
        before = self.lease
        self.lease, next_turn = release(_stored(self.lease), run_id)
        assert self.lease == before
        assert next_turn is None or {next_turn.run_id} == self.running

    @rule(which=consumes(triggered_at))
    def end_of_a_merged_bell(self, which):
        """An execution that never held the lease cannot free it."""
        run_id, _, _ = which
        if run_id not in self.running | self.ended:
            assert release(self.lease, run_id) == (self.lease, None)

    @invariant()
    def one_holder(self):
        """The lease's holder is the one run that runs."""
        holder = self.lease.holder
        assert self.running == ({holder.run_id} if holder else set())

    @invariant()
    def nobody_waits_for_nobody(self):
        """A request is pending only while a run holds the lease."""
        assert self.lease.holder or not self.lease.pending

    @invariant()
    def every_bell_is_answered(self):
        """Each open bell stands, with all its kinds, in what the holder or the pending run was asked for."""
        turns = [run.request for run in (self.lease.holder, self.lease.pending) if run]
        for bell, kinds in self.open.items():
            assert any(bell in asked.event_ids and kinds <= asked.everyone for asked in turns)


def _stored(lease):
    """The lease as it comes back from a table."""
    there = [run.to_json() if run else None for run in (lease.holder, lease.pending)]
    holder, pending = json.loads(json.dumps(there))
    return Lease(LeasedRun.from_json(holder), LeasedRun.from_json(pending), lease.previous)


TestOrganization = Organization.TestCase
TestOrganization.__doc__ = "Never two runs at once, every bell answered, hand-overs named again when repeated."


def test_ten_bells_cost_two_runs():
    """Ten edits in a minute: one run for the first, one for the rest."""
    lease, _ = acquire(Lease(), LeasedRun("first", request("bell-0")), "unused")
    names = set()
    for number in range(1, 10):
        lease, verdict = acquire(lease, LeasedRun(f"run-{number}", request(f"bell-{number}")), f"next-{number}")
        names.add(verdict.into)
    assert names == {"next-1"}
    lease, run = release(lease, "first")
    assert set(run.request.event_ids) == {f"bell-{number}" for number in range(1, 10)}
    assert release(lease, "next-1") == (Lease(), None)


def test_a_lease_survives_its_table():
    """What is stored as JSON is the same lease again."""
    lease, _ = acquire(Lease(), LeasedRun("first", request("bell-0")), "unused")
    lease, _ = acquire(lease, LeasedRun("second", request("bell-1", frozenset({Kind.BILLING}))), "next")
    assert _stored(lease) == lease
