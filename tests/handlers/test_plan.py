"""Plan: a bell becomes a run, is refused, or is answered by another run."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from orgsync.contact_sync.core.run import RunStatus
from orgsync.contact_sync.names import Cause
from orgsync.sandbox.model.organization import KINDS

EVENTS = Path(__file__).parents[1] / "events"


def event(name):
    return json.loads((EVENTS / f"{name}.json").read_text())


def ours(kind, **detail):
    return {"source": "orgsync", "detail-type": kind, "detail": detail}


def targets(world, run_id="run-1"):
    """account → kinds of all batches of a run."""
    items = [
        item
        for batch in world.batches(run_id)
        for item in world.json(f"runs/{run_id}/batches/{batch['batch']:05d}.json")
    ]
    assert len({item["account"] for item in items}) == len(items)
    return {item["account"]: set(item["kinds"]) for item in items}


def test_a_bell_becomes_a_run_with_batches(world):
    """The answer says where the batches are; the header is open and knows what it works with."""
    answer = world.ring()
    assert answer == {
        "outcome": "process",
        "run_id": "run-1",
        "bucket": "runs",
        "manifest": "runs/run-1/batches.json",
    }
    run = world.header()
    assert (run.status, run.cause, run.config_version, run.batches) == (RunStatus.IN_PROGRESS, Cause.SCHEDULE, 1, 1)
    assert {str(kind) for kind in run.source} == set(KINDS)
    assert targets(world) == {key: set(KINDS) for key in world.members}
    assert world.lease().holder.run_id == "run-1"


def test_an_event_is_planned_for_its_own_kind(world):
    """A change of one kind at the source concerns that kind, for every account."""
    event_changed = event("transformed-source-changed")
    world.ring(bell=event_changed)
    assert targets(world) == {key: {"security"} for key in world.members}
    assert world.header().triggered_at == "2026-11-01T10:00:00.000+00:00"


def test_a_new_account_is_planned_alone(world):
    """An account that joined is the only one of its run, with every kind."""
    world.ring(bell=event("account-created"))
    assert targets(world) == {"200000000001": set(KINDS)}


def test_an_account_that_is_no_member_is_left(world):
    """An account that is not (or no longer) in the organization is skipped by name, and nothing is to be done."""
    answer = world.ring(bell=ours("Operator", accounts=["299999999999"], kinds=["billing"]))
    assert answer["outcome"] == "report"
    assert world.ends() == {("299999999999", "billing"): ("skipped", "NotActive")}


def test_the_management_account_is_never_a_target(world):
    """Not even when it is asked for by its id: there is nothing to work on, and no receipt."""
    answer = world.ring(bell=ours("Operator", accounts=[world.management]))
    assert answer["outcome"] == "report"
    assert world.receipts() == []
    assert world.report()["status"] == "completed"


def test_batches_are_cut_for_one_functions_life(make_world, monkeypatch):
    """A large organization is cut into batches, each account in one of them."""
    monkeypatch.setattr("orgsync.handlers.contact_sync.plan.BATCH", 4)
    world = make_world(10)
    world.configure()
    world.ring()
    assert [item["batch"] for item in world.batches("run-1")] == [0, 1, 2]
    assert set(targets(world)) == set(world.members)
    assert world.header().batches == 3


def test_a_header_says_when_and_by_whom(world):
    """Who rang and when stands in the header, in UTC; the start is the execution's own."""
    world.ring(bell=event("transformed-source-changed"))
    run = world.header()
    assert run.initiator == "arn:aws:iam::100000000001:user/ann"
    assert run.started == "2026-11-01T10:00:00.000+00:00"
    assert replace(run, source={}).cause is Cause.SOURCE_CHANGED


# --- left alone -----------------------------------------------------------------------------


def test_excluded_accounts_and_units_are_left_with_receipts(make_world):
    """Accounts excluded by id or below an excluded unit get receipts and stand in no batch."""
    world = make_world(4)
    for account, unit in zip(
        world.organization.accounts, ["/Sandbox/Team A", "/Workloads", "/", "/Sandboxes"], strict=True
    ):
        account.ou = unit
    first, second, third, fourth = world.members
    world.configure(excluded_accounts=[third], excluded_units=["/Sandbox"], contact_types=["billing"])
    world.ring()
    assert set(targets(world)) == {second, fourth}
    assert world.ends() == {
        (first, "billing"): ("skipped", "Excluded"),
        (third, "billing"): ("skipped", "Excluded"),
    }


@pytest.mark.parametrize("state", ["PENDING_ACTIVATION", "SUSPENDED", "PENDING_CLOSURE", "CLOSED"])
def test_only_active_accounts_are_targets(world, state):
    """An account in any other state is skipped as not active, in every kind."""
    world.organization.accounts[1].state = state
    world.ring()
    assert world.members[1] not in targets(world)
    assert world.ends() == {(world.members[1], kind): ("skipped", "NotActive") for kind in KINDS}


@pytest.mark.parametrize(("policy", "left"), [("alert", True), ("ignore", True), ("propagate", False)])
def test_a_contact_missing_at_the_source_follows_the_policy(world, policy, left):
    """Only with `propagate` a missing alternate is work; else it is left alone with a receipt."""
    world.configure(on_source_delete=policy)
    world.edit("billing", None)
    world.ring()
    expected = set(KINDS) - {"billing"} if left else set(KINDS)
    assert targets(world) == dict.fromkeys(world.members, expected)
    skipped = {(account, "billing"): ("skipped", "SourceMissing") for account in world.members}
    assert world.ends() == (skipped if left else {})


def test_everything_excluded_is_a_run_without_work(world):
    """A run that has nothing to do goes straight to its report, and is a success."""
    world.configure(excluded_accounts=world.members)
    assert world.ring()["outcome"] == "report"
    answer = world.report()
    assert (answer["status"], answer["severity"], answer["counts"]["skipped"]) == ("completed", "low", 12)


# --- refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bell", "reason", "source"),
    [
        (event("member-written-pascal"), "MemberWrite", "aws.account"),
        (event("transformed-member-written"), "MemberWrite", "aws.account"),
        (event("account-creation-failed"), "AccountCreationFailed", "aws.organizations"),
        (event("truncated-no-detail"), "MalformedBell", "aws.account"),
        (event("another-service"), "UnknownBell", "aws.ec2"),
        ({}, "MalformedBell", "unknown"),
        ("a text", "MalformedBell", "unknown"),
        (["a list"], "MalformedBell", "unknown"),
    ],
)
def test_a_refused_bell_is_answered_by_its_class(world, bell, reason, source):
    """A refusal is an answer, not a failure: nothing is kept of it and the lease stays free."""
    answer = world.ring(bell=bell)
    assert answer == {"outcome": "refused", "run_id": "run-1", "refusal": {"reason": reason, "source": source}}
    assert world.items() == []
    assert world.objects() == {}


def test_our_own_write_is_refused(world):
    """An event of our own worker's role starts no run."""
    own = event("transformed-own-write")
    own["detail"]["userIdentity"]["arn"] = "arn:aws:sts::100000000001:assumed-role/orgsync-test-process/s"
    assert world.ring(bell=own)["refusal"]["reason"] == "OwnWrite"


def test_a_bell_before_the_first_configuration_is_refused(make_world):
    """While the stack is still being deployed, nothing can be decided; the deploy's own run comes later."""
    assert make_world().ring()["refusal"]["reason"] == "ConfigurationMissing"


def test_a_kind_that_is_not_configured_is_refused(world):
    """A change of a kind that is not kept in step is none of our business."""
    world.configure(contact_types=["primary"])
    assert world.ring(bell=event("transformed-source-changed"))["refusal"]["reason"] == "KindNotConfigured"
    assert world.lease().holder is None


def test_unconfigured_kinds_are_no_work(world):
    """A bell for everything is cut to the configured kinds."""
    world.configure(contact_types=["primary", "security"])
    world.ring()
    assert targets(world) == {key: {"primary", "security"} for key in world.members}
    assert {str(kind) for kind in world.header().source} == {"primary", "security"}


def test_paused_refuses_every_bell(world):
    """While paused, nothing runs."""
    world.configure(paused=True)
    assert world.ring()["refusal"]["reason"] == "Paused"
    assert world.items() == []


def test_a_handed_over_run_that_is_refused_frees_the_lease(world):
    """Paused while a request waited: its run is refused, the lease is free, and unpausing lets the next run go."""
    world.ring("run-1")
    waiting = world.ring("run-2")["into"]
    world.configure(paused=True)
    world.work("run-1")
    world.report("run-1")
    assert world.lease().holder.run_id == waiting
    assert world.plan(waiting)["refusal"]["reason"] == "Paused"
    assert world.lease().holder is None
    world.configure()
    assert world.ring("run-3")["outcome"] == "process"


# --- one at a time --------------------------------------------------------------------------


def test_bells_that_ring_during_a_run_wait_together(world):
    """Two bells during a run become one pending request, in which both are whole."""
    world.ring("run-1")
    second = world.ring("run-2", event("transformed-source-changed"))
    third = world.ring("run-3", event("account-created"))
    assert second["outcome"] == third["outcome"] == "merged"
    assert second["into"] == third["into"] == world.lease().pending.run_id
    pending = world.lease().pending.request
    assert {str(kind) for kind in pending.everyone} == {"security"}
    assert pending.kinds_for("200000000001") == frozenset(KINDS)
    header = world.header("run-2")
    assert (header.status, header.into) == (RunStatus.MERGED, second["into"])


def test_a_duplicate_of_the_running_bell_waits_for_nothing(world):
    """An event delivered twice is answered by the run that it started."""
    world.ring("run-1", event("source-deleted"))
    assert world.ring("run-2", event("source-deleted")) == {"outcome": "merged", "run_id": "run-2", "into": "run-1"}
    assert world.lease().pending is None


def test_a_merged_bell_changes_nothing_of_the_run(world):
    """Whoever merges reads and writes no contact and no batch."""
    world.ring("run-1")
    before, calls = world.objects(), world.account.calls
    world.ring("run-2")
    assert world.objects() == before
    assert world.account.calls == calls
