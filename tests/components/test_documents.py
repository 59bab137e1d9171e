"""Policies, templates and the state machine: what others' linters say of them, and what only we know."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orgsync.components.contact_sync import initial_sync, permissions, policies, state_machine
from orgsync.components.contact_sync.deployment import InitialSyncSettings
from orgsync.components.contact_sync.resource_names import member_rule_arn
from orgsync.components.contact_sync.resource_policies import failed_events_policy, key_policy, queue_key_policy
from orgsync.components.shared.resource_policies import queue_policy, topic_policy, trust
from orgsync.components.shared.stack_context import StackContext
from orgsync.components.shared.statements import Statement, policy_document
from orgsync.contact_sync.adapters import organization
from orgsync.contact_sync.names import FunctionName, PlanResult
from tests import linting
from tests.components.program import Declare

KEY = "arn:aws:kms:us-east-1:100000000001:key/00000000-0000-4000-8000-000000000000"

SYNC = InitialSyncSettings()

Identities = Mapping[str, Sequence[Statement]]
"""Statements by role."""


@pytest.fixture(scope="module")
def arns(context: StackContext) -> permissions.StoreArns:
    return permissions.StoreArns(
        key=KEY,
        config_table=context.arn("dynamodb", "table/config"),
        state_table=context.arn("dynamodb", "table/state"),
        failed_invocations=context.arn("sqs", "dead"),
        topics=(context.arn("sns", "topic"),),
    )


@pytest.fixture(scope="module")
def identities(context: StackContext, arns: permissions.StoreArns) -> Identities:
    """Return every identity's statements, by role."""
    functions = {function.module: getattr(permissions, function.module)(context, arns) for function in FunctionName}
    return functions | {
        "state_machine": policies.state_machine_role(context, KEY, ["plan", "process", "report"], tracing=False),
        "events": [policies.start_runs(context)],
        "forward": [policies.forward(context)],
        "schedule": policies.schedule(context, KEY, arns.failed_invocations),
    }


def actions(statements: Sequence[Statement], effect: str = "Allow") -> set[str]:
    return {action for statement in statements if statement["Effect"] == effect for action in statement["Action"]}


def states_of(machine: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every state of a machine, with those inside its maps."""
    for name, state in machine["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from states_of(state["ItemProcessor"])


def test_every_policy_is_one_that_iam_accepts(identities: Identities) -> None:
    """Parliament knows every action and resource, and finds no mistake."""
    found = {role: linting.policy_mistakes(policy_document(*statements)) for role, statements in identities.items()}
    assert {role: mistakes for role, mistakes in found.items() if mistakes} == {}


def test_only_what_has_no_resource_is_allowed_everywhere(identities: Identities) -> None:
    """`*` as a resource stands only where AWS knows none."""
    everywhere = {
        statement["Sid"]
        for statements in identities.values()
        for statement in statements
        if "*" in statement["Resource"]
    }
    assert everywhere == {"ListOrganization", "LogDelivery"}


def test_no_action_is_a_pattern(identities: Identities) -> None:
    """Every role's actions are spelled out."""
    for statements in identities.values():
        assert not [action for action in actions(statements) if "*" in action]


def test_only_the_worker_writes_contacts_and_never_the_source(identities: Identities, context: StackContext) -> None:
    """Contacts are written by one role, which is denied the management account's own."""
    writes = {"account:PutAlternateContact", "account:PutContactInformation", "account:DeleteAlternateContact"}
    assert [role for role, statements in identities.items() if actions(statements) & writes] == ["process"]
    denied = [statement for statement in identities["process"] if statement["Effect"] == "Deny"]
    assert actions(denied, "Deny") == writes
    own = "arn:aws:account::100000000001:account"
    assert denied[0]["Resource"] == [own, f"{own}/{context.organization}/100000000001"]


def test_a_service_comes_in_only_for_this_account(context: StackContext) -> None:
    """Every service that a resource's policy lets in is held to our account, our members or our own log groups."""
    documents = [
        key_policy(context, trail=True),
        queue_key_policy(context),
        failed_events_policy(context, "arn:q"),
        topic_policy(context, "arn:t"),
        trust(context, "events.amazonaws.com", context.rule()),
        trust(context, "scheduler.amazonaws.com"),
    ]
    for statement in [s for document in documents for s in json.loads(document)["Statement"]]:
        if "Service" in statement["Principal"]:
            condition = statement["Condition"]
            ours = condition.get("StringEquals", {})
            if ours == {"aws:SourceOrgID": context.organization}:
                assert condition["ArnLike"] == {"aws:SourceArn": member_rule_arn(context)}
            else:
                sources = condition.get("ArnLike", {}).values()
                named = json.dumps([*sources, *ours.values()])
                assert f":{context.account}:" in named or f'"{context.account}"' in named


def test_eventbridge_is_asked_for_its_rule_and_not_for_the_account(context: StackContext) -> None:
    """It names no account; a resource that asked for it would let no event in."""
    documents = [
        key_policy(context),
        queue_key_policy(context),
        failed_events_policy(context, "arn:q"),
    ]
    statements = [s for document in documents for s in json.loads(document)["Statement"]]
    rules = [s for s in statements if s["Principal"] == {"Service": "events.amazonaws.com"}]
    assert len(rules) == 6
    for statement in rules:
        assert "aws:SourceAccount" not in json.dumps(statement)
        assert "aws:SourceArn" in statement["Condition"]["ArnLike"]


def test_members_leave_dead_letters_only_where_their_rules_are(context: StackContext) -> None:
    """Members' rules stand where account events happen: elsewhere neither queue nor key lets them in."""
    elsewhere = replace(context, region="eu-west-1")
    for policy in (key_policy, queue_key_policy):
        assert "Members" in policy(context)
        assert "Members" not in policy(elsewhere)
    assert "Members" not in failed_events_policy(elsewhere, "arn:q")


def test_nobody_but_our_roles_leaves_failed_invocations(declare: Declare) -> None:
    """Their permissions are their own policies': the queue itself lets nobody in."""
    assert [statement["Effect"] for statement in json.loads(queue_policy("arn:q"))["Statement"]] == ["Deny"]
    policy = {queue.inputs["name"]: queue.inputs["policy"] for queue in declare().of("Queue")}
    declared = json.loads(policy["orgsync-dev-contact-sync-failed-invocations"])["Statement"]
    assert [statement["Effect"] for statement in declared] == ["Deny"]


def test_crhelper_may_make_rules_of_its_own_name_only(identities: Identities, context: StackContext) -> None:
    """The initial sync's permission to make rules ends at the name that crhelper gives them in this stack."""
    rules = [s for s in identities["initial_sync"] if any(a.startswith("events:") for a in s["Action"])]
    assert {resource for s in rules for resource in s["Resource"]} == {
        "arn:aws:events:us-east-1:100000000001:rule/OrgsyncDevContactSync????????"
    }
    (custom,) = initial_sync.template(context, "v1", SYNC)["Resources"]
    assert custom == "OrgsyncDevContactSync"


def test_cloudformation_accepts_the_template(context: StackContext) -> None:
    """cfn-lint finds nothing to say of the template."""
    assert not linting.template_mistakes(json.dumps(initial_sync.template(context, "v1", SYNC)))


def test_step_functions_accepts_the_definition(context: StackContext, tmp_path: Path) -> None:
    """Neither cfn-lint nor asl-validator finds anything to say of the state machine."""
    assert linting.machine_mistakes(json.dumps(state_machine.definition(context)), tmp_path) == []


def test_every_task_is_done_again_after_a_killed_process(context: StackContext) -> None:
    """Each call of a function is retried on anything, and named a time-out."""
    tasks = [state for _, state in states_of(state_machine.definition(context)) if state["Type"] == "Task"]
    assert len(tasks) == 5
    for task in tasks:
        assert task["Retry"][-1]["ErrorEquals"] == ["States.ALL"]
        assert task["TimeoutSeconds"] > FunctionName.longest_life()


def test_whatever_fails_is_reported(context: StackContext) -> None:
    """Plan and the map end in a report when they fail; a batch lets the others go on."""
    states = dict(states_of(state_machine.definition(context)))
    for name in ("Plan", "Plan Once More", "Process"):
        assert states[name]["Catch"][-1]["ErrorEquals"] == ["States.ALL"]
        assert states[name]["Catch"][-1]["Next"] == "Report Failure"
    assert states["Batch"]["Catch"][0]["Next"] == "Batch Ended"
    assert "error.$" in states["Report Failure"]["Parameters"]["Payload"]


def test_an_organization_that_does_not_answer_is_waited_for(context: StackContext) -> None:
    """A plan without an answer is asked again for many minutes, and then once more by a plan that ends the run.

    One that is throttled has waited ten minutes by itself: other runs wait for the lease meanwhile.
    """
    states = dict(states_of(state_machine.definition(context)))
    (failed, throttled), catcher = states["Plan"]["Retry"][:2], states["Plan"]["Catch"][0]
    assert {*failed["ErrorEquals"], *throttled["ErrorEquals"]} == set(catcher["ErrorEquals"])
    assert {"ServiceFailed", "NetworkFailed", "NotInForce"} <= set(failed["ErrorEquals"])
    pauses = [
        min(failed["IntervalSeconds"] * failed["BackoffRate"] ** number, failed["MaxDelaySeconds"])
        for number in range(failed["MaxAttempts"])
    ]
    assert 5 * 60 < sum(pauses) < 30 * 60
    assert throttled["ErrorEquals"] == ["Throttled"]
    assert (1 + throttled["MaxAttempts"] + 1) * organization._PATIENCE <= 30 * 60
    assert states[catcher["Next"]]["Parameters"]["Payload"]["last"] is True


def test_one_batch_is_worked_on_at_a_time(context: StackContext) -> None:
    """One worker paces the organization's one quota: a second beside it would be throttled, and would throttle it."""
    maps = [state for _, state in states_of(state_machine.definition(context)) if state["Type"] == "Map"]
    assert [state["MaxConcurrency"] for state in maps] == [1]


@pytest.mark.parametrize("settle", [0, 1, 120, 3600])
def test_a_new_account_settles_without_the_lease(context: StackContext, settle: int) -> None:
    """The events of new accounts wait before any function is called; accounts that were not ready wait a minute."""
    states = state_machine.definition(context, settle)["States"]
    assert states["Settle"] == {"Type": "Wait", "Seconds": settle, "Next": "Plan"}
    assert states["Wait For Accounts"]["Seconds"] == 60
    assert states["Wait First?"]["Default"] == "Plan"


def test_the_machine_knows_every_outcome_of_a_plan(context: StackContext) -> None:
    """A plan's answer leads to its batches or to its report; merged and refused end the execution."""
    choose = state_machine.definition(context)["States"]["Choose"]
    assert {choice["StringEquals"]: choice["Next"] for choice in choose["Choices"]} == {
        PlanResult.PROCESS: "Process",
        PlanResult.REPORT: "Report",
    }
    assert choose["Default"] == "No Run"


def test_every_kind_of_contact_may_be_touched_and_no_other(context: StackContext, arns: permissions.StoreArns) -> None:
    """An alternate's type is a condition that lists all three, the primary contact has actions of its own."""
    for statements in (permissions.plan(context, arns), permissions.process(context, arns)):
        contacts = [s for s in statements if s["Effect"] == "Allow" and any("Contact" in a for a in s["Action"])]
        assert {
            action.split(":")[1].removeprefix("Get").removeprefix("Put").removeprefix("Delete")
            for action in actions(contacts)
        } == {"ContactInformation", "AlternateContact"}
        for statement in contacts:
            condition = statement.get("Condition", {})
            alternate = "AlternateContact" in statement["Action"][0]
            only = condition.get("ForAnyValue:StringEqualsIgnoreCase", {}).get("account:AlternateContactTypes")
            assert only == (["BILLING", "OPERATIONS", "SECURITY"] if alternate else None)


def test_a_change_of_contact_types_changes_no_permission(declare: Declare) -> None:
    """A run keeps its configuration to its end, also where the kinds that it works on are taken out meanwhile."""
    whole, less = (
        {role.name: role.inputs["policy"] for role in declare(contact_sync=document).of("RolePolicy")}
        for document in ({}, {"contact_types": ["billing"]})
    )
    assert whole == less


def test_members_are_those_of_our_organization(context: StackContext, arns: permissions.StoreArns) -> None:
    """Wherever in the organization they stand, by ARN alone: no condition rests on a key that AWS may not send."""
    members = [s for s in permissions.process(context, arns) if s["Sid"].startswith("SyncMembers")]
    assert members
    for statement in members:
        assert statement["Resource"] == [f"arn:aws:account::{context.account}:account/{context.organization}/*"]
        assert "OrgPaths" not in json.dumps(statement)
