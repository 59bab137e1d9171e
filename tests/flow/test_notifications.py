"""Notifications by severity through all channels, with the functions, alarms and rules as they are declared."""

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
RECIPIENTS = {
    "fallback_sns_topic": FALLBACK,
    "slack_channels": [{"workspace": "T0123ABCDE", "channel": "C0123ABCDE", "severities": ["high"]}],
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def report(rehearsed: Callable[[str], Report]) -> Report:
    return rehearsed("severities")


def severities_of(report: Report, channel: str) -> list[str]:
    """Return the severities of a channel's notifications, in order; alarms, which have none, are left out."""
    sent = [n for n in report["notifications"] if n["channel"] == channel]
    return [n["severity"] for n in sent if not n["subject"].startswith(("ALARM: ", "OK: "))]


@pytest.mark.xdist_group("severities")
def test_each_run_is_notified_of_once_in_every_channel(report: Report) -> None:
    """SNS, chat and User Notifications carry the same severities."""
    severities = [run["severity"] for run in report["runs"]]
    assert severities == ["low", "medium", "low", "high", "low"]
    for channel in ("sns", "chat", "user_notifications"):
        assert severities_of(report, channel) == severities


@pytest.mark.xdist_group("severities")
def test_a_severity_reaches_those_who_asked_for_it(report: Report) -> None:
    """The second address gets high severity only, and Slack no low one."""
    bodies = [n["body"] for n in report["notifications"] if n["channel"] == "user_notifications"]
    assert [body.count("to emailcontact/") for body in bodies] == [1, 1, 1, 2, 1]
    assert [body.count("to chat-configuration/slack-channel/") for body in bodies] == [0, 1, 0, 1, 0]


@pytest.mark.xdist_group("severities")
def test_everything_that_was_published_was_shown(report: Report) -> None:
    """No channel drops a message, no alarm is kept out of its topic."""
    assert report["undelivered"] == []


@pytest.mark.xdist_group("severities")
def test_a_notification_says_what_to_do(report: Report) -> None:
    """Rich text and chat alike name the account, the reason, the remedy and the command."""
    for channel in ("sns", "chat"):
        (body,) = [n["body"] for n in report["notifications"] if (n["channel"], n["severity"]) == (channel, "high")]
        for part in ("200000000002", "AccessDenied", "trusted access", "orgsync status"):
            assert part in body


def test_the_hub_belongs_to_the_account() -> None:
    """A second stack uses the hub of the first; no destroy takes it away, and it is none of what is left over."""
    hub = "aws:notifications/notificationHub:NotificationHub"
    config = {
        "notification_settings": {"user_notifications_config": {"email_contacts": [{"address": "a@example.com"}]}}
    }
    with Cloud(make(seed=3, count=1)) as cloud, open_engine("inline", cloud, ROOT, STACK_KEY) as engine:
        for stack in ("dev", "staging"):
            engine.up(stack, config)
            cloud.settle()
        for stack in ("dev", "staging"):
            engine.destroy(stack)
            cloud.settle()
            assert list(cloud.unsupported_resources[hub]) == ["us-east-1"]
        assert cloud.leftovers() == []
        engine.up("dev", config)
        cloud.settle()
        assert list(cloud.unsupported_resources[hub]) == ["us-east-1"]


@pytest.mark.xdist_group("failed_notification")
def test_a_notification_that_failed_is_seen_and_fails_no_run(rehearsed: Callable[[str], Report]) -> None:
    """The run is completed; User Notifications does not depend on the topic, and an alarm reports the failure."""
    report = rehearsed("failed_notification")
    (run,) = report["runs"]
    assert run["status"] == "completed"
    assert severities_of(report, "sns") == []
    assert severities_of(report, "user_notifications") == ["low"]
    alarms = {n["channel"]: n["subject"] for n in report["notifications"] if n["channel"] != "user_notifications"}
    assert alarms == {"sns": f'ALARM: "{FAILED}" in us-east-1', "chat": FAILED}


def fallback(cloud: Cloud) -> None:
    """Create the owner's topic, whose policy lets the account's alarms in."""
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
        engine.up("dev", {"notification_settings": RECIPIENTS})
        cloud.settle()


def subjects(cloud: Cloud, channel: str) -> list[str]:
    return sorted(str(sent["subject"]) for sent in cloud.notifications if sent["channel"] == channel)


def test_people_learn_of_a_topic_that_goes_on_failing_without_it() -> None:
    """The stack's own topic is gone: the owner's gets the notification, and the alarm about the topic as chat does."""
    with Cloud(make(seed=3, count=2)) as cloud:
        fallback(cloud)
        deploy(cloud)
        topic = f"arn:aws:sns:us-east-1:{ACCOUNT}:{PREFIX}-notifications"
        cloud.client("sns").delete_topic(TopicArn=topic)
        cloud.notifications.clear()
        cloud.fire_schedules()
        cloud.settle()
        assert subjects(cloud, "chat") == [FAILED]
        alarm, notification = subjects(cloud, "sns")
        assert alarm == f'ALARM: "{FAILED}" in us-east-1'
        assert notification.startswith("[orgsync dev] LOW")
        assert len(cloud.undelivered) == 1
        assert f"could not notify {topic}" in cloud.undelivered[0]


def test_a_fallback_that_no_rehearsal_has_keeps_no_other_from_the_news() -> None:
    """The sandbox has no topic of the owner's: it says that this one got nothing, and the others are notified."""
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
