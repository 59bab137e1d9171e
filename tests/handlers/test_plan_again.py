"""Plan asked again: after a crash at any step the same run goes on where it was."""

import json
from pathlib import Path

import pytest

from orgsync.contact_sync.adapters.run_bucket import RunBucket
from orgsync.contact_sync.adapters.state_table import StateTable
from orgsync.sandbox.model.organization import KINDS

EVENTS = Path(__file__).parents[1] / "events"


def event(name):
    return json.loads((EVENTS / f"{name}.json").read_text())


def targets(world, run_id="run-1"):
    """account → kinds of all batches of a run."""
    items = [
        item
        for batch in world.batches(run_id)
        for item in world.json(f"runs/{run_id}/batches/{batch['batch']:05d}.json")
    ]
    assert len({item["account"] for item in items}) == len(items)
    return {item["account"]: set(item["kinds"]) for item in items}


class Crash(Exception):
    """The function's process was killed."""


def crash_once(monkeypatch, owner, method, *, after=False, number=1):
    """Let the process die at the number-th call of an adapter's method, before or after it took effect."""
    original, calls = getattr(owner, method), []

    def dying(self, *args, **kwargs):
        calls.append(1)
        if len(calls) == number and not after:
            raise Crash(method)
        answer = original(self, *args, **kwargs)
        if len(calls) == number:
            raise Crash(method)
        return answer

    monkeypatch.setattr(owner, method, dying)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("owner", "method", "number"),
    [
        (StateTable, "exchange", 1),
        (StateTable, "save", 1),
        (StateTable, "keep", 1),
        (RunBucket, "write_batches", 1),
        (StateTable, "save", 2),
    ],
)
def test_a_plan_killed_anywhere_goes_on_when_asked_again(world, monkeypatch, owner, method, number, after):
    """Wherever the process dies: asked again, the run has one header, one set of batches, one receipt a pair."""
    world.configure(excluded_accounts=world.members[:1])
    crash_once(monkeypatch, owner, method, after=after, number=number)
    with pytest.raises(Crash):
        world.ring()
    answer = world.plan("run-1")
    assert answer["outcome"] == "process"
    assert sorted(world.objects()) == ["runs/run-1/batches.json", "runs/run-1/batches/00000.json"]
    assert set(targets(world)) == set(world.members[1:])
    assert [item["sync_id"] for item in world.items() if item["item"] == "run"] == ["run-1"]
    assert len(world.ends()) == len(KINDS)
    world.work()
    assert world.report()["status"] == "completed"
    assert world.differing() == world.members[:1]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("method", "number"), [("exchange", 1), ("save", 1)])
def test_a_merging_plan_killed_anywhere_is_merged_once(world, monkeypatch, method, number, after):
    """A bell that was merging when its function died is merged once, and nothing of it is lost."""
    world.ring("run-1")
    with monkeypatch.context() as patch:
        crash_once(patch, StateTable, method, after=after, number=number)
        with pytest.raises(Crash):
            world.ring("run-2", event("account-created"))
    answer = world.plan("run-2")
    assert (answer["outcome"], answer["into"]) == ("merged", world.lease().pending.run_id)
    assert set(world.lease().pending.request.accounts) == {"200000000001"}


def test_a_planned_run_is_not_planned_again(world):
    """Asked again it answers the same from its header alone, though the world has changed meanwhile."""
    answer = world.ring()
    before = world.objects(), world.items()
    world.edit("billing", None)
    world.organization.accounts.pop()
    world.configure(contact_types=["primary"])
    assert world.plan("run-1") == answer
    assert (world.objects(), world.items()) == before


@pytest.mark.parametrize("bell", [event("source-deleted"), {}])
def test_a_closed_run_is_not_planned_again(world, bell):
    """A run that has ended goes to its report, whatever it is asked with."""
    world.run()
    assert world.plan("run-1", bell)["outcome"] == "report"
    assert world.lease().holder is None


def test_a_run_keeps_the_source_it_has_read(world):
    """The source is read once: what changes later is the next run's."""
    world.ring()
    before = world.account.contacts()[world.management]["security"]
    world.edit("security", before | {"Name": "Later Person"})
    world.work()
    held = world.account.contacts()
    assert all(held[account]["security"]["Name"] == before["Name"] for account in world.members)


def test_a_run_that_began_ends_although_it_is_paused_meanwhile(world, monkeypatch):
    """Pausing affects later runs: a plan that died and is asked again leaves no run open for ever."""
    crash_once(monkeypatch, RunBucket, "write_batches")
    with pytest.raises(Crash):
        world.ring()
    world.configure(paused=True)
    answer = world.plan("run-1")
    if answer["outcome"] == "process":
        world.work()
    if answer["outcome"] != "refused":
        world.report()
    assert world.header().closed
    assert world.lease().holder is None
