"""Who hears of which severity, through all channels, with the functions, alarms and rules as they are declared."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.contact_sync.configuration import STACK_KEY
from orgsync.sandbox.engines.opener import open_engine
from orgsync.sandbox.model.organization import make
from orgsync.shared.names import METRIC_NAMESPACE

Report = dict[str, Any]

ROOT = Path(__file__).parents[2]
PREFIX = "orgsync-dev-contact-sync"
ACCOUNT = "100000000001"
FALLBACK = f"arn:aws:sns:us-east-1:{ACCOUNT}:central"
FAILED = f"{PREFIX}-notifications-failed"
HEARS = {
    "fallback_sns_topic": FALLBACK,
    "slack_channels": [{"workspace": "T0123ABCDE", "channel": "C0123ABCDE", "severities": ["high"]}],
}

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
    assert report["undelivered"] == []


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
    alarms = {n["channel"]: n["subject"] for n in report["notifications"] if n["channel"] != "user_notifications"}
    assert alarms == {"sns": f'ALARM: "{FAILED}" in us-east-1', "chat": FAILED}


def fallback(cloud: Cloud) -> None:
    """The owner's topic, whose policy lets the account's alarms in."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": FALLBACK,
        "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    cloud.client("sns").create_topic(Name="central", Attributes={"Policy": policy})


def deploy(cloud: Cloud) -> None:
    with open_engine("inline", cloud, ROOT, STACK_KEY) as engine:
        engine.up("dev", {"notification_settings": HEARS})
        cloud.settle()


def subjects(cloud: Cloud, channel: str) -> list[str]:
    return sorted(str(told["subject"]) for told in cloud.notifications if told["channel"] == channel)


def test_a_topic_that_goes_on_failing_is_heard_of_without_it() -> None:
    """The stack's own topic is gone: the owner's hears the notice, and the alarm about the topic as chat does."""
    with Cloud(make(seed=3, count=2)) as cloud:
        fallback(cloud)
        deploy(cloud)
        topic = f"arn:aws:sns:us-east-1:{ACCOUNT}:{PREFIX}-notifications"
        cloud.client("sns").delete_topic(TopicArn=topic)
        cloud.notifications.clear()
        cloud.fire_schedules()
        cloud.settle()
        assert subjects(cloud, "chat") == [FAILED]
        alarm, notice = subjects(cloud, "sns")
        assert alarm == f'ALARM: "{FAILED}" in us-east-1'
        assert notice.startswith("[orgsync dev] LOW")
        assert len(cloud.undelivered) == 1
        assert f"could not notify {topic}" in cloud.undelivered[0]


def test_a_fallback_that_no_rehearsal_has_keeps_nobody_from_hearing() -> None:
    """The sandbox has no topic of the owner's: it says that this one heard nothing, and the others hear."""
    with Cloud(make(seed=3, count=2)) as cloud:
        deploy(cloud)
        cloud.notifications.clear()
        data = {"MetricName": "NotificationsFailed", "Dimensions": [{"Name": "service", "Value": PREFIX}], "Value": 1}
        cloud.client("cloudwatch").put_metric_data(Namespace=METRIC_NAMESPACE, MetricData=[data])
        cloud.settle()
        assert subjects(cloud, "chat") == [FAILED]
        assert subjects(cloud, "sns") == [f'ALARM: "{FAILED}" in us-east-1']
        assert len(cloud.undelivered) == 1
        assert f"could not notify {FALLBACK}" in cloud.undelivered[0]
