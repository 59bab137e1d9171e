"""Plan: an event becomes a run, is refused, or is answered by another run."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.core.run import RunStatus
from orgsync.contact_sync.core.trigger import parse_trigger
from orgsync.contact_sync.names import Cause, Kind, OwnEvent
from orgsync.sandbox.model.organization import KINDS
from orgsync.shared.clock import timestamp
from tests.sample_events import own_event, sample_event
from tests.world import MakeWorld, World, schedule


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
def test_an_account_that_is_no_member_is_skipped_by_name(world: World, members: int) -> None:
    """A request that cannot be carried out is no success: an id of nobody, or the management account's own.

    The members that were asked for beside it are brought in sync, and the source is not touched.
    """
    asked = ["299999999999", world.management, *world.members[:members]]
    source = world.account.contacts()[world.management]
    world.run(event=own_event("Operator", accounts=asked, kinds=["billing"]))
    nobody = {(account, "billing"): ("skipped", "NotAMember") for account in asked[:2]}
    assert world.ends() == nobody | {(account, "billing"): ("success", None) for account in asked[2:]}
    assert (world.header().scenario, world.header().status) == ("configuration_errors", "completed")
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
    """It goes straight to its report; of a whole organization in which nothing was compared that is no success."""
    world.configure(excluded_accounts=world.members)
    assert world.start()["outcome"] == "report"
    answer = world.report()
    assert (answer["status"], answer["severity"], answer["counts"]["skipped"]) == ("completed", "medium", 12)
    (message,) = world.messages()
    assert "no contact compared, 3 accounts left alone" in str(message.subject)


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


def test_merged_events_keep_who_asked(world: World) -> None:
    """Whoever asked for a part of a run stands in its header, however many events became one request."""
    world.start("run-1")
    for number, caller in enumerate(("ann", "bo", "cy")):
        arn = f"arn:aws:iam::100000000001:user/{caller}"
        event = sample_event("source-deleted", eventID=f"e-{number}", userIdentity={"arn": arn})
        waiting = world.start(f"run-{number + 2}", event)["into"]
    world.work("run-1")
    world.report("run-1")
    world.plan(waiting)
    assert [arn[-2:] for arn in world.header(waiting).initiators] == ["nn", "bo", "cy"]


# --- moves, tags, units ---------------------------------------------------------------------


def test_a_moved_account_is_planned_alone_with_every_kind(world: World) -> None:
    """An account's unit decides what it should hold; nobody else is concerned."""
    world.start(event=sample_event("account-moved-pascal"))
    assert world.targets() == {"200000000001": set(KINDS)}
    assert world.header().cause is Cause.ACCOUNT_CHANGED


@pytest.mark.parametrize("name", ["unit-created", "unit-renamed", "unit-deleted"])
def test_a_unit_matters_only_where_units_are_excluded(make_world: MakeWorld, name: str) -> None:
    """The meaning of `excluded_units` has changed for everyone; without any unit for nobody."""
    world = make_world(3)
    world.organization.accounts[0].ou = "/Sandbox"
    world.configure()
    assert world.start("run-1", sample_event(name))["refusal"]["reason"] == "NoAccount"
    world.configure(excluded_units=["/Sandbox"])
    world.start("run-2", sample_event(name))
    assert set(world.targets("run-2")) == set(world.members[1:])


@pytest.mark.parametrize("name", ["account-moved-masked", "account-moved-without-parameters", "masked-tagged"])
def test_a_move_of_nobody_known_is_about_everyone(world: World, name: str) -> None:
    """An unclear event widens the comparison, whatever is excluded."""
    world.start(event=sample_event(name))
    assert world.targets() == {key: set(KINDS) for key in world.members}


# --- the rest of a run that made way --------------------------------------------------------


def preempted(
    world: World, batch_size: int, kinds: tuple[str, ...], after: int, before: Callable[[], None] = lambda: None
) -> str:
    """Let a run make way once so many of its accounts are compared; return the run that waits."""
    world.start("run-1", own_event("Operator", kinds=kinds), batch_size=batch_size)
    world.work("run-1")
    waiting: str = world.start("run-2", sample_event("source-deleted"))["into"]
    for receipt in world.receipts("run-1"):
        if receipt.account in world.members[after:]:
            world.states.forget_receipt("run-1", receipt.account, receipt.kind)
    assert world.states.update_lease(lambda lease: lease.preempt("run-1"))
    before()
    world.report("run-1")
    return waiting


@pytest.mark.parametrize("batch_size", [1, 3, 7, 1000])
@pytest.mark.parametrize("after", [1, 5, 11, 20])
def test_the_rest_comes_first_with_all_its_kinds(make_world: MakeWorld, batch_size: int, after: int) -> None:
    """Each account that was left has the kinds that were left and those that are wanted now; then come the others."""
    world = make_world(20)
    world.configure()
    waiting = preempted(world, batch_size, ("primary", "security"), after)
    assert world.plan(waiting, batch_size=batch_size)["outcome"] == "process"
    run = world.header(waiting)
    assert run.rest == "run-1"
    left = set(world.members[after:])
    wanted = {key: {"billing", "primary", "security"} if key in left else {"billing"} for key in world.members}
    assert world.targets(waiting) == wanted
    order = [
        {target["account"] for target in world.json(f"runs/{waiting}/batches/{item['batch']:05d}.json")}
        for item in world.batches(waiting)
    ]
    behind = [bool(part - left) for part in order]
    assert behind == sorted(behind)
    assert all(not part - left for part in order[: sum(not one for one in behind)])
    assert {key: end for key, end in world.ends("run-1").items() if key[0] in left} == {
        (key, kind): ("skipped", "HandedOver") for key in left for kind in ("primary", "security")
    }


def test_what_the_rest_excludes_by_now_is_not_taken_up(make_world: MakeWorld) -> None:
    """The accounts of a rest are judged anew: by the configuration and by the organization as they are now."""
    world = make_world(6)
    world.configure()
    waiting = preempted(world, 2, ("security",), 2)
    world.configure(excluded_accounts=[world.members[3]], contact_types=["billing", "security"])
    world.organization.accounts[4].state = "SUSPENDED"
    world.plan(waiting)
    assert set(world.targets(waiting)) == {*world.members[:3], world.members[5]}
    assert {end for key, end in world.ends(waiting).items() if key[0] == world.members[3]} == {("skipped", "Excluded")}


def test_a_rest_is_taken_up_although_what_was_asked_is_no_longer_configured(make_world: MakeWorld) -> None:
    """The waiting change concerns a kind that was taken out meanwhile: what the run before left is still to be done."""
    world = make_world(6)
    world.configure()
    waiting = preempted(world, 2, ("security",), 2)
    world.configure(contact_types=["security"])
    assert world.plan(waiting)["outcome"] == "process"
    assert world.targets(waiting) == {key: {"security"} for key in world.members[2:]}


def test_a_rest_of_more_accounts_than_a_request_holds_is_listed_once(make_world: MakeWorld) -> None:
    """Thousands of accounts are not looked up one by one."""
    world = make_world(1300)
    world.configure()
    waiting = preempted(world, 500, ("security",), 10)
    world.configure(contact_types=["security"])
    world.plan(waiting)
    assert world.targets(waiting) == {key: {"security"} for key in world.members[10:]}
    assert len(world.batches(waiting)) == 3


def test_a_rest_outlives_a_run_that_died_before_it_was_planned(make_world: MakeWorld) -> None:
    """The run that should have taken it up died: the next one takes up the same rest."""
    world = make_world(6)
    world.configure()
    waiting = preempted(world, 2, ("security",), 2)
    following = world.start("run-3", sample_event("account-created"))["into"]
    event = world.executions.events()[waiting]
    world.report(waiting, event=event, error={"Error": "States.Timeout"})
    assert world.holder() == following
    world.plan(following)
    assert set(world.targets(following)) == {"200000000001", *world.members[2:]}


def test_a_rest_that_nobody_waits_for_is_kept_for_the_next_run(make_world: MakeWorld) -> None:
    """The run that should have taken it up died, and none waits: whatever comes next takes it up."""
    world = make_world(6)
    world.configure()
    waiting = preempted(world, 2, ("security",), 2)
    world.report(waiting, event=world.executions.events()[waiting], error={"Error": "States.Timeout"})
    assert world.holder() is None
    world.start("run-9", sample_event("account-created"))
    assert set(world.targets("run-9")) == {"200000000001", *world.members[2:]}
    world.work("run-9")
    world.report("run-9")
    assert world.lease().left is None


def test_who_takes_up_a_rest_works_for_whoever_asked_for_it(make_world: MakeWorld) -> None:
    """Permissions of a first deployment are as fresh for it, and both who asked are named."""
    world = make_world(6)
    world.configure(retry_config={"fresh_permissions": 120})
    world.start("run-1", own_event("Initial Sync", create=True, initiator="arn:aws:iam::1:user/ann"))
    waiting = world.start("run-2", sample_event("source-deleted"))["into"]
    world.work("run-1")
    assert world.states.update_lease(lambda lease: lease.preempt("run-1"))
    world.report("run-1")
    world.plan(waiting)
    assert world.header(waiting).fresh_until
    assert "arn:aws:iam::1:user/ann" in world.header(waiting).initiators
    assert world.header("run-1").into == waiting


def test_a_run_that_made_way_is_stopped_before_the_next_begins(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second worker of it, whose caller has given up, records no intent once the lease is another run's."""
    world = make_world(6)
    world.configure()
    seen: list[RunStatus] = []
    start = world.executions.start

    def starting(run_id: str, event: dict[str, Any]) -> None:
        seen.append(world.header("run-1").status)
        start(run_id, event)

    def watch() -> None:
        monkeypatch.setattr(world.executions, "start", starting)

    preempted(world, 2, ("security",), 2, before=watch)
    assert seen[0] is RunStatus.STOPPED
    assert world.header("run-1").status is RunStatus.COMPLETED


# --- new accounts ---------------------------------------------------------------------------


def test_a_new_account_that_is_not_ready_is_asked_for_again(world: World) -> None:
    """Refused in its first minutes it is skipped, and one further execution is started, of just what was refused."""
    event = sample_event("account-created") | {"time": "2026-11-01T10:00:00Z"}
    world.clock.stand_at("2026-11-01T10:03:00+00:00")
    world.refuse("GetAlternateContact", "200000000001", "AccessDeniedException")
    world.run("run-1", event)
    refused = {("200000000001", kind): ("skipped", "NotYet") for kind in KINDS if kind != "primary"}
    assert world.ends() == refused | {("200000000001", "primary"): ("success", None)}
    assert world.holder() is None
    (again,) = world.started_runs() - {"run-1"}
    world.report("run-1")  # whoever finalizes it once more starts no second one
    assert world.started_runs() == {"run-1", again}
    event = world.executions.events()[again]
    assert event["detail-type"] == "Accounts Not Ready"
    assert event["detail"]["new_accounts"] == {"200000000001": "2026-11-01T10:00:00.000+00:00"}
    world.plan(again)
    assert world.targets(again) == {"200000000001": {kind for kind in KINDS if kind != "primary"}}
    assert world.header(again).cause is Cause.ACCOUNT_CREATED


def test_patience_with_a_new_account_ends(world: World) -> None:
    """Asked again and again until the patience is over, and a failure like any other after that."""
    world.refuse("*", "200000000001", "AccessDeniedException")
    world.clock.stand_at("2026-11-01T10:02:00+00:00")
    run_id, event, runs = "run-1", sample_event("account-created"), 0
    while True:
        runs += 1
        known = world.started_runs()
        world.run(run_id, event)
        started = world.started_runs() - known - {run_id}
        if not started:
            break
        assert set(world.ends(run_id).values()) == {("skipped", "NotYet")}
        assert world.header(run_id).severity not in ("high", "medium")
        (run_id,) = started
        event = world.executions.events()[run_id]
        world.clock.skip(timedelta(minutes=1))
    assert runs == 14
    assert set(world.ends(run_id).values()) == {("failed", "AccessDenied")}
    assert world.header(run_id).severity == "high"


@pytest.mark.parametrize("state", ["PENDING_ACTIVATION", "gone"])
def test_a_new_account_that_is_not_active_yet_is_not_ready(make_world: MakeWorld, state: str) -> None:
    """Organizations lists a new account late, or as not active yet: asked again, not given up."""
    world = make_world(2)
    world.configure()
    world.clock.stand_at("2026-11-01T10:03:00+00:00")
    if state == "gone":
        world.organization.accounts.pop(0)
    else:
        world.organization.accounts[0].state = state
    world.run("run-1", sample_event("account-created"))
    assert set(world.ends().values()) == {("skipped", "NotYet")}
    assert len(world.started_runs()) == 2


@pytest.mark.parametrize("event", [sample_event("account-moved-camel"), sample_event("account-tagged-camel"), None])
@pytest.mark.parametrize(("minutes", "ready"), [(1, False), (14, False), (16, True), (10**6, True)])
def test_an_account_is_new_whatever_event_is_first(
    world: World, monkeypatch: pytest.MonkeyPatch, event: Any, minutes: int, ready: bool
) -> None:
    """Organizations says when it joined: a move right after its creation, and a pass, know it as new all the same."""
    accounts = world.services.organization
    listed = {one.id: one for one in accounts.accounts()}
    joined = timestamp(world.clock.now() - timedelta(minutes=minutes))
    listed["200000000001"] = replace(listed["200000000001"], joined=joined)
    monkeypatch.setattr(accounts, "accounts", listed.values)
    monkeypatch.setattr(accounts, "account", listed.get)
    world.refuse("*", "200000000001", "AccessDeniedException")
    world.run("run-1", event)
    of_it = {end for (account, _), end in world.ends().items() if account == "200000000001"}
    assert of_it == {("failed", "AccessDenied") if ready else ("skipped", "NotYet")}
    assert len(world.started_runs()) == (1 if ready else 2)


def joined(world: World, monkeypatch: pytest.MonkeyPatch, since: Mapping[str, float]) -> None:
    """Let Organizations say that accounts joined so many seconds ago."""
    organization = world.services.organization
    moments = {one: timestamp(world.clock.now() - timedelta(seconds=ago)) for one, ago in since.items()}
    listed = {one.id: replace(one, joined=moments.get(one.id)) for one in organization.accounts()}
    monkeypatch.setattr(organization, "accounts", listed.values)
    monkeypatch.setattr(organization, "account", listed.get)


def not_ready(world: World, *known: str) -> list[str]:
    """Return the executions that wait for new accounts."""
    return sorted(one for one in world.started_runs() - set(known) if one.startswith("not-ready"))


PASS = Request(Cause.SCHEDULE, None, None, frozenset(Kind), event_ids=("pass",))

TRIGGERS = {
    "pass": None,
    "edit": sample_event("transformed-source-changed"),
    "move": sample_event("account-moved-camel"),
    "tag": sample_event("account-tagged-camel"),
    "operator": own_event("Operator", accounts=["200000000001"]),
}


@pytest.mark.parametrize("settle", [0, 120, 3600])
@pytest.mark.parametrize("trigger", TRIGGERS)
def test_a_new_account_is_not_touched_before_it_has_settled(
    world: World, monkeypatch: pytest.MonkeyPatch, trigger: str, settle: int
) -> None:
    """Whatever asks for it: nothing is written, nobody is alarmed, no lease is held, and a later run compares it.

    What is excluded meanwhile is never written.
    """
    world.configure(new_accounts={"settle": settle, "patience": 7200})
    joined(world, monkeypatch, {"200000000001": 5})
    world.run("run-1", TRIGGERS[trigger])
    of_it = {end for (account, _), end in world.ends().items() if account == "200000000001"}
    wrote = {write["account"] for write in world.account.writes}
    if not settle:
        assert of_it == {("success", None)}
        assert not not_ready(world)
        return
    asked = {kind for account, kind in world.ends() if account == "200000000001"}
    assert of_it == {("skipped", "NotYet")}
    assert "200000000001" not in wrote
    assert (world.header().severity, world.header().status) == ("none", "completed")
    assert world.holder() is None
    known: list[str] = []
    while waiting := not_ready(world, *known):
        (again,) = waiting
        known += waiting
        world.clock.skip(timedelta(minutes=1))
        world.run(again, world.executions.events()[again])
        assert world.holder() is None
        assert {account for account, _ in world.ends(again)} == {"200000000001"}
    assert len(known) == settle // 60
    assert world.ends(known[-1]) == {("200000000001", kind): ("success", None) for kind in asked}


def test_what_is_excluded_while_it_settles_is_never_written(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Created, met by a pass, and excluded before it is two minutes old."""
    joined(world, monkeypatch, {"200000000001": 5})
    world.run("run-1")
    world.configure(excluded_accounts=["200000000001"])
    (again,) = not_ready(world)
    world.clock.skip(timedelta(minutes=1))
    world.run(again, world.executions.events()[again])
    assert set(world.ends(again).values()) == {("skipped", "Excluded")}
    assert "200000000001" not in {write["account"] for write in world.account.writes}
    assert not_ready(world) == [again]


def test_a_creation_that_other_runs_know_keeps_them_off(world: World) -> None:
    """The event of its creation, which the same run answers, says how old an account is if Organizations does not."""
    world.configure(new_accounts={"settle": 600})
    world.clock.stand_at("2026-11-01T10:05:00+00:00")
    created = sample_event("account-created") | {"time": "2026-11-01T10:00:00Z"}
    request = parse_trigger(created, run_id="run-1", management=world.management)
    world.run("run-1", OwnEvent.PENDING.document(request.merged(PASS).to_json()))
    errors = {account: error for (account, _), (_, error) in world.ends().items()}
    assert errors == dict.fromkeys(world.members) | {"200000000001": "NotYet"}
    assert len(not_ready(world)) == 1


@pytest.mark.parametrize("time", ["2026-11-01T10:00:00Z", "2026-11-01T10:02:00Z", "2999-01-01T00:00:00Z", "", None])
def test_the_run_of_a_creation_has_waited(world: World, time: str | None) -> None:
    """The state machine has let the account settle before: it is compared, whatever its event says of the time."""
    world.clock.stand_at("2026-11-01T10:02:00+00:00")
    event = {key: value for key, value in sample_event("account-created").items() if key != "time"}
    world.run("run-1", event if time is None else event | {"time": time})
    assert set(world.ends().values()) == {("success", None)}


@pytest.mark.parametrize("count", [1, 501, 1100])
def test_no_new_account_is_forgotten_however_many_there_are(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """More than a request remembers are not touched either, and all of them are compared once they have settled."""
    world = make_world(count)
    world.configure(contact_types=["security"])
    joined(world, monkeypatch, dict.fromkeys(world.members, 5))
    world.run("run-1")
    assert set(world.ends().values()) == {("skipped", "NotYet")}
    assert world.header().severity == "none"
    (again,) = not_ready(world)
    world.clock.skip(timedelta(minutes=2))
    world.run(again, world.executions.events()[again])
    assert world.ends(again) == {(one, "security"): ("success", None) for one in world.members}


def test_a_run_that_ends_before_any_write_asks_for_no_new_account(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next run, each minute, would meet the same error and alarm each time."""
    world.configure(excluded_units=["/Nowhere"])
    joined(world, monkeypatch, {"200000000001": 5})
    world.run("run-1")
    assert world.header().error == "UnknownUnit"
    assert not not_ready(world)


def test_a_new_account_that_is_not_listed_is_not_forgotten_in_a_pass(world: World) -> None:
    """Its request was merged into one for everyone; it is asked for again, as it would be alone."""
    world.clock.stand_at("2026-11-01T10:05:00+00:00")
    account = world.organization.accounts.pop(0).id
    created = sample_event("account-created") | {"time": "2026-11-01T10:00:00Z"}
    request = parse_trigger(created, run_id="run-1", management=world.management)
    world.run("run-1", OwnEvent.PENDING.document(request.merged(PASS).to_json()))
    assert {error for (one, _), (_, error) in world.ends().items() if one == account} == {"NotYet"}
    assert len(not_ready(world)) == 1


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(st.integers(1, 1000), min_size=1, max_size=3),
    wrong=st.lists(st.integers(0, 999), min_size=1, max_size=3),
    beside=st.sampled_from([None, schedule()]),
)
@example([1000, 1000, 500], [0, 0, 499], None)
@example([1], [0], schedule())
def test_a_wrong_id_is_never_forgotten(
    make_world: MakeWorld, sizes: list[int], wrong: list[int], beside: dict[str, Any] | None
) -> None:
    """Of one request or of several that one run answers, by few ids or by thousands, also beside a pass.

    The run is no success, and every id that is no member's has its receipt.
    """
    world = make_world(30)
    world.configure(contact_types=["security"])
    world.start("run-1")
    asked = set[str]()
    for number, size in enumerate(sizes):
        ids = [f"{900_000_000_000 + 1000 * number + index}" for index in range(size)]
        ids[-1] = world.members[0]
        ids[wrong[min(number, len(wrong) - 1)] % size] = world.management
        asked |= set(ids)
        answer = world.start(f"operator-{number}", own_event("Operator", accounts=ids, kinds=["security"]))
        assert answer["outcome"] == "merged"
    if beside:
        world.start("pass", beside)
    world.work("run-1")
    world.report("run-1")
    answering = world.holder()
    assert answering
    world.plan(answering)
    world.work(answering)
    world.report(answering)
    ends = world.ends(answering)
    nobody = asked.difference(world.members)
    assert {account for (account, _), (_, error) in ends.items() if error == "NotAMember"} == nobody
    done = {account for (account, _), (_, error) in ends.items() if error is None}
    assert done >= asked.intersection(world.members)
    assert world.header(answering).scenario == "configuration_errors"


@pytest.mark.parametrize("size", [1001, 2500, 20_000])
def test_more_ids_than_one_run_takes_are_refused(world: World, size: int) -> None:
    """With a reason, at once: none of them is forgotten."""
    ids = [f"{900_000_000_000 + number}" for number in range(size)]
    answer = world.start(event=own_event("Operator", accounts=ids))
    assert answer["refusal"]["reason"] == "TooManyAccounts"
    assert world.holder() is None


def test_ids_that_what_waits_cannot_take_are_refused(world: World) -> None:
    """A request beside thousands of ids that wait already: the run that goes on and the one that waits lose nothing."""
    world.start("run-1")
    outcomes = []
    for number in range(4):
        ids = [f"{900_000_000_000 + 1000 * number + index}" for index in range(1000)]
        outcomes.append(world.start(f"operator-{number}", own_event("Operator", accounts=ids))["outcome"])
    assert outcomes == ["merged", "merged", "merged", "refused"]
    assert world.holder() == "run-1"


@pytest.mark.parametrize("time", ["2999-01-01T00:00:00Z", "", "9999-12-31T23:59:59Z"])
def test_no_account_is_new_in_the_future(world: World, time: str) -> None:
    """An event from the future, or without a time, is as old as its run: patience ends for it too."""
    world.start(event=sample_event("account-created") | {"time": time})
    (since,) = world.header().new_accounts.values()
    assert since <= timestamp(world.clock.now())


@pytest.mark.parametrize(("create", "fresh"), [(True, True), (False, False)])
def test_permissions_are_fresh_for_two_minutes_after_a_first_deployment(
    world: World, create: bool, fresh: bool
) -> None:
    """A run of a stack that was just made knows until when."""
    world.configure(retry_config={"fresh_permissions": 120})
    world.start(event=own_event("Initial Sync", create=create))
    until = world.header().fresh_until
    assert (until is not None) is fresh
    if until:
        left = datetime.fromisoformat(until) - world.clock.now()
        assert timedelta(seconds=110) < left <= timedelta(seconds=120)
