"""AWS requests in their wire form: service, operation and caller."""

import io
import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qs

import botocore.session
from botocore.model import OperationModel, ServiceModel
from moto.core.request import Request
from moto.core.routing import get_service_router
from werkzeug.exceptions import HTTPException

_CREDENTIAL = re.compile(r"Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
_RPC_PATH = re.compile(r"^/service/\w+/operation/(\w+)$")
# Signing name to botocore's service name, where they differ; only services that a stack of ours may use.
_SERVICE_OF_SIGNING_NAME = {
    "states": "stepfunctions",
    "monitoring": "cloudwatch",
    "tagging": "resourcegroupstaggingapi",
    "email": "sesv2",
}
SERVICES = (
    "account",
    "cloudformation",
    "cloudtrail",
    "cloudwatch",
    "dynamodb",
    "events",
    "iam",
    "kms",
    "lambda",
    "logs",
    "organizations",
    "s3",
    "scheduler",
    "sns",
    "sqs",
    "ssm",
    "stepfunctions",
    "sts",
)
"""The services that the sandbox emulates, by botocore's names."""


@dataclass(frozen=True)
class AwsRequest:
    """One request: botocore's service name (None: unsigned), the operation if known, the caller's key."""

    service: str | None
    operation: str | None
    region: str
    access_key: str | None


def read(environ: dict[str, Any]) -> AwsRequest:
    """Read the request of a WSGI environment, of which the body stays readable."""
    signed = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    if not signed:
        return AwsRequest(None, None, "us-east-1", None)
    key, region, signing_name = signed.groups()
    service = _SERVICE_OF_SIGNING_NAME.get(signing_name, signing_name)
    return AwsRequest(service, _operation(environ, service), region, key)


def action(environ: dict[str, Any], operation: str) -> str:
    """Find the action that IAM is asked for: the operation, save where a version of an object is read."""
    version = operation == "GetObject" and "versionId=" in environ.get("QUERY_STRING", "")
    return "GetObjectVersion" if version else operation


def subject(environ: dict[str, Any], request: AwsRequest) -> str:
    """Find the subject of a request: a table's name, an object's path; empty for other services."""
    if request.service == "s3":
        return str(environ.get("PATH_INFO", ""))
    if request.service != "dynamodb":
        return ""
    document = json.loads(body(environ) or b"{}")
    # A transaction is of several writes, each with its table; one table serves for all of ours.
    writes = [write for item in document.get("TransactItems", []) for write in item.values()]
    tables = [*(write.get("TableName") for write in writes), *document.get("RequestItems", {})]
    return str(document.get("TableName") or next(iter(tables), ""))


def body(environ: dict[str, Any]) -> bytes:
    """The request's body, put back for whoever reads it next."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    content: bytes = environ["wsgi.input"].read(length) if length else b""
    environ["wsgi.input"] = io.BytesIO(content)
    return content


def operations_named(name: str) -> list[tuple[str, OperationModel]]:
    """The services of `SERVICES` that have an operation of this name."""
    found = []
    for service in SERVICES:
        model = service_model(service)
        if name in model.operation_names:
            found.append((service, model.operation_model(name)))
    return found


@cache
def service_model(service: str) -> ServiceModel:
    """botocore's model of a service."""
    return botocore.session.get_session().get_service_model(service)


def _operation(environ: dict[str, Any], service: str) -> str | None:
    target: str | None = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        return target.rsplit(".", 1)[-1]
    named = _RPC_PATH.search(environ.get("PATH_INFO", ""))
    if named:
        return named[1]
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        actions = parse_qs(body(environ).decode()).get("Action")
        return actions[0] if actions else None
    if service not in SERVICES:
        return None
    try:
        operation, _ = get_service_router(service).match(Request(environ))
    except HTTPException:
        return None
    return str(operation.name)
