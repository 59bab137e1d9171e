"""IAM statements that any system needs, each a pure function; the shape of a policy document.

A wildcard stands only under a comment that gives its reason.
"""

from collections.abc import Iterable
from typing import Any

from orgsync.components.shared.stack_context import StackContext
from orgsync.shared.configuration import canonical_json

Statement = dict[str, Any]


def policy_document(*statements: Statement) -> str:
    """Return a policy document as JSON."""
    return canonical_json({"Version": "2012-10-17", "Statement": list(statements)})


def allow(sid: str, actions: Iterable[str], resources: str | Iterable[str], when: Any = None) -> Statement:
    """Return an Allow statement of an identity's policy."""
    listed = [resources] if isinstance(resources, str) else list(resources)
    statement = {"Sid": sid, "Effect": "Allow", "Action": sorted(actions), "Resource": listed}
    return statement | ({"Condition": when} if when else {})


def logs(context: StackContext, function: str) -> Statement:
    """Allow to write to the function's own log group, which the stack made."""
    # Below a log group stand its streams, which Lambda names.
    group = context.arn("logs", f"log-group:{context.log_group(function)}:*")
    return allow("OwnLogs", ["logs:CreateLogStream", "logs:PutLogEvents"], group)


def traces(sampling: bool = False) -> Statement:
    """Allow to send X-Ray segments; a state machine also asks which of its executions to trace."""
    asks = ["xray:GetSamplingRules", "xray:GetSamplingTargets"] if sampling else []
    # X-Ray has no resources to name.
    return allow("Traces", ["xray:PutTelemetryRecords", "xray:PutTraceSegments", *asks], "*")


def key_use(context: StackContext, key: str, *services: str) -> Statement:
    """Allow to use the system's key, only through the services that hold its data."""
    via = [f"{service}.{context.region}.amazonaws.com" for service in services]
    return allow(
        "DataKey",
        ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"],
        key,
        {"StringEquals": {"kms:ViaService": via}},
    )


def in_own_account(context: StackContext) -> dict[str, dict[str, str]]:
    """Condition a statement on a bucket of ours.

    A bucket's ARN names no account; another account might take the name when ours was gone.
    """
    return {"StringEquals": {"s3:ResourceAccount": context.account}}


def dead_letters(queue: str) -> Statement:
    """Allow to leave an invocation that failed for good in a queue."""
    return allow("DeadLetters", ["sqs:SendMessage"], queue)


def publish(topics: Iterable[str]) -> Statement:
    """Allow to publish notifications."""
    # An owner's `fallback_sns_topic` may be encrypted under a key of the owner's, which the configuration does
    # not name, so no statement here can cover it: that key's own policy must let these roles in.
    return allow("Notify", ["sns:Publish"], topics)
