"""Alarms that the program declares: each can fire, its metric is really published, and somebody is notified."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orgsync.contact_sync.names import Metric
from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.contact_sync.configuration import STACK_KEY
from orgsync.sandbox.engines.opener import open_engine
from orgsync.sandbox.model.organization import make
from orgsync.shared.names import METRIC_NAMESPACE

ROOT = Path(__file__).parents[2]
PREFIX = "orgsync-dev-contact-sync"
RECIPIENTS = {
    "slack_channels": [{"workspace": "T0123ABCDE", "channel": "C0123ABCDE", "severities": ["high", "medium"]}],
    "user_notifications_config": {"email_contacts": [{"address": "desk@example.com"}]},
}

AWS_METRICS = {
    ("AWS/Events", "InvocationsFailedToBeSentToDlq"): {"RuleName", "EventBusName"},
    ("AWS/Lambda", "DestinationDeliveryFailures"): {"FunctionName"},
    ("AWS/Lambda", "Errors"): {"FunctionName"},
    ("AWS/Lambda", "Throttles"): {"FunctionName"},
    ("AWS/SNS", "NumberOfNotificationsFailed"): {"TopicName"},
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): {"QueueName"},
    ("AWS/Scheduler", "InvocationsFailedToBeSentToDeadLetterCount"): {"ScheduleGroup"},
    ("AWS/States", "ExecutionsFailed"): {"StateMachineArn"},
}
"""AWS's own metrics, each with the dimensions that it is published with (CloudWatch's documentation of each service).

The bus is a rule's dimension only where it is not the default one.
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    """Deploy the whole system once."""
    with Cloud(make(seed=3, count=2)) as opened:
        with open_engine("inline", opened, ROOT, STACK_KEY) as engine:
            engine.up("dev", {"notification_settings": RECIPIENTS})
            opened.settle()
        yield opened


@pytest.fixture(scope="module")
def alarms(cloud: Cloud) -> dict[str, dict[str, Any]]:
    found = cloud.client("cloudwatch").describe_alarms()["MetricAlarms"]
    return {alarm["AlarmName"].removeprefix(f"{PREFIX}-"): alarm for alarm in found}


@pytest.fixture
def rise(cloud: Cloud, alarms: dict[str, dict[str, Any]]) -> Callable[[str], None]:
    """Return the function that feeds an alarm's metric until it must rise.

    It publishes a datum beyond the threshold, or nothing where silence is bad.
    """

    def feed(name: str) -> None:
        alarm = alarms[name]
        if alarm["TreatMissingData"] == "breaching":
            cloud.pass_time(alarm["Period"] * (alarm["EvaluationPeriods"] + 1))
        else:
            datum = {"MetricName": alarm["MetricName"], "Dimensions": alarm["Dimensions"]}
            value = alarm["Threshold"] + 1
            for _ in range(alarm["EvaluationPeriods"]):
                cloud.pass_time(alarm["Period"])
                cloud.client("cloudwatch").put_metric_data(
                    Namespace=alarm["Namespace"], MetricData=[datum | {"Value": value}]
                )
        cloud.settle()

    return feed


def notified_channels(cloud: Cloud, name: str, since: int = 0) -> list[str]:
    """Return the channels that were notified of an alarm's rise, in the alphabet's order."""
    rise = {
        "sns": f'ALARM: "{PREFIX}-{name}" in us-east-1'[:100],
        "chat": f"{PREFIX}-{name}",
        "user_notifications": f"{PREFIX}: runs of {name.removeprefix('severity-')} severity",
    }
    return sorted(
        str(sent["channel"])
        for sent in cloud.notifications[since:]
        if sent["subject"] == rise[str(sent["channel"])]
        and (sent["channel"] != "chat" or json.loads(str(sent["body"]))["NewStateValue"] == "ALARM")
    )


def state(cloud: Cloud, alarm: dict[str, Any]) -> str:
    (found,) = cloud.client("cloudwatch").describe_alarms(AlarmNames=[alarm["AlarmName"]])["MetricAlarms"]
    return str(found["StateValue"])


def test_no_alarm_rises_when_all_is_well(cloud: Cloud, alarms: dict[str, dict[str, Any]]) -> None:
    """A first deployment notifies nobody but those who asked for news of success."""
    assert [name for name, alarm in alarms.items() if state(cloud, alarm) != "OK"] == ["severity-low"]


def test_every_alarm_watches_a_metric_that_is_published(cloud: Cloud, alarms: dict[str, dict[str, Any]]) -> None:
    """AWS's metrics with the dimension that AWS gives them, ours with the one that Powertools gives."""
    named = {
        "EventBusName": {bus["Name"] for bus in cloud.client("events").list_event_buses()["EventBuses"]} - {"default"},
        "FunctionName": {f["FunctionName"] for f in cloud.client("lambda").list_functions()["Functions"]},
        "RuleName": {
            rule["Name"]
            for bus in cloud.client("events").list_event_buses()["EventBuses"]
            for rule in cloud.client("events").list_rules(EventBusName=bus["Name"])["Rules"]
        },
        "ScheduleGroup": {g["Name"] for g in cloud.client("scheduler").list_schedule_groups()["ScheduleGroups"]},
        "QueueName": set(cloud.dead_letters()),
        "StateMachineArn": {
            m["stateMachineArn"] for m in cloud.client("stepfunctions").list_state_machines()["stateMachines"]
        },
        "TopicName": {t["TopicArn"].rsplit(":", 1)[-1] for t in cloud.client("sns").list_topics()["Topics"]},
        "service": {PREFIX},
    }
    for alarm in alarms.values():
        for dimension in alarm["Dimensions"]:
            assert dimension["Value"] in named[dimension["Name"]], alarm["AlarmName"]
        names = {dimension["Name"] for dimension in alarm["Dimensions"]}
        if alarm["Namespace"] == METRIC_NAMESPACE:
            assert alarm["MetricName"] in set(Metric)
            assert names == {"service"}
        else:
            assert names - {"EventBusName"} == AWS_METRICS[alarm["Namespace"], alarm["MetricName"]] - {"EventBusName"}


def test_an_event_that_no_dead_letter_queue_took_is_known(cloud: Cloud, alarms: dict[str, dict[str, Any]]) -> None:
    """A rule's target fails and its queue's policy lets nobody in: the alarm of that rule rises, of itself."""
    url = cloud.client("sqs").get_queue_url(QueueName=f"{PREFIX}-failed-events")["QueueUrl"]
    cloud.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    cloud.faults.add({"operation": "StartExecution", "error": "AccessDeniedException"})
    cloud.edit_source({"security": None})
    cloud.settle()
    cloud.faults.clear()
    assert state(cloud, alarms["lost-source-changed"]) == "ALARM"
    assert state(cloud, alarms["lost-console-edited"]) == "OK"
    cloud.undelivered.clear()


def test_every_alarm_can_fire_and_notifies(
    cloud: Cloud, alarms: dict[str, dict[str, Any]], rise: Callable[[str], None]
) -> None:
    """Fed with its metric, each goes to ALARM; its topic and chat are notified, or User Notifications is."""
    for name, alarm in alarms.items():
        cloud.pass_time(10**7)
        cloud.settle()
        before = len(cloud.notifications)
        assert state(cloud, alarm) == "OK" or alarm["TreatMissingData"] == "breaching", name
        rise(name)
        assert state(cloud, alarm) == "ALARM", name
        if alarm["TreatMissingData"] == "breaching":
            continue  # rose while time passed, and notified then
        channels = ["user_notifications"] if name.startswith("severity") else ["chat", "sns"]
        assert notified_channels(cloud, name, before) == channels, name
    assert notified_channels(cloud, "silent") == ["chat", "sns"]
    assert cloud.undelivered == []
