"""Resource policies as services read them."""

from typing import Any

import pytest

from orgsync.sandbox.cloud.resource_policy import allows

RULE = "arn:aws:events:us-east-1:1:rule/r"
STATEMENT = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}


def judged(**changes: Any) -> bool:
    policy = {"Statement": [STATEMENT | changes]}
    return allows(policy, "events.amazonaws.com", "sqs:SendMessage", {"aws:SourceArn": RULE})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"Principal": "*"},
        {"Action": ["sqs:*"]},
        {"Condition": {"ArnEquals": {"aws:SourceArn": RULE}}},
        {"Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:events:*:1:rule/*"}}},
    ],
)
def test_a_matching_statement_lets_in(changes: dict[str, Any]) -> None:
    """Principal, action and every condition hold."""
    assert judged(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"Principal": {"Service": "sns.amazonaws.com"}},
        {"Action": "sqs:ReceiveMessage"},
        {"Effect": "Deny"},
        {"Condition": {"ArnEquals": {"aws:SourceArn": RULE + "2"}}},
        {"Condition": {"Bool": {"aws:SecureTransport": "true"}}},
    ],
)
def test_anything_else_keeps_out(changes: dict[str, Any]) -> None:
    """A condition that is not known does not hold."""
    assert not judged(**changes)


def test_no_policy_keeps_out() -> None:
    """A resource without a policy lets no service in."""
    assert not allows(None, "events.amazonaws.com", "sqs:SendMessage", {})
