"""CloudWatch Logs groups. (Saved queries are in `unsupported`: moto lacks them.)"""

from typing import Any

from orgsync.sandbox.resources.api import ApiResource, Tagging
from orgsync.sandbox.resources.context import ProviderContext
from orgsync.sandbox.resources.resource import Naming
from orgsync.sandbox.resources.values import Properties


class LogGroupResource(ApiResource):
    token = "aws:cloudwatch/logGroup:LogGroup"
    service = "logs"
    creates, reads, deletes = "CreateLogGroup", "DescribeLogGroups", "DeleteLogGroup"
    id_from = "{name}"
    keys = {"name": "logGroupName", "id": "logGroupNamePrefix"}
    found = "logGroups"
    computed = frozenset({"arn"})
    rename = {"name": "logGroupName"}
    handled = frozenset({"kmsKeyId", "retentionInDays"})
    held = frozenset({"skipDestroy"})
    replace_on = frozenset({"name", "logGroupClass", "region"})
    identity = ("name", "region")
    naming = Naming(longest=512)
    tagging = Tagging(by="resourceArn")

    def settle(self, id: str, old: Properties | None, inputs: Properties, context: ProviderContext) -> None:
        before = old or {}
        group = {"logGroupName": id}
        # 0 is Pulumi's value for "never expires".
        days = inputs.get("retentionInDays", 0)
        if days != before.get("retentionInDays", 0):
            if days:
                self.call("PutRetentionPolicy", {**group, "retentionInDays": days}, inputs, context)
            else:
                self.call("DeleteRetentionPolicy", group, inputs, context)
        key = inputs.get("kmsKeyId")
        if old is not None and key != before.get("kmsKeyId"):
            if key:
                self.call("AssociateKmsKey", {**group, "kmsKeyId": key}, inputs, context)
            else:
                self.call("DisassociateKmsKey", group, inputs, context)

    def is_there(self, id: str, found: Any) -> bool:
        return any(group["logGroupName"] == id for group in found)

    def derive(self, id: str, state: Properties, found: Any, context: ProviderContext) -> Properties:
        group = next(group for group in found if group["logGroupName"] == id)
        drift = {}
        if group.get("retentionInDays", 0) != state.get("retentionInDays", 0):
            drift["retentionInDays"] = group.get("retentionInDays", 0)
        # AWS names the group with everything in it; Pulumi without.
        return {"arn": group["arn"].removesuffix(":*"), **drift}

    def delete(self, id: str, state: Properties, context: ProviderContext) -> None:
        if not state.get("skipDestroy"):
            super().delete(id, state, context)


RESOURCES = (LogGroupResource(),)
