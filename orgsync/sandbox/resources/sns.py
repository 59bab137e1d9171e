"""SNS topics, their policies and subscriptions."""

from typing import Any

from orgsync.sandbox.resources.api import ApiResource, Tagging
from orgsync.sandbox.resources.context import ProviderContext
from orgsync.sandbox.resources.resource import Naming
from orgsync.sandbox.resources.sqs import as_attributes, attribute_drift
from orgsync.sandbox.resources.values import Properties

TOPIC = {
    "archivePolicy": "ArchivePolicy",
    "contentBasedDeduplication": "ContentBasedDeduplication",
    "deliveryPolicy": "DeliveryPolicy",
    "displayName": "DisplayName",
    "fifoTopic": "FifoTopic",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "policy": "Policy",
    "signatureVersion": "SignatureVersion",
    "tracingConfig": "TracingConfig",
}
SUBSCRIPTION = {
    "deliveryPolicy": "DeliveryPolicy",
    "filterPolicy": "FilterPolicy",
    "filterPolicyScope": "FilterPolicyScope",
    "rawMessageDelivery": "RawMessageDelivery",
    "redrivePolicy": "RedrivePolicy",
}


class _Attributes(ApiResource):
    """SNS changes one attribute a call."""

    service = "sns"
    id_from = "$.TopicArn"
    keys = {"id": "TopicArn"}
    found = "Attributes"
    attributes: dict[str, str]
    one = "SetTopicAttributes"

    def settle(self, id: str, old: Properties | None, inputs: Properties, context: ProviderContext) -> None:
        if old is None:
            return
        before, after = as_attributes(old, self.attributes), as_attributes(inputs, self.attributes)
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                change = {"AttributeName": name, "AttributeValue": after.get(name, "")}
                where = dict.fromkeys(self.keys.values(), id)
                self.call(self.one, {**where, **change}, inputs, context)

    def actual(self, state: Properties, found: Any) -> Properties:
        return attribute_drift(state, found, self.attributes)


class TopicResource(_Attributes):
    token = "aws:sns/topic:Topic"
    creates, reads, deletes = "CreateTopic", "GetTopicAttributes", "DeleteTopic"
    attributes = TOPIC
    handled = frozenset(TOPIC)
    outputs = {"arn": "TopicArn", "owner": "Owner"}
    replace_on = frozenset({"name", "fifoTopic", "region"})
    identity = ("name", "region")
    naming = Naming(longest=256)
    tagging = Tagging(by="ResourceArn")

    def arrange(self, inputs: Properties) -> Properties:
        return {"name": inputs.get("name", ""), "attributes": as_attributes(inputs, TOPIC)}


class TopicPolicyResource(_Attributes):
    token = "aws:sns/topicPolicy:TopicPolicy"
    creates = updates = "SetTopicAttributes"
    reads = "GetTopicAttributes"
    attributes = {"policy": "Policy"}
    id_from = "{arn}"
    keys = {"arn": "TopicArn"}
    outputs = {"owner": "Owner"}
    handled = frozenset({"policy"})
    rename = {"arn": "TopicArn"}
    replace_on = frozenset({"arn", "region"})
    identity = ("arn",)

    def arrange(self, inputs: Properties) -> Properties:
        arn = {"arn": inputs["arn"]} if "arn" in inputs else {}
        return {**arn, "attributeName": "Policy", "attributeValue": inputs.get("policy", "")}

    def settle(self, id: str, old: Properties | None, inputs: Properties, context: ProviderContext) -> None:
        """The call that creates is the one that updates."""

    def delete(self, id: str, state: Properties, context: ProviderContext) -> None:
        """A topic is never without a policy: it gets back one that lets its owner alone in."""
        if self.read(id, state, context) is None:
            return
        owner = id.split(":")[4]
        account = f"arn:{context.partition}:iam::{owner}:root"
        statement = f'{{"Effect":"Allow","Principal":{{"AWS":"{account}"}},"Action":"sns:*","Resource":"{id}"}}'
        policy = f'{{"Version":"2012-10-17","Statement":[{statement}]}}'
        change = {"TopicArn": id, "AttributeName": "Policy", "AttributeValue": policy}
        self.call("SetTopicAttributes", change, state, context)


class TopicSubscriptionResource(_Attributes):
    token = "aws:sns/topicSubscription:TopicSubscription"
    creates, reads, deletes = "Subscribe", "GetSubscriptionAttributes", "Unsubscribe"
    attributes = SUBSCRIPTION
    one = "SetSubscriptionAttributes"
    id_from = "$.SubscriptionArn"
    keys = {"id": "SubscriptionArn"}
    outputs = {"arn": "SubscriptionArn", "ownerId": "Owner"}
    computed = frozenset({"pendingConfirmation", "confirmationWasAuthenticated"})
    rename = {"topic": "TopicArn"}
    handled = frozenset(SUBSCRIPTION)
    held = frozenset({"confirmationTimeoutInMinutes", "endpointAutoConfirms"})
    replace_on = frozenset({"topic", "protocol", "endpoint", "region"})

    def arrange(self, inputs: Properties) -> Properties:
        plain: Properties = {name: inputs[name] for name in ("topic", "protocol", "endpoint") if name in inputs}
        return {**plain, "attributes": as_attributes(inputs, SUBSCRIPTION), "returnSubscriptionArn": True}

    def derive(self, id: str, state: Properties, found: Any, context: ProviderContext) -> Properties:
        return {
            "pendingConfirmation": found.get("PendingConfirmation") == "true",
            "confirmationWasAuthenticated": found.get("ConfirmationWasAuthenticated") == "true",
        }


RESOURCES = (TopicResource(), TopicPolicyResource(), TopicSubscriptionResource())
