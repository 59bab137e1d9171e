"""Types and questions that are more than a table: stacks, defaults that come back, what moto lacks."""

import json
from pathlib import Path
from typing import Any

import pytest

from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.errors import StackError
from orgsync.sandbox.resources import steps
from orgsync.sandbox.resources.context import ProviderContext, ResourceFailed
from orgsync.sandbox.resources.invokes import UnknownInvoke, invoke
from orgsync.sandbox.resources.types import UnknownResourceType, lookup
from orgsync.sandbox.resources.values import Properties

STACK = "aws:cloudformation/stack:Stack"
ANSWERS = """
import json
import urllib.request


def handler(event, context):
    refused = event["ResourceProperties"].get("Desk") == "closed" and event["RequestType"] != "Delete"
    answer = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    answer |= {"Status": "FAILED" if refused else "SUCCESS", "Reason": "the desk is closed"}
    answer |= {"PhysicalResourceId": "desk", "Data": {"RunId": event["RequestType"]}}
    body = json.dumps(answer).encode()
    urllib.request.urlopen(urllib.request.Request(event["ResponseURL"], data=body, method="PUT"))
"""


@pytest.fixture
def context(cloud: Cloud, tmp_path: Path) -> ProviderContext:
    """A provider's view of the cloud."""
    return ProviderContext(cloud, tmp_path)


def create(context: ProviderContext, token: str, **inputs: Any) -> tuple[str, Properties]:
    """Check and create a thing; answers its id and outputs."""
    checked = steps.check(token, "thing", {}, inputs, context, seed=b"seed")
    assert checked.errors == []
    return lookup(token).create(checked.inputs, context)


def template(function: str, desk: str) -> str:
    """A stack of one custom resource."""
    properties = {"ServiceToken": function, "Desk": desk}
    resource = {"Type": "Custom::Desk", "Properties": properties}
    outputs = {"RunId": {"Value": {"Fn::GetAtt": ["Desk", "RunId"]}}}
    return json.dumps({"Resources": {"Desk": resource}, "Outputs": outputs})


def test_stack_lives(context: ProviderContext, declare_function: Any) -> None:
    """A stack answers its custom resource's outputs, follows its changes and goes with it."""
    function, stack = declare_function(ANSWERS), lookup(STACK)
    id, state = create(context, STACK, name="s", templateBody=template(function, "open"))
    assert state["outputs"] == {"RunId": "Create"}
    changed = {**state, "templateBody": template(function, "wide open")}
    assert stack.update(id, state, changed, context)["outputs"] == {"RunId": "Update"}
    stack.delete(id, state, context)
    assert stack.read(id, state, context) is None


def test_failed_stack_says_why_and_is_in_the_way(context: ProviderContext, declare_function: Any) -> None:
    """A stack that fails to be created fails with its resource's reason; its name is free again if so declared."""
    function = declare_function(ANSWERS)
    for name, more in (("stays", {}), ("goes", {"onFailure": "DELETE"})):
        with pytest.raises(ResourceFailed, match=rf"stack {name}: ROLLBACK_COMPLETE: .*the desk is closed"):
            create(context, STACK, name=name, templateBody=template(function, "closed"), **more)
    with pytest.raises(StackError, match="already exists"):
        create(context, STACK, name="stays", templateBody=template(function, "open"))
    create(context, STACK, name="goes", templateBody=template(function, "open"))


def test_failed_update_of_a_stack_says_why(context: ProviderContext, declare_function: Any) -> None:
    """A stack that fails to be updated fails with the reason and stays."""
    function = declare_function(ANSWERS)
    id, state = create(context, STACK, name="s", templateBody=template(function, "open"))
    with pytest.raises(ResourceFailed, match=r"UPDATE_ROLLBACK_COMPLETE: .*the desk is closed"):
        lookup(STACK).update(id, state, {**state, "templateBody": template(function, "closed")}, context)
    assert lookup(STACK).read(id, state, context) is not None


def test_topic_gets_its_own_policy_back(context: ProviderContext, cloud: Cloud) -> None:
    """Taking a topic's policy away leaves one that lets its owner alone in."""
    topic = create(context, "aws:sns/topic:Topic")[1]["arn"]
    declared = json.dumps({"Version": "2012-10-17", "Statement": []})
    id, state = create(context, "aws:sns/topicPolicy:TopicPolicy", arn=topic, policy=declared)
    lookup("aws:sns/topicPolicy:TopicPolicy").delete(id, state, context)
    policy = json.loads(cloud.client("sns").get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])
    assert [statement["Principal"]["AWS"][-5:] for statement in policy["Statement"]] == [":root"]


def test_key_gets_its_own_policy_back(context: ProviderContext, cloud: Cloud) -> None:
    """Taking a key's policy away leaves the one that keys are born with."""
    key = create(context, "aws:kms/key:Key")[1]["keyId"]
    declared = json.dumps({"Version": "2012-10-17", "Statement": []})
    id, state = create(context, "aws:kms/keyPolicy:KeyPolicy", keyId=key, policy=declared)
    lookup("aws:kms/keyPolicy:KeyPolicy").delete(id, state, context)
    policy = cloud.client("kms").get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    assert [statement["Action"] for statement in json.loads(policy)["Statement"]] == ["kms:*"]


def test_versioning_is_suspended(context: ProviderContext, cloud: Cloud) -> None:
    """A bucket's versioning cannot be taken away: deleting its declaration suspends it."""
    bucket = create(context, "aws:s3/bucket:Bucket")[1]["bucket"]
    token = "aws:s3/bucketVersioning:BucketVersioning"
    id, state = create(context, token, bucket=bucket, versioningConfiguration={"status": "Enabled"})
    lookup(token).delete(id, state, context)
    assert cloud.client("s3").get_bucket_versioning(Bucket=bucket)["Status"] == "Suspended"


def test_half_a_thing_is_taken_back(context: ProviderContext, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resource that fails after its creation is deleted again, so that its name is free for the next attempt."""
    token = "aws:cloudwatch/logGroup:LogGroup"

    def refuse(*_: Any) -> None:
        raise ResourceFailed("no retention")

    monkeypatch.setattr(type(lookup(token)), "settle", refuse)
    with pytest.raises(ResourceFailed, match="no retention"):
        create(context, token, name="g", retentionInDays=7)
    assert cloud.client("logs").describe_log_groups()["logGroups"] == []


def test_default_tags_reach_the_cloud(cloud: Cloud, tmp_path: Path) -> None:
    """A thing carries the provider's tags and its own, its own before the provider's."""
    context = ProviderContext(cloud, tmp_path, default_tags={"system": "s", "owner": "all"})
    url = create(context, "aws:sqs/queue:Queue", tags={"owner": "me"})[0]
    assert cloud.client("sqs").list_queue_tags(QueueUrl=url)["Tags"] == {"system": "s", "owner": "me"}


def test_region_of_its_own(context: ProviderContext, cloud: Cloud) -> None:
    """A thing with a region is made there, whatever the provider's region is."""
    arn = create(context, "aws:cloudwatch/eventRule:EventRule", region="eu-west-1", eventPattern="{}")[1]["arn"]
    assert arn.split(":")[3] == "eu-west-1"
    assert len(cloud.client("events", region="eu-west-1").list_rules()["Rules"]) == 1


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({}, "emailAddress"),
        ({"emailAddress": "nobody"}, "emailAddress must match"),
        ({"emailAddress": "a@b", "name": "a b"}, "name must"),
    ],
)
def test_unserved_inputs_are_checked(context: ProviderContext, inputs: Properties, reason: str) -> None:
    """A type of a service that moto lacks is checked against AWS's model and patterns all the same."""
    with pytest.raises(ResourceFailed, match=reason):
        create(context, "aws:notifications/contactsEmailContact:ContactsEmailContact", **inputs)


def test_hubs_are_few(context: ProviderContext) -> None:
    """The fourth notification hub is refused, as AWS refuses it."""
    token = "aws:notifications/notificationHub:NotificationHub"
    for region in ("us-east-1", "us-west-2", "eu-west-1"):
        create(context, token, notificationHubRegion=region)
    with pytest.raises(ResourceFailed, match="at most 3"):
        create(context, token, notificationHubRegion="eu-central-1")


def test_unknown_type_is_named() -> None:
    """A type that is not known is refused by its token."""
    with pytest.raises(UnknownResourceType, match="aws:ec2/vpc:Vpc"):
        lookup("aws:ec2/vpc:Vpc")


def test_caller_and_organization_are_the_clouds(context: ProviderContext, cloud: Cloud) -> None:
    """The deploying identity is the organization's management account."""
    caller = invoke("aws:index/getCallerIdentity:getCallerIdentity", {}, context)
    organization = invoke("aws:organizations/getOrganization:getOrganization", {}, context)
    assert caller["accountId"] == organization["masterAccountId"] == cloud.organization.management


def test_region_and_partition_fit(cloud: Cloud, tmp_path: Path) -> None:
    """The partition is that of the provider's region."""
    context = ProviderContext(cloud, tmp_path, region="us-gov-west-1")
    assert invoke("aws:index/getRegion:getRegion", {}, context)["region"] == "us-gov-west-1"
    assert invoke("aws:index/getPartition:getPartition", {}, context)["partition"] == "aws-us-gov"


def test_policy_document_is_written(context: ProviderContext) -> None:
    """A policy declared in Pulumi's terms becomes AWS's document."""
    statement = {
        "actions": ["s3:*"],
        "resources": ["*"],
        "principals": [{"type": "AWS", "identifiers": ["1"]}],
        "conditions": [{"test": "Bool", "variable": "aws:SecureTransport", "values": ["false"]}],
    }
    answer = invoke("aws:iam/getPolicyDocument:getPolicyDocument", {"statements": [statement]}, context)
    assert json.loads(answer["json"])["Statement"] == [
        {
            "Effect": "Allow",
            "Action": ["s3:*"],
            "Resource": ["*"],
            "Principal": {"AWS": ["1"]},
            "Condition": {"Bool": {"aws:SecureTransport": ["false"]}},
        }
    ]


@pytest.mark.parametrize(
    ("token", "arguments"),
    [("aws:ec2/getVpc:getVpc", {}), ("aws:index/getCallerIdentity:getCallerIdentity", {"other": 1})],
)
def test_unknown_question_is_loud(context: ProviderContext, token: str, arguments: Properties) -> None:
    """A question, or a part of one, that cannot be answered is refused."""
    with pytest.raises(UnknownInvoke, match=f"{token}: the sandbox"):
        invoke(token, arguments, context)
