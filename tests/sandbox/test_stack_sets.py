"""Stack sets deploy to members, follow changes of accounts, and leave nothing behind."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.errors import StackError
from orgsync.sandbox.resources import steps
from orgsync.sandbox.resources.context import ProviderContext
from orgsync.sandbox.resources.types import lookup

SET = "aws:cloudformation/stackSet:StackSet"
INSTANCE = "aws:cloudformation/stackSetInstance:StackSetInstance"
MEMBER = "200000000001"
BUS = "arn:aws:events:us-east-1:100000000001:event-bus/members"
STRANGER = "999999999999"
CONTACT = {"Name": "N", "Title": "T", "EmailAddress": "n@example.com", "PhoneNumber": "555 0100"}


def template(source: str = "aws.account") -> str:
    policy = {
        "Statement": [{"Effect": "Allow", "Action": "events:PutEvents", "Resource": BUS}],
        "Version": "2012-10-17",
    }
    role = {"RoleName": "forwards", "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}}
    target = {"Id": "1", "Arn": BUS, "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]}}
    rule = {"Name": "changed", "EventPattern": {"source": [source]}, "Targets": [target]}
    return json.dumps(
        {
            "Resources": {
                "Role": {
                    "Type": "AWS::IAM::Role",
                    "Properties": role | {"Policies": [{"PolicyName": "p", "PolicyDocument": policy}]},
                },
                "Rule": {"Type": "AWS::Events::Rule", "Properties": rule},
            }
        }
    )


@pytest.fixture
def root(cloud: Cloud) -> str:
    """The id of the organization's root."""
    return str(cloud.client("organizations").list_roots()["Roots"][0]["Id"])


@pytest.fixture
def deployed(cloud: Cloud, root: str) -> Cloud:
    """A set that follows the whole organization."""
    cloud.stack_sets.create("s", template(), auto_deploys=True)
    cloud.stack_sets.deploy("s", [root], "us-east-1")
    return cloud


def rules(cloud: Cloud, account: str, region: str = "us-east-1") -> list[str]:
    found = cloud.client("events", region=region, account=account).list_rules()["Rules"]
    return [rule["EventPattern"] for rule in found]


def roles(cloud: Cloud, account: str) -> list[str]:
    return [role["RoleName"] for role in cloud.client("iam", account=account).list_roles()["Roles"]]


def test_every_active_member_gets_the_templates_resources(cloud: Cloud, root: str) -> None:
    """In the chosen region; the management account and accounts that are not ACTIVE get none."""
    closed = cloud.organization.accounts[2].id
    cloud.close_account(closed)
    cloud.stack_sets.create("s", template(), auto_deploys=True)
    cloud.stack_sets.deploy("s", [root], "eu-west-1")
    assert len(rules(cloud, MEMBER, "eu-west-1")) == 1
    assert rules(cloud, MEMBER) == []
    assert "forwards" in roles(cloud, MEMBER)
    assert not rules(cloud, closed, "eu-west-1")
    assert not rules(cloud, cloud.organization.management, "eu-west-1")


def test_accounts_that_come_get_it_and_those_that_go_lose_it(deployed: Cloud) -> None:
    """A created and a joined account, and one that is closed."""
    for account in (deployed.create_account("created"), deployed.join_account("joined")):
        assert rules(deployed, account)
    deployed.close_account(MEMBER)
    assert rules(deployed, MEMBER) == []
    assert "forwards" not in roles(deployed, MEMBER)


def test_units_are_followed_with_all_below_them(cloud: Cloud) -> None:
    """An account that moves into a unit, or below it, gets it; one that moves out loses it."""
    cloud.move_account(MEMBER, "/Watched/Team")
    organizations = cloud.client("organizations")
    root = organizations.list_roots()["Roots"][0]["Id"]
    units = organizations.list_organizational_units_for_parent(ParentId=root)["OrganizationalUnits"]
    (watched,) = [unit["Id"] for unit in units if unit["Name"] == "Watched"]
    cloud.stack_sets.create("s", template(), auto_deploys=True)
    cloud.stack_sets.deploy("s", [watched], "us-east-1")
    assert rules(cloud, MEMBER)
    assert not rules(cloud, "200000000002")
    cloud.move_account("200000000002", "/Watched")
    cloud.move_account(MEMBER, "/Elsewhere")
    assert rules(cloud, "200000000002")
    assert not rules(cloud, MEMBER)


def test_another_template_takes_the_place_of_the_former(deployed: Cloud) -> None:
    """In every account where it stands."""
    deployed.stack_sets.update("s", template("aws.other"), auto_deploys=True)
    assert rules(deployed, MEMBER) == ['{"source": ["aws.other"]}']


def test_what_is_withdrawn_leaves_nothing(deployed: Cloud) -> None:
    """A set with instances cannot go; without them it goes, and nothing of it is left in any account."""
    with pytest.raises(StackError, match="not empty"):
        deployed.stack_sets.delete("s")
    assert [left for left in deployed.leftovers() if left.startswith("rule changed")]
    deployed.stack_sets.delete_instances("s", "us-east-1")
    assert deployed.leftovers() == ["stack set s"]
    deployed.stack_sets.delete("s")
    assert deployed.leftovers() == []


@pytest.mark.parametrize(
    ("resource", "said"),
    [
        ({"Type": "AWS::SQS::Queue"}, "AWS::SQS::Queue"),
        ({"Type": "AWS::Events::Rule", "Properties": {"ScheduleExpression": "rate(1 day)"}}, "ScheduleExpression"),
        ({"Type": "AWS::IAM::Role", "DependsOn": "x"}, "DependsOn"),
    ],
)
def test_what_is_not_known_in_a_member_is_refused_by_name(cloud: Cloud, resource: Any, said: str) -> None:
    """A kind of resource, a property, an attribute: never half a stack."""
    with pytest.raises(StackError, match=said):
        cloud.stack_sets.create("s", json.dumps({"Resources": {"X": resource}}), auto_deploys=True)


def test_stack_sets_need_trusted_access(cloud: Cloud) -> None:
    """As at AWS, where it is given once by hand."""
    service = "member.org.stacksets.cloudformation.amazonaws.com"
    cloud.client("organizations").disable_aws_service_access(ServicePrincipal=service)
    with pytest.raises(StackError, match="enable organizations access"):
        cloud.stack_sets.create("s", template(), auto_deploys=True)


def test_an_unknown_unit_is_refused(cloud: Cloud) -> None:
    """Nothing is made anywhere, and the set can still be taken away."""
    cloud.stack_sets.create("s", template(), auto_deploys=True)
    with pytest.raises(StackError, match="ou-0000-00000000"):
        cloud.stack_sets.deploy("s", ["ou-0000-00000000"], "us-east-1")
    cloud.stack_sets.delete("s")


def declare(context: ProviderContext, token: str, **inputs: Any) -> tuple[str, dict[str, Any]]:
    checked = steps.check(token, "thing", {}, inputs, context, seed=b"seed")
    assert not checked.errors
    return lookup(token).create(checked.inputs, context)


def test_declared_instances_live_and_end(cloud: Cloud, root: str, tmp_path: Path) -> None:
    """The declared set lists its accounts, shows new ones after a refresh, and is deleted at the end."""
    context = ProviderContext(cloud, tmp_path)
    auto_deploys = {"enabled": True, "retainStacksOnAccountRemoval": False}
    managed = {"permissionModel": "SERVICE_MANAGED", "callAs": "SELF", "autoDeployment": auto_deploys}
    name, made = declare(context, SET, templateBody=template(), **managed)
    targets = {"organizationalUnitIds": [root]}
    id, state = declare(context, INSTANCE, stackSetName=name, deploymentTargets=targets, callAs="SELF")
    assert state["stackSetInstanceRegion"] == "us-east-1"
    assert len(state["stackInstanceSummaries"]) == 3
    cloud.create_account("new")
    read = lookup(INSTANCE).read(id, state, context)
    assert read is not None
    assert len(read["stackInstanceSummaries"]) == 4
    for _ in range(2):  # what is gone is no error
        lookup(INSTANCE).delete(id, state, context)
        lookup(SET).delete(name, made, context)
    assert lookup(INSTANCE).read(id, state, context) is None
    assert lookup(SET).read(name, made, context) is None


def test_a_self_managed_set_is_refused(cloud: Cloud, tmp_path: Path) -> None:
    """The sandbox knows one model of permissions and says so at the preview."""
    inputs = {"permissionModel": "SELF_MANAGED", "templateBody": template()}
    checked = steps.check(SET, "thing", {}, inputs, ProviderContext(cloud, tmp_path), seed=b"seed")
    assert [error.property for error in checked.errors] == ["permissionModel"]


@pytest.fixture
def members_bus(deployed: Cloud) -> Callable[[], list[str]]:
    """A bus that lets the organization in with AWS's own events; answers the accounts whose events it received."""
    events, sqs = deployed.client("events"), deployed.client("sqs")
    events.create_event_bus(Name="members")
    organization = deployed.client("organizations").describe_organization()["Organization"]["Id"]
    allowed = {"StringEquals": {"aws:PrincipalOrgID": organization}}
    allowed |= {"ForAllValues:StringEquals": {"events:source": ["aws.account"]}}
    statement = {"Sid": "M", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "events:PutEvents"}
    statement |= {"Resource": BUS, "Condition": allowed}
    events.put_permission(EventBusName="members", Policy=json.dumps({"Statement": [statement]}))
    policy = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}]}
    url = sqs.create_queue(QueueName="received", Attributes={"Policy": json.dumps(policy)})["QueueUrl"]
    events.put_rule(Name="all", EventBusName="members", EventPattern='{"account": [{"prefix": ""}]}')
    target = {"Id": "1", "Arn": "arn:aws:sqs:us-east-1:100000000001:received"}
    events.put_targets(Rule="all", EventBusName="members", Targets=[target])

    def received() -> list[str]:
        deployed.settle(5)
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"])["account"] for message in messages]

    return received


def test_a_members_edit_travels(deployed: Cloud, members_bus: Callable[[], list[str]]) -> None:
    """From the member's bus by the rule that the set put there, past the policy of the bus, as the member's."""
    deployed.edit_member(MEMBER, {"billing": CONTACT})
    assert members_bus() == [MEMBER]


def put(cloud: Cloud, account: str, source: str) -> Any:
    entry = {"EventBusName": BUS, "Source": source, "DetailType": "AWS API Call via CloudTrail", "Detail": "{}"}
    return cloud.client("events", account=account).put_events(Entries=[entry])


@pytest.mark.parametrize("source", ["aws.account", "forged"])
def test_a_strangers_event_is_refused(deployed: Cloud, members_bus: Callable[[], list[str]], source: str) -> None:
    """The bus's policy lets nobody in from outside the organization."""
    with pytest.raises(ClientError, match="AccessDenied"):
        put(deployed, STRANGER, source)
    assert members_bus() == []


def test_a_member_cannot_make_up_an_event(deployed: Cloud, members_bus: Callable[[], list[str]]) -> None:
    """The policy wants AWS's own source, and that nobody may use but AWS."""
    with pytest.raises(ClientError, match="AccessDenied"):
        put(deployed, MEMBER, "forged")
    assert put(deployed, MEMBER, "aws.account")["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"
    assert members_bus() == []


def test_an_event_goes_from_bus_to_bus_once(deployed: Cloud, members_bus: Callable[[], list[str]]) -> None:
    """A third bus never receives it [doc]; here it is reported as undelivered."""
    role = deployed.client("iam").create_role(RoleName="on", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    onward = {"Id": "2", "Arn": "arn:aws:events:us-east-1:100000000001:event-bus/default", "RoleArn": role}
    deployed.client("events").put_targets(Rule="all", EventBusName="members", Targets=[onward])
    deployed.edit_member(MEMBER, {"billing": CONTACT})
    assert members_bus() == [MEMBER]
    assert "third" in deployed.undelivered[0]
