"""DynamoDB tables."""

from collections.abc import Mapping
from typing import Any

from orgsync.sandbox.resources.api import ApiResource, Tagging
from orgsync.sandbox.resources.context import ProviderContext
from orgsync.sandbox.resources.resource import Naming
from orgsync.sandbox.resources.values import Properties


class TableResource(ApiResource):
    token = "aws:dynamodb/table:Table"
    service = "dynamodb"
    creates, reads, deletes = "CreateTable", "DescribeTable", "DeleteTable"
    updates = "UpdateTable"
    id_from = "{name}"
    keys = {"name": "TableName"}
    found = "Table"
    outputs = {"arn": "TableArn", "streamArn": "LatestStreamArn", "streamLabel": "LatestStreamLabel"}
    rename = {
        "name": "TableName",
        "attributes": "AttributeDefinitions",
        "attributes.name": "AttributeName",
        "attributes.type": "AttributeType",
        "serverSideEncryption": "SSESpecification",
        "serverSideEncryption.kmsKeyArn": "KMSMasterKeyId",
        "readCapacity": "ProvisionedThroughput.ReadCapacityUnits",
        "writeCapacity": "ProvisionedThroughput.WriteCapacityUnits",
        "streamEnabled": "StreamSpecification.StreamEnabled",
        "streamViewType": "StreamSpecification.StreamViewType",
        "globalSecondaryIndexes.name": "IndexName",
        "globalSecondaryIndexes.projectionType": "Projection.ProjectionType",
        "globalSecondaryIndexes.nonKeyAttributes": "Projection.NonKeyAttributes",
    }
    handled = frozenset({"hashKey", "rangeKey", "globalSecondaryIndexes", "ttl", "pointInTimeRecovery"})
    replace_on = frozenset({"name", "hashKey", "rangeKey", "region"})
    identity = ("name", "region")
    resets = {
        "deletionProtectionEnabled": False,
        "serverSideEncryption": {"enabled": False},
        "streamEnabled": False,
        "tableClass": "STANDARD",
    }
    defaults = {"billingMode": "PROVISIONED"}
    naming = Naming(longest=255)
    tagging = Tagging(by="ResourceArn")

    def arrange(self, inputs: Properties) -> Properties:
        arranged = {**inputs, "keySchema": _key_schema(inputs)}
        if "serverSideEncryption" in inputs and inputs["serverSideEncryption"].get("kmsKeyArn"):
            arranged["serverSideEncryption"] = {"sseType": "KMS", **inputs["serverSideEncryption"]}
        # DynamoDB refuses an empty list; Pulumi takes it for none.
        indexes = arranged.pop("globalSecondaryIndexes", None)
        if indexes:
            arranged["globalSecondaryIndexes"] = [_index(index) for index in indexes]
        return arranged

    def settle(self, id: str, old: Properties | None, inputs: Properties, context: ProviderContext) -> None:
        before = old or {}
        ttl = inputs.get("ttl") or {}
        if ttl != (before.get("ttl") or {}):
            attribute = ttl.get("attributeName") or before["ttl"]["attributeName"]
            specification = {"AttributeName": attribute, "Enabled": ttl.get("enabled", bool(ttl))}
            parameters = {"TableName": id, "TimeToLiveSpecification": specification}
            self.call("UpdateTimeToLive", parameters, inputs, context)
        recovery = (inputs.get("pointInTimeRecovery") or {}).get("enabled", False)
        if recovery != (before.get("pointInTimeRecovery") or {}).get("enabled", False):
            specification = {"PointInTimeRecoveryEnabled": recovery}
            parameters = {"TableName": id, "PointInTimeRecoverySpecification": specification}
            self.call("UpdateContinuousBackups", parameters, inputs, context)

    def attach(self, old: Properties | None, inputs: Properties, context: ProviderContext) -> Mapping[str, Any]:
        """An update names its indexes as single changes: what is new, and what is no longer declared."""
        if old is None:
            return {}
        described = self.call("DescribeTable", {"TableName": inputs["name"]}, inputs, context)["Table"]
        have = {index["IndexName"] for index in described.get("GlobalSecondaryIndexes", [])}
        want = {index["IndexName"]: index for index in self.request("CreateTable", inputs).get(_INDEXES, [])}
        changes: list[dict[str, Any]] = [{"Delete": {"IndexName": name}} for name in sorted(have - want.keys())]
        changes += [{"Create": index} for name, index in want.items() if name not in have]
        return {"GlobalSecondaryIndexUpdates": changes} if changes else {}


_INDEXES = "GlobalSecondaryIndexes"


def _index(index: Properties) -> Properties:
    rest = {key: value for key, value in index.items() if key not in ("hashKey", "rangeKey", "keySchemas")}
    return {**rest, "keySchema": index.get("keySchemas") or _key_schema(index)}


def _key_schema(keys: Properties) -> list[Properties]:
    return [
        {"attributeName": keys[name], "keyType": kind}
        for name, kind in (("hashKey", "HASH"), ("rangeKey", "RANGE"))
        if keys.get(name)
    ]


RESOURCES = (TableResource(),)
