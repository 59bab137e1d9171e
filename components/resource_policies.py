"""What resources let in: the policies of roles, key, bucket, queues and topic, as pure functions of the place."""

from collections.abc import Mapping
from typing import Any

from .place import Place
from .policies import Statement, document

ALARM_ELSEWHERE = "forwarding-failed"
"""The rule that publishes the alarm of another region."""


def trust(place: Place, service: str, source: str | None = None) -> str:
    """Who may wear a role: one service, on behalf of this account (and of one source where it names one)."""
    when: dict[str, Any] = {"StringEquals": {"aws:SourceAccount": place.account}}
    if source:
        when["ArnLike"] = {"aws:SourceArn": source}
    # Lambda itself sends neither key when it wears a function's role.
    condition = {} if service == "lambda.amazonaws.com" else {"Condition": when}
    return document(
        {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"} | condition,
    )


def _ours(place: Place, sources: str | list[str]) -> Mapping[str, Any]:
    return {"StringEquals": {"aws:SourceAccount": place.account}, "ArnLike": {"aws:SourceArn": sources}}


def key_policy(place: Place) -> str:
    """Who may use the key: this account's own identities by their policies, and four services.

    In a key's policy `"Resource": "*"` means the key itself.
    """
    use = ["kms:Decrypt", "kms:GenerateDataKey"]
    groups = [f"log-group:/aws/lambda/{place.name('*')}", f"log-group:/aws/vendedlogs/states/{place.prefix}"]
    services: list[Statement] = [
        # Rules leave dead letters in the encrypted queue.
        {"Sid": "Rules", "Principal": {"Service": "events.amazonaws.com"}, "Condition": _ours(place, place.rule())},
        # Alarms publish to the encrypted topic, which they cannot under AWS's own key.
        {
            "Sid": "Alarms",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Condition": _ours(place, place.alarms),
        },
    ]
    return document(
        {
            # Without the account's root the key could never be managed again; identities still need a policy.
            "Sid": "Account",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:{place.partition}:iam::{place.account}:root"},
            "Action": "kms:*",
            "Resource": "*",
        },
        {
            "Sid": "Logs",
            "Effect": "Allow",
            "Principal": {"Service": f"logs.{place.region}.amazonaws.com"},
            "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
            "Resource": "*",
            "Condition": {
                "ArnLike": {"kms:EncryptionContext:aws:logs:arn": [place.arn("logs", group) for group in groups]}
            },
        },
        *({"Effect": "Allow", "Action": use, "Resource": "*"} | service for service in services),
    )


def bucket_policy(place: Place) -> str:
    """The run bucket: TLS only."""
    return document(
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",  # A denial is for everyone.
            "Action": "s3:*",  # And for everything.
            "Resource": [place.bucket, f"{place.bucket}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    )


def queue_policy(place: Place, queue: str) -> str:
    """A dead-letter queue: our rules may leave events in it; roles come with policies of their own."""
    return document(
        {
            "Sid": "Rules",
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": queue,
            "Condition": _ours(place, place.rule()),
        }
    )


def topic_policy(place: Place, topic: str) -> str:
    """The notification topic: our alarms may publish, and the rule that tells of one in another region; all by TLS."""
    return document(
        {
            "Sid": "AlarmElsewhere",
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": topic,
            "Condition": _ours(place, place.rule(ALARM_ELSEWHERE)),
        },
        {
            "Sid": "Alarms",
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": topic,
            "Condition": _ours(place, place.alarms),
        },
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",  # A denial is for everyone.
            "Action": "sns:Publish",
            "Resource": topic,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    )
