"""The contract of `StateStore`: the lease under concurrency, headers, receipts, intents; on DynamoDB and in memory."""

import threading
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from orgsync.contact_sync.adapters.state_table import StateTable
from orgsync.contact_sync.core.contacts import Contact
from orgsync.contact_sync.core.lease import Lease, LeasedRun
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.core.run import Run, RunStatus
from orgsync.contact_sync.core.stores import StateStore
from orgsync.contact_sync.names import Cause, Kind
from orgsync.sandbox.contact_sync.stores import MemoryStateStore
from tests.memory import tables

AT = "2026-11-01T10:00:00.000+00:00"
FIELDS = {"Name": "Bo", "Title": "Lead", "EmailAddress": "b@x.io", "PhoneNumber": "1"}
ENDED = [RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.MERGED]


@pytest.fixture
def state_table(tables_in_cloud: None) -> StateTable:
    """The adapter, on an empty table."""
    return StateTable("state", retention_days=90)


@pytest.fixture(params=["adapter", "memory"])
def states(request: pytest.FixtureRequest) -> StateStore:
    """A store with nothing in it."""
    if request.param == "memory":
        return MemoryStateStore()
    adapter: StateTable = request.getfixturevalue("state_table")
    return adapter


def items() -> list[dict[str, Any]]:
    """Return everything that stands in the table."""
    found: list[dict[str, Any]] = tables().Table("state").scan()["Items"]
    return found


def receipt(number: int, kind: Kind = Kind.BILLING, **changes: Any) -> Receipt:
    """Make a receipt of the account of a number."""
    return replace(Receipt(f"{number:012d}", kind, Status.SUCCESS, AT), **changes)


def run(run_id: str = "run-1", started: str = AT, **changes: Any) -> Run:
    """Make a header."""
    return replace(Run(run_id, Cause.SCHEDULE, started, started), **changes)


def leased(run_id: str) -> LeasedRun:
    """Make a run that asks for the lease, because of one event of its own."""
    return LeasedRun(run_id, Request(Cause.SCHEDULE, None, AT, frozenset(Kind), event_ids=(f"event-of-{run_id}",)))


def holder(states: StateStore) -> str | None:
    """Return the id of the run that holds the lease."""
    found = states.lease().holder
    return found.run_id if found else None


# --- headers --------------------------------------------------------------------------------


def test_a_header_comes_back_as_it_was_saved(states: StateStore) -> None:
    """Every part of a header, the source's contacts and missing ones included."""
    whole = run(
        initiator="arn:aws:iam::1:user/ann",
        config_version=7,
        status=RunStatus.COMPLETED,
        severity="low",
        scenario="success_completion",
        ended=AT,
        counts={"success": 1, "failed": 0},
        source={Kind.BILLING: Contact.of(Kind.BILLING, FIELDS)},
        flawed={Kind.PRIMARY: "primary.PhoneNumber is required"},
        unreadable={Kind.OPERATIONS: "operations: AccessDenied"},
        deletions=frozenset({Kind.SECURITY}),
        planned=True,
        batches=3,
        error="SystemFailure",
        detail="States.Timeout",
        circuit="AccessDenied",
        into="run-2",
        notified=True,
    )
    for saved in (whole, run()):
        assert states.save_run(saved)
        assert states.run("run-1") == saved
    assert states.run("run-none") is None


def test_a_stored_header_is_its_own(states: StateStore) -> None:
    """A value that is changed after it was saved, or after it was read, changes nothing in the store."""
    fields, counts = dict(FIELDS), {"success": 1}
    states.save_run(run(source={Kind.BILLING: Contact(Kind.BILLING, fields)}, counts=counts))
    fields["Name"], counts["success"] = "Another", 2
    read = states.run("run-1")
    assert read is not None
    assert (read.source[Kind.BILLING].fields["Name"], read.counts["success"]) == ("Bo", 1)
    read.source[Kind.BILLING].fields.update(Name="Another")  # type: ignore[attr-defined]
    again = states.run("run-1")
    assert again is not None
    assert again.source[Kind.BILLING].fields["Name"] == "Bo"


@pytest.mark.parametrize("status", ENDED)
def test_a_closed_header_is_not_overwritten_by_an_open_one(states: StateStore, status: RunStatus) -> None:
    """Of two that close a run at the same moment one wins; a straggler never opens it again."""
    closed = run(status=status, error="SystemFailure")
    assert states.save_run(closed, while_open=True)
    assert not states.save_run(run(planned=True), while_open=True)
    assert states.run("run-1") == closed
    assert states.is_stopped("run-1")


def test_an_open_or_stopped_header_is_overwritten(states: StateStore) -> None:
    """Until a run has ended, whoever works on it may save its progress and its end."""
    assert states.save_run(run(), while_open=True)
    assert states.save_run(run(planned=True), while_open=True)
    states.stop("run-1")
    ended = run(planned=True, status=RunStatus.FAILED)
    assert states.save_run(ended, while_open=True)
    assert states.run("run-1") == ended


def test_an_ended_header_is_overwritten_without_the_condition(states: StateStore) -> None:
    """That the notification was published is noted after the end."""
    states.save_run(run(status=RunStatus.COMPLETED))
    assert states.save_run(run(status=RunStatus.COMPLETED, notified=True))
    assert states.run("run-1") == run(status=RunStatus.COMPLETED, notified=True)


def test_an_open_circuit_is_noted_in_the_header(states: StateStore) -> None:
    """The rest of the header stays."""
    states.save_run(run(planned=True, batches=2))
    states.open_circuit("run-1", "AccessDenied")
    assert states.run("run-1") == run(planned=True, batches=2, circuit="AccessDenied")


def test_a_run_may_write_until_it_is_stopped(states: StateStore) -> None:
    """Stopped, it is not ended; the rest of the header stays."""
    states.save_run(run(planned=True, batches=2))
    assert not states.is_stopped("run-1")
    states.stop("run-1")
    assert states.is_stopped("run-1")
    assert states.run("run-1") == run(planned=True, batches=2, status=RunStatus.STOPPED)


@pytest.mark.parametrize("status", ENDED)
def test_an_ended_run_is_not_stopped_afterwards(states: StateStore, status: RunStatus) -> None:
    """A run that another closed a moment before stays closed."""
    states.save_run(run(status=status))
    states.stop("run-1")
    assert states.run("run-1") == run(status=status)


def test_a_run_without_a_header_may_not_write_and_gets_none(states: StateStore) -> None:
    """Stopping it, or opening its circuit, leaves no half header that nobody could read."""
    assert states.is_stopped("run-1")
    states.stop("run-1")
    states.open_circuit("run-1", "AccessDenied")
    assert states.run("run-1") is None
    assert states.save_run(run(), while_open=True)


def test_runs_of_a_day_are_found_in_order(states: StateStore) -> None:
    """The runs that started on a day, oldest first; merged events are no runs."""
    for run_id, started in [
        ("late", "2026-11-01T23:59:59.999+00:00"),
        ("early", AT),
        ("next", "2026-11-02T00:00:00.000+00:00"),
    ]:
        states.save_run(run(run_id, started))
    states.save_run(run("merged", AT, status=RunStatus.MERGED, into="early"))
    assert [found.run_id for found in states.runs_of("2026-11-01")] == ["early", "late"]
    assert list(states.runs_of("2026-11-03")) == []


# --- receipts -------------------------------------------------------------------------------


def test_receipts_come_back_by_account(states: StateStore) -> None:
    """As they were saved, ordered by account; another run's are its own."""
    saved = [receipt(3, changed=("Name", "Title"), retries=2), receipt(1, status=Status.FAILED, error="Throttled")]
    states.save_receipts(saved, "run-1")
    states.save_receipts([receipt(2)], "run-2")
    states.save_run(run())
    assert list(states.receipts("run-1")) == sorted(saved, key=lambda one: one.account)


def test_a_range_of_receipts_holds_both_its_ends(states: StateStore) -> None:
    """From one account to another, both included in all their kinds, and nobody beside them."""
    states.save_receipts([receipt(number, kind) for number in range(1, 8) for kind in Kind], "run-1")
    found = list(states.receipts("run-1", (f"{3:012d}", f"{5:012d}")))
    assert [(one.account, one.kind) for one in found] == [
        (f"{n:012d}", kind) for n in (3, 4, 5) for kind in sorted(Kind)
    ]


def test_a_large_run_is_read_to_its_end(states: StateStore) -> None:
    """More receipts than one answer of DynamoDB holds (1 MB)."""
    many = [receipt(number, changed=("x" * 40_000,)) for number in range(1, 41)]
    states.save_receipts(many, "run-1")
    assert list(states.receipts("run-1")) == many


def test_a_receipt_saved_twice_is_one(states: StateStore) -> None:
    """Exactly one receipt a pair: the later takes the place of the earlier, also within one batch."""
    states.save_receipts([receipt(1, status=Status.FAILED, error="Throttled"), receipt(1)], "run-1")
    states.save_receipts([receipt(1, retries=1)], "run-1")
    assert list(states.receipts("run-1")) == [receipt(1, retries=1)]


def test_receipts_are_saved_from_many_threads(states: StateStore) -> None:
    """A worker saves the accounts that it has under way side by side."""
    threads = [
        threading.Thread(target=states.save_receipts, args=([receipt(number, kind) for kind in Kind], "run-1"))
        for number in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(states.receipts("run-1"))) == 20 * len(Kind)


def test_everything_but_the_lease_expires(state_table: StateTable) -> None:
    """Headers and receipts carry the second in which they go, 90 days on; the lease never goes."""
    state_table.save_run(run())
    state_table.save_receipts([receipt(1)], "run-1")
    state_table.update_lease(lambda lease: lease.acquire(leased("run-1"), "next"))
    expected = int((datetime.fromisoformat(AT) + timedelta(days=90)).timestamp())
    expiries = {item["item"]: item.get("expires_at") for item in items()}
    assert expiries == {"run": expected, f"receipt#{1:012d}#billing": expected, "organization": None}


def test_an_accounts_history_is_in_its_index(state_table: StateTable) -> None:
    """Receipts of one account over all runs, in the order of time; headers and the lease are not among them."""
    state_table.save_run(run())
    state_table.save_receipts([receipt(1, at="2026-11-02T10:00:00.000+00:00"), receipt(2)], "run-2")
    state_table.save_receipts([receipt(1)], "run-1")
    found = (
        tables()
        .Table("state")
        .query(
            IndexName="by_account",
            KeyConditionExpression="account = :a",
            ExpressionAttributeValues={":a": f"{1:012d}"},
        )["Items"]
    )
    assert [item["sync_id"] for item in found] == ["run-1", "run-2"]


# --- intents --------------------------------------------------------------------------------


def test_intents_are_found_again_and_are_no_receipts(states: StateStore) -> None:
    """By account and kind, within the bounds that are asked for."""
    states.record_intents("000000000001", {Kind.BILLING: ("Name", "Title")}, "run-1", AT)
    states.record_intents("000000000002", {Kind.PRIMARY: ("City",)}, "run-1", AT)
    states.record_intents("000000000003", {Kind.PRIMARY: ("City",)}, "run-2", AT)
    states.save_receipts([receipt(1)], "run-1")
    assert states.intents("run-1") == {
        ("000000000001", Kind.BILLING): ("Name", "Title"),
        ("000000000002", Kind.PRIMARY): ("City",),
    }
    assert list(states.intents("run-1", ("000000000002", "000000000002"))) == [("000000000002", Kind.PRIMARY)]
    assert list(states.receipts("run-1")) == [receipt(1)]


def test_an_intent_expires_and_stands_in_no_index(state_table: StateTable) -> None:
    """It is of use to its own run alone."""
    state_table.record_intents("000000000001", {Kind.BILLING: ("Name", "Title")}, "run-1", AT)
    (intent,) = items()
    assert "expires_at" in intent
    assert not {"account", "day"} & intent.keys()


# --- the lease ------------------------------------------------------------------------------


def test_of_many_that_ask_at_once_one_is_granted(states: StateStore) -> None:
    """Twenty events in the same moment: one holder, one pending request that holds all the others."""
    answering: dict[str, LeasedRun] = {}

    def ask(number: int) -> None:
        run_id = f"run-{number}"
        answering[run_id] = states.update_lease(lambda lease: lease.acquire(leased(run_id), f"next-{number}"))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (granted,) = [run_id for run_id, answer in answering.items() if answer.run_id == run_id]
    pending = states.lease().pending
    assert pending is not None
    assert holder(states) == granted
    assert {answer.run_id for run_id, answer in answering.items() if run_id != granted} == {pending.run_id}
    assert set(pending.request.event_ids) == {f"event-of-{run_id}" for run_id in answering if run_id != granted}


def test_the_lease_is_handed_on(states: StateStore) -> None:
    """Granted, handed over, handed over again when repeated, freed: as it is decided, so it is stored."""
    states.update_lease(lambda lease: lease.acquire(leased("run-1"), "unused"))
    states.update_lease(lambda lease: lease.acquire(leased("run-2"), "next"))
    for _ in range(2):
        following = states.update_lease(lambda lease: lease.release("run-1"))
        assert following is not None
        assert following.run_id == "next"
    assert holder(states) == "next"
    assert states.update_lease(lambda lease: lease.release("next")) is None
    assert holder(states) is None
    assert states.update_lease(lambda lease: lease.acquire(leased("run-3"), "unused")) == leased("run-3")


def test_a_lost_race_is_decided_again(states: StateStore) -> None:
    """A decision on a lease that another has changed meanwhile is not stored, but made anew."""
    seen: list[Lease] = []

    def decide(lease: Lease) -> tuple[Lease, LeasedRun]:
        seen.append(lease)
        if len(seen) == 1:
            states.update_lease(lambda lease: lease.acquire(leased("run-1"), "unused"))
        return lease.acquire(leased("run-2"), "next")

    assert states.update_lease(decide).run_id == "next"
    assert seen == [Lease(), Lease(holder=leased("run-1"))]
    assert holder(states) == "run-1"


def test_a_decision_that_fails_changes_nothing(states: StateStore) -> None:
    """The lease stays as it was, and free for the next decision."""

    def refuse(lease: Lease) -> tuple[Lease, None]:
        raise LookupError

    with pytest.raises(LookupError):
        states.update_lease(refuse)
    assert states.lease() == Lease()
