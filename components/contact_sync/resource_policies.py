"""Resource policies of contact sync's own key, queues and bus, as pure functions of the stack context."""

from collections.abc import Mapping
from typing import Any

from orgsync.components.contact_sync.member_patterns import member_calls
from orgsync.components.contact_sync.resource_names import member_rule_arn, members_bus_arn
from orgsync.components.shared.resource_policies import (
    from_own,
    key_account,
    queue_policy,
    service_key_use,
    trail_key_use,
)
from orgsync.components.shared.stack_context import StackContext
from orgsync.components.shared.statements import Statement, policy_document


def _rules(context: StackContext) -> Mapping[str, Any]:
    """Condition a statement on our rules.

    EventBridge names the rule, whose ARN has the account, and no account besides.
    """
    return {"ArnLike": {"aws:SourceArn": context.rule()}}


def _members(context: StackContext) -> list[Mapping[str, Any]]:
    """Return the condition under which members' rules leave here what they could not forward.

    There is none where they leave
    none.
    """
    if not context.organization or context != context.of_account_events:
        return []
    ours = {
        "StringEquals": {"aws:SourceOrgID": context.organization},
        "ArnLike": {"aws:SourceArn": member_rule_arn(context)},
    }
    return [ours]


def key_policy(context: StackContext, trail: bool = False) -> str:
    """Return the policy of the system's key.

    It lets in this account's own identities by their policies, and the services that need it.

    In a key's policy `"Resource": "*"` means the key itself.
    """
    # Every function of the system has a log group of its own.
    groups = [f"log-group:/aws/lambda/{context.name('*')}", f"log-group:/aws/vendedlogs/states/{context.prefix}"]
    return policy_document(
        key_account(context),
        {
            "Sid": "Logs",
            "Effect": "Allow",
            "Principal": {"Service": f"logs.{context.region}.amazonaws.com"},
            # With the two families of actions as CloudWatch Logs documents them.
            "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
            "Resource": "*",  # The key itself.
            "Condition": {
                "ArnLike": {"kms:EncryptionContext:aws:logs:arn": [context.arn("logs", group) for group in groups]}
            },
        },
        *(trail_key_use(context) if trail else []),
        # Alarms publish to the encrypted topic, which they cannot under AWS's own key.
        service_key_use("Alarms", "cloudwatch.amazonaws.com", from_own(context, context.alarms)),
        *_dead_letter_key_use(context),
    )


def queue_key_policy(context: StackContext) -> str:
    """Return the policy of the key over what could not be forwarded: those who leave it there, and this account."""
    return policy_document(key_account(context), *_dead_letter_key_use(context))


def _dead_letter_key_use(context: StackContext) -> list[Statement]:
    """Allow rules to leave dead letters in the encrypted queue."""
    return [
        service_key_use("Rules", "events.amazonaws.com", _rules(context)),
        *(service_key_use("Members", "events.amazonaws.com", condition) for condition in _members(context)),
    ]


def failed_events_policy(context: StackContext, queue: str) -> str:
    """Return the policy of a queue of events that started no run.

    Our rules may leave them there, and members' own; all by TLS.
    """
    leave: Statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
    }
    return queue_policy(
        queue,
        leave | {"Sid": "Rules", "Condition": _rules(context)},
        *(leave | {"Sid": "Members", "Condition": condition} for condition in _members(context)),
    )


def members_bus_policy(context: StackContext) -> str:
    """Return the policy of the bus of members' own events.

    Accounts of this organization may put events there, and
    AWS's own only.

    Nobody can make up an event whose source begins with `aws.` [doc], and what arrives must have been
    forwarded by a rule. `ForAllValues` lets pass what comes without these keys: that a forwarded event
    has them is [inferred].
    """
    return policy_document(
        {
            "Sid": "Members",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},  # Whoever they are: the condition names the organization.
            "Action": "events:PutEvents",
            "Resource": members_bus_arn(context),
            "Condition": {
                "StringEquals": {
                    "aws:PrincipalOrgID": context.organization,
                    # A rule of theirs whose target is this bus, and no call of theirs.
                    "events:eventBusInvocation": "true",
                },
                # By API or console; the console's own words are not sure (see `member_patterns`).
                "ForAllValues:StringLike": {
                    "events:detail-type": "AWS * via CloudTrail",
                    "events:source": [f"{one['prefix']}*" for one in member_calls(context)["source"]],
                },
            },
        }
    )
