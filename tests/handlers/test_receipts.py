"""Receipts: exactly one for each account and kind of a run, whatever died on the way."""

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from orgsync.handlers.contact_sync.process import process
from orgsync.handlers.contact_sync.report import report
from orgsync.sandbox.model.organization import KINDS
from orgsync.shared.errors import OrgsyncError
from tests.crashes import Crash, Crashes
from tests.world import World, make_world, schedule


def asked_again(call: Callable[[], Any]) -> Any:
    """Call a function as the state machine does: again when it died, twice at most; None where it died for good."""
    for _ in range(3):
        try:
            return call()
        except (Crash, OrgsyncError):
            continue
    return None


def carry_out(world: World, batch_size: int) -> None:
    """Do the state machine's work, and then what its failure's event and the next trigger do."""
    planned = asked_again(lambda: world.plan("run-1", batch_size=batch_size))
    if planned and planned["outcome"] == "process":
        for number in range(len(world.json(planned["manifest"]))):
            while (done := asked_again(lambda: process("run-1", number, lambda: 900.0, world.services))) is not None:  # noqa: B023
                if done["done"]:
                    break
    died = {} if planned else {"error": {"Error": "States.TaskFailed"}, "event": schedule()}
    if asked_again(lambda: world.report("run-1", **died)) is None:
        world.die("run-1")
        event = {"source": "aws.states", "detail": {"name": "run-1", "status": "FAILED", "input": None}}
        if asked_again(lambda: report(event, world.services)) is None:
            asked_again(lambda: world.start("run-2"))


@given(
    members=st.integers(1, 40),
    batch_size=st.integers(1, 9),
    excluded=st.integers(0, 5),
    crashes=st.dictionaries(st.integers(0, 160), st.booleans(), max_size=12),
)
@settings(max_examples=40, deadline=None)
def test_every_account_and_kind_of_a_run_has_exactly_one_receipt(
    members: int, batch_size: int, excluded: int, crashes: dict[int, bool]
) -> None:
    """Functions die at any calls of their stores, before or after these took effect: the run ends, its receipts are
    one for each account and kind, its counts are theirs, nobody is written twice, and people hear of what failed.
    """
    world = make_world(members)
    world.configure(excluded_accounts=world.members[:excluded])
    world.executions.start("run-1", schedule())
    with Crashes(world, crashes) as dying:
        carry_out(world, batch_size)
    if not world.header().closed or not world.header().reported:
        assert dying.count >= 9, "three deaths of each of the three that would close it"
        world.run("run-3")
    run = world.header()
    assert run.closed
    ends = world.ends()
    if run.planned:
        assert set(ends) == {(account, kind) for account in world.members for kind in KINDS}
        assert all(
            ends[account, kind] == ("skipped", "Excluded") for account in world.members[:excluded] for kind in KINDS
        )
    assert sum(run.counts.values()) == len(ends)
    for receipt in world.receipts():
        if receipt.status == "success":
            assert receipt.account not in world.differing()
    assert world.holder() != "run-1"
