"""Every type through its life, on real resources of the emulated cloud."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.resources import shapes, steps
from orgsync.sandbox.resources.api import ApiResource
from orgsync.sandbox.resources.context import ProviderContext, ResourceFailed
from orgsync.sandbox.resources.types import TYPES, lookup
from orgsync.sandbox.resources.values import (
    ARCHIVE,
    ASSET,
    SIGNATURE,
    Properties,
)


def policy(action: str, **more: Any) -> str:
    """A policy of one statement."""
    statement = {"Sid": "one", "Effect": "Allow", "Principal": "*", "Action": action, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def archive(text: str) -> Properties:
    """Code of one file."""
    return {SIGNATURE: ARCHIVE, "assets": {"app.py": {SIGNATURE: ASSET, "text": text}}}


MACHINE = {"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}
STACK_SET = json.dumps({"Resources": {"R": {"Type": "AWS::Events::Rule", "Properties": {"EventPattern": {}}}}})
RETENTION = {"id": "old", "status": "Enabled", "filter": {"prefix": ""}, "expiration": {"days": 7}}
ENCRYPTED = {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms"}, "bucketKeyEnabled": True}


@dataclass(frozen=True)
class Life:
    """The inputs of a type, and what is changed then. `$x.y`: output `y` of the thing `x` below."""

    token: str
    inputs: Properties
    change: Properties = field(default_factory=dict)

    def __str__(self) -> str:
        return self.token.rpartition(":")[2]


THINGS: dict[str, Life] = {
    "role": Life("aws:iam/role:Role", {"assumeRolePolicy": policy("sts:AssumeRole")}),
    "function": Life(
        "aws:lambda/function:Function",
        {"role": "$role.arn", "runtime": "python3.13", "handler": "app.handler", "code": archive("1")},
    ),
    "bucket": Life("aws:s3/bucket:Bucket", {"forceDestroy": True}),
    "key": Life("aws:kms/key:Key", {}),
    "rule": Life("aws:cloudwatch/eventRule:EventRule", {"eventPattern": '{"source":["a"]}'}),
    "queue": Life("aws:sqs/queue:Queue", {}),
    "topic": Life("aws:sns/topic:Topic", {}),
    "bus": Life("aws:cloudwatch/eventBus:EventBus", {}),
    "machine": Life("aws:sfn/stateMachine:StateMachine", {"roleArn": "$role.arn", "definition": json.dumps(MACHINE)}),
    "settings": Life("aws:notifications/notificationConfiguration:NotificationConfiguration", {"description": "d"}),
    "contact": Life(
        "aws:notifications/contactsEmailContact:ContactsEmailContact", {"emailAddress": "a@b.example", "name": "a"}
    ),
}

SCHEDULE = {
    "scheduleExpression": "rate(1 day)",
    "flexibleTimeWindow": {"mode": "OFF"},
    "target": {
        "arn": "$machine.arn",
        "roleArn": "$role.arn",
        "input": "{}",
        "retryPolicy": {"maximumRetryAttempts": 2},
    },
}
ALARM = {
    "comparisonOperator": "GreaterThanThreshold",
    "evaluationPeriods": 1,
    "threshold": 1,
    "metricQueries": [
        {
            "id": "m",
            "metric": {"metricName": "Runs", "namespace": "n", "period": 60, "stat": "Sum", "dimensions": {"a": "b"}},
        },
        {"id": "e", "expression": "m * 2", "returnData": True},
    ],
}

LIVES = [
    *THINGS.values(),
    Life(
        "aws:dynamodb/table:Table",
        {
            "attributes": [{"name": name, "type": "S"} for name in ("id", "at")],
            "billingMode": "PAY_PER_REQUEST",
            "hashKey": "id",
            "ttl": {"attributeName": "expires", "enabled": True},
            "pointInTimeRecovery": {"enabled": True},
            "serverSideEncryption": {"enabled": True, "kmsKeyArn": "$key.arn"},
            "globalSecondaryIndexes": [{"name": "by-at", "hashKey": "at", "projectionType": "ALL"}],
            "tags": {"a": "b"},
        },
        {"deletionProtectionEnabled": False, "tags": {"c": "d"}, "globalSecondaryIndexes": []},
    ),
    Life("aws:s3/bucket:Bucket", {"region": "eu-west-1", "tags": {"a": "b"}}, {"tags": {}}),
    Life(
        "aws:s3/bucketPolicy:BucketPolicy", {"bucket": "$bucket.bucket", "policy": policy("s3:GetObject", Resource="*")}
    ),
    Life(
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", {"bucket": "$bucket.bucket", "blockPublicAcls": True}
    ),
    Life(
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        {"bucket": "$bucket.bucket", "rules": [RETENTION]},
        {"rules": [{**RETENTION, "expiration": {"days": 8}}]},
    ),
    Life(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        {"bucket": "$bucket.bucket", "rules": [ENCRYPTED]},
    ),
    Life(
        "aws:s3/bucketObjectv2:BucketObjectv2",
        {
            "bucket": "$bucket.bucket",
            "key": "a/b.json",
            "content": '{"a":1}',
            "contentType": "application/json",
            "serverSideEncryption": "aws:kms",
            "kmsKeyId": "$key.arn",
        },
        {"content": '{"a":2}'},
    ),
    Life(
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        {"bucket": "$bucket.bucket", "rule": {"objectOwnership": "BucketOwnerEnforced"}},
    ),
    Life(
        "aws:iam/role:Role",
        {"assumeRolePolicy": policy("sts:AssumeRole"), "description": "d", "tags": {"a": "b"}},
        {"assumeRolePolicy": policy("sts:TagSession"), "maxSessionDuration": 7200, "tags": {"a": "c"}},
    ),
    Life(
        "aws:iam/rolePolicy:RolePolicy",
        {"role": "$role.name", "policy": policy("s3:*", Resource="*")},
        {"policy": policy("sqs:*", Resource="*")},
    ),
    Life(
        "aws:kms/key:Key",
        {"enableKeyRotation": True, "deletionWindowInDays": 7},
        {"description": "d", "policy": policy("kms:*")},
    ),
    Life("aws:kms/alias:Alias", {"targetKeyId": "$key.keyId"}),
    Life(
        "aws:lambda/function:Function",
        {
            **THINGS["function"].inputs,
            "architectures": ["arm64"],
            "environment": {"variables": {"A": "1"}},
            "tracingConfig": {"mode": "Active"},
            "reservedConcurrentExecutions": 1,
        },
        {
            "timeout": 30,
            "code": archive("2"),
            "environment": {"variables": {"A": "2"}},
            "reservedConcurrentExecutions": -1,
        },
    ),
    Life("aws:lambda/layerVersion:LayerVersion", {"code": archive("1"), "compatibleRuntimes": ["python3.13"]}),
    Life(
        "aws:lambda/permission:Permission",
        {"function": "$function.name", "action": "lambda:InvokeFunction", "principal": "events.amazonaws.com"},
    ),
    Life(
        "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
        {
            "functionName": "$function.name",
            "maximumRetryAttempts": 1,
            "destinationConfig": {"onFailure": {"destination": "$queue.arn"}},
        },
        {"maximumRetryAttempts": 2},
    ),
    Life("aws:cloudwatch/logGroup:LogGroup", {"retentionInDays": 7, "tags": {"a": "b"}}, {"retentionInDays": 0}),
    Life(
        "aws:cloudwatch/eventRule:EventRule",
        {"scheduleExpression": "rate(1 day)", "tags": {"a": "b"}},
        {"state": "DISABLED"},
    ),
    Life("aws:cloudwatch/eventRule:EventRule", {"eventBusName": "$bus.name", "eventPattern": '{"source":["a"]}'}),
    Life(
        "aws:cloudwatch/eventTarget:EventTarget",
        {
            "rule": "$rule.name",
            "arn": "$machine.arn",
            "roleArn": "$role.arn",
            "inputTransformer": {"inputPaths": {"a": "$.a"}, "inputTemplate": '{"a":"<a>"}'},
            "retryPolicy": {"maximumRetryAttempts": 3, "maximumEventAgeInSeconds": 3600},
            "deadLetterConfig": {"arn": "$queue.arn"},
        },
        {"retryPolicy": {"maximumRetryAttempts": 4, "maximumEventAgeInSeconds": 60}},
    ),
    Life(
        "aws:cloudwatch/eventBusPolicy:EventBusPolicy",
        {"eventBusName": "$bus.name", "policy": policy("events:PutEvents", Resource="*")},
    ),
    Life("aws:cloudwatch/eventPermission:EventPermission", {"statementId": "other", "principal": "100000000009"}),
    Life(
        "aws:sfn/stateMachine:StateMachine",
        {**THINGS["machine"].inputs, "tracingConfiguration": {"enabled": True}},
        {"definition": json.dumps({**MACHINE, "Comment": "c"})},
    ),
    Life("aws:scheduler/scheduleGroup:ScheduleGroup", {"tags": {"a": "b"}}, {"tags": {}}),
    Life("aws:scheduler/schedule:Schedule", SCHEDULE, {"scheduleExpression": "rate(2 days)"}),
    Life(
        "aws:sqs/queue:Queue",
        {"delaySeconds": 1, "sqsManagedSseEnabled": True, "tags": {"a": "b"}},
        {"delaySeconds": 2, "tags": {}},
    ),
    Life(
        "aws:sqs/queuePolicy:QueuePolicy", {"queueUrl": "$queue.url", "policy": policy("sqs:SendMessage", Resource="*")}
    ),
    Life("aws:sns/topic:Topic", {"displayName": "d", "kmsMasterKeyId": "$key.keyId"}, {"displayName": "e"}),
    Life(
        "aws:sns/topicSubscription:TopicSubscription",
        {"topic": "$topic.arn", "protocol": "sqs", "endpoint": "$queue.arn"},
    ),
    Life("aws:ssm/parameter:Parameter", {"type": "String", "value": "{}", "tags": {"a": "b"}}, {"value": '{"a": 1}'}),
    Life("aws:cloudwatch/metricAlarm:MetricAlarm", ALARM, {"alarmActions": ["$topic.arn"], "threshold": 2}),
    Life("aws:cloudwatch/dashboard:Dashboard", {"dashboardName": "d", "dashboardBody": '{"widgets":[]}'}),
    Life("aws:cloudwatch/queryDefinition:QueryDefinition", {"queryString": "fields @message", "logGroupNames": ["/a"]}),
    Life(
        "aws:cloudtrail/trail:Trail",
        {"s3BucketName": "$bucket.bucket", "isMultiRegionTrail": True},
        {"enableLogging": False},
    ),
    Life("aws:notifications/notificationHub:NotificationHub", {"notificationHubRegion": "us-east-1"}),
    Life(
        "aws:notifications/eventRule:EventRule",
        {
            "notificationConfigurationArn": "$settings.arn",
            "source": "aws.cloudwatch",
            "eventType": "CloudWatch Alarm State Change",
            "regions": ["us-east-1"],
        },
        {"eventPattern": '{"detail":{}}'},
    ),
    Life(
        "aws:notifications/channelAssociation:ChannelAssociation",
        {"notificationConfigurationArn": "$settings.arn", "arn": "$contact.arn"},
    ),
    Life(
        "aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration",
        {"configurationName": "c", "iamRoleArn": "$role.arn", "slackChannelId": "C1", "slackTeamId": "T1"},
        {"loggingLevel": "ERROR"},
    ),
    Life(
        "aws:chatbot/teamsChannelConfiguration:TeamsChannelConfiguration",
        {
            "configurationName": "c",
            "iamRoleArn": "$role.arn",
            "channelId": "C1",
            "teamId": "t" * 36,
            "tenantId": "t" * 36,
        },
    ),
    Life(
        "aws:cloudformation/stackSet:StackSet",
        {"templateBody": STACK_SET, "permissionModel": "SERVICE_MANAGED"},
        {"description": "d"},
    ),
]
WITHOUT_END = {
    "aws:kms/keyPolicy:KeyPolicy",
    "aws:s3/bucketVersioning:BucketVersioning",
    "aws:sns/topicPolicy:TopicPolicy",
}
"""Deleting one of these gives its owner back a default: there is always one."""
ELSEWHERE = {"aws:cloudformation/stack:Stack", "aws:cloudformation/stackSetInstance:StackSetInstance"}
"""These are tried in `test_resources_special` and `test_stack_sets`."""


@pytest.fixture
def context(cloud: Cloud, tmp_path: Path) -> ProviderContext:
    """A provider's view of the cloud, with a default tag."""
    return ProviderContext(cloud, tmp_path, default_tags={"system": "test"})


@pytest.fixture
def make(context: ProviderContext) -> Callable[[Life], tuple[str, Properties, Properties]]:
    """Makes a thing, and the things it stands on once each; answers its id, inputs and outputs."""
    made: dict[str, Properties] = {}

    def reference(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: reference(item) for key, item in value.items()}
        if isinstance(value, list):
            return [reference(item) for item in value]
        if not (isinstance(value, str) and value.startswith("$") and value[1:].partition(".")[0] in THINGS):
            return value
        name, _, output = value[1:].partition(".")
        if name not in made:
            made[name] = create(THINGS[name])[2]
        return made[name][output]

    def create(life: Life, **change: Any) -> tuple[str, Properties, Properties]:
        inputs = checked(context, life.token, reference({**life.inputs, **change}))
        id, state = lookup(life.token).create(inputs, context)
        return id, inputs, state

    create.reference = reference  # type: ignore[attr-defined]
    return create


def checked(context: ProviderContext, token: str, inputs: Properties, old: Properties | None = None) -> Properties:
    """The inputs as a check completes them; an error fails the test."""
    result = steps.check(token, "thing", old or {}, inputs, context, seed=b"seed" + str(inputs).encode())
    assert result.errors == []
    return result.inputs


@pytest.mark.parametrize("life", LIVES, ids=str)
def test_life(life: Life, make: Any, context: ProviderContext) -> None:
    """A thing is what was declared, is found so, changes in place, and when it is deleted is gone."""
    resource = lookup(life.token)
    id, inputs, state = make(life)
    assert resource.computed <= state.keys()
    assert resource.read(id, state, context) == state
    assert steps.refreshed_inputs(inputs, state) == inputs, "made otherwise than declared"

    changed = checked(context, life.token, {**inputs, **make.reference(life.change)}, inputs)
    assert not steps.difference(life.token, "thing", inputs, changed).replaces
    state = resource.update(id, state, changed, context)
    assert resource.read(id, state, context) == state
    assert steps.refreshed_inputs(changed, state) == changed, "changed otherwise than declared"

    resource.delete(id, state, context)
    assert resource.read(id, state, context) is None
    resource.delete(id, state, context)


@pytest.mark.parametrize(
    ("thing", "property", "value"),
    [
        ("function", "environment", {"variables": {"A": "1"}}),
        ("function", "description", "d"),
        ("role", "description", "d"),
        ("queue", "visibilityTimeoutSeconds", 60),
        ("machine", "tracingConfiguration", {"enabled": True}),
        ("topic", "displayName", "d"),
        ("rule", "description", "d"),
    ],
)
def test_what_is_taken_away_goes(thing: str, property: str, value: Any, make: Any, context: ProviderContext) -> None:
    """A property that is no longer declared leaves no trace: AWS answers as if it had never been there."""
    life, resource = THINGS[thing], lookup(THINGS[thing].token)
    assert isinstance(resource, ApiResource)
    id, inputs, state = make(life)

    def answer() -> dict[str, Any]:
        found = shapes.value_at(
            resource.call(resource.reads, resource.read_parameters(id, state), state, context), resource.found
        )
        return {
            name: item for name, item in found.items() if item and not name.startswith(("LastModified", "Response"))
        }

    before = answer()
    resource.update(id, state, {**inputs, property: make.reference(value)}, context)
    assert answer() != before
    state = resource.update(id, {**state, property: value}, inputs, context)
    assert property not in state
    assert answer() == before


def test_change_without_effect_is_loud(make: Any, context: ProviderContext) -> None:
    """A change that the sandbox cannot make is refused by the property's name, never taken for made."""
    life = THINGS["function"]
    id, inputs, state = make(life)
    with pytest.raises(ResourceFailed, match="cannot change publish in place"):
        lookup(life.token).update(id, state, {**inputs, "publish": True}, context)


def test_every_type_is_lived_through() -> None:
    """No type is known to the sandbox that is not tried here, but those that always leave a default."""
    assert TYPES.keys() - {life.token for life in LIVES} == WITHOUT_END | ELSEWHERE
