"""Plan called again: after a crash at any step the same run goes on where it was."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orgsync.contact_sync.core.errors import UnknownUnit
from orgsync.handlers.contact_sync.plan import plan
from orgsync.handlers.contact_sync.report import report
from orgsync.sandbox.model.account import CallerIdentity
from orgsync.sandbox.model.organization import KINDS
from tests.actors import Actor
from tests.crashes import Crash, crash_once
from tests.sample_events import sample_event
from tests.world import STARTED, World, make_world, schedule


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("part", "method", "call"),
    [
        ("states", "update_lease", 1),
        ("states", "save_run", 1),
        ("states", "save_receipts", 1),
        ("bucket", "write_batches", 1),
        ("bucket", "write_skipped", 1),
        ("states", "save_run", 2),
    ],
)
def test_a_plan_killed_anywhere_goes_on_when_called_again(
    world: World, monkeypatch: pytest.MonkeyPatch, part: str, method: str, call: int, after: bool
) -> None:
    """A plan that died at any step is called again: one header, one set of batches, one receipt a pair."""
    world.configure(excluded_accounts=world.members[:1])
    crash_once(monkeypatch, getattr(world, part), method, after=after, call=call)
    with pytest.raises(Crash):
        world.start()
    answer = world.plan("run-1")
    assert answer["outcome"] == "process"
    assert answer["manifest"] in world.objects()
    assert [item["batch"] for item in world.batches()] == [0]
    assert set(world.targets()) == set(world.members[1:])
    assert [item["sync_id"] for item in world.items() if item["item"] == "run"] == ["run-1"]
    assert len(world.ends()) == len(KINDS)
    world.work()
    assert world.report()["status"] == "completed"
    assert world.differing() == world.members[:1]


@pytest.mark.parametrize(("part", "method", "call"), [("bucket", "write_skipped", 1), ("states", "save_run", 2)])
@pytest.mark.parametrize("wrong", ["unreadable", "flawed", "missing", "closed", "unknown unit"])
def test_receipts_of_a_plan_that_was_given_up_keep_nobody_from_being_synced(
    world: World, monkeypatch: pytest.MonkeyPatch, wrong: str, part: str, method: str, call: int
) -> None:
    """A plan dies after it has decided; the next one finds the world in order, and every account is brought in sync."""
    held = world.held(world.management, "billing")
    with monkeypatch.context() as patch:
        if wrong == "unreadable":
            world.refuse("*", world.management, "AccessDeniedException", 4)
        elif wrong == "flawed":
            world.organization.source["billing"] = held | {"EmailAddress": "no address"}
            world.account.write_directly("PutAlternateContact", _billing(held, "no address"), _owner(world))
        elif wrong == "missing":
            world.edit("billing", None)
        elif wrong == "closed":
            world.organization.accounts[0].state = "SUSPENDED"
        else:
            patch.setattr(world.services.organization, "accounts_below", _no_unit)
        crash_once(patch, getattr(world, part), method, call=call)
        with pytest.raises(Crash):
            world.start()
    world.organization.accounts[0].state = "ACTIVE"
    world.edit("billing", held)
    assert world.plan("run-1")["outcome"] == "process"
    world.work()
    assert world.report()["counts"] == {"success": 12, "failed": 0, "skipped": 0}
    assert world.differing() == []


def _no_unit(*_: object) -> dict[str, set[str]]:
    raise UnknownUnit("/Sandbax")


def _owner(world: World) -> CallerIdentity:
    return CallerIdentity(world.management, "arn:aws:iam::100000000001:user/ann", sandbox=True)


def _billing(held: dict[str, str], address: str) -> dict[str, str]:
    return held | {"AlternateContactType": "BILLING", "EmailAddress": address}


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("call", [1, 2])
def test_a_plan_that_died_before_its_receipts_leaves_none_out(
    world: World, monkeypatch: pytest.MonkeyPatch, call: int, after: bool
) -> None:
    """A plan that is never asked for again: whoever closes its run gives every account its one receipt."""
    world.configure(excluded_accounts=world.members[:1])
    crash_once(monkeypatch, world.states, "save_run" if call == 1 else "save_receipts", call=3 - call, after=after)
    with pytest.raises(Crash):
        world.start()
    world.report(error={"Error": "States.Timeout"})
    if world.header().planned:
        assert world.ends() == {
            (account, kind): ("skipped", "Excluded") if account == world.members[0] else ("failed", "WorkerDied")
            for account in world.members
            for kind in KINDS
        }


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("method", ["update_lease", "save_run"])
def test_a_merging_plan_killed_anywhere_is_merged_once(
    world: World, monkeypatch: pytest.MonkeyPatch, method: str, after: bool
) -> None:
    """An event that was merging when its function died is merged once, and nothing of it is lost."""
    world.start("run-1")
    with monkeypatch.context() as patch:
        crash_once(patch, world.states, method, after=after)
        with pytest.raises(Crash):
            world.start("run-2", sample_event("account-created"))
    answer = world.plan("run-2")
    assert (answer["outcome"], answer["into"]) == ("merged", world.pending().run_id)
    assert set(world.pending().request.accounts) == {"200000000001"}


def test_a_planned_run_is_not_planned_again(world: World) -> None:
    """Called again it answers the same from its header alone, though the world has changed meanwhile."""
    answer = world.start()
    before = world.objects(), world.items()
    world.edit("billing", None)
    world.organization.accounts.pop()
    world.configure(contact_types=["primary"])
    assert world.plan("run-1") == answer
    assert (world.objects(), world.items()) == before


@pytest.mark.parametrize("event", [sample_event("source-deleted"), {}])
def test_a_closed_run_is_not_planned_again(world: World, event: Any) -> None:
    """A run that has ended goes to its report, whatever its event says."""
    world.run()
    assert world.plan("run-1", event)["outcome"] == "report"
    assert world.holder() is None


def test_a_run_keeps_the_source_it_has_read(world: World) -> None:
    """The source is read once: a later change is the next run's."""
    world.start()
    before = world.held(world.management, "security")
    world.edit("security", before | {"Name": "Later Person"})
    world.work()
    assert all(world.held(account, "security") == before for account in world.members)


def test_a_run_that_began_ends_although_it_was_paused_meanwhile(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pausing affects later runs: a plan that died and is called again leaves no run open for ever."""
    crash_once(monkeypatch, world.bucket, "write_batches")
    with pytest.raises(Crash):
        world.start()
    world.configure(paused=True)
    answer = world.plan("run-1")
    if answer["outcome"] == "process":
        world.work()
    if answer["outcome"] != "refused":
        world.report()
    assert world.header().closed
    assert world.holder() is None


@given(steps=st.integers(1, 25), fewer=st.booleans())
@settings(max_examples=30, deadline=None)
def test_a_plan_that_another_has_overtaken_changes_nothing(steps: int, fewer: bool) -> None:
    """It stands still at any of its steps while the plan is asked for again, of an organization that has changed;
    going on, it writes over neither header nor batches nor receipts, and answers as the plan that stands.
    """
    world = make_world(7)
    world.configure(excluded_accounts=world.members[:2])
    world.executions.start("run-1", schedule())
    slow = Actor("slow", world, lambda services: plan("run-1", STARTED, schedule(), services, 2))
    for _ in range(steps):
        slow.advance()
    if fewer:
        world.organization.accounts.pop()
    answer = world.plan("run-1", batch_size=3)
    header, batches, targets = world.header(), world.batches(), world.targets()
    assert slow.finish() == answer
    assert (world.header(), world.batches(), world.targets()) == (header, batches, targets)
    world.work()
    assert world.report()["status"] == "completed"
    compared = {(account, kind) for account, kinds in targets.items() for kind in kinds}
    assert set(world.ends()) == compared | {(account, kind) for account in world.members[:2] for kind in KINDS}
    assert world.differing() == world.members[:2] + (
        world.members[-1:] if fewer and world.members[-1] not in targets else []
    )


@given(steps=st.integers(0, 25), merging=st.booleans())
@settings(max_examples=30, deadline=None)
def test_a_plan_that_outlives_its_execution_begins_nothing(steps: int, merging: bool) -> None:
    """It stands still at any of its steps while its run is closed as dead; going on, it reopens nothing, and holds no
    lease for long: the run that comes next works.
    """
    world = make_world(3)
    world.configure()
    if merging:
        world.start("run-0")
    world.executions.start("run-1", schedule())
    slow = Actor("slow", world, lambda services: plan("run-1", STARTED, schedule(), services))
    for _ in range(steps):
        slow.advance()
    world.die("run-1")
    died = {"source": "aws.states", "detail": {"name": "run-1", "status": "FAILED", "input": json.dumps(schedule())}}
    report(died, world.services)
    closed = world.states.run("run-1")
    slow.finish()
    if closed is not None:
        assert world.states.run("run-1") == closed
    world.start("run-2")
    for _ in range(4):
        if (holder := world.holder()) is None:
            break
        if world.plan(holder)["outcome"] == "process":
            world.work(holder)
        world.report(holder)
    assert world.holder() is None
    assert world.differing() == []
    left = world.states.run("run-1")
    assert left is None or left.closed
