"""The last look at the source: what a run did not see of an edit is another run's, and that one's look is the last."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgsync.sandbox.model.account import ApiError, CallerIdentity
from orgsync.sandbox.model.organization import KINDS, MANAGEMENT, make_contact
from tests.crashes import Crash, crash_once
from tests.sample_events import own_event, sample_event
from tests.world import MakeWorld, World, make_world

ALTERNATE_KINDS = tuple(kind for kind in KINDS if kind != "primary")


def follow(world: World, change: Callable[[], None] = lambda: None) -> list[str]:
    """Do the runs that were started and have not ended, with a change of the world in the middle of each."""
    done: list[str] = []
    while waiting := [one for one in world.started_runs() if world.execution_status(one) == "RUNNING"]:
        (run_id,) = waiting
        if world.plan(run_id)["outcome"] == "process":
            world.work(run_id)
        change()
        world.report(run_id)
        done.append(run_id)
    return done


def edited(seed: int) -> dict[str, str]:
    """Return a security contact of the source."""
    fields: dict[str, str] = make_contact(seed, MANAGEMENT, "security")
    return fields


@given(
    changes=st.dictionaries(st.sampled_from(ALTERNATE_KINDS), st.integers(20, 29) | st.none(), max_size=3),
    asked=st.sampled_from(["everyone", "one account", "one kind"]),
    policy=st.sampled_from(["alert", "propagate"]),
)
def test_a_source_that_changed_during_a_run_starts_another(
    changes: dict[str, int | None], asked: str, policy: str
) -> None:
    """No event comes, and yet every member ends with what the source holds; a source that rests starts nothing.

    Only kinds that the run looked at are its own; of those every member's, whomever the run was about.
    """
    world = make_world(3)
    world.configure(on_source_delete=policy)
    world.run("run-0")
    kinds = ["security"] if asked == "one kind" else list(KINDS)
    event = own_event("Operator", kinds=kinds, accounts=world.members[:1] if asked == "one account" else [])
    world.start("run-1", event)
    world.work("run-1")
    for kind, seed in changes.items():
        world.edit(kind, make_contact(seed, MANAGEMENT, kind) if seed else None)
    world.report("run-1")
    seen = {kind: seed for kind, seed in changes.items() if kind in kinds}
    followed = follow(world)
    assert len(followed) == int(bool(seen))
    assert world.holder() is None
    wanted = [kind for kind, seed in seen.items() if seed or policy == "propagate"]
    assert world.differing(wanted) == []
    if seen:
        assert world.header(followed[0]).cause == "source_changed"
        assert {kind for _, kind in world.ends(followed[0])} == set(seen)


def test_a_source_that_never_rests_keeps_nobody_busy(world: World) -> None:
    """A run that only a last look asked for asks for no other; one that an event asks for does."""
    seeds = iter(range(30, 90))

    def change() -> None:
        world.edit("security", edited(next(seeds)))

    world.start("run-1")
    world.work("run-1")
    change()
    world.report("run-1")
    assert len(follow(world, change)) == 1
    world.start("run-2", sample_event("transformed-source-changed"))
    world.work("run-2")
    change()
    world.report("run-2")
    assert len(follow(world)) == 1
    assert world.differing(["security"]) == []


def test_a_last_look_joins_the_request_that_waits(world: World) -> None:
    """One run answers both; what each asked for is in it."""
    world.start("run-1")
    waiting = world.start("run-2", sample_event("account-created"))["into"]
    world.work("run-1")
    world.edit("security", edited(40))
    world.report("run-1")
    assert follow(world) == [waiting]
    assert world.differing(["security"]) == []
    assert ("200000000001", "primary") in world.ends(waiting)


@pytest.mark.parametrize("shows", ["before its plan", "after its plan", "never"])
@pytest.mark.parametrize("damage", [{}, {"source": {"security": {}}}, {"source": 7, "batches": 0}])
@pytest.mark.parametrize("seed", [43, None])
def test_a_run_that_makes_way_hands_over_its_last_look(
    world: World, shows: str, damage: dict[str, Any], seed: int | None
) -> None:
    """Its edit shows after it has written an older value everywhere: the run after it writes the new one.

    Where its header does not say what it wrote, that kind is compared. A source that rests costs no comparison.
    """
    world.configure(on_source_delete="propagate")
    world.start("run-1", own_event("Operator", kinds=["security"]))
    waiting = world.start("run-2", sample_event("source-deleted"))["into"]
    world.work("run-1")
    assert world.states.update_lease(lambda lease: lease.preempt("run-1"))
    world.report("run-1")
    world.states.edit("run-1", "run", **damage)

    def show() -> None:
        world.edit("security", edited(seed) if seed else None)

    if shows == "before its plan":
        show()
    world.plan(waiting)
    compared = {kind for kinds in world.targets(waiting).values() for kind in kinds}
    assert ("security" in compared) == (shows == "before its plan" or bool(damage))
    world.work(waiting)
    if shows == "after its plan":
        show()
    world.report(waiting)
    follow(world)
    assert world.differing(["security", "billing"]) == []
    assert world.holder() is None


@pytest.mark.parametrize("mended", [None, "before its plan", "after its plan"])
def test_a_flaw_that_was_reported_is_not_reported_again(make_world: MakeWorld, mended: str | None) -> None:
    """A kind that AWS would refuse was reported by the run that made way; the next one reports what has changed."""
    good = make_contact(7, MANAGEMENT, "primary")
    caller = CallerIdentity(MANAGEMENT, f"arn:aws:iam::{MANAGEMENT}:user/ann", sandbox=True)
    world = make_world(primary=good | {"PhoneNumber": "555 0100"})
    world.configure()
    world.start("run-1")
    waiting = world.start("run-2", sample_event("source-changed-camel-with-values"))["into"]
    world.work("run-1")
    assert world.states.update_lease(lambda lease: lease.preempt("run-1"))
    world.report("run-1")
    assert ("skipped", "SourceUnwritable") in world.ends("run-1").values()
    if mended == "before its plan":
        world.account.write_directly("PutContactInformation", {"ContactInformation": good}, caller)
    world.plan(waiting)
    if world.header(waiting).batches:
        world.work(waiting)
    if mended == "after its plan":
        world.account.write_directly("PutContactInformation", {"ContactInformation": good}, caller)
    world.report(waiting)
    assert ("skipped", "SourceUnwritable") not in world.ends(waiting).values()
    follow(world)
    assert world.differing(["primary"]) == ([] if mended else world.members)
    assert len(world.started_runs()) == 2 + (mended == "after its plan") + 1
    assert world.holder() is None


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("part", "method"), [("states", "update_lease"), ("executions", "start")])
@pytest.mark.parametrize("call", [1, 2])
def test_a_last_look_that_dies_is_repeated_once(
    world: World, monkeypatch: pytest.MonkeyPatch, part: str, method: str, call: int, after: bool
) -> None:
    """Wherever the report dies and is called again: one further run, and every member in sync."""
    world.start("run-1")
    world.work("run-1")
    world.edit("security", edited(41))
    with monkeypatch.context() as patch:
        crash_once(patch, getattr(world, part), method, call=call, after=after)
        try:
            world.report("run-1")
        except Crash:
            world.report("run-1")
    follow(world)
    assert world.differing() == []
    assert len(world.started_runs()) == 2
    assert world.holder() is None


@pytest.mark.parametrize("code", ["AccessDeniedException", "InternalServerException"])
def test_a_last_look_that_fails_says_nothing(world: World, code: str) -> None:
    """The run's own end stands, and no run is started for what nobody saw."""
    world.start("run-1")
    world.work("run-1")
    world.edit("security", edited(42))
    world.refuse("*", world.management, code)
    assert world.report("run-1")["status"] == "completed"
    assert follow(world) == []


def test_a_kind_that_could_be_read_in_the_end_is_made_up_for(world: World) -> None:
    """A read that failed for a while is no matter of a day."""
    world.refuse("GetContactInformation", world.management, "AccessDeniedException", 1)
    world.run("run-1")
    assert {world.ends("run-1")[member, "primary"] for member in world.members} == {("failed", "SourceUnreadable")}
    assert len(follow(world)) == 1
    assert world.differing() == []


def test_a_run_that_could_not_begin_looks_no_more(world: World) -> None:
    """It read nothing, so nothing can differ from it: its failure is one, not two."""
    world.configure(excluded_units=["/Sandbax"])
    world.run("run-1")
    assert follow(world) == []


def test_what_one_read_misses_is_deleted_nowhere(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Absence that only one read shows is no deletion, however the owner treats deletions."""
    world.configure(on_source_delete="propagate")
    world.run("run-0")
    before, reads = world.account.contacts(), {"BILLING": 0}
    call = world.account.call

    def flickering(operation: str, parameters: dict[str, str], caller: object) -> object:
        kind = parameters.get("AlternateContactType")
        if operation == "GetAlternateContact" and kind in reads and "AccountId" not in parameters:
            reads[kind] += 1
            if reads[kind] % 2:
                raise ApiError("ResourceNotFoundException", "no such contact")
        return call(operation, parameters, caller)  # type: ignore[arg-type]

    monkeypatch.setattr(world.account, "call", flickering)
    world.run("run-1")
    assert world.account.contacts() == before
    assert {world.ends("run-1")[member, "billing"] for member in world.members} == {("failed", "SourceUnreadable")}
    assert reads["BILLING"] > 3
