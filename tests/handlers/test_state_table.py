"""The state table: the lease under concurrency, headers, and receipts that are found again and expire."""

import threading
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from orgsync.contact_sync.core.contacts import Contact
from orgsync.contact_sync.core.lease import (
    Granted,
    LeasedRun,
    acquire,
    release,
)
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.core.run import Run, RunStatus
from orgsync.contact_sync.names import Cause, Kind

AT = "2026-11-01T10:00:00.000+00:00"


@pytest.fixture
def world(make_world):
    return make_world(0)


@pytest.fixture
def states(world):
    return world.services.states


def receipt(number, kind=Kind.BILLING, **changes):
    return replace(Receipt(f"{number:012d}", kind, Status.SUCCESS, AT), **changes)


def run(run_id="run-1", started=AT, **changes):
    return Run(run_id, Cause.SCHEDULE, started, started, **changes)


def test_a_header_comes_back_as_it_was_saved(states):
    """Every part of a header, the source's contacts and missing ones included."""
    contact = Contact.of(Kind.BILLING, {"Name": "Bo", "Title": "Lead", "EmailAddress": "b@x.io", "PhoneNumber": "1"})
    whole = run(
        initiator="arn:aws:iam::1:user/ann",
        config_version=7,
        status=RunStatus.COMPLETED,
        severity="low",
        scenario="success_completion",
        ended=AT,
        counts={"success": 1, "failed": 0},
        source={Kind.BILLING: contact},
        planned=True,
        batches=3,
        error="SystemFailure",
        detail="States.Timeout",
        circuit="AccessDenied",
        into="run-2",
        notified=True,
    )
    for saved in (whole, run()):
        states.save(saved)
        assert states.run("run-1") == saved
    assert states.run("run-none") is None


def test_a_closed_header_is_not_overwritten_by_an_open_one(states):
    """Of two that close a run at the same moment one wins; a straggler never opens it again."""
    closed = run(status=RunStatus.FAILED, error="SystemFailure")
    assert states.save(closed, while_open=True)
    assert not states.save(run(planned=True), while_open=True)
    assert states.run("run-1") == closed
    assert states.stopped("run-1")


def test_an_open_circuit_is_noted_in_the_header(states):
    """The rest of the header stays."""
    states.save(run(planned=True, batches=2))
    assert not states.stopped("run-1")
    states.open_circuit("run-1", "AccessDenied")
    assert states.run("run-1") == run(planned=True, batches=2, circuit="AccessDenied")


def test_runs_of_a_day_are_found_in_order(states):
    """The runs that started on a day, oldest first; bells that were merged are no runs."""
    for run_id, started in [
        ("late", "2026-11-01T23:59:59.999+00:00"),
        ("early", AT),
        ("next", "2026-11-02T00:00:00.000+00:00"),
    ]:
        states.save(run(run_id, started))
    states.save(run("merged", AT, status=RunStatus.MERGED, into="early"))
    assert [found.run_id for found in states.runs_of("2026-11-01")] == ["early", "late"]
    assert [found.run_id for found in states.runs_of("2026-11-03")] == []


def test_receipts_come_back_by_account(states):
    """As they were kept, ordered by account; another run's are its own."""
    kept = [receipt(3, changed=("Name", "Title"), retries=2), receipt(1, status=Status.FAILED, error="Throttled")]
    states.keep(kept, "run-1")
    states.keep([receipt(2)], "run-2")
    states.save(run())
    assert list(states.receipts("run-1")) == sorted(kept, key=lambda one: one.account)


def test_a_range_of_receipts_holds_both_its_ends(states):
    """From one account to another, both included in all their kinds, and nobody beside them."""
    states.keep([receipt(number, kind) for number in range(1, 8) for kind in Kind], "run-1")
    found = list(states.receipts("run-1", f"{3:012d}", f"{5:012d}"))
    assert {(one.account, one.kind) for one in found} == {(f"{n:012d}", kind) for n in (3, 4, 5) for kind in Kind}
    assert len(found) == 12


def test_a_large_run_is_read_to_its_end(states):
    """More receipts than one answer of DynamoDB holds (1 MB)."""
    many = [receipt(number, changed=("x" * 40_000,)) for number in range(1, 41)]
    states.keep(many, "run-1")
    assert len(list(states.receipts("run-1"))) == len(many)


def test_a_receipt_kept_twice_is_one(states):
    """Exactly one receipt a pair: the later takes the place of the earlier, also within one batch."""
    states.keep([receipt(1, status=Status.FAILED, error="Throttled"), receipt(1)], "run-1")
    states.keep([receipt(1, retries=1)], "run-1")
    assert list(states.receipts("run-1")) == [receipt(1, retries=1)]


def test_everything_but_the_lease_expires(world, states):
    """Headers and receipts carry the second in which they go, 90 days on; the lease never goes."""
    states.save(run())
    states.keep([receipt(1)], "run-1")
    states.update_lease(lambda lease: acquire(lease, run("run-1"), "next"))
    expected = int((datetime.fromisoformat(AT) + timedelta(days=90)).timestamp())
    expiries = {item["item"]: item.get("expires_at") for item in world.items()}
    assert expiries == {"run": expected, f"receipt#{1:012d}#billing": expected, "organization": None}


def test_an_accounts_history_is_in_its_index(world, states):
    """Receipts of one account over all runs, in the order of time; headers and the lease are not among them."""
    states.save(run())
    states.keep([receipt(1, at="2026-11-02T10:00:00.000+00:00"), receipt(2)], "run-2")
    states.keep([receipt(1)], "run-1")
    found = world.table("state").query(
        IndexName="by_account",
        KeyConditionExpression="account = :a",
        ExpressionAttributeValues={":a": f"{1:012d}"},
    )["Items"]
    assert [item["sync_id"] for item in found] == ["run-1", "run-2"]


def run(run_id):
    return LeasedRun(run_id, Request(Cause.SCHEDULE, None, AT, frozenset(Kind), event_ids=(f"bell-of-{run_id}",)))


def test_of_many_that_ring_at_once_one_is_granted(states):
    """Twenty bells in the same moment: one holder, one pending request that holds all the others."""
    verdicts = {}

    def bell(number):
        run_id = f"run-{number}"
        verdicts[run_id] = states.update_lease(lambda lease: acquire(lease, run(run_id), f"next-{number}"))

    threads = [threading.Thread(target=bell, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    granted = [run_id for run_id, verdict in verdicts.items() if isinstance(verdict, Granted)]
    lease = states.lease()
    assert [lease.holder.run_id] == granted
    assert {outcome.into for run_id, verdict in verdicts.items() if run_id not in granted} == {lease.pending.run_id}
    waiting = {f"bell-of-{run_id}" for run_id in verdicts} - {f"bell-of-{granted[0]}"}
    assert set(lease.pending.request.event_ids) == waiting


def test_the_lease_goes_round(states):
    """Granted, handed over, handed over again when repeated, freed: as it is decided, so it is stored."""
    states.update_lease(lambda lease: acquire(lease, run("run-1"), "unused"))
    states.update_lease(lambda lease: acquire(lease, run("run-2"), "next"))
    for _ in range(2):
        assert states.update_lease(lambda lease: release(lease, "run-1")).run_id == "next"
    assert states.lease().holder.run_id == "next"
    assert states.update_lease(lambda lease: release(lease, "next")) is None
    assert states.lease().holder is None
    assert isinstance(states.update_lease(lambda lease: acquire(lease, run("run-3"), "unused")), Granted)


def test_what_was_begun_is_found_again_and_is_no_receipt(states, world):
    """By account and kind, within the bounds that are asked for; it expires and stands in no index."""
    states.begin("000000000001", Kind.BILLING, ("Name", "Title"), "run-1", AT)
    states.begin("000000000002", Kind.PRIMARY, ("City",), "run-1", AT)
    states.begin("000000000003", Kind.PRIMARY, ("City",), "run-2", AT)
    states.keep([receipt(1)], "run-1")
    assert states.begun("run-1") == {
        ("000000000001", Kind.BILLING): ("Name", "Title"),
        ("000000000002", Kind.PRIMARY): ("City",),
    }
    assert list(states.begun("run-1", "000000000002", "000000000002")) == [("000000000002", Kind.PRIMARY)]
    assert list(states.receipts("run-1")) == [receipt(1)]
    noted = [item for item in world.table("state").scan()["Items"] if item["item"].startswith("begun#")]
    assert all("expires_at" in item and not {"account", "day"} & item.keys() for item in noted)
