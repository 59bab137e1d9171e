"""What resources let in: the policies of roles, key, bucket, queues and topic, as pure functions of the place."""

from collections.abc import Mapping
from typing import Any

from orgsync.components.contact_sync.event_patterns import member_calls
from orgsync.components.contact_sync.policies import Statement, document
from orgsync.components.shared.stack_context import Place

NAMES_NO_SOURCE = ("chatbot.amazonaws.com", "lambda.amazonaws.com")
"""Services that name neither account nor source when they wear a role, or are not known to. Chat's may do nothing."""


def trust(place: Place, service: str, source: str | list[str] | None = None) -> str:
    """Who may wear a role: one service, on behalf of this account (and of a source where it names one)."""
    when: dict[str, Any] = {"StringEquals": {"aws:SourceAccount": place.account}}
    if source:
        when["ArnLike"] = {"aws:SourceArn": source}
    condition = {} if service in NAMES_NO_SOURCE else {"Condition": when}
    return document(
        {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"} | condition,
    )


def _ours(place: Place, sources: str | list[str]) -> Mapping[str, Any]:
    return {"StringEquals": {"aws:SourceAccount": place.account}, "ArnLike": {"aws:SourceArn": sources}}


def _rules(place: Place) -> Mapping[str, Any]:
    """EventBridge on behalf of our rules: it names the rule, whose ARN has the account, and no account besides."""
    return {"ArnLike": {"aws:SourceArn": place.rule()}}


def _members(place: Place) -> list[Mapping[str, Any]]:
    """The condition under which members' rules leave here what they could not forward; none where they leave none."""
    if not place.organization or place != place.of_account_events:
        return []
    ours = {"StringEquals": {"aws:SourceOrgID": place.organization}, "ArnLike": {"aws:SourceArn": place.member_rule}}
    return [ours]


def key_policy(place: Place, trail: bool = False) -> str:
    """Who may use the key: this account's own identities by their policies, and the services that need it.

    In a key's policy `"Resource": "*"` means the key itself.
    """
    # Every function of the system has a log group of its own.
    groups = [f"log-group:/aws/lambda/{place.name('*')}", f"log-group:/aws/vendedlogs/states/{place.prefix}"]
    return document(
        _key_account(place),
        {
            "Sid": "Logs",
            "Effect": "Allow",
            "Principal": {"Service": f"logs.{place.region}.amazonaws.com"},
            # With the two families of actions as CloudWatch Logs documents them.
            "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
            "Resource": "*",  # The key itself.
            "Condition": {
                "ArnLike": {"kms:EncryptionContext:aws:logs:arn": [place.arn("logs", group) for group in groups]}
            },
        },
        *(_trail_key_use(place) if trail else []),
        # Alarms publish to the encrypted topic, which they cannot under AWS's own key.
        _key_use("Alarms", "cloudwatch.amazonaws.com", _ours(place, place.alarms)),
        *_dead_letter_key_use(place),
    )


def queue_key_policy(place: Place) -> str:
    """Who may use the key over what could not be forwarded: those who leave it there, and this account."""
    return document(_key_account(place), *_dead_letter_key_use(place))


def _key_account(place: Place) -> Statement:
    # Without the account's root the key could never be managed again; identities still need a policy.
    return {
        "Sid": "Account",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:{place.partition}:iam::{place.account}:root"},
        "Action": "kms:*",  # Managing a key is all of it; narrower, nobody could change what was forgotten.
        "Resource": "*",  # The key itself.
    }


def _key_use(sid: str, service: str, when: Mapping[str, Any]) -> Statement:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Resource": "*",  # The key itself.
        "Condition": when,
    }


def _dead_letter_key_use(place: Place) -> list[Statement]:
    """Rules leave dead letters in the encrypted queue."""
    return [
        _key_use("Rules", "events.amazonaws.com", _rules(place)),
        *(_key_use("Members", "events.amazonaws.com", condition) for condition in _members(place)),
    ]


def _trail_key_use(place: Place) -> list[Statement]:
    """CloudTrail looks at the key, and encrypts the own trail's files: its encryption context names the trail."""
    when = _ours(place, place.trail)
    like = {**when["ArnLike"], "kms:EncryptionContext:aws:cloudtrail:arn": place.trail}
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


def bucket_policy(place: Place) -> str:
    """The run bucket: TLS only."""
    return document(_bucket_tls_only(place.bucket))


def trail_bucket_policy(place: Place) -> str:
    """The bucket of an own trail: CloudTrail may look at it and write into it, for that trail; all by TLS."""
    bucket = f"arn:{place.partition}:s3:::{place.trail_bucket_name}"
    owners = [place.account, *([place.organization] if place.organization else [])]
    when = _ours(place, place.trail)
    control = {**when["StringEquals"], "s3:x-amz-acl": "bucket-owner-full-control"}
    trail: Statement = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}}
    return document(
        {**trail, "Sid": "TrailLooks", "Action": "s3:GetBucketAcl", "Resource": bucket, "Condition": when},
        {
            **trail,
            "Sid": "TrailWrites",
            "Action": "s3:PutObject",
            # A file's name has the account, region and day.
            "Resource": [f"{bucket}/AWSLogs/{owner}/*" for owner in owners],
            "Condition": {**when, "StringEquals": control},
        },
        _bucket_tls_only(bucket),
    )


def _bucket_tls_only(bucket: str) -> Statement:
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",  # A denial is for everyone.
        "Action": "s3:*",  # And for everything.
        "Resource": [bucket, f"{bucket}/*"],  # The bucket and whatever is in it.
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def invocations_policy(queue: str) -> str:
    """The queue of invocations that failed for good: our roles leave them, by policies of their own; all by TLS."""
    return document(_queue_tls_only(queue))


def bells_policy(place: Place, queue: str) -> str:
    """A queue of events that nobody took: our rules may leave them there, and members' own; all by TLS."""
    leave: Statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
    }
    return document(
        leave | {"Sid": "Rules", "Condition": _rules(place)},
        *(leave | {"Sid": "Members", "Condition": condition} for condition in _members(place)),
        _queue_tls_only(queue),
    )


def _queue_tls_only(queue: str) -> Statement:
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",  # A denial is for everyone.
        "Action": "sqs:*",  # And for everything.
        "Resource": queue,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def members_bus_policy(place: Place) -> str:
    """The bus of members' own events: accounts of this organization may put events there, and AWS's own only.

    Nobody can make up an event whose source begins with `aws.` [doc], and what arrives must have been
    forwarded by a rule. `ForAllValues` lets pass what comes without these keys: that a forwarded event
    has them is [inferred].
    """
    return document(
        {
            "Sid": "Members",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},  # Whoever they are: the condition names the organization.
            "Action": "events:PutEvents",
            "Resource": place.members_bus,
            "Condition": {
                "StringEquals": {
                    "aws:PrincipalOrgID": place.organization,
                    # A rule of theirs whose target is this bus, and no call of theirs.
                    "events:eventBusInvocation": "true",
                },
                "ForAllValues:StringEquals": {
                    "events:detail-type": member_calls(place)["detail-type"],
                    "events:source": member_calls(place)["source"],
                },
            },
        }
    )


def topic_policy(place: Place, topic: str) -> str:
    """A topic that hears alarms: ours may publish besides this account's own roles; all by TLS."""
    return document(
        {
            "Sid": "Alarms",
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": topic,
            "Condition": _ours(place, place.alarms),
        },
        _topic_tls_only(topic),
    )


def chat_topic_policy(topic: str) -> str:
    """A topic for chat that hears no alarms: nobody but this account's own roles publishes, by TLS."""
    return document(_topic_tls_only(topic))


def _topic_tls_only(topic: str) -> Statement:
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",  # A denial is for everyone.
        "Action": "sns:Publish",
        "Resource": topic,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
