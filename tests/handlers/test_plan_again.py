"""Plan called again: after a crash at any step the same run goes on where it was."""

from typing import Any

import pytest

from orgsync.contact_sync.core.errors import UnknownUnit
from orgsync.sandbox.model.account import CallerIdentity
from orgsync.sandbox.model.organization import KINDS
from tests.crashes import Crash, crash_once
from tests.sample_events import sample_event
from tests.world import World


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
    assert sorted(world.objects()) == [
        f"runs/run-1/{name}.json" for name in ("batches", "batches/00000", "batches/skipped")
    ]
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
