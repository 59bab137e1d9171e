"""What people are told: what happened, to whom, why and what to do."""

import json

import pytest

from orgsync.contact_sync.config import parse
from orgsync.contact_sync.core.contacts import Contact
from orgsync.contact_sync.core.notification import (
    HEADLINES,
    MAX_DESCRIPTION,
    MAX_STEP,
    MAX_STEPS,
    MAX_TITLE,
    compose,
)
from orgsync.contact_sync.core.outcome import RunOutcome, classify
from orgsync.contact_sync.core.receipts import Receipt, RunSummary, Status
from orgsync.contact_sync.core.request import _MAX_ACCOUNTS
from orgsync.contact_sync.core.run import Run
from orgsync.contact_sync.names import Cause, Kind
from orgsync.shared.errors import error_class
from orgsync.shared.notification_settings import Severity

AT = "2026-11-01T10:00:00.000+00:00"
CANARY = "canary-value"
ARN = "arn:aws:iam::100000000001:user/ann"


def told(receipts, environment="dev", **run):
    summary = RunSummary.of(receipts)
    source = {Kind.BILLING: Contact.of(Kind.BILLING, {"Name": CANARY, "EmailAddress": f"{CANARY}@example.com"})}
    header = Run("run-7", Cause.SOURCE_CHANGED, AT, AT, initiator=ARN, source=source, **run)
    return compose(header, classify(summary, header.error, parse({})), summary, environment)


def failed(error, *numbers):
    return [Receipt(f"{number:012d}", Kind.BILLING, Status.FAILED, AT, error=error) for number in numbers]


@pytest.mark.parametrize("scenario", sorted(HEADLINES))
@pytest.mark.parametrize("severity", list(Severity))
@pytest.mark.parametrize(
    "environment", ["dev", "an-environment-with-a-name-that-is-much-longer-than-it-had-to-be-" * 2]
)
def test_a_subject_is_what_sns_takes(scenario, severity, environment):
    """At most 100 characters of ASCII on one line, or SNS refuses the message."""
    run = Run("run-7", Cause.SCHEDULE, AT, AT)
    subject = compose(run, RunOutcome("failed", scenario, severity, True), RunSummary(), environment).subject
    assert 0 < len(subject) <= 100
    assert subject.isascii()
    assert subject.isprintable()
    assert severity.upper() in subject or len(environment) > 20


def test_every_reason_comes_with_its_remedy():
    """Each class of failure is named with how often it happened and what to do about it."""
    body = told([*failed("AccessDenied", 1, 2), *failed("Throttled", 3)]).body
    assert "AccessDenied: 2 times" in body
    assert "Throttled: 1 times" in body
    assert error_class("AccessDenied") in body
    assert error_class("Throttled") in body


def test_what_ended_the_run_is_named_with_its_place():
    """A run that ended before its accounts says where the mistake stands."""
    body = told([], error="SourceUnwritable", detail="security.PhoneNumber is required").body
    assert "SourceUnwritable: security.PhoneNumber is required" in body
    assert error_class("SourceUnwritable") in body


def test_failed_accounts_are_named_up_to_a_limit():
    """People see which accounts failed, and how many more; a message stays a message."""
    few = told(failed("ServiceFailed", *range(1, 4))).body
    assert all(f"{number:012d}" in few for number in range(1, 4))
    assert " more" not in few
    many = told(failed("ServiceFailed", *range(1, 501))).body
    assert f"and {500 - MOST_ACCOUNTS} more" in many
    assert len(many) < 4000


def test_a_notice_says_who_rang_and_where_to_look():
    """The run, its cause and initiator, its counts and the command that shows all receipts of that stack."""
    body = told([Receipt("000000000001", Kind.BILLING, Status.SUCCESS, AT, ("Name",))]).body
    for part in ("run-7", "source_changed", ARN, "1 in step (1 written)", "orgsync status run-7 --stack dev"):
        assert part in body


@pytest.mark.parametrize(
    ("receipts", "again"),
    [
        ([Receipt("000000000001", Kind.BILLING, Status.SUCCESS, AT, ("Name",))], False),
        (failed("Throttled", 1), True),
    ],
)
def test_only_what_went_wrong_is_to_be_tried_again(receipts, again):
    """A success ends with where its receipts are; anything else names the command that tries again."""
    message = told(receipts)
    for text in (message.body, message.chat):
        assert ("orgsync sync --stack dev" in text) == again
        assert ("Try again" in text) == again


def test_a_notice_carries_no_contact():
    """The header holds the source's values; the message about it does not."""
    said = told(failed("ContactRefused", 1), error="SystemFailure", detail="States.Timeout")
    assert CANARY not in said.subject + said.body


def chat(receipts, **run):
    return json.loads(told(receipts, **run).chat)


def test_chat_gets_a_custom_notification_as_it_is_documented():
    """Amazon Q Developer shows version 1.0 of source custom; whatever else it drops without a word."""
    message = chat(failed("AccessDenied", 1))
    assert (message["version"], message["source"]) == ("1.0", "custom")
    assert set(message["content"]) == {"textType", "title", "description", "nextSteps", "keywords"}
    assert message["content"]["textType"] == "client-markdown"
    assert message["metadata"]["eventType"] == "complete_failure"
    assert message["metadata"]["threadId"] == "run-7"


def test_a_chat_message_says_what_to_do_next():
    """The remedies first, and always the commands; five steps are what people read."""
    steps = chat(failed("AccessDenied", 1))["content"]["nextSteps"]
    assert steps == [
        error_class("AccessDenied"),
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


def test_a_chat_message_stays_within_its_limits_and_carries_no_contact():
    """Long lists are cut, and nothing of the source is in it."""
    message = chat(failed("ContactRefused", *range(1, 501)), error="SystemFailure", detail="x" * 9000)
    content = message["content"]
    assert len(content["title"]) <= MAX_TITLE
    assert len(content["description"]) <= MAX_DESCRIPTION
    assert all(len(step) <= MAX_STEP for step in content["nextSteps"])
    assert CANARY not in json.dumps(message)
