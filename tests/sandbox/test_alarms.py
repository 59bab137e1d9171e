"""CloudWatch in the sandbox: sources of data, states of alarms, and their notifications."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from orgsync.sandbox.cloud.cloud import Cloud

HOME = "us-east-1"
PERIOD = 3600
"""Seconds of AWS's: long enough that a busy machine stays within one between two data."""
EMBEDDED = """
import json
def handler(event, context):
    print(json.dumps({"_aws": {"Timestamp": 1, "CloudWatchMetrics": [
        {"Namespace": "sample", "Dimensions": [["service"]], "Metrics": [{"Name": "Runs"}]}]},
        "service": "one", "Runs": event["runs"]}))
    if event.get("fail"):
        raise ValueError("no")
"""
Declare = Callable[..., str]


@pytest.fixture
def topic(cloud: Cloud) -> str:
    """A topic that lets alarms publish."""
    arn = str(cloud.client("sns").create_topic(Name="alarms")["TopicArn"])
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    cloud.client("sns").set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)
    return arn


def declare_alarm(cloud: Cloud, topic: str, **rest: Any) -> None:
    settings: dict[str, Any] = {
        "AlarmName": "watch",
        "Namespace": "sample",
        "MetricName": "Runs",
        "Dimensions": [{"Name": "service", "Value": "one"}],
        "Statistic": "Sum",
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": 2,
        "Period": PERIOD,
        "EvaluationPeriods": 1,
        "TreatMissingData": "notBreaching",
        "AlarmActions": [topic],
        "OKActions": [topic],
    }
    cloud.client("cloudwatch").put_metric_alarm(**settings | rest)


def put(cloud: Cloud, value: float, service: str = "one") -> None:
    dimensions = [{"Name": "service", "Value": service}]
    data = [{"MetricName": "Runs", "Dimensions": dimensions, "Value": value}]
    cloud.client("cloudwatch").put_metric_data(Namespace="sample", MetricData=data)
    cloud.settle(10)


def state(cloud: Cloud, name: str = "watch") -> str:
    (alarm,) = cloud.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return str(alarm["StateValue"])


def subjects(cloud: Cloud) -> list[str | None]:
    return [received["subject"] for received in cloud.notifications]


def test_an_alarm_rises_at_its_threshold_and_tells_once(cloud: Cloud, topic: str) -> None:
    """Data of one period are added up; the topic gets the change, not every datum."""
    declare_alarm(cloud, topic)
    put(cloud, 1)
    assert state(cloud) == "OK"
    put(cloud, 1)
    put(cloud, 1)
    assert state(cloud) == "ALARM"
    assert subjects(cloud) == [f'ALARM: "watch" in {HOME}']


def test_data_of_other_dimensions_are_no_concern(cloud: Cloud, topic: str) -> None:
    """A metric is its name with all its dimensions."""
    declare_alarm(cloud, topic)
    put(cloud, 9, service="other")
    assert state(cloud) == "OK"


def test_an_alarm_goes_back_when_time_has_passed(cloud: Cloud, topic: str) -> None:
    """Data older than the period do not count; the topic that got the alarm gets its end."""
    declare_alarm(cloud, topic)
    put(cloud, 5)
    cloud.pass_time(PERIOD + 1)
    cloud.settle(10)
    assert state(cloud) == "OK"
    assert subjects(cloud)[-1] == f'OK: "watch" in {HOME}'


def test_silence_rises_where_it_is_bad_news(cloud: Cloud, topic: str) -> None:
    """Missing data count as the alarm says: two hours without a datum here."""
    declare_alarm(
        cloud,
        topic,
        ComparisonOperator="LessThanThreshold",
        Threshold=1,
        Period=3600,
        EvaluationPeriods=2,
        TreatMissingData="breaching",
    )
    put(cloud, 1)
    cloud.pass_time(3700)
    assert state(cloud) == "OK"
    cloud.pass_time(3700)
    assert state(cloud) == "ALARM"


def test_an_alarm_that_its_topic_does_not_let_in_is_lost(cloud: Cloud) -> None:
    """A topic without a policy for CloudWatch gets nothing, and the sandbox reports it."""
    arn = cloud.client("sns").create_topic(Name="closed")["TopicArn"]
    declare_alarm(cloud, arn)
    put(cloud, 5)
    assert state(cloud) == "ALARM"
    assert cloud.notifications == []
    assert "watch could not notify" in cloud.undelivered[0]


def test_a_functions_log_line_becomes_its_metric(cloud: Cloud, topic: str, declare_function: Declare) -> None:
    """The embedded metric format, as Powertools writes it."""
    declare_alarm(cloud, topic)
    cloud.client("lambda").invoke(FunctionName=declare_function(EMBEDDED), Payload=json.dumps({"runs": 3}))
    cloud.settle(10)
    assert state(cloud) == "ALARM"


@pytest.mark.parametrize(("fail", "seen"), [(True, "ALARM"), (False, "OK")])
def test_lambda_counts_failures(cloud: Cloud, topic: str, declare_function: Declare, fail: bool, seen: str) -> None:
    """Errors have a datum for every invocation, one or zero."""
    function = declare_function(EMBEDDED)
    dimensions = [{"Name": "FunctionName", "Value": "echo"}]
    declare_alarm(cloud, topic, Namespace="AWS/Lambda", MetricName="Errors", Dimensions=dimensions, Threshold=1)
    cloud.client("lambda").invoke(FunctionName=function, Payload=json.dumps({"runs": 1, "fail": fail}))
    cloud.settle(10)
    assert state(cloud) == seen


def test_messages_in_a_queue_are_counted(cloud: Cloud, topic: str, declare_queue: Declare) -> None:
    """A queue's depth is put whenever it changes, so an alarm over dead letters rises."""
    declare_queue("dead")
    declare_alarm(
        cloud,
        topic,
        Namespace="AWS/SQS",
        MetricName="ApproximateNumberOfMessagesVisible",
        Dimensions=[{"Name": "QueueName", "Value": "dead"}],
        Statistic="Maximum",
        Threshold=1,
    )
    sqs = cloud.client("sqs")
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="dead")["QueueUrl"], MessageBody="lost")
    cloud.settle(10)
    assert state(cloud) == "ALARM"


def test_a_channel_shows_custom_notifications_and_alarms_only(cloud: Cloud, topic: str) -> None:
    """Other text is dropped by Amazon Q Developer; here that is said."""
    token = "aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration"
    cloud.unsupported_resources[token] = {"one": {"slackChannelId": "C1", "snsTopicArns": [topic]}}
    sns = cloud.client("sns")
    content = {"title": "what", "description": "why", "nextSteps": ["do"]}
    sns.publish(TopicArn=topic, Message=json.dumps({"version": "1.0", "source": "custom", "content": content}))
    sns.publish(TopicArn=topic, Message="plain words")
    assert cloud.notifications == [{"channel": "chat", "severity": "high", "subject": "what", "body": "why\ndo"}]
    assert "C1 shows nothing" in cloud.undelivered[0]
