"""Notifications of a run: what happened, to which accounts, why and what to do."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from orgsync.contact_sync.config import parse
from orgsync.contact_sync.core.contacts import Contact
from orgsync.contact_sync.core.notification import (
    HEADLINES,
    MAX_ACCOUNTS,
    MAX_DESCRIPTION,
    MAX_STEP,
    MAX_STEPS,
    MAX_TITLE,
    Notification,
    compose,
)
from orgsync.contact_sync.core.outcome import RunOutcome, RunSummary, classify
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.core.run import Run
from orgsync.contact_sync.names import Cause, Kind
from orgsync.shared.errors import error_class
from orgsync.shared.notification_settings import RunScenario, Severity

AT = "2026-11-01T10:00:00.000+00:00"
CANARY = "canary-value"
ARN = "arn:aws:iam::100000000001:user/ann"


def composed(
    receipts: Sequence[Receipt], environment: str = "dev", error: str | None = None, detail: str | None = None
) -> Notification:
    """Return the notification of a run with these receipts, whose header holds a contact."""
    summary = RunSummary.of(receipts)
    source = {Kind.BILLING: Contact.of(Kind.BILLING, {"Name": CANARY, "EmailAddress": f"{CANARY}@example.com"})}
    run = Run("run-7", Cause.SOURCE_CHANGED, AT, AT, initiator=ARN, source=source, error=error, detail=detail)
    return compose(run, classify(summary, error, parse({})), summary, environment)


def failed(error: str, *numbers: int) -> list[Receipt]:
    """Return the receipts of accounts that failed."""
    return [Receipt(f"{number:012d}", Kind.BILLING, Status.FAILED, AT, error=error) for number in numbers]


@pytest.mark.parametrize("scenario", sorted(HEADLINES))
@pytest.mark.parametrize("severity", list(Severity))
@pytest.mark.parametrize(
    "environment", ["dev", "an-environment-with-a-name-that-is-much-longer-than-it-had-to-be-" * 2]
)
def test_a_subject_is_one_that_sns_takes(scenario: RunScenario, severity: Severity, environment: str) -> None:
    """At most 100 characters of ASCII on one line, or SNS refuses the message."""
    run = Run("run-7", Cause.SCHEDULE, AT, AT)
    subject = compose(run, RunOutcome("failed", scenario, severity, True), RunSummary(), environment).subject
    assert 0 < len(subject) <= 100
    assert subject.isascii()
    assert subject.isprintable()
    assert severity.upper() in subject or len(environment) > 20


def test_every_reason_comes_with_its_remedy() -> None:
    """Each class of failure is named with how often it happened and what to do about it."""
    body = composed([*failed("AccessDenied", 1, 2), *failed("Throttled", 3)]).body
    assert "AccessDenied: 2 times" in body
    assert "Throttled: 1 times" in body
    assert error_class("AccessDenied").remedy in body
    assert error_class("Throttled").remedy in body


def test_an_error_that_ended_the_run_is_named_with_its_place() -> None:
    """A run that ended before its accounts says where the mistake stands."""
    body = composed([], error="SourceUnwritable", detail="security.PhoneNumber is required").body
    assert "SourceUnwritable: security.PhoneNumber is required" in body
    assert error_class("SourceUnwritable").remedy in body


def test_failed_accounts_are_named_up_to_a_limit() -> None:
    """People see which accounts failed, and how many more; a message stays a message."""
    few = composed(failed("ServiceFailed", *range(1, 4))).body
    assert all(f"{number:012d}" in few for number in range(1, 4))
    assert " more" not in few
    many = composed(failed("ServiceFailed", *range(1, 501))).body
    assert f"and {500 - MAX_ACCOUNTS} more" in many
    assert len(many) < 4000


def test_a_notification_names_cause_initiator_and_where_to_look() -> None:
    """The run, its cause and initiator, its counts and the command that shows all receipts of that stack."""
    body = composed([Receipt("000000000001", Kind.BILLING, Status.SUCCESS, AT, ("Name",))]).body
    for part in ("run-7", "source_changed", ARN, "1 in sync (1 written)", "orgsync status run-7 --stack dev"):
        assert part in body


@pytest.mark.parametrize(
    ("receipts", "again"),
    [
        ([Receipt("000000000001", Kind.BILLING, Status.SUCCESS, AT, ("Name",))], False),
        (failed("Throttled", 1), True),
    ],
)
def test_only_a_failure_is_to_be_tried_again(receipts: list[Receipt], again: bool) -> None:
    """A success ends with where its receipts are; anything else names the command that tries again."""
    message = composed(receipts)
    for text in (message.body, message.chat):
        assert ("orgsync sync --stack dev" in text) == again
        assert ("Try again" in text) == again


def test_a_notification_carries_no_contact() -> None:
    """The header holds the source's values; the message about it does not."""
    message = composed(failed("ContactRefused", 1), error="SystemFailure", detail="States.Timeout")
    assert CANARY not in message.subject + message.body


def chat(receipts: Sequence[Receipt], error: str | None = None, detail: str | None = None) -> dict[str, Any]:
    """Return a run's custom notification for chat applications."""
    message: dict[str, Any] = json.loads(composed(receipts, error=error, detail=detail).chat)
    return message


def test_chat_gets_a_custom_notification_as_it_is_documented() -> None:
    """Amazon Q Developer shows version 1.0 of source custom; anything else it drops without a word."""
    message = chat(failed("AccessDenied", 1))
    assert (message["version"], message["source"]) == ("1.0", "custom")
    assert set(message["content"]) == {"textType", "title", "description", "nextSteps", "keywords"}
    assert message["content"]["textType"] == "client-markdown"
    assert message["metadata"]["eventType"] == "complete_failure"
    assert message["metadata"]["threadId"] == "run-7"


def test_a_chat_message_says_what_to_do_next() -> None:
    """The remedies first, and always the commands; five steps are what people read."""
    steps = chat(failed("AccessDenied", 1))["content"]["nextSteps"]
    assert steps == [
        error_class("AccessDenied").remedy,
        "All receipts: `orgsync status run-7 --stack dev`",
        "Try again: `orgsync sync --stack dev`",
    ]
    many = [
        one
        for n, error in enumerate(("AccessDenied", "Throttled", "ServiceFailed", "Conflicted", "NotVerified"))
        for one in failed(error, n)
    ]
    steps = chat(many)["content"]["nextSteps"]
    assert len(steps) == MAX_STEPS
    assert steps[-1] == "Try again: `orgsync sync --stack dev`"


def test_a_chat_message_stays_within_its_limits_and_carries_no_contact() -> None:
    """Long lists are cut, and nothing of the source is in it."""
    message = chat(failed("ContactRefused", *range(1, 501)), error="SystemFailure", detail="x" * 9000)
    content = message["content"]
    assert len(content["title"]) <= MAX_TITLE
    assert len(content["description"]) <= MAX_DESCRIPTION
    assert all(len(step) <= MAX_STEP for step in content["nextSteps"])
    assert CANARY not in json.dumps(message)
