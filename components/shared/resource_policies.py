"""Resource policies that any system needs: what roles, keys, buckets, queues and topics let in, as pure functions."""

from collections.abc import Mapping
from typing import Any

from orgsync.components.shared.stack_context import StackContext
from orgsync.components.shared.statements import Statement, policy_document

# Services that name neither account nor source when they assume a role, or are not known to. Chat's may do nothing.
_NAMES_NO_SOURCE = ("chatbot.amazonaws.com", "lambda.amazonaws.com")


def trust(context: StackContext, service: str, source: str | list[str] | None = None) -> str:
    """Return the policy that lets one service assume a role.

    The service acts on behalf of this account (and of a source where it names one).
    """
    when: dict[str, Any] = {"StringEquals": {"aws:SourceAccount": context.account}}
    if source:
        when["ArnLike"] = {"aws:SourceArn": source}
    condition = {} if service in _NAMES_NO_SOURCE else {"Condition": when}
    return policy_document(
        {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"} | condition,
    )


def from_own(context: StackContext, sources: str | list[str]) -> Mapping[str, Any]:
    """Condition a statement on this account and on the sources that a service acts for."""
    return {"StringEquals": {"aws:SourceAccount": context.account}, "ArnLike": {"aws:SourceArn": sources}}


def key_account(context: StackContext) -> Statement:
    """Allow this account's own identities to use a key, by their policies."""
    # Without the account's root the key could never be managed again; identities still need a policy.
    return {
        "Sid": "Account",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:{context.partition}:iam::{context.account}:root"},
        "Action": "kms:*",  # Managing a key is all of it; narrower, nobody could change what was forgotten.
        "Resource": "*",  # The key itself.
    }


def service_key_use(sid: str, service: str, when: Mapping[str, Any]) -> Statement:
    """Allow a service to use a key under a condition."""
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Resource": "*",  # The key itself.
        "Condition": when,
    }


def trail_key_use(context: StackContext) -> list[Statement]:
    """Allow CloudTrail to look at the key, and to encrypt the own trail's files.

    Its encryption context names the trail.
    """
    when = from_own(context, context.trail)
    like = {**when["ArnLike"], "kms:EncryptionContext:aws:cloudtrail:arn": context.trail}
    trail: Statement = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}}
    return [
        {
            **trail,
            "Sid": "Trail",
            # The family of actions as CloudTrail documents it.
            "Action": "kms:GenerateDataKey*",
            "Resource": "*",  # The key itself.
            "Condition": {**when, "ArnLike": like},
        },
        # The key itself, of which a look has no context.
        {**trail, "Sid": "TrailLooks", "Action": "kms:DescribeKey", "Resource": "*", "Condition": when},
    ]


def bucket_policy(bucket: str) -> str:
    """Return the policy of a bucket that only this account's own roles use: TLS only."""
    # The denial is for the whole service, the bucket and every object in it.
    return policy_document(_tls_only("s3:*", bucket, f"{bucket}/*"))


def trail_bucket_policy(context: StackContext) -> str:
    """Return the policy of the bucket of an own trail.

    CloudTrail may look at it and write into it, for that trail; all by TLS.
    """
    bucket = f"arn:{context.partition}:s3:::{context.trail_bucket_name}"
    owners = [context.account, *([context.organization] if context.organization else [])]
    when = from_own(context, context.trail)
    control = {**when["StringEquals"], "s3:x-amz-acl": "bucket-owner-full-control"}
    trail: Statement = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}}
    return policy_document(
        {**trail, "Sid": "TrailLooks", "Action": "s3:GetBucketAcl", "Resource": bucket, "Condition": when},
        {
            **trail,
            "Sid": "TrailWrites",
            "Action": "s3:PutObject",
            # A file's name has the account, region and day.
            "Resource": [f"{bucket}/AWSLogs/{owner}/*" for owner in owners],
            "Condition": {**when, "StringEquals": control},
        },
        # The denial is for the whole service, the bucket and every object in it.
        _tls_only("s3:*", bucket, f"{bucket}/*"),
    )


def queue_policy(queue: str, *statements: Statement) -> str:
    """Return the policy of a queue: whom the statements let in, besides this account's own roles; all by TLS."""
    # The denial is for the whole service.
    return policy_document(*statements, _tls_only("sqs:*", queue))


def topic_policy(context: StackContext, topic: str) -> str:
    """Return the policy of a topic that gets alarms: ours may publish besides this account's own roles; all by TLS."""
    return policy_document(
        {
            "Sid": "Alarms",
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": topic,
            "Condition": from_own(context, context.alarms),
        },
        _tls_only("sns:Publish", topic),
    )


def chat_topic_policy(topic: str) -> str:
    """Return the policy of a chat topic that gets no alarms: nobody but this account's own roles publishes, by TLS."""
    return policy_document(_tls_only("sns:Publish", topic))


def _tls_only(action: str, *resources: str) -> Statement:
    """Deny whatever does not come by TLS; `action` may be a whole service, for a denial is for everything."""
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",  # A denial is for everyone.
        "Action": action,
        "Resource": list(resources) if len(resources) > 1 else resources[0],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
