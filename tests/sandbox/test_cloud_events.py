"""EventBridge in the cloud: matching, the targets' input, retries and dead letters."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.events.models import EventPattern

from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.errors import RenameRefused, UnknownAccount, UnknownTarget

MEMBER = "200000000001"
CONTACT = {"Name": "N", "Title": "T", "EmailAddress": "canary@example.com", "PhoneNumber": "+1 555-0100"}
Declare = Callable[..., str]
Messages = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def declare_rule(cloud: Cloud) -> Declare:
    """Declares a rule with one target; returns its ARN."""

    def declare(target: dict[str, Any], account: str | None = None, name: str = "r", **rule: Any) -> str:
        events = cloud.client("events", account=account)
        rule = rule or {"EventPattern": json.dumps({"source": [{"prefix": ""}]})}
        arn = events.put_rule(Name=name, **rule)["RuleArn"]
        events.put_targets(Rule=name, Targets=[{"Id": "1", **target}])
        return str(arn)

    return declare


@pytest.fixture
def receiver(declare_rule: Declare, declare_queue: Declare) -> str:
    """A queue that receives everything on the management account's default bus."""
    declare_rule({"Arn": declare_queue("received")})
    return "received"


def parameters(event: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = event["body"]["detail"]["requestParameters"]
    return found


def test_an_edit_of_the_source_is_heard_in_either_casing(cloud: Cloud, receiver: str, messages: Messages) -> None:
    """2021's camelCase has values, 2026's PascalCase masks all but the type."""
    cloud.edit_source({"security": CONTACT}, casing="camel")
    cloud.edit_source({"security": CONTACT}, casing="pascal")
    cloud.settle(5)
    received = messages(receiver)
    assert [event["body"]["detail"]["eventName"] for event in received] == ["PutAlternateContact"] * 2
    found = sorted((parameters(event) for event in received), key=lambda keys: min(keys))
    assert found[0] == {
        "AlternateContactType": "SECURITY",
        **dict.fromkeys(CONTACT, "***"),
    }
    assert found[1]["alternateContactType"] == "SECURITY"
    assert found[1]["emailAddress"] == "canary@example.com"


def test_a_deletion_is_an_event_of_its_own(cloud: Cloud, receiver: str, messages: Messages) -> None:
    """`null` in an edit deletes, and the event says so."""
    cloud.edit_source({"security": None})
    cloud.settle(5)
    assert [event["body"]["detail"]["eventName"] for event in messages(receiver)] == ["DeleteAlternateContact"]


def test_a_console_edit_comes_from_the_billing_console(cloud: Cloud, receiver: str, messages: Messages) -> None:
    """Source, detail-type and names are the console's own."""
    cloud.edit_source({"security": CONTACT, "primary": cloud.organization.source["primary"]}, via="console")
    cloud.settle(5)
    received = [event["body"] for event in messages(receiver)]
    assert {event["source"] for event in received} == {"aws.billingconsole"}
    assert {event["detail-type"] for event in received} == {"AWS Console Action via CloudTrail"}
    assert {event["detail"]["eventName"] for event in received} == {"SetContactAddress", "SetAdditionalContacts"}


def test_a_members_own_edit_is_heard_in_the_member_only(
    cloud: Cloud, receiver: str, declare_rule: Declare, messages: Messages
) -> None:
    """It never reaches the management account's bus, unless the member's own rule forwards it."""
    cloud.edit_member(MEMBER, {"security": CONTACT}, via="member")
    cloud.settle(5)
    assert messages(receiver) == []
    role = cloud.client("iam", account=MEMBER).create_role(RoleName="fwd", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    bus = f"arn:aws:events:us-east-1:{cloud.organization.management}:event-bus/default"
    declare_rule({"Arn": bus, "RoleArn": role}, account=MEMBER)
    cloud.client("events").put_permission(Action="events:PutEvents", Principal=MEMBER, StatementId="m")
    cloud.edit_member(MEMBER, {"security": CONTACT}, via="member")
    cloud.settle(5)
    assert [event["body"]["account"] for event in messages(receiver)] == [MEMBER]


def test_a_bus_of_another_account_needs_its_permission(cloud: Cloud, declare_rule: Declare) -> None:
    """Forwarding to a bus without a policy fails, and is reported as undelivered."""
    role = cloud.client("iam", account=MEMBER).create_role(RoleName="fwd", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    bus = f"arn:aws:events:us-east-1:{cloud.organization.management}:event-bus/default"
    declare_rule({"Arn": bus, "RoleArn": role}, account=MEMBER)
    cloud.edit_member(MEMBER, {"security": CONTACT}, via="member")
    cloud.settle(5)
    assert "NO_PERMISSIONS" in cloud.undelivered[0]


def test_an_edit_of_a_member_from_management_names_the_member(cloud: Cloud, receiver: str, messages: Messages) -> None:
    """The member's id is readable in both casings."""
    cloud.edit_member(MEMBER, {"security": CONTACT}, via="management", casing="camel")
    cloud.edit_member(MEMBER, {"security": CONTACT}, via="management", casing="pascal")
    cloud.settle(5)
    found = [parameters(event) for event in messages(receiver)]
    assert sorted(keys.get("accountId") or keys["AccountId"] + "p" for keys in found) == [MEMBER, MEMBER + "p"]


def test_an_account_that_is_created_clones_the_primary_contact(cloud: Cloud, receiver: str, messages: Messages) -> None:
    """Its event carries id and state; it has no alternate contacts."""
    created = cloud.create_account("new")
    cloud.settle(5)
    (message,) = messages(receiver)
    detail = message["body"]["detail"]
    assert detail["eventName"] == "CreateAccountResult"
    status = detail["serviceEventDetails"]["createAccountStatus"]
    assert (status["state"], status["accountId"], status["accountName"]) == ("SUCCEEDED", created, "****")
    held = cloud.account.contacts()[created]
    assert held["primary"] == cloud.organization.source["primary"]
    assert [held[kind] for kind in ("billing", "operations", "security")] == [None, None, None]


def test_an_account_that_joins_is_heard_of(cloud: Cloud, receiver: str, messages: Messages) -> None:
    """The event has the new member's id somewhere."""
    joined = cloud.join_account("partner", "/")
    cloud.settle(5)
    body = messages(receiver)[0]["body"]
    assert body["detail"]["eventName"] == "AccountJoinedOrganization"
    assert joined in json.dumps(body["detail"])


@pytest.mark.parametrize("after_s", [0, 0.5, 30])
@pytest.mark.parametrize("how", ["create_account", "join_account"])
def test_a_new_account_is_in_the_root_before_it_is_moved(
    cloud: Cloud, receiver: str, messages: Messages, how: str, after_s: float
) -> None:
    """It has an event of its own first and MoveAccount later, from the root to its unit."""
    organizations = cloud.client("organizations")
    (root,) = organizations.list_roots()["Roots"]
    began = cloud.clock()
    made = getattr(cloud, how)("new", "/Workloads/New", moved_after_s=after_s)
    cloud.settle(20)
    assert cloud.clock() >= began + after_s
    (parent,) = organizations.list_parents(ChildId=made)["Parents"]
    assert cloud.organization.accounts[-1].ou == "/Workloads/New"
    (moved,) = (event for event in messages(receiver) if event["body"]["detail"]["eventName"] == "MoveAccount")
    assert (moved["body"]["source"], moved["body"]["region"]) == ("aws.organizations", "us-east-1")
    assert moved["body"]["detail-type"] == "AWS API Call via CloudTrail"
    assert moved["body"]["detail"]["eventSource"] == "organizations.amazonaws.com"
    assert parameters(moved) == {
        "accountId": made,
        "sourceParentId": root["Id"],
        "destinationParentId": parent["Id"],
    }


def test_an_account_that_left_is_not_moved(cloud: Cloud) -> None:
    """Nor is anything said about it."""
    made = cloud.create_account("new", "/Workloads/New", moved_after_s=100)
    cloud.leave_organization(made)
    cloud.settle(5)
    assert made not in {account.id for account in cloud.organization.accounts}
    assert cloud.create_account("another") != made


def test_tags_that_are_none_are_taken_away(cloud: Cloud, receiver: str, messages: Messages) -> None:
    """TagResource has keys and values, UntagResource keys; each is a call of its own."""
    cloud.tag_account(MEMBER, {"a": "1", "b": "2"})
    cloud.tag_account(MEMBER, {"a": None, "c": "3", "gone": None})
    cloud.settle(5)
    found = {(event["body"]["detail"]["eventName"], json.dumps(parameters(event))) for event in messages(receiver)}
    assert found == {
        ("TagResource", json.dumps({"resourceId": MEMBER, "tags": [{"key": k, "value": v} for k, v in tags]}))
        for tags in ([("a", "1"), ("b", "2")], [("c", "3")])
    } | {("UntagResource", json.dumps({"resourceId": MEMBER, "tagKeys": ["a", "gone"]}))}
    tags = cloud.client("organizations").list_tags_for_resource(ResourceId=MEMBER)["Tags"]
    assert {tag["Key"] for tag in tags} >= {"b", "c"}
    assert "a" not in {tag["Key"] for tag in tags}


def test_a_unit_that_is_renamed_keeps_what_is_in_it(cloud: Cloud, receiver: str, messages: Messages) -> None:
    """Accounts and units below go with it, by their paths; the event names the unit's id."""
    cloud.move_account(MEMBER, "/Deep/Down/There")
    organizations = cloud.client("organizations")
    (before,) = organizations.list_parents(ChildId=MEMBER)["Parents"]
    cloud.rename_unit("/Deep/Down", "Up")
    cloud.move_account("200000000002", "/Deep/Up/There")
    assert organizations.list_parents(ChildId="200000000002")["Parents"] == [before]
    assert {account.id: account.ou for account in cloud.organization.accounts}[MEMBER] == "/Deep/Up/There"
    cloud.settle(5)
    (renamed,) = (
        parameters(event)
        for event in messages(receiver)
        if event["body"]["detail"]["eventName"] == "UpdateOrganizationalUnit"
    )
    unit = organizations.describe_organizational_unit(OrganizationalUnitId=renamed["organizationalUnitId"])
    assert (renamed["name"], unit["OrganizationalUnit"]["Name"]) == ("Up", "Up")
    for path, name in (("/Deep/Down", "New"), ("/", "New"), ("/Deep/Up", "Up")):
        with pytest.raises(RenameRefused):
            cloud.rename_unit(path, name)


def test_an_account_that_leaves_is_no_member_any_more(
    cloud: Cloud, receiver: str, declare_rule: Declare, declare_queue: Declare, messages: Messages
) -> None:
    """Its own bus has its call, the management account's the departure; its contacts are out of reach."""
    declare_rule({"Arn": declare_queue("own")}, account=MEMBER, name="own")
    cloud.leave_organization(MEMBER)
    cloud.settle(5)
    assert [event["body"]["detail"]["eventName"] for event in messages(receiver)] == ["AccountDepartedOrganization"]
    listed = cloud.client("organizations").list_accounts()["Accounts"]
    assert MEMBER not in {account["Id"] for account in listed}
    with pytest.raises(ClientError, match="not a member"):
        cloud.client("account").get_contact_information(AccountId=MEMBER)
    with pytest.raises(UnknownAccount):
        cloud.tag_account(MEMBER, {})


def test_an_account_is_closed_and_reopened(cloud: Cloud) -> None:
    """It is SUSPENDED between."""
    organizations = cloud.client("organizations")
    cloud.close_account(MEMBER)
    assert organizations.describe_account(AccountId=MEMBER)["Account"]["State"] == "SUSPENDED"
    cloud.reopen_account(MEMBER)
    assert organizations.describe_account(AccountId=MEMBER)["Account"]["State"] == "ACTIVE"


def test_duplicates_have_the_same_id(cloud: Cloud, receiver: str, messages: Messages) -> None:
    """`times` sends one event several times, as AWS now and then does."""
    cloud.put_event({"source": "a", "detail-type": "b", "detail": {}, "times": 3})
    cloud.settle(5)
    assert [len(ids := [event["body"]["id"] for event in messages(receiver)]), len(set(ids))] == [3, 1]


def test_nobody_but_aws_sends_events_of_aws(cloud: Cloud, receiver: str, messages: Messages) -> None:
    """PutEvents refuses sources that begin with `aws.`, and takes the rest of the batch."""
    entries = [{"Source": source, "DetailType": "d", "Detail": "{}"} for source in ("aws.account", "ours")]
    answer = cloud.client("events").put_events(Entries=entries)
    cloud.settle(5)
    assert answer["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"
    assert [event["body"]["source"] for event in messages(receiver)] == ["ours"]


def test_a_disabled_rule_hears_nothing(cloud: Cloud, receiver: str) -> None:
    """Neither does a rule that only has a schedule."""
    cloud.client("events").disable_rule(Name="r")
    cloud.client("events").put_rule(Name="daily", ScheduleExpression="rate(1 day)")
    cloud.client("events").put_targets(Rule="daily", Targets=[{"Id": "1", "Arn": "arn:aws:sqs:us-east-1:1:none"}])
    cloud.put_event({"source": "a", "detail-type": "b", "detail": {}})
    cloud.settle(5)
    assert cloud.dead_letters() == {receiver: 0}
    assert cloud.undelivered == []


def test_a_target_that_fails_for_now_is_tried_again(
    cloud: Cloud, declare_rule: Declare, declare_queue: Declare
) -> None:
    """The retry policy outlasts two refusals."""
    declare_rule({"Arn": declare_queue("target"), "RetryPolicy": {"MaximumRetryAttempts": 2}})
    cloud.faults.add({"operation": "SendMessage", "error": "ServiceUnavailable", "times": 2})
    cloud.put_event({"source": "a", "detail-type": "b", "detail": {}})
    cloud.settle(5)
    assert cloud.dead_letters() == {"target": 1}


def test_what_keeps_failing_goes_to_the_dead_letter_queue(
    cloud: Cloud, declare_rule: Declare, declare_queue: Declare, messages: Messages
) -> None:
    """With the event itself, and why, in the message's attributes."""
    topic = cloud.client("sns").create_topic(Name="t")["TopicArn"]
    policy = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish"}
    cloud.client("sns").set_topic_attributes(
        TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps({"Statement": [policy]})
    )
    rule = declare_rule(
        {
            "Arn": topic,
            "RetryPolicy": {"MaximumRetryAttempts": 1},
            "DeadLetterConfig": {"Arn": declare_queue("dead")},
        }
    )
    cloud.faults.add({"operation": "Publish", "error": "InternalError", "times": 2})
    cloud.put_event({"source": "a", "detail-type": "b", "detail": {"k": 1}})
    cloud.settle(5)
    (letter,) = messages("dead")
    assert letter["body"]["detail"] == {"k": 1}
    assert letter["attributes"]["RULE_ARN"] == rule
    assert letter["attributes"]["TARGET_ARN"] == topic
    assert letter["attributes"]["ERROR_CODE"] == "InternalError"
    assert letter["attributes"]["RETRY_ATTEMPTS"] == "1"
    assert "fault of the rehearsal" in letter["attributes"]["ERROR_MESSAGE"]


def test_a_failure_without_a_dead_letter_queue_is_lost_and_said_so(cloud: Cloud, declare_rule: Declare) -> None:
    """A missing target is not tried again; nothing is silent about it."""
    declare_rule({"Arn": "arn:aws:sqs:us-east-1:100000000001:gone"})
    cloud.put_event({"source": "a", "detail-type": "b", "detail": {}})
    cloud.settle(5)
    assert "NO_RESOURCE" in cloud.undelivered[0]


def test_a_function_needs_its_permission(
    cloud: Cloud, declare_rule: Declare, declare_function: Declare, declare_queue: Declare
) -> None:
    """EventBridge invokes a function only if its policy names the rule."""
    function = declare_function("def handler(event, context): print('received', event['source'])")
    rule = declare_rule({"Arn": function, "DeadLetterConfig": {"Arn": declare_queue("dead")}})
    cloud.put_event({"source": "first", "detail-type": "b", "detail": {}})
    cloud.settle(5)
    assert cloud.dead_letters() == {"dead": 1}
    cloud.client("lambda").add_permission(
        FunctionName="echo",
        StatementId="s",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule,
    )
    cloud.put_event({"source": "second", "detail-type": "b", "detail": {}})
    cloud.settle(20)
    assert cloud.logs("echo") == ["received second"]


def test_a_target_of_an_unknown_kind_makes_settling_fail(cloud: Cloud, declare_rule: Declare) -> None:
    """Never a silent success; each is reported once."""
    declare_rule({"Arn": "arn:aws:kinesis:us-east-1:100000000001:stream/s"})
    cloud.put_event({"source": "a", "detail-type": "b", "detail": {}})
    with pytest.raises(UnknownTarget, match="kinesis"):
        cloud.settle(5)
    cloud.settle(5)


def test_an_unknown_account_cannot_be_edited(cloud: Cloud) -> None:
    """A typing mistake in a step is an error."""
    with pytest.raises(UnknownAccount):
        cloud.edit_member("999999999999", {"security": CONTACT})


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ({"source": ["aws.account"]}, True),
        ({"source": ["aws.s3", "aws.account"]}, True),
        ({"source": [{"prefix": "aws."}]}, True),
        ({"detail": {"requestParameters": {"accountId": [{"exists": False}]}}}, True),
        ({"detail": {"requestParameters": {"contactType": [{"exists": False}]}}}, False),
        ({"detail": {"userIdentity": {"arn": [{"exists": True}]}}}, True),
        (
            {"detail": {"userIdentity": {"arn": [{"anything-but": {"prefix": "arn:aws:sts::1:role/own/"}}]}}},
            True,
        ),
        ({"detail": {"userIdentity": {"arn": [{"anything-but": {"wildcard": "*/other/*"}}]}}}, False),
        ({"detail": {"eventName": [{"anything-but": ["Put", "Delete"]}]}}, True),
        ({"detail": {"gone": {"deep": [{"exists": False}]}, "none": [None]}}, True),
        ({"$or": [{"source": ["x"]}, {"detail": {"eventName": ["PutAlternateContact"]}}]}, True),
        ({"detail": {"$or": [{"eventName": ["x"]}, {"none": [{"exists": False}]}]}}, False),
    ],
)
def test_motos_patterns_match_as_eventbridges_do(pattern: dict[str, Any], matches: bool) -> None:
    """The operators of our rules: equality, prefix, exists, anything-but, wildcard, $or, nested."""
    event: Any = {
        "source": "aws.account",
        "detail": {
            "eventName": "PutAlternateContact",
            "userIdentity": {"arn": "arn:aws:sts::1:assumed-role/other/x"},
            "requestParameters": {"contactType": "SECURITY"},
            "none": None,
        },
    }
    assert EventPattern.load(json.dumps(pattern)).matches_event(event) is matches
