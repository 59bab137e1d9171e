"""KMS keys, their names and policies."""

from typing import Any

from orgsync.sandbox.resources.api import ApiResource, Tagging
from orgsync.sandbox.resources.context import ProviderContext
from orgsync.sandbox.resources.resource import Naming
from orgsync.sandbox.resources.values import Properties


class KeyResource(ApiResource):
    token = "aws:kms/key:Key"
    service = "kms"
    creates, reads, deletes = "CreateKey", "DescribeKey", "ScheduleKeyDeletion"
    id_from = "$.KeyMetadata.KeyId"
    keys = {"id": "KeyId", "deletionWindowInDays": "PendingWindowInDays"}
    found = "KeyMetadata"
    outputs = {"arn": "Arn", "keyId": "KeyId"}
    handled = frozenset(
        {"deletionWindowInDays", "description", "enableKeyRotation", "isEnabled", "policy", "rotationPeriodInDays"}
    )
    computed = frozenset({"policy"})
    replace_on = frozenset(
        {"customerMasterKeySpec", "keyUsage", "multiRegion", "region", "customKeyStoreId", "xksKeyId"}
    )
    tagging = Tagging(by="KeyId", of="id")

    def settle(self, id: str, old: Properties | None, inputs: Properties, context: ProviderContext) -> None:
        before = old or {}
        key = {"KeyId": id}
        if old is not None:
            self.call("UpdateKeyDescription", {**key, "Description": inputs.get("description", "")}, inputs, context)
            if inputs.get("policy"):
                policy = {**key, "PolicyName": "default", "Policy": inputs["policy"]}
                self.call("PutKeyPolicy", policy, inputs, context)
        rotate = inputs.get("enableKeyRotation", False)
        if rotate != before.get("enableKeyRotation", False):
            period = (
                {"RotationPeriodInDays": inputs["rotationPeriodInDays"]} if "rotationPeriodInDays" in inputs else {}
            )
            if rotate:
                self.call("EnableKeyRotation", {**key, **period}, inputs, context)
            else:
                self.call("DisableKeyRotation", key, inputs, context)
        enabled = inputs.get("isEnabled", True)
        if enabled != before.get("isEnabled", True):
            self.call("EnableKey" if enabled else "DisableKey", key, inputs, context)

    def derive(self, id: str, state: Properties, found: Any, context: ProviderContext) -> Properties:
        answer = self.call("GetKeyPolicy", {"KeyId": id, "PolicyName": "default"}, state, context)
        return {} if "policy" in state else {"policy": answer["Policy"]}

    def is_there(self, id: str, found: Any) -> bool:
        return bool(found["KeyState"] != "PendingDeletion")


class KeyAliasResource(ApiResource):
    token = "aws:kms/alias:Alias"
    service = "kms"
    creates, reads, deletes = "CreateAlias", "ListAliases", "DeleteAlias"
    updates = "UpdateAlias"
    id_from = "{name}"
    keys = {"name": "AliasName"}
    found = "Aliases"
    computed = frozenset({"arn", "targetKeyArn"})
    rename = {"name": "AliasName"}
    replace_on = frozenset({"name", "region"})
    identity = ("name", "region")
    naming = Naming(longest=256, prefix="alias/")

    def is_there(self, id: str, found: Any) -> bool:
        return any(alias["AliasName"] == id for alias in found)

    def derive(self, id: str, state: Properties, found: Any, context: ProviderContext) -> Properties:
        alias = next(alias for alias in found if alias["AliasName"] == id)
        stem = alias["AliasArn"].removesuffix(id)
        key = alias["TargetKeyId"]
        asked = state["targetKeyId"]
        changed = {} if asked.endswith(key) else {"targetKeyId": key}
        return {"arn": alias["AliasArn"], "targetKeyArn": f"{stem}key/{key}", **changed}


class KeyPolicyResource(ApiResource):
    token = "aws:kms/keyPolicy:KeyPolicy"
    service = "kms"
    creates, reads, updates = "PutKeyPolicy", "GetKeyPolicy", "PutKeyPolicy"
    id_from = "{keyId}"
    keys = {"keyId": "KeyId"}
    read_with = {"PolicyName": "default"}
    replace_on = frozenset({"keyId", "region"})
    identity = ("keyId",)

    def arrange(self, inputs: Properties) -> Properties:
        return {**inputs, "policyName": "default"}

    def delete(self, id: str, state: Properties, context: ProviderContext) -> None:
        """A key is never without a policy: it gets back the one that keys are born with."""
        account = context.caller()["Account"]
        root = f"arn:{context.partition}:iam::{account}:root"
        statement = f'{{"Effect":"Allow","Principal":{{"AWS":"{root}"}},"Action":"kms:*","Resource":"*"}}'
        policy = f'{{"Version":"2012-10-17","Statement":[{statement}]}}'
        self.call("PutKeyPolicy", {"KeyId": id, "PolicyName": "default", "Policy": policy}, state, context)


RESOURCES = (KeyResource(), KeyAliasResource(), KeyPolicyResource())
