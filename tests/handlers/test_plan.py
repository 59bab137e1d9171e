"""Plan: an event becomes a run, is refused, or is answered by another run."""

from dataclasses import replace
from typing import Any

import pytest

from orgsync.contact_sync.core.run import RunStatus
from orgsync.contact_sync.names import Cause
from orgsync.sandbox.model.organization import KINDS
from tests.sample_events import own_event, sample_event
from tests.world import MakeWorld, World


def test_an_event_becomes_a_run_with_batches(world: World) -> None:
    """The answer says where the batches are; the header is open and knows what it works with."""
    answer = world.start()
    assert answer == {
        "outcome": "process",
        "run_id": "run-1",
        "bucket": "runs",
        "manifest": "runs/run-1/batches.json",
    }
    run = world.header()
    assert (run.status, run.cause, run.config_version, run.batches) == (RunStatus.IN_PROGRESS, Cause.SCHEDULE, 1, 1)
    assert {str(kind) for kind in run.source} == set(KINDS)
    assert world.targets() == {key: set(KINDS) for key in world.members}
    assert world.holder() == "run-1"


def test_an_event_is_planned_for_its_own_kind(world: World) -> None:
    """A change of one kind at the source concerns that kind, for every account."""
    world.start(event=sample_event("transformed-source-changed"))
    assert world.targets() == {key: {"security"} for key in world.members}
    assert world.header().triggered_at == "2026-11-01T10:00:00.000+00:00"


def test_a_new_account_is_planned_alone(world: World) -> None:
    """An account that joined is the only one of its run, with every kind."""
    world.start(event=sample_event("account-created"))
    assert world.targets() == {"200000000001": set(KINDS)}


@pytest.mark.parametrize("members", [0, 1, 2])
def test_an_account_that_is_no_member_fails_by_name(world: World, members: int) -> None:
    """What was asked for and cannot be done is no success: an id of nobody, or the management account's own.

    The members that were asked for beside it are brought in sync, and the source is not touched.
    """
    asked = ["299999999999", world.management, *world.members[:members]]
    source = world.account.contacts()[world.management]
    world.run(event=own_event("Operator", accounts=asked, kinds=["billing"]))
    nobody = {(account, "billing"): ("failed", "NotAMember") for account in asked[:2]}
    assert world.ends() == nobody | {(account, "billing"): ("success", None) for account in asked[2:]}
    assert world.header().scenario != "success_completion"
    assert world.account.contacts()[world.management] == source


def test_batches_are_cut_for_one_functions_life(make_world: MakeWorld) -> None:
    """A large organization is cut into batches, each account in one of them."""
    world = make_world(10)
    world.configure()
    world.start(batch_size=4)
    assert [item["batch"] for item in world.batches()] == [0, 1, 2]
    assert set(world.targets()) == set(world.members)
    assert world.header().batches == 3


def test_a_header_names_the_initiator_and_the_times(world: World) -> None:
    """The event's time and initiator stand in the header, in UTC; the start is the execution's own."""
    world.start(event=sample_event("transformed-source-changed"))
    run = world.header()
    assert run.initiator == "arn:aws:iam::100000000001:user/ann"
    assert run.started == "2026-11-01T10:00:00.000+00:00"
    assert replace(run, source={}).cause is Cause.SOURCE_CHANGED


# --- skipped --------------------------------------------------------------------------------


def test_excluded_accounts_and_units_are_skipped_with_receipts(make_world: MakeWorld) -> None:
    """Accounts excluded by id or below an excluded unit get receipts and stand in no batch."""
    world = make_world(4)
    for account, unit in zip(
        world.organization.accounts, ["/Sandbox/Team A", "/Workloads", "/", "/Sandboxes"], strict=True
    ):
        account.ou = unit
    first, second, third, fourth = world.members
    world.configure(excluded_accounts=[third], excluded_units=["/Sandbox"], contact_types=["billing"])
    world.start()
    assert set(world.targets()) == {second, fourth}
    assert world.ends() == {
        (first, "billing"): ("skipped", "Excluded"),
        (third, "billing"): ("skipped", "Excluded"),
    }


@pytest.mark.parametrize("state", ["PENDING_ACTIVATION", "SUSPENDED", "PENDING_CLOSURE", "CLOSED"])
def test_only_active_accounts_are_targets(world: World, state: str) -> None:
    """An account in any other state is skipped as not active, in every kind."""
    world.organization.accounts[1].state = state
    world.start()
    assert world.members[1] not in world.targets()
    assert world.ends() == {(world.members[1], kind): ("skipped", "NotActive") for kind in KINDS}


@pytest.mark.parametrize(("policy", "skipped"), [("alert", True), ("ignore", True), ("propagate", False)])
def test_a_contact_missing_at_the_source_follows_the_policy(world: World, policy: str, skipped: bool) -> None:
    """Only with `propagate` a missing alternate is work; else it is skipped with a receipt."""
    world.configure(on_source_delete=policy)
    world.edit("billing", None)
    world.start()
    expected = set(KINDS) - {"billing"} if skipped else set(KINDS)
    assert world.targets() == dict.fromkeys(world.members, expected)
    receipts = {(account, "billing"): ("skipped", "SourceMissing") for account in world.members}
    assert world.ends() == (receipts if skipped else {})


def test_everything_excluded_is_a_run_without_work(world: World) -> None:
    """A run that has nothing to do goes straight to its report, and is a success."""
    world.configure(excluded_accounts=world.members)
    assert world.start()["outcome"] == "report"
    answer = world.report()
    assert (answer["status"], answer["severity"], answer["counts"]["skipped"]) == ("completed", "low", 12)


# --- refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "reason", "source"),
    [
        (sample_event("member-written-pascal"), "MemberWrite", "aws.account"),
        (sample_event("transformed-member-written"), "MemberWrite", "aws.account"),
        (sample_event("account-creation-failed"), "CallFailed", "aws.organizations"),
        (sample_event("truncated-no-detail"), "MalformedEvent", "aws.account"),
        (sample_event("another-service"), "UnknownEvent", "aws.ec2"),
        ({}, "MalformedEvent", "unknown"),
        ("a text", "MalformedEvent", "unknown"),
        (["a list"], "MalformedEvent", "unknown"),
    ],
)
def test_a_refused_event_is_answered_by_its_class(world: World, event: Any, reason: str, source: str) -> None:
    """A refusal is an answer, not a failure: nothing is kept of it and the lease stays free."""
    answer = world.start(event=event)
    assert answer == {"outcome": "refused", "run_id": "run-1", "refusal": {"reason": reason, "source": source}}
    assert world.items() == []
    assert world.objects() == {}


def test_our_own_write_is_refused(world: World) -> None:
    """An event of our own worker's role starts no run."""
    own = sample_event("transformed-own-write")
    own["detail"]["userIdentity"]["arn"] = "arn:aws:sts::100000000001:assumed-role/orgsync-test-process/s"
    assert world.start(event=own)["refusal"]["reason"] == "MemberWrite"


def test_an_event_before_the_first_configuration_is_refused(make_world: MakeWorld) -> None:
    """While the stack is still being deployed, nothing can be decided; the initial sync comes later."""
    assert make_world().start()["refusal"]["reason"] == "ConfigurationMissing"


def test_a_kind_that_is_not_configured_is_refused(world: World) -> None:
    """A change of a kind that is not kept in sync starts no run."""
    world.configure(contact_types=["primary"])
    assert world.start(event=sample_event("transformed-source-changed"))["refusal"]["reason"] == "KindNotConfigured"
    assert world.holder() is None


def test_unconfigured_kinds_are_no_work(world: World) -> None:
    """An event about everything is cut to the configured kinds."""
    world.configure(contact_types=["primary", "security"])
    world.start()
    assert world.targets() == {key: {"primary", "security"} for key in world.members}
    assert {str(kind) for kind in world.header().source} == {"primary", "security"}


def test_paused_refuses_every_event(world: World) -> None:
    """While paused, nothing runs."""
    world.configure(paused=True)
    assert world.start()["refusal"]["reason"] == "Paused"
    assert world.items() == []


def test_a_handed_over_run_that_is_refused_frees_the_lease(world: World) -> None:
    """Paused while a request waited: its run is refused, the lease is free, and unpausing lets the next run go."""
    world.start("run-1")
    waiting = world.start("run-2")["into"]
    world.configure(paused=True)
    world.work("run-1")
    world.report("run-1")
    assert world.holder() == waiting
    assert world.plan(waiting)["refusal"]["reason"] == "Paused"
    assert world.holder() is None
    world.configure()
    assert world.start("run-3")["outcome"] == "process"


# --- one at a time --------------------------------------------------------------------------


def test_events_during_a_run_wait_together(world: World) -> None:
    """Two events during a run become one pending request, in which both are whole."""
    world.start("run-1")
    second = world.start("run-2", sample_event("transformed-source-changed"))
    third = world.start("run-3", sample_event("account-created"))
    assert second["outcome"] == third["outcome"] == "merged"
    assert second["into"] == third["into"] == world.pending().run_id
    pending = world.pending().request
    assert {str(kind) for kind in pending.everyone} == {"security"}
    assert pending.kinds_for("200000000001") == frozenset(KINDS)
    header = world.header("run-2")
    assert (header.status, header.into) == (RunStatus.MERGED, second["into"])


def test_a_duplicate_of_the_answered_event_waits_for_nothing(world: World) -> None:
    """An event delivered twice is answered by the run that it started."""
    world.start("run-1", sample_event("source-deleted"))
    again = world.start("run-2", sample_event("source-deleted"))
    assert again == {"outcome": "merged", "run_id": "run-2", "into": "run-1"}
    assert world.lease().pending is None


def test_a_merged_event_changes_nothing_of_the_run(world: World) -> None:
    """Merging reads and writes no contact and no batch."""
    world.start("run-1")
    before, calls = world.objects(), world.account.calls
    world.start("run-2")
    assert world.objects() == before
    assert world.account.calls == calls
