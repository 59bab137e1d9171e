"""SQS queues: most of a queue are attributes, each of them text."""

import json
from typing import Any

from orgsync.sandbox.resources.api import ApiResource, Tagging
from orgsync.sandbox.resources.context import ProviderContext
from orgsync.sandbox.resources.resource import Naming
from orgsync.sandbox.resources.values import Properties

ATTRIBUTES = {
    "contentBasedDeduplication": "ContentBasedDeduplication",
    "deduplicationScope": "DeduplicationScope",
    "delaySeconds": "DelaySeconds",
    "fifoQueue": "FifoQueue",
    "fifoThroughputLimit": "FifoThroughputLimit",
    "kmsDataKeyReusePeriodSeconds": "KmsDataKeyReusePeriodSeconds",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "maxMessageSize": "MaximumMessageSize",
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "policy": "Policy",
    "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
    "redriveAllowPolicy": "RedriveAllowPolicy",
    "redrivePolicy": "RedrivePolicy",
    "sqsManagedSseEnabled": "SqsManagedSseEnabled",
    "visibilityTimeoutSeconds": "VisibilityTimeout",
}


class QueueResource(ApiResource):
    token = "aws:sqs/queue:Queue"
    service = "sqs"
    creates, reads, deletes = "CreateQueue", "GetQueueAttributes", "DeleteQueue"
    updates = "SetQueueAttributes"
    id_from = "$.QueueUrl"
    keys = {"id": "QueueUrl"}
    read_with = {"AttributeNames": ["All"]}
    found = "Attributes"
    outputs = {"arn": "QueueArn"}
    computed = frozenset({"url"})
    rename = {"name": "QueueName"}
    handled = frozenset(ATTRIBUTES)
    replace_on = frozenset({"name", "fifoQueue", "region"})
    identity = ("name", "region")
    # Without its own value an attribute has AWS's default (SQS API reference, SetQueueAttributes).
    resets = {
        "delaySeconds": 0,
        "kmsDataKeyReusePeriodSeconds": 300,
        "kmsMasterKeyId": "",
        "maxMessageSize": 1048576,
        "messageRetentionSeconds": 345600,
        "policy": "",
        "receiveWaitTimeSeconds": 0,
        "redriveAllowPolicy": "",
        "redrivePolicy": "",
        "sqsManagedSseEnabled": True,
        "visibilityTimeoutSeconds": 30,
    }
    naming = Naming(longest=80)
    tagging = Tagging(by="QueueUrl", tag="TagQueue", untag="UntagQueue", of="id")

    def arrange(self, inputs: Properties) -> Properties:
        return {"name": inputs.get("name", ""), "attributes": as_attributes(inputs, ATTRIBUTES)}

    def actual(self, state: Properties, found: Any) -> Properties:
        return attribute_drift(state, found, ATTRIBUTES)

    def derive(self, id: str, state: Properties, found: Any, context: ProviderContext) -> Properties:
        return {"url": id}


class QueuePolicyResource(ApiResource):
    token = "aws:sqs/queuePolicy:QueuePolicy"
    service = "sqs"
    creates, reads, updates = "SetQueueAttributes", "GetQueueAttributes", "SetQueueAttributes"
    id_from = "{queueUrl}"
    keys = {"queueUrl": "QueueUrl"}
    read_with = {"AttributeNames": ["Policy"]}
    found = "Attributes.Policy"
    rename = {"policy": "Attributes.Policy"}
    handled = frozenset({"policy"})
    replace_on = frozenset({"queueUrl", "region"})
    identity = ("queueUrl",)

    def arrange(self, inputs: Properties) -> Properties:
        return {"queueUrl": inputs.get("queueUrl", ""), "attributes": as_attributes(inputs, {"policy": "Policy"})}

    def actual(self, state: Properties, found: Any) -> Properties:
        return attribute_drift(state, {"Policy": found}, {"policy": "Policy"})

    def delete(self, id: str, state: Properties, context: ProviderContext) -> None:
        if self.read(id, state, context) is not None:
            self.call("SetQueueAttributes", {"QueueUrl": id, "Attributes": {"Policy": ""}}, state, context)


def as_attributes(inputs: Properties, names: dict[str, str]) -> dict[str, str]:
    """The declared attributes as AWS takes them: everything is text."""
    return {names[name]: _text(inputs[name]) for name in names if name in inputs}


def attribute_drift(state: Properties, found: dict[str, str], names: dict[str, str]) -> Properties:
    """The declared attributes that the cloud holds otherwise, in the types they were declared with."""
    drift: Properties = {}
    for name, attribute in names.items():
        if name in state and attribute in found and not _same(_text(state[name]), found[attribute]):
            drift[name] = _like(state[name], found[attribute])
    return drift


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _same(one: str, other: str) -> bool:
    if one[:1] in ("{", "[") and other:
        return bool(json.loads(one) == json.loads(other))
    return one == other


def _like(declared: Any, text: str) -> Any:
    if isinstance(declared, bool):
        return text == "true"
    return int(text) if isinstance(declared, int) else text


RESOURCES = (QueueResource(), QueuePolicyResource())
