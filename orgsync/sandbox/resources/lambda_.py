"""Lambda functions, layers, permissions and destinations of failed events."""

import json
from collections.abc import Mapping
from typing import Any

from orgsync.sandbox.resources.api import ApiResource, Tagging
from orgsync.sandbox.resources.archives import zip_archive
from orgsync.sandbox.resources.context import ProviderContext
from orgsync.sandbox.resources.resource import Naming
from orgsync.sandbox.resources.values import Properties, comparable


class FunctionResource(ApiResource):
    token = "aws:lambda/function:Function"
    service = "lambda"
    creates, reads, deletes = "CreateFunction", "GetFunction", "DeleteFunction"
    updates = "UpdateFunctionConfiguration"
    id_from = "{name}"
    keys = {"name": "FunctionName"}
    found = "Configuration"
    outputs = {
        "arn": "FunctionArn",
        "version": "Version",
        "lastModified": "LastModified",
        "codeSha256": "CodeSha256",
        "sourceCodeSize": "CodeSize",
    }
    computed = frozenset({"invokeArn", "qualifiedArn", "qualifiedInvokeArn", "responseStreamingInvokeArn"})
    volatile = frozenset({"version", "lastModified", "codeSha256", "sourceCodeSize"})
    rename = {
        "name": "FunctionName",
        "kmsKeyArn": "KMSKeyArn",
        "s3Bucket": "Code.S3Bucket",
        "s3Key": "Code.S3Key",
        "s3ObjectVersion": "Code.S3ObjectVersion",
    }
    handled = frozenset({"code", "reservedConcurrentExecutions", "s3Bucket", "s3Key", "s3ObjectVersion"})
    held = frozenset({"sourceCodeHash", "skipDestroy", "useResourceTimeoutForPropagation"})
    replace_on = frozenset({"name", "packageType", "region"})
    identity = ("name", "region")
    resets = {
        "deadLetterConfig": {"targetArn": ""},
        "description": "",
        "environment": {"variables": {}},
        "ephemeralStorage": {"size": 512},
        "kmsKeyArn": "",
        "layers": [],
        "loggingConfig": {"logFormat": "Text"},
        "tracingConfig": {"mode": "PassThrough"},
    }
    defaults = {"memorySize": 128, "timeout": 3, "packageType": "Zip"}
    naming = Naming(longest=64)
    tagging = Tagging(by="Resource")

    def arrange(self, inputs: Properties) -> Properties:
        return {name: value for name, value in inputs.items() if name != "code"}

    def attach(self, old: Properties | None, inputs: Properties, context: ProviderContext) -> Mapping[str, Any]:
        if old is not None or "code" not in inputs:
            return {}
        return {"Code": {"ZipFile": zip_archive(inputs["code"], context.root)}}

    def settle(self, id: str, old: Properties | None, inputs: Properties, context: ProviderContext) -> None:
        before = old or {}
        if old is not None and _source(old) != _source(inputs):
            code = {"ZipFile": zip_archive(inputs["code"], context.root)} if "code" in inputs else _stored_code(inputs)
            self.call("UpdateFunctionCode", {"FunctionName": id, **code}, inputs, context)
        reserved = inputs.get("reservedConcurrentExecutions", -1)
        if reserved != before.get("reservedConcurrentExecutions", -1):
            if reserved < 0:
                self.call("DeleteFunctionConcurrency", {"FunctionName": id}, inputs, context)
            else:
                parameters = {"FunctionName": id, "ReservedConcurrentExecutions": reserved}
                self.call("PutFunctionConcurrency", parameters, inputs, context)

    def actual(self, state: Properties, found: Any) -> Properties:
        # AWS answers layers with their sizes and the environment with errors: both are more than was declared.
        layers = [layer["Arn"] for layer in found.get("Layers", [])]
        return super().actual(state, {**found, "Layers": layers} if "layers" in state else found)

    def derive(self, id: str, state: Properties, found: Any, context: ProviderContext) -> Properties:
        arn = state["arn"]
        qualified = f"{arn}:{state['version']}"
        return {
            "qualifiedArn": qualified,
            "invokeArn": _invoke_arn(arn, state["region"], context),
            "qualifiedInvokeArn": _invoke_arn(qualified, state["region"], context),
            "responseStreamingInvokeArn": _invoke_arn(
                arn, state["region"], context, "2021-11-15", "response-streaming-"
            ),
        }


class LayerVersionResource(ApiResource):
    token = "aws:lambda/layerVersion:LayerVersion"
    service = "lambda"
    creates, reads, deletes = "PublishLayerVersion", "GetLayerVersion", "DeleteLayerVersion"
    id_from = "$.LayerVersionArn"
    keys = {"layerName": "LayerName", "version": "VersionNumber"}
    outputs = {
        "arn": "LayerVersionArn",
        "layerArn": "LayerArn",
        "createdDate": "CreatedDate",
        "codeSha256": "Content.CodeSha256",
        "sourceCodeSize": "Content.CodeSize",
    }
    computed = frozenset({"version"})
    rename = {
        "s3Bucket": "Content.S3Bucket",
        "s3Key": "Content.S3Key",
        "s3ObjectVersion": "Content.S3ObjectVersion",
    }
    handled = frozenset({"code"})
    held = frozenset({"skipDestroy", "sourceCodeHash"})
    naming = Naming("layerName", longest=140)
    # A published version is never changed: whatever differs is published as the next one.
    replace_on = frozenset(
        {
            "code",
            "compatibleArchitectures",
            "compatibleRuntimes",
            "description",
            "layerName",
            "licenseInfo",
            "region",
            "s3Bucket",
            "s3Key",
            "s3ObjectVersion",
            "sourceCodeHash",
        }
    )

    def attach(self, old: Properties | None, inputs: Properties, context: ProviderContext) -> Mapping[str, Any]:
        return {"Content": {"ZipFile": zip_archive(inputs["code"], context.root)}} if "code" in inputs else {}

    def read(self, id: str, state: Properties, context: ProviderContext) -> Properties | None:
        version = id.rpartition(":")[2]
        found = super().read(id, {**state, "version": int(version)}, context)
        return found and {**found, "version": version}

    def actual(self, state: Properties, found: Any) -> Properties:
        return {}

    def delete(self, id: str, state: Properties, context: ProviderContext) -> None:
        if not state.get("skipDestroy"):
            super().delete(id, {**state, "version": int(id.rpartition(":")[2])}, context)


class FunctionPermissionResource(ApiResource):
    token = "aws:lambda/permission:Permission"
    service = "lambda"
    creates, reads, deletes = "AddPermission", "GetPolicy", "RemovePermission"
    id_from = "{statementId}"
    keys = {"function": "FunctionName", "statementId": "StatementId", "qualifier": "Qualifier"}
    found = "Policy"
    rename = {"function": "FunctionName", "principalOrgId": "PrincipalOrgID"}
    naming = Naming("statementId", longest=100)
    identity = ("function", "statementId")
    replace_on = frozenset(
        {
            "action",
            "eventSourceToken",
            "function",
            "functionUrlAuthType",
            "principal",
            "principalOrgId",
            "qualifier",
            "region",
            "sourceAccount",
            "sourceArn",
            "statementId",
        }
    )

    def is_there(self, id: str, found: Any) -> bool:
        return any(statement["Sid"] == id for statement in json.loads(found)["Statement"])


class FunctionEventInvokeConfigResource(ApiResource):
    token = "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"
    service = "lambda"
    creates, reads = "PutFunctionEventInvokeConfig", "GetFunctionEventInvokeConfig"
    updates, deletes = "PutFunctionEventInvokeConfig", "DeleteFunctionEventInvokeConfig"
    id_from = "{functionName}"
    keys = {"functionName": "FunctionName", "qualifier": "Qualifier"}
    replace_on = frozenset({"functionName", "qualifier", "region"})
    identity = ("functionName", "qualifier")


_STORED = ("s3Bucket", "s3Key", "s3ObjectVersion")


def _source(properties: Properties) -> list[Any]:
    return [comparable(properties.get(name)) for name in ("code", *_STORED)]


def _stored_code(inputs: Properties) -> dict[str, str]:
    return {name[:1].upper() + name[1:]: inputs[name] for name in _STORED if name in inputs}


def _invoke_arn(arn: str, region: str, context: ProviderContext, version: str = "2015-03-31", kind: str = "") -> str:
    path = f"path/{version}/functions/{arn}/{kind}invocations"
    return f"arn:{context.partition}:apigateway:{region}:lambda:{path}"


RESOURCES = (
    FunctionResource(),
    LayerVersionResource(),
    FunctionPermissionResource(),
    FunctionEventInvokeConfigResource(),
)
