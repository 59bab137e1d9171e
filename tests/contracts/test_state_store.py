"""The contract of `StateStore`: the lease under concurrency, headers, receipts, intents; on DynamoDB and in memory."""

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from orgsync.contact_sync.adapters.state_table import StateTable
from orgsync.contact_sync.core.contacts import Contact
from orgsync.contact_sync.core.errors import RunConflict
from orgsync.contact_sync.core.lease import Lease, LeasedRun
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.core.run import Run, RunStatus
from orgsync.contact_sync.core.stores import StateStore
from orgsync.contact_sync.names import Cause, Kind
from orgsync.sandbox.contact_sync.stores import MemoryStateStore
from orgsync.shared.errors import StoreFailed
from tests.memory import tables

AT = "2026-11-01T10:00:00.000+00:00"
FIELDS = {"Name": "Bo", "Title": "Lead", "EmailAddress": "b@x.io", "PhoneNumber": "1"}
Edit = Callable[..., None]

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
        deletions=frozenset({Kind.OPERATIONS, Kind.SECURITY}),
        planned=True,
        attempt=2,
        batches=3,
        error="SystemFailure",
        detail="States.Timeout",
        into="run-2",
        notified=True,
        reported=True,
    )
    for saved in (whole, run("run-2")):
        assert states.save_run(saved) == replace(saved, revision=1)
        assert states.run(saved.run_id) == replace(saved, revision=1)
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


def test_a_header_is_written_over_the_one_that_was_read(states: StateStore) -> None:
    """Each write has the revision that follows; whoever read an older one, or none, writes nothing."""
    first = states.save_run(run())
    second = states.save_run(replace(first, planned=True, batches=2))
    assert (first.revision, second.revision) == (1, 2)
    for stale in (run(), first, replace(second, revision=3), replace(first, status=RunStatus.FAILED)):
        with pytest.raises(RunConflict, match=r"^run-1$"):
            states.save_run(stale)
        assert states.run("run-1") == second


def test_of_many_that_write_over_one_header_one_does(states: StateStore) -> None:
    """Twenty closers of one run in the same moment: one end, and nineteen that know that it is not theirs."""
    read = states.save_run(run())
    ends: list[str] = []

    def close(number: int) -> None:
        with suppress(RunConflict):
            ends.append(str(states.save_run(replace(read, status=RunStatus.FAILED, detail=str(number))).detail))

    threads = [threading.Thread(target=close, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = states.run("run-1")
    assert found is not None
    assert ends == [found.detail]


@pytest.mark.parametrize("status", [*ENDED, RunStatus.STOPPED])
def test_a_run_may_write_while_it_is_in_progress(states: StateStore, status: RunStatus) -> None:
    """Stopped, ended, merged or without a header it may not."""
    assert states.is_stopped("run-1")
    read = states.save_run(run())
    assert not states.is_stopped("run-1")
    states.save_run(replace(read, status=status))
    assert states.is_stopped("run-1")


def test_notes_stand_beside_the_header(states: StateStore) -> None:
    """A worker notes something without a change of the header; each run and each subject has its own, none at first."""
    read = states.save_run(run())
    assert states.notes("run-1", "breakers") == {}
    states.save_notes("run-1", "breakers", {"PutContactInformation": "AccessDenied", "GetAlternateContact": ""})
    states.save_notes("run-2", "breakers", {"GetAlternateContact": "ServiceFailed"})
    states.save_notes("run-1", "retries of batch 7", {"200000000001#billing": "2"})
    noted = {"PutContactInformation": "AccessDenied", "GetAlternateContact": ""}
    assert states.notes("run-1", "breakers") == noted
    states.save_notes("run-1", "breakers", {"PutContactInformation": ""})
    assert states.notes("run-1", "breakers") == {"PutContactInformation": ""}
    assert states.notes("run-1", "retries of batch 7") == {"200000000001#billing": "2"}
    assert states.run("run-1") == read


def test_of_two_who_note_something_one_sees_the_others(states: StateStore) -> None:
    """A note says over which one it stands; one that is wanted over another only is not made elsewhere."""
    assert states.save_notes("run-1", "lives", {"begun": "a"}) == {}
    assert states.save_notes("run-1", "lives", {"begun": "b"}) == {"begun": "a"}
    assert states.save_notes("run-1", "lives", {}, over={"begun": "a"}) == {}
    assert states.notes("run-1", "lives") == {"begun": "b"}
    assert states.save_notes("run-1", "lives", {}, over={"begun": "b"}) == {"begun": "b"}
    assert states.notes("run-1", "lives") == {}


def test_of_many_lives_that_begin_at_once_all_but_one_see_another(states: StateStore) -> None:
    """However they interleave, so that no two believe that they are alone."""
    seen: list[Mapping[str, str]] = []

    def begin(number: int) -> None:
        seen.append(states.save_notes("run-1", "lives", {"begun": str(number)}))

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen.count({}) == 1


# --- headers, receipts and leases of other releases and other hands ---------------------------


@pytest.fixture
def edit(states: StateStore) -> Edit:
    """Changes an item without a check: the run's id, the item, and its attributes, of which None removes one."""
    if isinstance(states, MemoryStateStore):
        return states.edit

    def edit_table(run_id: str, item: str, **changes: Any) -> None:
        table = tables().Table("state")
        stored = table.get_item(Key={"sync_id": run_id, "item": item}).get("Item", {"sync_id": run_id, "item": item})
        changed = {**stored, **changes}
        table.put_item(Item={name: value for name, value in changed.items() if value is not None})

    return edit_table


OPTIONAL = [
    one.name for one in fields(Run) if one.name not in ("run_id", "cause", "started", "triggered_at", "revision")
]


@pytest.mark.parametrize("name", OPTIONAL)
def test_a_header_of_an_earlier_release_lacks_attributes(states: StateStore, edit: Edit, name: str) -> None:
    """An absent attribute has its default, and nothing is wrong with the header."""
    states.save_run(run(config_version=3, batches=2))
    edit("run-1", "run", **{name: None})
    default = replace(run(config_version=3, batches=2), revision=1)
    assert states.run("run-1") == replace(default, **{name: getattr(Run("", Cause.SCHEDULE, "", ""), name)})


def test_a_header_without_a_revision_is_written_over_once(states: StateStore, edit: Edit) -> None:
    """A release that knows no revisions wrote it: its first revision is given by one of those who read it."""
    states.save_run(run(batches=2))
    edit("run-1", "run", revision=None)
    read = states.run("run-1")
    assert read is not None
    assert states.save_run(replace(read, planned=True)).revision == 1
    with pytest.raises(RunConflict):
        states.save_run(replace(read, status=RunStatus.FAILED))


def test_a_header_of_a_later_release_is_read(states: StateStore, edit: Edit) -> None:
    """Attributes that this release does not know are ignored, its kinds left out, its causes taken for the schedule."""
    saved = states.save_run(
        run(source={Kind.BILLING: Contact.of(Kind.BILLING, FIELDS)}, deletions=frozenset({Kind.SECURITY}))
    )
    edit("run-1", "run", source={"billing": FIELDS, "privacy": FIELDS}, deletions=["privacy", "security"])
    edit("run-1", "run", cause="moon_phase", mood={"a": [1]})
    assert states.run("run-1") == saved


@pytest.mark.parametrize(("ended", "expected"), [(None, RunStatus.STOPPED), (AT, RunStatus.FAILED)])
def test_nobody_works_on_a_run_of_an_unknown_status(
    states: StateStore, edit: Edit, ended: str | None, expected: RunStatus
) -> None:
    """A status of a later release: an end where it says when it ended, else a run that must be closed."""
    states.save_run(run(batches=2, planned=True))
    edit("run-1", "run", status="suspended", ended=ended)
    found = states.run("run-1")
    assert found is not None
    assert found.status is expected
    assert states.is_stopped("run-1")


DAMAGE: list[tuple[str, Any]] = [
    ("batches", "many"),
    ("batches", -1),
    ("counts", "none"),
    ("counts", {"success": "some"}),
    ("source", ["billing"]),
    ("source", {"billing": "b@x.io"}),
    ("source", {"billing": {"Name": ["b@x.io"]}}),
    ("deletions", {"security"}),
    ("deletions", "security"),
    ("planned", "perhaps"),
    ("status", 7),
    ("cause", 7),
    ("cause", None),
    ("started", "yesterday"),
    ("started", None),
    ("config_version", "b@x.io"),
    ("attempt", -3),
    ("error", {"a": 1}),
    ("revision", "b@x.io"),
    ("revision", -7),
    ("revision", []),
]


@pytest.mark.parametrize(("name", "value"), DAMAGE)
def test_a_header_that_a_hand_damaged_is_named_and_can_be_closed(
    states: StateStore, edit: Edit, name: str, value: Any
) -> None:
    """Its error names the attribute and no value; the rest is read; the next write stands."""
    if isinstance(value, set) and isinstance(states, MemoryStateStore):
        value = "a set"  # JSON has none
    states.save_run(run(batches=2, planned=True))
    edit("run-1", "run", **{name: value})
    found = states.run("run-1")
    assert found is not None
    if isinstance(value, set):  # a set of known kinds says the same as a list of them
        assert found.deletions == value
        return
    assert (found.error, found.detail) == ("HeaderUnreadable", name)
    assert found.run_id == "run-1"
    closed = states.save_run(replace(found, status=RunStatus.FAILED, ended=AT))
    assert closed.revision > 0
    assert states.run("run-1") == replace(closed, started=found.started)
    with pytest.raises(RunConflict):
        states.save_run(found)


@pytest.mark.parametrize("changes", [{"status": "perhaps"}, {"kind": None}, {"retries": "b@x.io"}, {"changed": "Name"}])
def test_a_receipt_that_cannot_be_read_is_none(states: StateStore, edit: Edit, changes: dict[str, Any]) -> None:
    """Its account and kind count as not done, and what is done about them takes its place; the others are read."""
    states.save_receipts([receipt(1), receipt(2)], "run-1")
    edit("run-1", f"receipt#{1:012d}#billing", **changes)
    assert list(states.receipts("run-1")) == [receipt(2)]
    states.save_receipts([receipt(1)], "run-1")
    assert list(states.receipts("run-1")) == [receipt(1), receipt(2)]


def test_a_receipt_of_another_release_is_read(states: StateStore, edit: Edit) -> None:
    """An absent attribute has its default, an unknown one is ignored."""
    states.save_receipts([receipt(1)], "run-1")
    edit("run-1", f"receipt#{1:012d}#billing", changed=None, error=None, retries=None, mood="good")
    assert list(states.receipts("run-1")) == [receipt(1)]


@pytest.mark.parametrize("request_", [None, "everything", {"cause": "moon_phase"}, {"accounts": 7}])
def test_a_lease_whose_request_cannot_be_read_asks_for_everything(
    states: StateStore, edit: Edit, request_: Any
) -> None:
    """An unclear request widens the comparison; the run that holds the lease can still be ended."""
    states.update_lease(lambda lease: lease.acquire(leased("run-1"), "unused"))
    states.update_lease(lambda lease: lease.acquire(leased("run-2"), "next"))
    for name, run_id in (("holder", "run-1"), ("pending", "next")):
        edit("lease", "organization", **{name: {"run_id": run_id, "request": request_}})
    lease = states.lease()
    assert lease.holder is not None
    assert lease.pending is not None
    assert lease.holder.request.everyone == lease.pending.request.everyone == frozenset(Kind)
    states.update_lease(lambda lease: lease.release("run-1"))
    assert holder(states) == "next"


@pytest.mark.parametrize("damage", ["run-1", 7, [], {}, {"run_id": 7}, {"run_id": ""}])
@pytest.mark.parametrize("revision", [1, "b@x.io", "", None, -7])
def test_a_lease_that_a_hand_damaged_is_free(states: StateStore, edit: Edit, damage: Any, revision: Any) -> None:
    """A holder without an id could never be ended; the next run takes the lease, and its number begins anew."""
    states.update_lease(lambda lease: lease.acquire(leased("run-1"), "unused"))
    edit("lease", "organization", holder=damage, previous=7, revision=revision)
    assert states.lease() == Lease()
    assert states.update_lease(lambda lease: lease.acquire(leased("run-2"), "unused")) == leased("run-2")
    assert holder(states) == "run-2"


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


def in_progress(states: StateStore, *run_ids: str) -> None:
    """Let these runs begin."""
    for run_id in run_ids:
        states.save_run(run(run_id, planned=True))


def record(states: StateStore, account: int, fields: Mapping[Kind, tuple[str, ...]], run_id: str = "run-1") -> None:
    """Record intents of the account of a number; its security contact is to be deleted."""
    states.record_intents(f"{account:012d}", fields, frozenset({Kind.SECURITY}), run_id, AT)


def test_intents_are_found_again_and_are_no_receipts(states: StateStore) -> None:
    """By account and kind, within the bounds that are asked for."""
    in_progress(states, "run-1", "run-2")
    record(states, 1, {Kind.BILLING: ("Name", "Title"), Kind.SECURITY: ("Name",)})
    record(states, 2, {Kind.PRIMARY: ("City",)})
    record(states, 3, {Kind.PRIMARY: ("City",)}, "run-2")
    states.save_receipts([receipt(1)], "run-1")
    assert states.intents("run-1") == {
        ("000000000001", Kind.BILLING): ("Name", "Title"),
        ("000000000001", Kind.SECURITY): ("Name",),
        ("000000000002", Kind.PRIMARY): ("City",),
    }
    assert list(states.intents("run-1", ("000000000002", "000000000002"))) == [("000000000002", Kind.PRIMARY)]
    assert list(states.receipts("run-1")) == [receipt(1)]


@pytest.mark.parametrize("changed", [None, 7, "Name", True])
def test_an_intent_that_a_hand_damaged_says_that_a_write_was_begun(
    states: StateStore, edit: Edit, changed: object
) -> None:
    """It names no field, and keeps no run from being closed."""
    in_progress(states, "run-1")
    record(states, 1, {Kind.BILLING: ("Name", "Title")})
    edit("run-1", "intent#000000000001#billing", changed=changed)
    assert states.intents("run-1") == {("000000000001", Kind.BILLING): ()}


def test_an_intent_says_what_is_to_be_deleted(states: StateStore) -> None:
    """A deletion is stated: it stands in the note of its kind, and in no other."""
    in_progress(states, "run-1")
    record(states, 1, dict.fromkeys(Kind, ("Name",)))
    stored = states.items() if isinstance(states, MemoryStateStore) else items()
    noted = {item["item"].split("#")[2]: item["deletion"] for item in stored if item["item"].startswith("intent#")}
    assert noted == {str(kind): kind is Kind.SECURITY for kind in Kind}


@pytest.mark.parametrize("status", [*ENDED, RunStatus.STOPPED, None])
def test_no_intent_is_recorded_for_a_run_that_is_not_in_progress(states: StateStore, status: RunStatus | None) -> None:
    """Neither of its kinds is noted: the worker may write nothing."""
    if status:
        states.save_run(run(status=status))
    with pytest.raises(RunConflict, match=r"^run-1$"):
        record(states, 1, {Kind.BILLING: ("Name",), Kind.SECURITY: ("Name",)})
    assert states.intents("run-1") == {}


# --- conflicts of transactions --------------------------------------------------------------

Conflict = Callable[[int], list[str]]


@pytest.fixture
def conflict(states: StateStore, monkeypatch: pytest.MonkeyPatch) -> Conflict:
    """Lets so many of the next tries conflict with another transaction; returns a list to which each try is added."""
    tries: list[str] = []

    def conflict_in_memory(times: int) -> list[str]:
        def conflicts(operation: str) -> bool:
            tries.append(operation)
            return len(tries) <= times

        assert isinstance(states, MemoryStateStore)
        states.conflicts = conflicts
        return tries

    def conflict_in_cloud(times: int) -> list[str]:
        assert isinstance(states, StateTable)
        put, transact = states._control.put_item, states._control.meta.client.transact_write_items

        def failing(call: Callable[..., Any], failure: dict[str, Any]) -> Callable[..., Any]:
            def tried(**parameters: Any) -> Any:
                tries.append(failure["Error"]["Code"])
                if len(tries) <= times:
                    raise ClientError(failure, "TransactWriteItems")  # type: ignore[arg-type]
                return call(**parameters)

            return tried

        canceled = {
            "Error": {"Code": "TransactionCanceledException", "Message": "[TransactionConflict, None]"},
            "CancellationReasons": [{"Code": "TransactionConflict"}, {"Code": "None"}],
        }
        refused = {"Error": {"Code": "TransactionConflictException", "Message": ""}}
        monkeypatch.setattr(states, "_sleep", lambda seconds: None)
        monkeypatch.setattr(states._control, "put_item", failing(put, refused))
        monkeypatch.setattr(states._control.meta.client, "transact_write_items", failing(transact, canceled))
        return tries

    return conflict_in_memory if isinstance(states, MemoryStateStore) else conflict_in_cloud


@pytest.mark.parametrize("times", [1, len(Run.CONFLICT_WAITS)])
def test_a_conflict_is_no_answer(states: StateStore, conflict: Conflict, times: int) -> None:
    """A header and an intent that met another transaction are written after all."""
    in_progress(states, "run-1")
    tries = conflict(times)
    record(states, 1, {Kind.BILLING: ("Name",)})
    assert len(tries) == times + 1
    assert list(states.intents("run-1")) == [("000000000001", Kind.BILLING)]
    read = states.run("run-1")
    assert read is not None
    tries.clear()
    assert states.save_run(replace(read, status=RunStatus.STOPPED)).revision == 2
    assert len(tries) == times + 1


def test_conflicts_without_end_are_our_failure(states: StateStore, conflict: Conflict) -> None:
    """After a bounded number of tries; it says nothing of the run, and nothing was written."""
    in_progress(states, "run-1")
    read = states.run("run-1")
    assert read is not None
    tries = conflict(10**6)
    with pytest.raises(StoreFailed, match="Transaction"):
        record(states, 1, {Kind.BILLING: ("Name",)})
    with pytest.raises(StoreFailed, match="Transaction"):
        states.save_run(replace(read, status=RunStatus.STOPPED))
    assert len(tries) == 2 * (len(Run.CONFLICT_WAITS) + 1)
    assert states.intents("run-1") == {}
    assert states.run("run-1") == read


def test_a_stopped_run_is_told_from_a_conflict(state_table: StateTable, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a transaction that failed for both reasons the failed check counts; throttling is neither."""
    client = state_table._control.meta.client

    def refuse(*codes: str) -> None:
        reasons = [{"Code": code} for code in codes]
        failure: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}

        def raising(**_: Any) -> None:
            raise ClientError(failure, "TransactWriteItems")

        monkeypatch.setattr(client, "transact_write_items", raising)

    refuse("ConditionalCheckFailed", "TransactionConflict")
    with pytest.raises(RunConflict):
        record(state_table, 1, {Kind.BILLING: ("Name",)})
    refuse("None", "ThrottlingError")
    with pytest.raises(StoreFailed, match=r"^TransactWriteItems: TransactionCanceledException$"):
        record(state_table, 1, {Kind.BILLING: ("Name",)})


def test_a_header_whose_answer_was_lost_is_written(state_table: StateTable, monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore repeats a write that was done, and the repetition fails its own condition: no other wrote first."""
    put = state_table._control.put_item

    def twice(**parameters: Any) -> Any:
        put(**parameters)
        return put(**parameters)

    monkeypatch.setattr(state_table._control, "put_item", twice)
    assert state_table.save_run(run()) == replace(run(), revision=1)


@pytest.mark.parametrize("left", [1, 5, 25])
def test_receipts_that_dynamodb_left_are_written_again(
    state_table: StateTable, monkeypatch: pytest.MonkeyPatch, left: int
) -> None:
    """Of each batch some items come back unprocessed, for a while: no receipt is lost, and none is doubled."""
    client = state_table._table.meta.client
    write = client.batch_write_item
    waits: list[float] = []
    calls = 0

    def leaving(RequestItems: dict[str, list[Any]]) -> Any:
        nonlocal calls
        calls += 1
        waiting = RequestItems["state"]
        kept = waiting[left:] if calls % 3 else waiting
        if kept:
            write(RequestItems={"state": kept})
        return {"UnprocessedItems": {"state": waiting[:left]} if calls % 3 else {}}

    monkeypatch.setattr(client, "batch_write_item", leaving)
    monkeypatch.setattr(state_table, "_sleep", waits.append)
    many = [receipt(number) for number in range(1, 131)]
    state_table.save_receipts(many, "run-1")
    assert list(state_table.receipts("run-1")) == many
    assert waits


def test_receipts_that_dynamodb_never_takes_are_our_failure(
    state_table: StateTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker hears of it, and does not wait for ever."""
    monkeypatch.setattr(
        state_table._table.meta.client,
        "batch_write_item",
        lambda RequestItems: {"UnprocessedItems": RequestItems},
    )
    waits: list[float] = []
    monkeypatch.setattr(state_table, "_sleep", waits.append)
    with pytest.raises(StoreFailed, match=r"^BatchWriteItem: UnprocessedItems$"):
        state_table.save_receipts([receipt(1)], "run-1")
    assert waits == sorted(waits)


def test_an_intent_expires_and_stands_in_no_index(state_table: StateTable) -> None:
    """It is of use to its own run alone, as notes are."""
    in_progress(state_table, "run-1")
    record(state_table, 1, {Kind.BILLING: ("Name", "Title")})
    state_table.save_notes("run-1", "breakers", {"GetAlternateContact": ""})
    notes = [item for item in items() if item["item"] != "run"]
    assert len(notes) == 2
    for note in notes:
        assert "expires_at" in note
        assert not {"account", "day"} & note.keys()


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
