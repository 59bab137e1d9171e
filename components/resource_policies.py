"""What resources let in: the policies of roles, key, bucket, queues and topic, as pure functions of the place."""

from collections.abc import Mapping
from typing import Any

from .bells import member_calls
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


def _members(place: Place) -> list[Mapping[str, Any]]:
    """The condition under which members' rules leave what they could not forward; none where none forward."""
    if not place.organization:
        return []
    ours = {"StringEquals": {"aws:SourceOrgID": place.organization}, "ArnLike": {"aws:SourceArn": place.member_rule}}
    return [ours]


def key_policy(place: Place, trail: bool = False) -> str:
    """Who may use the key: this account's own identities by their policies, and the services that need it.

    In a key's policy `"Resource": "*"` means the key itself.
    """
    use = ["kms:Decrypt", "kms:GenerateDataKey"]
    # Every function of the system has a log group of its own.
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
        *(
            {"Sid": "Members", "Principal": {"Service": "events.amazonaws.com"}, "Condition": condition}
            for condition in _members(place)
        ),
    ]
    return document(
        {
            # Without the account's root the key could never be managed again; identities still need a policy.
            "Sid": "Account",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:{place.partition}:iam::{place.account}:root"},
            "Action": "kms:*",  # Managing a key is all of it; narrower, nobody could change what was forgotten.
            "Resource": "*",  # The key itself.
        },
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
        *([_trail_key_use(place)] if trail else []),
        # The key itself, again.
        *({"Effect": "Allow", "Action": use, "Resource": "*"} | service for service in services),
    )


def _trail_key_use(place: Place) -> Statement:
    """CloudTrail encrypts the own trail's files: its own encryption context names the trail."""
    when = _ours(place, place.trail)
    like = {**when["ArnLike"], "kms:EncryptionContext:aws:cloudtrail:arn": place.trail}
    return {
        "Sid": "Trail",
        "Effect": "Allow",
        "Principal": {"Service": "cloudtrail.amazonaws.com"},
        # The family of actions as CloudTrail documents it.
        "Action": "kms:GenerateDataKey*",
        "Resource": "*",  # The key itself.
        "Condition": {**when, "ArnLike": like},
    }


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


def queue_policy(place: Place, queue: str) -> str:
    """A dead-letter queue: our rules may leave events in it; roles come with policies of their own."""
    leave: Statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
    }
    return document(
        leave | {"Sid": "Rules", "Condition": _ours(place, place.rule())},
        *(leave | {"Sid": "Members", "Condition": condition} for condition in _members(place)),
    )


def members_bus_policy(place: Place) -> str:
    """The bus of members' own events: accounts of this organization may put events there, and AWS's own only.

    Nobody can make up an event whose source begins with `aws.` [doc], so what arrives was forwarded by
    a rule. `ForAllValues` lets pass what comes without these keys: that a forwarded event has them is
    [inferred].
    """
    return document(
        {
            "Sid": "Members",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},  # Whoever they are: the condition names the organization.
            "Action": "events:PutEvents",
            "Resource": place.members_bus,
            "Condition": {
                "StringEquals": {"aws:PrincipalOrgID": place.organization},
                "ForAllValues:StringEquals": {
                    "events:detail-type": member_calls(place)["detail-type"],
                    "events:source": member_calls(place)["source"],
                },
            },
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
        _topic_tls_only(topic),
    )


def chat_topic_policy(topic: str) -> str:
    """A topic that chat channels hear: nobody but this account's own roles publishes, by TLS."""
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
