"""Process: one batch of accounts, worked on until each has its receipts; doing it again is harmless."""

import asyncio
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orgsync.contact_sync.core.accounts import Target
from orgsync.contact_sync.core.errors import RunConflict
from orgsync.contact_sync.core.run import Run, RunStatus
from orgsync.contact_sync.core.worker import process_batch
from orgsync.contact_sync.names import Kind, OwnEvent
from orgsync.handlers.contact_sync.process import process
from orgsync.sandbox.contact_sync.simulation import SimulatedOrganization
from orgsync.sandbox.model.account import ApiError
from orgsync.sandbox.model.organization import KINDS, make
from orgsync.shared.errors import AccessDenied, CallError, ServiceFailed, StoreFailed, Throttled
from tests.actors import Actor
from tests.sample_events import sample_event
from tests.timed import TimedWorld
from tests.world import MakeWorld, World, make_world, schedule


def batch(
    world: World, remaining: Callable[[], float] = lambda: 900.0, number: int = 0, concurrency: int = 64
) -> dict[str, Any]:
    """Call process for one batch of the run."""
    return process("run-1", number, remaining, world.services, concurrency)


def plan_run(world: World, batch_size: int = 1000) -> None:
    """Start the run, which has batches to process."""
    assert world.start(batch_size=batch_size)["outcome"] == "process"


def test_a_batch_brings_its_accounts_in_sync(world: World) -> None:
    """Every account of the batch equals the source and has one receipt of success a kind."""
    plan_run(world)
    assert batch(world)["done"]
    assert world.differing() == []
    assert world.ends() == {(account, kind): ("success", None) for account in world.members for kind in KINDS}


def test_a_batch_done_again_works_on_what_lacks_receipts(world: World) -> None:
    """The second time nothing is called for a pair that has its receipt; one that lost it is done again."""
    plan_run(world)
    batch(world)
    receipts, calls = world.receipts(), world.account.calls
    assert batch(world)["done"]
    assert (world.receipts(), world.account.calls) == (receipts, calls)
    (lost,) = [r for r in receipts if (r.account, r.kind) == (world.members[1], "primary")]
    world.states.forget_receipt("run-1", lost.account, "primary")
    batch(world)
    assert world.ends() == {(r.account, str(r.kind)): ("success", None) for r in receipts}
    made = world.account.calls["GetContactInformation"]["made"]
    assert made == calls["GetContactInformation"]["made"] + 1
    assert world.account.calls["GetAlternateContact"] == calls["GetAlternateContact"]


def killed_before_its_receipts(world: World, monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str]]:
    """Let a worker write and die before it saves receipts; return the accounts and kinds that it wrote."""
    plan_run(world)
    with monkeypatch.context() as patch:

        def die(*_: object) -> None:
            raise ConnectionError

        patch.setattr(world.services.states, "save_receipts", die)
        with pytest.raises(ConnectionError):
            batch(world)
    written = {(write["account"], write["kind"]) for write in world.account.writes}
    assert written
    assert world.receipts() == []
    return written


def test_what_a_dead_worker_wrote_stands_in_its_successors_receipts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The account is in sync when it is read again; that this run wrote it, and which fields, is not lost."""
    written = killed_before_its_receipts(world, monkeypatch)
    assert batch(world)["done"]
    changed = {(r.account, str(r.kind)): r.changed for r in world.receipts()}
    assert {key for key in changed if changed[key]} >= written
    assert all("EmailAddress" in changed[key] for key in written if key[1] != "primary")
    assert set(world.ends().values()) == {("success", None)}
    twice = [(write["account"], write["kind"]) for write in world.account.writes]
    assert len(twice) == len(set(twice))


def test_a_dead_workers_intents_stand_in_the_receipts_of_a_closed_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is closed says of each account that it may have been written, and in which fields."""
    written = killed_before_its_receipts(world, monkeypatch)
    world.report(error={"Error": "States.Timeout"})
    assert set(world.ends().values()) == {("failed", "WorkerDied")}
    assert {(r.account, str(r.kind)) for r in world.receipts() if r.changed} >= written


def test_nothing_is_written_whose_intent_could_not_be_recorded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The batch fails, and is done again once the table answers."""
    plan_run(world)
    with monkeypatch.context() as patch:

        def refuse(*_: object) -> None:
            raise ConnectionError

        patch.setattr(world.services.states, "record_intents", refuse)
        with pytest.raises(ConnectionError):
            batch(world)
    assert world.account.writes == []
    assert batch(world)["done"]
    assert world.differing() == []


def test_a_closed_run_writes_nothing(world: World) -> None:
    """A run that was closed meanwhile is done: no call is made, no receipt added."""
    plan_run(world)
    world.report(error={"Error": "States.Timeout"})
    receipts = world.receipts()
    assert batch(world)["done"]
    assert world.differing() == world.members
    assert world.account.calls == {}
    assert world.receipts() == receipts


def test_an_unplanned_run_is_not_worked_on(world: World) -> None:
    """Its header says nothing of the source yet: no call is made, nothing is deleted, the batch is asked for again."""
    world.start()
    planned = world.header()
    world.states.edit("run-1", "run", planned=False, source={}, batches=0)
    with pytest.raises(RunConflict, match="not planned"):
        batch(world)
    assert world.account.calls == {}
    world.states.save_run(replace(planned))
    assert batch(world)["done"]
    assert world.differing() == []


@pytest.mark.parametrize("changes", [{"batches": "many"}, {"source": 7}, {"status": "suspended"}])
def test_a_run_whose_header_is_damaged_or_unknown_is_not_worked_on(world: World, changes: dict[str, Any]) -> None:
    """No call is made for it; closing it names what is wrong, frees the lease and tells people."""
    plan_run(world)
    world.states.edit("run-1", "run", **changes)
    assert batch(world)["done"]
    assert world.account.calls == {}
    assert world.report()["status"] == "failed"
    assert world.header().closed
    assert world.holder() is None
    assert len(world.messages()) == 1


def test_a_run_without_a_header_is_done(world: World) -> None:
    """A batch of a run that is gone cannot be processed, and must not be handed in again."""
    assert process("run-none", 0, lambda: 900.0, world.services)["done"]


def test_a_run_closed_under_way_stops(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that is still at it when its run is closed begins no further account and does not ask for more."""
    world = make_world(30)
    world.configure()
    plan_run(world)
    seen: list[str] = []

    def close_after_some(operation: str, account: str) -> None:
        if operation.startswith("Put") and account not in seen:
            seen.append(account)
            if len(seen) == 3:
                closing = threading.Thread(target=world.report, kwargs={"error": {"Error": "States.Timeout"}})
                closing.start()
                closing.join()

    world.refuses = close_after_some
    assert batch(world, concurrency=1)["done"]
    assert len(world.differing()) > 10
    assert world.header().status is RunStatus.FAILED


@pytest.mark.parametrize("remaining", [59.0, 5.0, 0.0])
def test_near_its_time_limit_the_worker_hands_back(world: World, remaining: float) -> None:
    """Short of time no account is begun: the batch is not done, and the next call does it."""
    plan_run(world)
    assert not batch(world, lambda: remaining)["done"]
    assert world.receipts() == []
    assert world.account.calls == {}
    assert batch(world)["done"]
    assert world.differing() == []


def test_what_was_done_before_the_time_limit_stays_done(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Handed back in the middle: the rest is done by the next call, nobody twice."""
    world = make_world(12)
    world.configure()
    plan_run(world)
    seconds = iter([900.0] * 7 + [1.0] * 100)
    assert not batch(world, lambda: next(seconds), concurrency=2)["done"]
    first = world.ends()
    assert 0 < len(first) < 12 * len(KINDS)
    assert batch(world)["done"]
    assert len(world.ends()) == 12 * len(KINDS)
    assert world.differing() == []
    written = [(write["account"], write["kind"]) for write in world.account.writes]
    assert len(set(written)) == len(written)


def test_one_accounts_failure_is_its_own(world: World) -> None:
    """A denied account fails by name; the others are in sync."""
    world.refuse("*", world.members[1], "AccessDeniedException")
    plan_run(world)
    batch(world)
    for kind in KINDS:
        assert world.ends()[world.members[1], kind] == ("failed", "AccessDenied")
    assert world.differing() == [world.members[1]]


def test_a_configured_count_of_retries_is_kept(world: World) -> None:
    """The run's own configuration says how often; each retry is in the receipt."""
    world.configure(retry_config={"base_delay": 0, "max_attempts": 1})
    world.refuse("PutContactInformation", world.members[0], "InternalServerException")
    plan_run(world)
    batch(world)
    (failed,) = [r for r in world.receipts() if r.status == "failed"]
    assert (failed.account, failed.error, failed.retries) == (world.members[0], "ServiceFailed", 1)


def test_an_account_closed_meanwhile_is_skipped(world: World) -> None:
    """AWS denies what is no longer active: no failure, but skipped as not active."""
    plan_run(world)
    world.organization.accounts[2].state = "PENDING_CLOSURE"
    batch(world)
    assert {world.ends()[world.members[2], kind] for kind in KINDS} == {("skipped", "NotActive")}
    assert world.report()["severity"] == "low"


def test_an_open_circuit_carries_into_the_next_batch(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a batch has opened a breaker, the next one asks a single account; every account has receipts."""
    world = make_world(24)
    world.configure()
    world.refuse("*", "*", "AccessDeniedException")
    plan_run(world, batch_size=12)
    assert batch(world)["done"]
    assert "AccessDenied" in world.states.notes("run-1", "breakers").values()
    calls = {operation: counts["made"] for operation, counts in world.account.calls.items()}
    assert batch(world, number=1)["done"]
    made = {operation: counts["made"] for operation, counts in world.account.calls.items()}
    assert made == {operation: count + 1 for operation, count in calls.items()}
    ends = [world.ends()[target.account, "primary"] for target in world.bucket.batch("run-1", 1)]
    assert sorted(ends, key=str) == [("failed", "AccessDenied"), *[("skipped", "CircuitOpen")] * 11]
    answer = world.report()
    assert (answer["status"], answer["severity"]) == ("failed", "high")


def test_a_configuration_written_later_does_not_touch_a_run(world: World) -> None:
    """A run keeps the version that it has read, whatever is written meanwhile."""
    plan_run(world)
    world.configure(contact_types=["primary"], paused=True)
    batch(world)
    assert world.differing() == []
    assert world.header().config_version == 1


def test_excluded_tags_are_honoured_batch_by_batch(world: World) -> None:
    """An account with an excluded tag is skipped, neither read nor written."""
    world.configure(excluded_tags={"keep": ["out", "away"]})
    world.organization.accounts[0].tags = {"keep": "away"}
    plan_run(world)
    batch(world)
    assert {world.ends()[world.members[0], kind] for kind in KINDS} == {("skipped", "Excluded")}
    assert world.differing() == world.members[:1]


def test_a_deletion_at_the_source_reaches_the_members(world: World) -> None:
    """With `propagate` an alternate that is gone at the source goes at the members; the receipt names its fields."""
    world.configure(on_source_delete="propagate", contact_types=["billing"])
    world.edit("billing", None)
    before = world.account.contacts()
    world.start()
    batch(world)
    assert all(world.account.contacts()[account]["billing"] is None for account in world.members)
    for receipt in world.receipts():
        assert receipt.status == "success"
        assert list(receipt.changed) == sorted(before[receipt.account]["billing"] or {})


def test_a_failed_check_for_a_stop_is_no_end_of_the_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The batch fails where the header cannot be read, and is done again; every account has its receipts."""
    world.start()
    failures = [OSError("no table")]

    def is_stopped(_run_id: str) -> bool:
        if failures:
            raise failures.pop()
        return False

    monkeypatch.setattr(world.services.states, "is_stopped", is_stopped)
    monkeypatch.setattr("orgsync.handlers.contact_sync.process.process_batch", slow(process_batch))
    with pytest.raises(OSError, match="no table"):
        world.work()
    world.work()
    assert set(world.ends().values()) == {("success", None)}


# --- workers whose caller has given up --------------------------------------------------------


def stored(world: World) -> list[dict[str, Any]]:
    """Return what stands in the state store, without what was learned of operations: it is nobody's end."""
    return [item for item in world.items() if not item["item"].startswith("notes#")]


def worker_that_stands_still(steps: int) -> tuple[World, Actor]:
    """Plan a run, and let a worker of it make so many of its steps."""
    world = make_world(4)
    world.configure()
    plan_run(world)
    slow = Actor("slow", world, lambda services: process("run-1", 0, lambda: 900.0, services, concurrency=1))
    for _ in range(steps):
        slow.advance()
    return world, slow


@given(steps=st.integers(1, 45), death=st.booleans())
@settings(max_examples=30, deadline=None)
def test_a_worker_whose_caller_has_given_up_undoes_nothing(steps: int, death: bool) -> None:
    """It stands still at any of its steps while its run is closed and the next one writes a newer source; going on, it
    writes no contact, no intent and no receipt.
    """
    world, slow = worker_that_stands_still(steps)
    # A call is sent soon after its intent or never, and whoever closes the run waits for that: both are enforced.
    while (slow.waits or "").startswith("contacts."):
        slow.advance()
    if not death:
        world.work()  # the state machine asked for the batch again
    more: dict[str, Any] = {"error": {"Error": "States.Timeout"}} if death else {}
    world.report(**more)
    world.edit("security", world.held(world.management, "security") | {"Name": "Later Person"})
    assert world.run("run-2")["status"] == "completed"
    before = stored(world), world.account.writes
    slow.finish()
    assert (stored(world), world.account.writes) == before
    assert world.differing() == []
    assert sum(world.header().counts.values()) == len(world.ends()) == 4 * len(KINDS)


@given(steps=st.integers(1, 45), made_way=st.booleans())
@settings(max_examples=30, deadline=None)
def test_a_run_whose_lives_overlapped_is_closed_after_the_last_of_them(steps: int, made_way: bool) -> None:
    """A worker stands still, perhaps between an intent and its call, while another does its work: whoever closes the
    run waits as long as that call may last, also where the run makes way, so that no later value is undone."""
    world, slow = worker_that_stands_still(steps)
    world.work()
    world.edit("security", world.held(world.management, "security") | {"Name": "Later Person"})
    following = world.start("run-2", sample_event("source-changed-camel-with-values"))["into"]
    if made_way:
        assert world.states.update_lease(lambda lease: lease.preempt("run-1"))
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if seconds > 20:
            slow.finish()

    overlapped = bool(world.states.notes("run-1", Run.LIVES))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.clock, "sleep", sleep)
        world.report()
    assert (max(slept, default=0) > 20) == overlapped
    world.plan(following)
    world.work(following)
    world.report(following)
    slow.finish()
    assert world.differing() == []


@given(order=st.permutations([0, 1] * 9), further=st.integers(0, 12), last=st.integers(0, 1))
@settings(max_examples=60, deadline=None)
def test_lives_that_begin_together_know_of_each_other(order: list[int], further: int, last: int) -> None:
    """However their steps interleave from the first on: the run is closed when nothing of either is under way."""
    world = make_world(3)
    world.configure()
    plan_run(world)
    lives = [
        Actor(name, world, lambda services: process("run-1", 0, lambda: 900.0, services, concurrency=1))
        for name in ("first", "second")
    ]
    for turn in [*order, *[last] * further]:
        lives[turn].advance()
    lives[1 - last].finish()
    world.edit("security", world.held(world.management, "security") | {"Name": "Later Person"})
    following = world.start("run-2", sample_event("source-changed-camel-with-values"))["into"]

    async def sleep(seconds: float) -> None:
        if seconds > 20:
            lives[last].finish()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.clock, "sleep", sleep)
        world.report()
    world.plan(following)
    world.work(following)
    world.report(following)
    lives[last].finish()
    assert world.differing() == []


def test_a_life_that_let_go_of_a_call_delays_the_end_of_its_run(world: World) -> None:
    """At its time limit a life leaves what it waits for; a call that was sent may still take effect."""
    plan_run(world)
    sent: list[tuple[str, Any]] = []
    inner = world.services.contacts

    class Unanswered:
        def __getattr__(self, method: str) -> Any:
            return getattr(inner, method)

        async def write(self, account: str, contact: Any) -> None:
            if not sent:
                sent.append((account, contact))
                await asyncio.Event().wait()
            await inner.write(account, contact)

    times = iter([10.2])
    slow = replace(world.services, contacts=Unanswered())
    assert not process("run-1", 0, lambda: next(times, 900.0), slow)["done"]
    world.work()
    world.edit(sent[0][1].kind, world.held(world.management, sent[0][1].kind) | {"Name": "Later Person"})
    following = world.start("run-2", sample_event("source-changed-without-parameters"))["into"]

    async def sleep(seconds: float) -> None:
        if seconds > 20:
            await inner.write(*sent.pop())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.clock, "sleep", sleep)
        world.report()
    assert not sent
    world.run_on(following)
    assert world.differing() == []


@pytest.mark.parametrize("batch_size", [1, 1000])
def test_a_run_whose_lives_ended_one_after_the_other_is_closed_at_once(world: World, batch_size: int) -> None:
    """Nothing is waited for where nothing can be under way."""
    plan_run(world, batch_size)
    world.work()
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.clock, "sleep", sleep)
        world.report()
    assert max(slept, default=0) < 20
    assert world.header().status is RunStatus.COMPLETED


# --- lives without receipts ------------------------------------------------------------------


def lives(world: World, patience: float = 0.4) -> int:
    """Process the batch until it is done, by lives that let go after a moment; return how many it took."""
    for life in itertools.count(1):
        seconds = itertools.chain([10.0 + patience], itertools.repeat(900.0))
        if batch(world, lambda: next(seconds), concurrency=8)["done"]:  # noqa: B023
            return life
    raise AssertionError


@given(members=st.integers(1, 60), hanging=st.sets(st.integers(0, 59), max_size=20), write=st.booleans())
@settings(max_examples=8, deadline=None)
def test_a_life_without_receipts_ends_what_it_held(members: int, hanging: set[int], write: bool) -> None:
    """Any accounts never come to their end, in a read or in a write: they fail as `OutOfTime`, with what may have been
    written; each life ends what it held. Every other account is in sync, unless so many hang that nobody else is asked
    while nothing is known of the operation (which AWS's client does not let happen: a call that hangs ends by itself).
    """
    world = make_world(members)
    world.configure()
    plan_run(world)
    contacts: Any = world.services.contacts
    stuck = {world.members[number] for number in hanging if number < members}
    name = "write" if write else "read"
    original = getattr(contacts, name)

    reached: set[tuple[str | None, Kind]] = set()

    async def hang(account: str | None, *arguments: Any) -> Any:
        if account in stuck:
            reached.add((account, arguments[0].kind if write else arguments[0]))
            await asyncio.Event().wait()
        return await original(account, *arguments)

    setattr(contacts, name, hang)
    assert lives(world) <= members + 1
    ends = world.ends()
    assert set(ends) == {(account, kind) for account in world.members for kind in KINDS}
    for (account, _), end in ends.items():
        out_of_time = account in stuck or (bool(stuck) and end[0] == "failed")
        assert end == (("failed", "OutOfTime") if out_of_time else ("success", None))
    for receipt in world.receipts():
        if write and (receipt.account, receipt.kind) in reached:
            assert receipt.changed
        elif receipt.account in stuck and not write:
            assert not receipt.changed
    answer = world.report()
    assert answer["counts"]["failed"] >= len(stuck) * len(KINDS)


@given(lives=st.lists(st.sampled_from([75.0, 100.0, 160.0, 300.0]), max_size=4), failing=st.integers(1, 12))
@settings(max_examples=25, deadline=None)
def test_retries_are_counted_for_the_whole_run(lives: list[float], failing: int) -> None:
    """However often a worker lets go of them, accounts that AWS fails at are retried three times a kind in all."""
    with pytest.MonkeyPatch.context() as patch:
        world = TimedWorld(make(3, 20), patch)
        config = {"retry_config": {"base_delay": 40}, "contact_types": ["billing", "primary"]}
        world.services.configs.write(config, at=world.now(), by="test")
        broken, calls = set(world.members[:failing]), Counter[tuple[str, str]]()

        def fail(operation: str, account: str) -> ApiError | None:
            if account not in broken:
                return None
            calls[account, operation] += 1
            return ApiError("InternalServerException", "later")

        patch.setattr(world, "refuses", fail)
        world.start("pass", schedule(), world.now())
        throttled = False
        for seconds in lives:
            began = world.timeline.seconds()
            answer = process(
                "pass",
                0,
                lambda: seconds - (world.timeline.seconds() - began),  # noqa: B023
                world.services,
                throttled=throttled,
            )
            throttled = answer["throttled"]
        world.live("pass")
        assert {end for (account, _), end in world.ends("pass").items() if account not in broken} == {("success", None)}
        assert max(calls.values()) <= 1 + 3 + len(lives)
        assert all(receipt.retries <= 3 for receipt in world.receipts("pass"))


@pytest.mark.parametrize("kinds", [["security"], ["billing", "security"], ["primary"]])
@pytest.mark.parametrize("until", [1800.0, 5000.0])
def test_a_life_in_which_all_calls_are_throttled_says_so(
    monkeypatch: pytest.MonkeyPatch, kinds: list[str], until: float
) -> None:
    """People are told to look for what eats the quota, where AWS lets through no call that any kind needs."""
    world = TimedWorld(make(3, 150), monkeypatch)
    world.services.configs.write({"contact_types": kinds}, at=world.now(), by="test")

    def throttle(operation: str, account: str) -> ApiError | None:
        busy = operation.startswith("Get") and account != world.management and world.timeline.seconds() < until
        return ApiError("TooManyRequestsException", "slow down") if busy else None

    monkeypatch.setattr(world, "refuses", throttle)
    world.start("pass", schedule(), world.now())
    world.live("pass")
    ends = world.ends("pass")
    assert set(ends) == {(account, kind) for account in world.members for kind in kinds}
    assert set(ends.values()) == {("failed", "Throttled")}


@pytest.mark.parametrize("members", [3, 150])
@pytest.mark.parametrize("written", [False, True])
def test_what_is_let_through_late_in_a_life_is_done_by_the_next(
    monkeypatch: pytest.MonkeyPatch, members: int, written: bool
) -> None:
    """Throttled until just before a life's end, in reads or in writes: the next life does it all, and nobody fails."""
    world = TimedWorld(make(3, members), monkeypatch)
    world.services.configs.write({}, at=world.now(), by="test")
    busy = "Put" if written else "Get"

    def throttle(operation: str, account: str) -> ApiError | None:
        refused = operation.startswith(busy) and account != world.management and world.timeline.seconds() < 886.0
        return ApiError("TooManyRequestsException", "slow down") if refused else None

    monkeypatch.setattr(world, "refuses", throttle)
    world.start("pass", schedule(), world.now())
    world.live("pass")
    assert set(world.ends("pass").values()) == {("success", None)}
    assert world.differing() == []


@pytest.mark.parametrize("failure", [AccessDenied, ServiceFailed, KeyError, Throttled, None])
def test_a_question_about_refusing_accounts_fails_nobody_else(
    monkeypatch: pytest.MonkeyPatch, failure: type[Exception] | None
) -> None:
    """Whatever Organizations answers about the accounts that refuse, or if it never does: they say what refused them,
    and all others are in sync after one life."""
    world = TimedWorld(make(3, 400), monkeypatch)
    world.services.configs.write({}, at=world.now(), by="test")
    refusing = set(world.members[::4])

    def refuse(operation: str, account: str) -> ApiError | None:
        return ApiError("AccessDeniedException", "sealed") if account in refusing else None

    async def state(_: object, account: str) -> str:
        if failure is None:
            await asyncio.Event().wait()
        else:
            raise failure(account)
        return "ACTIVE"

    monkeypatch.setattr(world, "refuses", refuse)
    monkeypatch.setattr(SimulatedOrganization, "state", state)
    world.start("pass", schedule(), world.now())
    world.live("pass")
    ends = world.ends("pass")
    assert {end for (account, _), end in ends.items() if account not in refusing} == {("success", None)}
    expected = ("failed", "OutOfTime" if failure is None else "AccessDenied")
    assert {end for (account, _), end in ends.items() if account in refusing} == {expected}


@pytest.mark.parametrize("chosen", [{}, {"retry_config": {"base_delay": 20}}])
@pytest.mark.parametrize("error", [AccessDenied, ServiceFailed])
def test_tags_that_are_read_late_hold_nobody_up(
    monkeypatch: pytest.MonkeyPatch, chosen: dict[str, Any], error: type[CallError]
) -> None:
    """Tags are refused for a while, by permissions that are not in force yet or by failures that pass: all accounts are
    in sync soon after, because none waits for a permit with others in its hand."""
    world = TimedWorld(make(3, 400), monkeypatch)
    tagged = {"excluded_tags": {"contacts": "own"}, **chosen}
    world.services.configs.write(tagged, at=world.now(), by="test")
    tags, asked = SimulatedOrganization.tags, [0]

    async def late(self: SimulatedOrganization, account: str, page: str | None = None) -> Any:
        asked[0] += 1
        if asked[0] > 1 and world.timeline.seconds() < 25:
            raise error(account)
        return await tags(self, account, page)

    monkeypatch.setattr(SimulatedOrganization, "tags", late)
    created = OwnEvent.INITIAL_SYNC.document({"initiator": "arn:aws:iam::100000000001:user/any", "create": True})
    world.start("initial-sync-1", created, world.now())
    world.live("initial-sync-1")
    assert world.differing() == []
    assert world.timeline.seconds() < 420


# --- the control path -------------------------------------------------------------------------


def test_a_stop_is_seen_while_calls_about_accounts_are_slow(make_world: MakeWorld) -> None:
    """Every thread of the common pool waits for AWS: the look for a stop and the intents have threads of their own."""
    world = make_world(80)
    world.configure()
    plan_run(world)
    contacts: Any = world.services.contacts
    answered, looked = threading.Event(), threading.Event()
    is_stopped = world.states.is_stopped
    seen: list[bool] = []

    async def slow_read(*_: object) -> None:
        await asyncio.to_thread(answered.wait, 20)
        raise ServiceFailed("slow")

    def look(run_id: str) -> bool:
        stopped = is_stopped(run_id)
        looked.set()
        if stopped:
            seen.append(not answered.is_set())
            answered.set()
        return stopped

    def stop() -> None:
        assert looked.wait(10)
        world.states.save_run(replace(world.header(), status=RunStatus.STOPPED))

    contacts.read = slow_read
    world.states.is_stopped = look  # type: ignore[method-assign]
    stopping = threading.Thread(target=stop)
    stopping.start()
    assert batch(world)["done"]
    stopping.join()
    assert seen == [True]
    assert world.receipts() == []


def test_a_look_for_a_stop_that_is_not_answered_ends_the_worker(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that does not know of its run goes no further; the batch is done again."""
    plan_run(world)
    answered = threading.Event()
    with monkeypatch.context() as patch:
        patch.setattr("orgsync.contact_sync.core.bounds.WorkerBounds.ANSWER", 0.1)
        patch.setattr("orgsync.handlers.contact_sync.process.process_batch", slow(process_batch))
        patch.setattr(world.states, "is_stopped", lambda run_id: not answered.wait(0.5))
        with pytest.raises(StoreFailed):
            batch(world)
    assert world.account.writes == []
    assert batch(world)["done"]


def test_transactions_of_one_worker_never_meet(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them checks the run's header: side by side they would conflict with each other."""
    world = make_world(100)
    world.configure()
    plan_run(world)
    under_way, most = 0, 0
    lock = threading.Lock()

    def alone(original: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: Any) -> None:
            nonlocal under_way, most
            with lock:
                under_way += 1
                most = max(most, under_way)
            time.sleep(0.001)
            original(*arguments)
            with lock:
                under_way -= 1

        return call

    for name in ("record_intents", "save_receipts"):
        monkeypatch.setattr(world.states, name, alone(getattr(world.states, name)))
    assert batch(world)["done"]
    assert most == 1
    assert world.differing() == []


@given(members=st.integers(1, 70), data=st.data())
@settings(max_examples=15, deadline=None)
def test_a_conflict_of_transactions_is_no_retry_of_a_kind(members: int, data: st.DataObject) -> None:
    """Any transactions conflict with those of another worker for a while: all is in sync, and no receipt says so."""
    world = make_world(members)
    world.configure()
    pattern = data.draw(st.lists(st.integers(0, len(Run.CONFLICT_WAITS)), min_size=1, max_size=20))
    tries = itertools.cycle([conflict for times in pattern for conflict in (*[True] * times, False)])
    lock = threading.Lock()

    def conflicts(_operation: str) -> bool:
        with lock:
            return next(tries)

    plan_run(world)
    world.states.conflicts = conflicts
    assert batch(world)["done"]
    assert world.differing() == []
    assert {(receipt.status, receipt.retries) for receipt in world.receipts()} == {("success", 0)}


def test_nobody_is_last_in_every_run(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run has an order of its own, which every life of a batch keeps."""
    world = make_world(30)
    world.configure()
    orders: list[tuple[str, ...]] = []

    async def note(targets: Sequence[Target], *_: object, **__: object) -> bool:
        orders.append(tuple(target.account for target in targets))
        return True

    monkeypatch.setattr("orgsync.handlers.contact_sync.process.process_batch", note)
    for number in range(12):
        world.start(f"run-{number}")
        for _ in range(2):
            process(f"run-{number}", 0, lambda: 900.0, world.services)
        world.report(f"run-{number}")
    assert orders[::2] == orders[1::2]
    assert all(sorted(order) == world.members for order in orders)
    assert len({order[-1] for order in orders}) > 6


def test_a_batch_of_nobody_is_done(world: World) -> None:
    """A batch that another release or a hand emptied has nothing to work on."""
    plan_run(world)
    world.bucket.write_batches("run-1", [()])
    assert batch(world)["done"]
    assert world.account.calls == {}


Work = Callable[..., Coroutine[Any, Any, bool]]


def slow(original: Work) -> Work:
    """Begin the work late enough for a check to come first."""

    async def delayed(*arguments: Any, **named: Any) -> bool:
        await asyncio.sleep(0.2)
        return await original(*arguments, **named)

    return delayed
