"""The sandbox's clock: what counts as time and what does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgsync.sandbox.cloud.clock import SandboxClock

SECONDS = st.floats(0, 1e6)


class Machine:
    """A machine whose seconds pass when a test says so."""

    now = 50.0

    def __call__(self) -> float:
        return self.now


@given(work=SECONDS, other=SECONDS, wait=SECONDS)
def test_work_counts_as_it_is_and_a_machines_slowness_not_at_all(work: float, other: float, wait: float) -> None:
    """Between two pieces of work no time passes, however long the machine takes; a wait counts in full."""
    machine = Machine()
    clock = SandboxClock(machine=machine)
    for _ in range(2):
        with clock.working(), clock.working():
            machine.now += work
        machine.now += other
    assert clock() == pytest.approx(2 * work, abs=1e-6)
    clock.reach(clock() + wait)
    clock.pass_time(wait)
    assert clock() == pytest.approx(2 * work + 2 * wait, abs=1e-6)


@given(work=SECONDS, wait=SECONDS)
def test_work_beside_a_wait_counts_once(work: float, wait: float) -> None:
    """Until a wait is over, the longer of the two has passed."""
    machine = Machine()
    clock = SandboxClock(machine=machine)
    until = clock() + wait
    with clock.working():
        machine.now += work
    clock.reach(until)
    assert clock() == pytest.approx(max(work, wait), abs=1e-6)
