"""Alarms: when one rises, whom it notifies, and its text."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pulumi
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from orgsync.cli.main import main
from orgsync.components.contact_sync import alarms, monitoring
from orgsync.components.contact_sync.deployment import Deployment
from orgsync.components.contact_sync.organization import UNCOUNTED
from orgsync.components.contact_sync.resource_names import UNFORWARDED
from orgsync.components.shared.notifications import NO_RECIPIENT, has_high_severity_recipient
from orgsync.components.shared.stack_context import StackContext
from orgsync.contact_sync.config import parse
from orgsync.contact_sync.core.notification import Notification, compose
from orgsync.contact_sync.core.outcome import RunSummary, classify
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.core.run import Run
from orgsync.contact_sync.names import Cause, FunctionName, Kind, Metric
from orgsync.shared.configuration import validate
from orgsync.shared.names import METRIC_NAMESPACE
from orgsync.shared.notification_settings import ALL
from orgsync.shared.schedule import schedule_period
from tests.components.program import Declare
from tests.error_codes import every_reason, with_subclasses

ROOT = Path(__file__).parents[2]
HOUR, DAY = 3600, 86400
AT = "2026-11-01T10:00:00.000+00:00"
FALLBACK = "arn:aws:sns:us-east-1:100000000001:central"
SLACK = {"workspace": "T0123ABCDE", "channel": "C0123ABCDE"}
SUBSCRIBER = {"protocol": "email", "endpoint": "desk@example.com"}
CONTACT = {"address": "desk@example.com"}
COMMAND = re.compile(r"`(orgsync [^`]*)`|^[A-Z][a-z ]+: +(orgsync .*)$", re.MULTILINE)
"""A command in backticks, or on a line of its own after what it is for."""


@pytest.mark.parametrize(
    ("expression", "seconds"),
    [
        ("rate(30 minutes)", 1800),
        ("rate(1 day)", DAY),
        ("rate(12 hours)", 12 * HOUR),
        ("cron(0 6 * * ? *)", DAY),
        ("cron(0 6 ? * MON *)", 7 * DAY),
        ("cron(0 6 1 * ? *)", 31 * DAY),
    ],
)
def test_the_longest_silence_of_a_schedule_is_known(expression: str, seconds: int) -> None:
    """A schedule's period is what it lets pass at most, so that a failure can be distinguished from rest."""
    assert schedule_period(expression) == seconds


@given(minutes=st.integers(1, 60 * 24 * 6))
def test_silence_is_judged_over_more_than_a_schedule_lets_pass(context: StackContext, minutes: int) -> None:
    """Missing data is the bad news here: the alarm looks back longer than a period, and two where it can see so far."""
    period = 60 * minutes
    alarm = alarms.alarms(context, Deployment(), f"rate({minutes} minutes)")["silent"]
    assert min(2 * period - HOUR, 7 * DAY) <= alarm.period * alarm.periods <= max(2 * period, period + 2 * HOUR)
    assert alarm.period * alarm.periods >= period + HOUR
    assert (alarm.silence, alarm.comparison) == ("breaching", "LessThanThreshold")


def test_a_long_run_is_no_silence(context: StackContext) -> None:
    """A run of any length counts a sign of life with each batch, within the hour that the alarm asks about."""
    alarm = alarms.alarms(context, Deployment(), "rate(1 day)")["silent"]
    assert alarm.metric == Metric.HEARTBEAT
    assert (alarm.statistic, alarm.threshold) == ("SampleCount", 1)
    assert alarm.period >= FunctionName.longest_life()


@pytest.mark.parametrize("paused", [True, False])
def test_silence_that_is_meant_raises_no_alarm(context: StackContext, paused: bool) -> None:
    """A paused system, and a schedule beyond CloudWatch's sight, have no such alarm."""
    for schedule in ["rate(1 day)"] if paused else ["rate(7 days)", "rate(30 days)"]:
        assert "silent" not in alarms.alarms(context, Deployment(), schedule, paused)


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
@pytest.mark.parametrize("member_events", [True, False])
def test_what_no_dead_letter_queue_took_raises_an_alarm(declare: Declare, region: str, member_events: bool) -> None:
    """Every rule, schedule and function with a dead-letter queue has an alarm over what even that did not take."""
    program = declare("dev", region=region, deployment={"member_events": member_events})
    watched = {
        (alarm.inputs["metricName"], alarm.inputs.get("region"), *sorted(alarm.inputs["dimensions"].items()))
        for alarm in program.of("MetricAlarm")
    }
    lost: set[Any] = set()
    for target in program.of("EventTarget"):
        bus = target.inputs.get("eventBusName")
        on_bus = [("EventBusName", bus)] if bus else []
        rule, abroad = target.inputs["rule"], target.inputs.get("region")
        if not (abroad and rule.endswith("forwarding-failed")):  # it would have to bring its own alarm home
            lost.add(("InvocationsFailedToBeSentToDlq", abroad, *on_bus, ("RuleName", rule)))
    for schedule in program.of("Schedule"):
        group = schedule.inputs["groupName"]
        lost.add(("InvocationsFailedToBeSentToDeadLetterCount", None, ("ScheduleGroup", group)))
    for config in program.of("FunctionEventInvokeConfig"):
        lost.add(("DestinationDeliveryFailures", None, ("FunctionName", config.inputs["functionName"])))
    assert len(lost) >= 8
    assert lost <= watched


def test_an_alarm_looks_no_further_back_than_cloudwatch_can(context: StackContext) -> None:
    """Periods of an hour reach a week, shorter ones a day (PutMetricAlarm)."""
    for schedule in ("rate(1 minute)", "rate(1 day)", "rate(3 days)", "cron(0 6 * * ? *)"):
        for alarm in alarms.alarms(context, Deployment(), schedule).values():
            assert alarm.period * alarm.periods <= (7 * DAY if alarm.period >= HOUR else DAY)


def test_alarms_and_dashboard_watch_metrics_that_exist(context: StackContext) -> None:
    """A custom metric is one of the shared names, with the one dimension that Powertools gives it."""
    found = alarms.alarms(context, Deployment(), "rate(1 day)").values()
    watched = {(a.metric, tuple(a.dimensions.items())) for a in found if a.namespace == METRIC_NAMESPACE}
    for widget in monitoring.dashboard(context)["widgets"]:
        for namespace, metric, *dimensions in widget["properties"]["metrics"]:
            if namespace == METRIC_NAMESPACE:
                watched.add((metric, tuple(zip(dimensions[::2], dimensions[1::2], strict=True))))
    assert {metric for metric, _ in watched} <= set(Metric)
    assert {dimensions for _, dimensions in watched} == {(("service", context.prefix),)}


def test_dead_letters_are_seen(context: StackContext) -> None:
    """Each queue is watched by the metric that SQS really has."""
    found = alarms.alarms(context, Deployment(), "rate(1 day)")
    for queue in alarms.QUEUES:
        assert found[queue].metric == "ApproximateNumberOfMessagesVisible"
        assert found[queue].dimensions == {"QueueName": context.name(queue)}


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_every_stack_file_is_valid(stack: str) -> None:
    """The documents of the repository's stack files are accepted by both models."""
    config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    assert parse(config["orgsync:contact_sync"]).contact_types == tuple(Kind)
    assert validate(Deployment, config["orgsync:deployment"]).protect == (stack == "prod")


AWS_METRICS = {
    ("AWS/DynamoDB", "ConsumedReadCapacityUnits"): "Table",
    ("AWS/DynamoDB", "ConsumedWriteCapacityUnits"): "Table",
    ("AWS/Events", "InvocationsFailedToBeSentToDlq"): "EventRule",
    ("AWS/Lambda", "DestinationDeliveryFailures"): "Function",
    ("AWS/Lambda", "Duration"): "Function",
    ("AWS/Lambda", "Errors"): "Function",
    ("AWS/Lambda", "Invocations"): "Function",
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): "Queue",
    ("AWS/Scheduler", "InvocationsFailedToBeSentToDeadLetterCount"): "ScheduleGroup",
}
"""AWS's own metrics on the dashboard, each with the resource that writes it (CloudWatch's documentation of each)."""


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
@pytest.mark.parametrize("member_events", [True, False])
def test_the_dashboard_shows_only_what_something_writes(declare: Declare, region: str, member_events: bool) -> None:
    """AWS's metrics are of resources that the stack declares, each in its region; ours are counted by the code."""
    program = declare("dev", region=region, deployment={"member_events": member_events})
    (dashboard,) = program.of("Dashboard")
    source = "".join(
        file.read_text() for room in ("handlers", "orgsync/contact_sync") for file in (ROOT / room).rglob("*.py")
    )
    for widget in json.loads(dashboard.inputs["dashboardBody"])["widgets"]:
        assert widget["properties"]["region"] == region
        for namespace, metric, *words in widget["properties"]["metrics"]:
            where = words.pop()["region"] if len(words) % 2 else region
            dimensions = dict(zip(words[::2], words[1::2], strict=True))
            if namespace == METRIC_NAMESPACE:
                assert f"Metric.{Metric(metric).name}," in source
                continue
            name = dimensions.get("RuleName") or next(iter(dimensions.values()))
            kind = AWS_METRICS[namespace, metric]
            assert [
                made
                for made in program.of(kind)
                if made.inputs.get("name") == name
                and made.inputs.get("region", region) == where
                and made.inputs.get("eventBusName") == dimensions.get("EventBusName")
            ], (metric, dimensions)


def test_the_dashboard_shows_what_owners_ask_for(context: StackContext) -> None:
    """The guide's five key metrics, and how many accounts are in sync after how much work."""
    widgets = [widget["properties"] for widget in monitoring.dashboard(context)["widgets"]]
    shown = {metric[1] for widget in widgets for metric in widget["metrics"]}
    wanted = {Metric.RUNS, Metric.ACCOUNTS_IN_SYNC, Metric.WRITES, Metric.THROTTLES, Metric.RUN_SECONDS}
    guide = {"Invocations", "Errors", "Duration", "ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"}
    assert wanted | guide | {"ApproximateNumberOfMessagesVisible"} <= shown
    assert {widget["region"] for widget in widgets} == {context.region}


def test_no_two_widgets_of_the_dashboard_overlap(context: StackContext) -> None:
    """Three stand in a row, each in a place of its own."""
    places = [(widget["x"], widget["y"]) for widget in monitoring.dashboard(context)["widgets"]]
    assert len(set(places)) == len(places)
    assert max(x for x, _ in places) + monitoring.WIDTH == 24


@pytest.mark.parametrize("tracing", [True, False])
def test_traces_are_sent_where_the_stack_asks(declare: Declare, tracing: bool) -> None:
    """Every function and the state machine, with the permission to send them; nothing of it elsewhere."""
    program = declare("dev", deployment={"tracing": tracing})
    functions = [f.inputs for f in program if f.type == "aws:lambda/function:Function"]
    assert {f["tracingConfig"]["mode"] for f in functions} == {"Active" if tracing else "PassThrough"}
    assert program.one("StateMachine").inputs["tracingConfiguration"] == {"enabled": tracing}
    sending = [policy.name for policy in program.of("RolePolicy") if "xray:PutTraceSegments" in policy.inputs["policy"]]
    assert len(sending) == (len(functions) + 1 if tracing else 0)


@pytest.mark.parametrize(
    ("level", "passed"), [("DEBUG", "DEBUG"), ("INFO", "INFO"), ("WARNING", "INFO"), ("ERROR", "INFO")]
)
def test_every_function_logs_json_at_the_level_of_the_stack(declare: Declare, level: str, passed: str) -> None:
    """An uncaught error's line too; metrics carry no level, count as INFO, and pass whatever the stack's level."""
    functions = [
        f.inputs for f in declare("dev", deployment={"log_level": level}) if f.type == "aws:lambda/function:Function"
    ]
    assert len(functions) == len(FunctionName)
    for function in functions:
        assert function["environment"]["variables"]["LOG_LEVEL"] == level
        assert function["loggingConfig"] == {
            "logFormat": "JSON",
            "applicationLogLevel": passed,
            "systemLogLevel": "INFO",
        }


def test_the_dashboard_shows_dead_letters_of_the_other_region(context: StackContext) -> None:
    """A queue in the region of account events stands beside those of the stack's own, with its region."""
    shown: dict[str, list[Any]] = {}
    for region in ("us-east-1", "eu-west-1"):
        widgets = monitoring.dashboard(replace(context, region=region))["widgets"]
        shown[region] = [m for w in widgets for m in w["properties"]["metrics"] if m[0] == "AWS/SQS"]
    elsewhere = ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", context.name(UNFORWARDED)]
    assert shown["eu-west-1"] == [*shown["us-east-1"], [*elsewhere, {"region": "us-east-1"}]]


def notified_topics(declare: Declare, **settings: Any) -> dict[str, set[str]]:
    """Return the names of the topics that each alarm notifies, but for alarms that User Notifications follow."""
    program = declare("dev", contact_sync={"notification_settings": settings})
    found: dict[str, set[str]] = {}
    for alarm in program.of("MetricAlarm"):
        assert alarm.inputs.get("alarmActions") == alarm.inputs.get("okActions")
        if "severity" not in alarm.name:
            part = alarm.inputs["name"].removeprefix("orgsync-dev-contact-sync-")
            found[part] = {arn.rsplit(":", 1)[-1] for arn in alarm.inputs["alarmActions"]}
    return found


@pytest.mark.parametrize(
    ("severities", "topics"),
    [
        (["high", "low"], {"contact-sync", "contact-sync-chat-high"}),
        (["medium"], {"contact-sync"}),
    ],
)
def test_chat_channels_of_high_severity_get_alarms(declare: Declare, severities: list[str], topics: set[str]) -> None:
    """Every alarm notifies the stack's topic and that of chat channels which get high severity."""
    notified = notified_topics(declare, slack_channels=[SLACK | {"severities": severities}])
    assert set(map(frozenset, notified.values())) == {frozenset(topics)}


def test_only_topics_that_get_alarms_let_them_in(declare: Declare) -> None:
    """Our alarms may publish to the stack's topic and to the chat's of high severity, and to no other."""
    program = declare("dev", contact_sync={"notification_settings": {"slack_channels": [SLACK]}})
    statements = {p.name: json.loads(p.inputs["policy"])["Statement"] for p in program.of("TopicPolicy")}
    allowed = {name: [s for s in found if s["Effect"] == "Allow"] for name, found in statements.items()}
    assert {name for name, found in allowed.items() if found} == {"contact-sync", "contact-sync-chat-high"}
    for name in ("contact-sync", "contact-sync-chat-high"):
        (statement,) = allowed[name]
        assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
        assert statement["Condition"] == {
            "StringEquals": {"aws:SourceAccount": "100000000001"},
            "ArnLike": {"aws:SourceArn": "arn:aws:cloudwatch:us-east-1:100000000001:alarm:orgsync-dev-contact-sync-*"},
        }


def test_an_alarm_about_a_topic_reaches_people_without_it(declare: Declare) -> None:
    """An alarm about a topic that fails also goes to the owner's fallback; no other alarm does."""
    chat = [SLACK | {"severities": ["high", "low"]}]
    notified = notified_topics(declare, fallback_sns_topic=FALLBACK, slack_channels=chat)
    of_topics = {
        "notifications-failed",
        "deliveries-failed",
        "deliveries-failed-chat-high",
        "deliveries-failed-chat-low",
    }
    assert {part for part, topics in notified.items() if "central" in topics} == of_topics
    assert all(
        topics > {"contact-sync", "contact-sync-chat-high"} for part, topics in notified.items() if part in of_topics
    )


def test_deliveries_of_every_topic_are_watched(declare: Declare) -> None:
    """Each topic of the stack has an alarm over what did not reach its subscribers."""
    program = declare("dev", contact_sync={"notification_settings": {"slack_channels": [SLACK]}})
    watched = [
        alarm.inputs["dimensions"]["TopicName"]
        for alarm in program.of("MetricAlarm")
        if alarm.inputs["metricName"] == "NumberOfNotificationsFailed"
    ]
    assert sorted(watched) == sorted(topic.inputs["name"] for topic in program.of("Topic"))


@pytest.mark.parametrize(
    ("settings", "known"),
    [
        ({}, False),
        ({"subscriptions": [SUBSCRIBER]}, True),
        ({"subscriptions": [SUBSCRIBER | {"severities": ["medium", "low"]}]}, False),
        ({"slack_channels": [SLACK | {"severities": ["high"]}]}, True),
        ({"slack_channels": [SLACK | {"severities": ["low"]}]}, False),
        ({"user_notifications_config": {"email_contacts": [CONTACT]}}, True),
        ({"user_notifications_config": {"email_contacts": [CONTACT | {"severities": ["low"]}]}}, False),
        ({"fallback_sns_topic": FALLBACK}, False),
    ],
)
def test_a_stack_without_a_recipient_is_known(settings: dict[str, Any], known: bool) -> None:
    """Somebody must be named who gets high severity; the fallback gets only what a topic refuses."""
    assert has_high_severity_recipient(parse({"notification_settings": settings}).notification_settings) == known


@pytest.mark.parametrize(("settings", "warnings"), [({}, [NO_RECIPIENT]), ({"subscriptions": [SUBSCRIBER]}, [])])
def test_a_stack_without_a_recipient_is_warned_of(
    declare: Declare, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], warnings: list[str]
) -> None:
    """The warning comes once, with the path and what to do; it is no mistake that would fail the preview."""
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda message, *_: said.append(message))
    declare("dev", contact_sync={"notification_settings": settings})
    assert said == warnings
    assert all("notification_settings" in warning for warning in warnings)


@pytest.mark.parametrize(
    ("config", "said"), [({}, []), ({"excluded_tags": {"Contacts": "own"}}, [UNCOUNTED]), ({"paused": True}, [])]
)
def test_a_preview_says_what_it_does_not_know_of_exclusions(
    declare: Declare, monkeypatch: pytest.MonkeyPatch, config: dict[str, Any], said: list[str]
) -> None:
    """A run and `orgsync plan` know whom a tag or a unit excludes, and a preview says so."""
    found: list[str] = []
    monkeypatch.setattr(pulumi.log, "info", lambda message, *_: found.append(message))
    declare("dev", contact_sync=config)
    assert found == said


def mistake(command: str) -> str | None:
    """Return what the command line says against a command, if anything; it is parsed and not carried out."""
    try:
        with click.Context(main, info_name="orgsync") as context:
            name, found, rest = main.resolve_command(context, shlex.split(command)[1:])
            assert found
            found.make_context(name, rest, parent=context)
    except click.UsageError as error:
        return error.message
    return None


def commands_in(text: str) -> list[str]:
    return [quoted or own for quoted, own in COMMAND.findall(text)]


def notifications() -> Iterator[Notification]:
    """Yield the notification of a success and that of a failure."""
    success = Receipt("000000000001", Kind.BILLING, Status.SUCCESS, AT)
    failure = Receipt("000000000001", Kind.BILLING, Status.FAILED, AT, error="WorkerDied")
    for receipt in (success, failure):
        summary = RunSummary.of([receipt])
        yield compose(Run("run-7", Cause.SCHEDULE, AT, AT), classify(summary, None, parse({})), summary, "dev")


def remedies() -> list[str]:
    """Return the remedies of all codes."""
    return [*(error.remedy for error in with_subclasses()), *(reason.remedy for reason in every_reason())]


def test_every_command_in_a_message_exists(context: StackContext) -> None:
    """Alarms, notifications and remedies name commands, arguments and options that the command line takes."""
    found = alarms.alarms(context, Deployment(), "rate(1 day)", chat=ALL).values()
    described = [alarm.description for alarm in (*found, *(alarms.severity_alarm(context, each) for each in ALL))]
    published = [
        text
        for each in notifications()
        for text in (each.body, "\n".join(json.loads(each.chat)["content"]["nextSteps"]))
    ]
    for texts in (described, published, remedies()):
        commands = [command for text in texts for command in commands_in(text)]
        assert len(commands) >= 5
        assert {command: mistake(command) for command in commands if mistake(command)} == {}
    for text in (*described, *published):
        assert all(command.endswith(f" --stack {context.stack}") for command in commands_in(text))


@pytest.mark.parametrize("command", ["orgsync runs", "orgsync status run-7 --stacks dev", "orgsync sync now"])
def test_a_command_that_does_not_exist_is_seen(command: str) -> None:
    """A verb, an option and an argument that the command line does not have are mistakes."""
    assert mistake(command)
