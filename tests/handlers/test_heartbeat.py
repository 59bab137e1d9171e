"""Signs of life: whoever goes on with a run gives one, and nothing else does, so that silence means what it says."""

import pytest

from orgsync.contact_sync.names import Metric
from orgsync.handlers.contact_sync.process import process
from orgsync.shared.telemetry import metrics
from tests.sample_events import own_event, sample_event
from tests.world import MakeWorld, World


def signs() -> int:
    """Return the signs of life since the last call."""
    found = metrics.metric_set.get(Metric.HEARTBEAT, {}).get("Value", [])
    metrics.clear_metrics()
    return len(found)


@pytest.mark.parametrize("batches", [1, 2, 30])
def test_a_run_lives_with_each_of_its_parts(make_world: MakeWorld, batches: int) -> None:
    """A run of any length gives a sign when it is planned, with each life of a batch, and at its end."""
    world = make_world(batches)
    world.configure()
    world.start(batch_size=1)
    assert signs() == 1
    for number in range(batches):
        process("run-1", number, lambda: 900.0, world.services)
        assert signs() == 1
    world.report()
    assert signs() == 1


def test_an_event_that_starts_nothing_is_no_sign_of_life(world: World) -> None:
    """A trigger that is refused, or merged into a run that may hang, says nothing of whether runs go on."""
    world.start("refused", event=sample_event("malformed-no-account"))
    assert signs() == 0
    world.start()
    assert signs() == 1
    for number in range(2, 30):
        world.start(f"run-{number}", event=own_event("Operator"))
    assert signs() == 0


def test_a_worker_of_a_run_that_is_closed_is_no_sign_of_life(world: World) -> None:
    """It finds nothing to do."""
    world.start()
    world.report()
    signs()
    process("run-1", 0, lambda: 900.0, world.services)
    assert signs() == 0
