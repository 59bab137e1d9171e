"""Process: one batch of accounts, worked on until each has its receipts; doing it again is harmless."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from orgsync.contact_sync.core.run import RunStatus
from orgsync.contact_sync.core.worker import process_batch
from orgsync.handlers.contact_sync.process import process
from orgsync.sandbox.model.organization import KINDS
from tests.world import MakeWorld, World


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
    assert batch(world) == {"done": True}
    assert world.differing() == []
    assert world.ends() == {(account, kind): ("success", None) for account in world.members for kind in KINDS}


def test_a_batch_done_again_works_on_what_lacks_receipts(world: World) -> None:
    """The second time nothing is called for a pair that has its receipt; one that lost it is done again."""
    plan_run(world)
    batch(world)
    receipts, calls = world.receipts(), world.account.calls
    assert batch(world) == {"done": True}
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
    assert batch(world) == {"done": True}
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
    assert batch(world) == {"done": True}
    assert world.differing() == []


def test_a_closed_run_writes_nothing(world: World) -> None:
    """A run that was closed meanwhile is done: no call is made, no receipt added."""
    plan_run(world)
    world.report(error={"Error": "States.Timeout"})
    receipts = world.receipts()
    assert batch(world) == {"done": True}
    assert world.differing() == world.members
    assert world.account.calls == {}
    assert world.receipts() == receipts


def test_a_run_without_a_header_is_done(world: World) -> None:
    """A batch of a run that is gone cannot be processed, and must not be handed in again."""
    assert process("run-none", 0, lambda: 900.0, world.services) == {"done": True}


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
    assert batch(world, concurrency=1) == {"done": True}
    assert len(world.differing()) > 10
    assert world.header().status is RunStatus.FAILED


@pytest.mark.parametrize("remaining", [59.0, 5.0, 0.0])
def test_near_its_time_limit_the_worker_hands_back(world: World, remaining: float) -> None:
    """Short of time no account is begun: the batch is not done, and the next call does it."""
    plan_run(world)
    assert batch(world, lambda: remaining) == {"done": False}
    assert world.receipts() == []
    assert world.account.calls == {}
    assert batch(world) == {"done": True}
    assert world.differing() == []


def test_what_was_done_before_the_time_limit_stays_done(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Handed back in the middle: the rest is done by the next call, nobody twice."""
    world = make_world(12)
    world.configure()
    plan_run(world)
    seconds = iter([900.0] * 7 + [1.0] * 100)
    assert batch(world, lambda: next(seconds), concurrency=2) == {"done": False}
    first = world.ends()
    assert 0 < len(first) < 12 * len(KINDS)
    assert batch(world) == {"done": True}
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
    assert batch(world) == {"done": True}
    assert world.header().circuit == "AccessDenied"
    calls = {operation: counts["made"] for operation, counts in world.account.calls.items()}
    assert batch(world, number=1) == {"done": True}
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


Work = Callable[..., Coroutine[Any, Any, bool]]


def slow(original: Work) -> Work:
    """Begin the work late enough for a check to come first."""

    async def delayed(*arguments: Any, **named: Any) -> bool:
        await asyncio.sleep(0.2)
        return await original(*arguments, **named)

    return delayed
