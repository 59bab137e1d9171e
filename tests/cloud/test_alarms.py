"""When somebody is woken."""

from pathlib import Path

import pytest
import yaml

from components import alarms, settings, watch
from handlers.contact_sync.names import METRIC_NAMESPACE, Metric

ROOT = Path(__file__).parents[2]
HOUR, DAY = 3600, 86400


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
def test_the_longest_silence_of_a_schedule_is_known(expression, seconds):
    """A schedule's period is what it lets pass at most, so that silence can be told from rest."""
    assert alarms.schedule_period(expression) == seconds


def test_two_periods_without_a_run_wake_somebody(place):
    """Missing data is the bad news here: the alarm looks back two periods and takes silence for a breach."""
    alarm = alarms.alarms(place, settings.Deployment(), "rate(1 day)")["no-run"]
    assert alarm.period * alarm.periods == 2 * DAY
    assert (alarm.silence, alarm.comparison) == ("breaching", "LessThanThreshold")


@pytest.mark.parametrize("paused", [True, False])
def test_silence_that_is_meant_wakes_nobody(place, paused):
    """A paused system, and a schedule beyond CloudWatch's sight, have no such alarm."""
    schedule = "rate(1 day)" if paused else "rate(30 days)"
    assert "no-run" not in alarms.alarms(place, settings.Deployment(), schedule, paused)


def test_an_alarm_looks_no_further_back_than_cloudwatch_can(place):
    """Periods of an hour reach a week, shorter ones a day (PutMetricAlarm)."""
    for schedule in ("rate(1 minute)", "rate(1 day)", "rate(3 days)", "cron(0 6 * * ? *)"):
        for alarm in alarms.alarms(place, settings.Deployment(), schedule).values():
            assert alarm.period * alarm.periods <= (7 * DAY if alarm.period >= HOUR else DAY)


def test_alarms_and_dashboard_watch_metrics_that_exist(place):
    """A custom metric is one of the shared names, with the one dimension that Powertools gives it."""
    found = alarms.alarms(place, settings.Deployment(), "rate(1 day)").values()
    watched = {(a.metric, tuple(a.dimensions.items())) for a in found if a.namespace == METRIC_NAMESPACE}
    for widget in watch.dashboard(place)["widgets"]:
        for namespace, metric, *dimensions in widget["properties"]["metrics"]:
            if namespace == METRIC_NAMESPACE:
                watched.add((metric, tuple(zip(dimensions[::2], dimensions[1::2], strict=True))))
    assert {metric for metric, _ in watched} <= set(Metric)
    assert {dimensions for _, dimensions in watched} == {(("service", place.prefix),)}


def test_dead_letters_are_seen(place):
    """Each queue is watched by the metric that SQS really has."""
    found = alarms.alarms(place, settings.Deployment(), "rate(1 day)")
    for queue in alarms.QUEUES:
        assert found[queue].metric == "ApproximateNumberOfMessagesVisible"
        assert found[queue].dimensions == {"QueueName": place.name(queue)}


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_every_stack_file_is_valid(stack):
    """What stands in the repository's stack files is accepted by both models."""
    config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    settings.contact_sync(config["orgsync:contact_sync"])
    settings.deployment(config["orgsync:deployment"])


def test_the_dashboard_shows_what_owners_ask_for(place):
    """Runs, accounts in step, writes, throttles, durations and dead letters, each in the system's own region."""
    widgets = [widget["properties"] for widget in watch.dashboard(place)["widgets"]]
    shown = {metric[1] for widget in widgets for metric in widget["metrics"]}
    wanted = {Metric.RUNS, Metric.ACCOUNTS_IN_STEP, Metric.WRITES, Metric.THROTTLES, Metric.RUN_SECONDS}
    assert wanted | {"Duration", "ApproximateNumberOfMessagesVisible"} <= shown
    assert {widget["region"] for widget in widgets} == {place.region}


@pytest.mark.parametrize("tracing", [True, False])
def test_traces_are_sent_where_the_stack_asks(declare, tracing):
    """Every function and the state machine, with the right to send them; nothing of it elsewhere."""
    program = declare("dev", deployment={"tracing": tracing})
    functions = [f.inputs for f in program if f.type == "aws:lambda/function:Function"]
    assert {f["tracingConfig"]["mode"] for f in functions} == {"Active" if tracing else "PassThrough"}
    assert program.one("StateMachine").inputs["tracingConfiguration"] == {"enabled": tracing}
    sending = [policy.name for policy in program.of("RolePolicy") if "xray:PutTraceSegments" in policy.inputs["policy"]]
    assert len(sending) == (len(functions) + 1 if tracing else 0)
