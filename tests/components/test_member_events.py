"""Members' own changes: the rule that forwards them, and the bus and the rule that receive them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import parliament
import pytest
from cfnlint.api import lint_all
from moto.events.models import EventPattern

from orgsync.components.contact_sync import member_events, resource_policies
from orgsync.components.contact_sync.member_patterns import member_calls, member_rule
from orgsync.components.shared.stack_context import StackContext
from orgsync.components.shared.statements import policy_document
from orgsync.shared.configuration import ConfigurationRefused
from tests.components.program import Declare, Program

EVENTS = Path(__file__).parents[1] / "events"
MANAGEMENT, MEMBER, ORGANIZATION = "100000000001", "200000000001", "o-aaaabbbbcc"
BUS = "arn:aws:events:us-east-1:100000000001:event-bus/orgsync-dev-contact-sync-members"
QUEUE = "arn:aws:sqs:us-east-1:100000000001:orgsync-dev-contact-sync"

Event = dict[str, Any]


@pytest.fixture(scope="module")
def dev(declare: Declare) -> Program:
    return declare("dev")


@pytest.fixture
def resources(context: StackContext) -> dict[str, dict[str, Any]]:
    found = member_events.template(context)["Resources"]
    return {name: resource["Properties"] for name, resource in found.items()}


def call(name: str = "PutAlternateContact", caller: str = MEMBER, **changes: Any) -> Event:
    """Return the event of a member's call, with keys of it laid over."""
    detail = {"eventSource": "account.amazonaws.com", "eventName": name, "userIdentity": {"accountId": caller}}
    event: Event = {"source": "aws.account", "detail-type": "AWS API Call via CloudTrail", "account": MEMBER}
    return event | {"detail": detail | {"requestParameters": {}}} | changes


def matches(pattern: Mapping[str, Any], event: Any) -> bool:
    return bool(EventPattern.load(json.dumps(pattern)).matches_event(event))


def test_cloudformation_accepts_the_template(context: StackContext) -> None:
    """cfn-lint finds nothing to say of what every member gets, but for notes about style."""
    found = lint_all(json.dumps(member_events.template(context)))
    assert not [str(match) for match in found if match.rule.severity != "informational"]


def test_the_members_role_may_put_events_on_one_bus(resources: dict[str, dict[str, Any]]) -> None:
    """Nothing else: a role in every account of the organization is worth nothing to who steals it."""
    (policy,) = resources["Role"]["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == (["events:PutEvents"], [BUS])
    assert not parliament.analyze_policy_string(json.dumps(policy["PolicyDocument"])).findings


def test_only_the_members_rule_assumes_the_role(resources: dict[str, dict[str, Any]]) -> None:
    """EventBridge, for that rule of that account."""
    (statement,) = resources["Role"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
        "ArnLike": {
            "aws:SourceArn": {
                "Fn::Sub": f"arn:aws:events:us-east-1:${{AWS::AccountId}}:rule/{resources['Rule']['Name']}"
            }
        },
    }


def test_what_cannot_be_forwarded_is_not_lost(resources: dict[str, dict[str, Any]]) -> None:
    """The rule tries for a day, then puts the event into a queue under the management account's alarm."""
    (target,) = resources["Rule"]["Targets"]
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
    assert target["DeadLetterConfig"] == {"Arn": f"{QUEUE}-failed-events"}


@pytest.mark.parametrize("name", ["PutContactInformation", "PutAlternateContact", "DeleteAlternateContact"])
def test_a_members_own_change_is_forwarded_and_starts_a_run(context: StackContext, name: str) -> None:
    """Each call that changes a contact, by any caller of the member."""
    for event in (call(name), call(name, detail={**call(name)["detail"], "userIdentity": {"invokedBy": "x"}})):
        assert matches(member_calls(context), event)
        assert matches(member_rule(context).pattern, event)


@pytest.mark.parametrize("file", ["member-changed-by-delegate", "member-changed-forwarded", "member-changed-masked-id"])
def test_recorded_samples_start_a_run(context: StackContext, file: str) -> None:
    """Forwarded events of either casing, a delegated administrator's calls about others among them."""
    assert matches(member_rule(context).pattern, json.loads((EVENTS / f"{file}.json").read_text()))


@pytest.mark.parametrize(
    "event",
    [
        call("GetAlternateContact"),
        call(detail={**call()["detail"], "eventSource": "billing.amazonaws.com"}),
        call(source="com.example"),
        call(detail={**call()["detail"], "errorCode": "AccessDenied"}),
        call(caller=MANAGEMENT),
    ],
    ids=[
        "a read",
        "another service",
        "a source that is not AWS's",
        "a refused call",
        "a call of the management account",
    ],
)
def test_anything_else_stays_in_the_member(context: StackContext, event: Event) -> None:
    """Calls that changed nothing, and those of the management account itself: our own writes must never come back."""
    assert not matches(member_calls(context), event)


def test_the_management_account_is_no_member(context: StackContext) -> None:
    """A change of the source has its own rule, also if its event arrived on the members' bus."""
    assert not matches(member_rule(context).pattern, call(account=MANAGEMENT))


def test_the_bus_lets_in_the_organization_with_aws_own_events_only(context: StackContext) -> None:
    """PutEvents and nothing else, from this organization's accounts, with a source that nobody can make up."""
    text = resource_policies.members_bus_policy(context)
    (statement,) = json.loads(text)["Statement"]
    assert (statement["Action"], statement["Resource"]) == ("events:PutEvents", BUS)
    assert statement["Condition"] == {
        "StringEquals": {"aws:PrincipalOrgID": ORGANIZATION, "events:eventBusInvocation": "true"},
        "ForAllValues:StringLike": {"events:detail-type": "AWS * via CloudTrail", "events:source": ["aws.*"]},
    }
    # Parliament reads identities' policies: without its principal, action, resource and conditions are judged.
    identity = {key: value for key, value in statement.items() if key != "Principal"}
    assert not parliament.analyze_policy_string(policy_document(identity)).findings


def test_every_member_gets_it_newcomers_too(dev: Program) -> None:
    """Service-managed, following the organization, over its root, in the region where the events are recorded."""
    stack_set = dev.one("StackSet").inputs
    assert stack_set["permissionModel"] == "SERVICE_MANAGED"
    assert stack_set["autoDeployment"] == {"enabled": True, "retainStacksOnAccountRemoval": False}
    assert (stack_set["callAs"], stack_set["managedExecution"]) == ("SELF", {"active": True})
    instance = dev.one("StackSetInstance").inputs
    assert instance["deploymentTargets"] == {"organizationalUnitIds": ["r-abcd"]}
    assert instance["stackSetInstanceRegion"] == "us-east-1"


def test_nothing_is_forwarded_before_it_would_be_received(dev: Program) -> None:
    """The bus, its policy and its rule stand before the first member sends."""
    order = [(resource.type.rsplit(":", 1)[-1], resource.inputs.get("name")) for resource in dev]
    sends = order.index(("StackSetInstance", None))
    assert order.index(("EventBusPolicy", None)) < sends
    assert order.index(("EventRule", "orgsync-dev-contact-sync-member-changed")) < sends


def test_one_key_turns_it_off(declare: Declare) -> None:
    """No bus, no stack set, and nobody of a member is let in anywhere."""
    program = declare("dev", deployment={"member_events": False})
    assert not [*program.of("StackSet"), *program.of("StackSetInstance"), *program.of("EventBus")]
    assert not [resource for resource in program if ORGANIZATION in json.dumps(resource.inputs, default=str)]


def test_units_narrow_it_down(declare: Declare) -> None:
    """Only these units' members forward."""
    units = ["ou-abcd-11111111", "ou-abcd-22222222"]
    program = declare("dev", deployment={"member_units": units})
    assert program.one("StackSetInstance").inputs["deploymentTargets"] == {"organizationalUnitIds": units}


def test_more_units_than_cloudformation_takes_are_refused(declare: Declare) -> None:
    """Fifty in one call; a unit above them says the same."""
    units = [f"ou-abcd-{number:08}" for number in range(51)]
    with pytest.raises(ConfigurationRefused, match=r"^deployment\.member_units: .*50"):
        declare("dev", deployment={"member_units": units})


def test_a_unit_of_another_shape_is_refused(declare: Declare) -> None:
    """With its place, before anything is asked or declared."""
    with pytest.raises(ConfigurationRefused, match=r"^deployment\.member_units\.0"):
        declare("dev", deployment={"member_units": ["/Sandbox"]})


def test_members_send_straight_to_the_stacks_own_region(declare: Declare) -> None:
    """An event goes from bus to bus once [doc]; the bus is at home, the rule where events are recorded."""
    program = declare("dev", region="eu-west-1")
    bus = program.one("EventBus").inputs
    assert "region" not in bus
    assert program.one("StackSetInstance").inputs["stackSetInstanceRegion"] == "us-east-1"
    (target,) = json.loads(program.one("StackSet").inputs["templateBody"])["Resources"]["Rule"]["Properties"]["Targets"]
    assert target["Arn"] == f"arn:aws:events:eu-west-1:100000000001:event-bus/{bus['name']}"
    assert target["DeadLetterConfig"] == {"Arn": f"{QUEUE}-unforwarded-events"}
    (queue,) = [queue.inputs for queue in program.of("Queue") if "region" in queue.inputs]
    assert queue["region"] == "us-east-1"
    assert "Members" in {statement["Sid"] for statement in json.loads(queue["policy"])["Statement"]}
