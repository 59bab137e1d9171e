"""Who hears of which severity, through all channels, with the functions, alarms and rules as they are declared."""

from collections.abc import Callable
from typing import Any

import pytest

Report = dict[str, Any]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def report(rehearsed: Callable[[str], Report]) -> Report:
    return rehearsed("heard")


def heard(report: Report, channel: str) -> list[str]:
    """The severities that a channel told of, in order; alarms, which have none, are left out."""
    told = [n for n in report["notifications"] if n["channel"] == channel]
    return [n["severity"] for n in told if not n["subject"].startswith(("ALARM: ", "OK: "))]


@pytest.mark.xdist_group("heard")
def test_each_run_is_told_of_once_in_every_channel(report: Report) -> None:
    """SNS, chat and User Notifications tell the same story."""
    severities = [run["severity"] for run in report["runs"]]
    assert severities == ["low", "medium", "low", "high", "low"]
    for channel in ("sns", "chat", "user_notifications"):
        assert heard(report, channel) == severities


@pytest.mark.xdist_group("heard")
def test_a_severity_reaches_those_who_asked_for_it(report: Report) -> None:
    """The second address hears of high severity only, and Slack not of low."""
    told = [n["body"] for n in report["notifications"] if n["channel"] == "user_notifications"]
    assert [body.count("to emailcontact/") for body in told] == [1, 1, 1, 2, 1]
    assert [body.count("to chat-configuration/slack-channel/") for body in told] == [0, 1, 0, 1, 0]


@pytest.mark.xdist_group("heard")
def test_everything_that_was_said_was_shown(report: Report) -> None:
    """No channel drops a message, no alarm is kept out of its topic."""
    assert report["lost"] == []


@pytest.mark.xdist_group("heard")
def test_a_notice_says_what_to_do(report: Report) -> None:
    """Rich text and chat alike: whom it concerns, the reason, the remedy and the command."""
    for channel in ("sns", "chat"):
        (told,) = [n["body"] for n in report["notifications"] if (n["channel"], n["severity"]) == (channel, "high")]
        for part in ("200000000002", "AccessDenied", "trusted access", "orgsync status"):
            assert part in told


@pytest.mark.xdist_group("unheard")
def test_a_notice_that_failed_is_seen_and_fails_no_run(rehearsed: Callable[[str], Report]) -> None:
    """The run is completed; User Notifications does not depend on the topic, and an alarm tells of the failure."""
    report = rehearsed("unheard")
    (run,) = report["runs"]
    assert run["status"] == "completed"
    assert heard(report, "sns") == []
    assert heard(report, "user_notifications") == ["low"]
    alarms = [n["subject"] for n in report["notifications"] if n["channel"] == "sns"]
    assert alarms == ['ALARM: "orgsync-dev-contact-sync-notifications-failed" in us-east-1']
