"""What can be seen of a system: its dashboard, its alarms and the questions its logs answer."""

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from orgsync.components.contact_sync.alarms import FUNCTIONS, QUEUES, alarms
from orgsync.components.contact_sync.deployment import Deployment, canonical
from orgsync.components.contact_sync.forwarding import QUEUE as UNFORWARDED
from orgsync.components.shared.stack_context import Place
from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.names import METRIC_NAMESPACE, Metric

WIDTH, HEIGHT = 8, 6
"""A widget on CloudWatch's grid of 24 columns: three in a row."""


def dashboard(place: Place) -> dict[str, Any]:
    """The dashboard: is every account in step, what did it take, and what went wrong."""
    rows = [
        ("Accounts in step", [_ours(place, Metric.ACCOUNTS_IN_STEP), _ours(place, Metric.ACCOUNTS_FAILED)], "Maximum"),
        ("Runs", [_ours(place, Metric.RUNS), _ours(place, Metric.RUNS_FAILED)], "Sum"),
        ("Bells without a run", [_ours(place, Metric.BELLS_MERGED), _ours(place, Metric.BELLS_REFUSED)], "Sum"),
        ("Writes", [_ours(place, Metric.WRITES)], "Sum"),
        ("Throttled calls", [_ours(place, Metric.THROTTLES)], "Sum"),
        (
            "Seconds: a run, a bell to its first write",
            [_ours(place, Metric.RUN_SECONDS), _ours(place, Metric.BELL_TO_FIRST_WRITE_SECONDS)],
            "Maximum",
        ),
        ("Function errors", _of_functions(place, "Errors"), "Sum"),
        ("Function durations (ms)", _of_functions(place, "Duration"), "Maximum"),
        ("Dead letters", _dead_letters(place), "Maximum"),
    ]
    return {
        "widgets": [
            {
                "type": "metric",
                "x": WIDTH * (index % 3),
                "y": HEIGHT * (index // 3),
                "width": WIDTH,
                "height": HEIGHT,
                "properties": {
                    "title": title,
                    "metrics": metrics,
                    "stat": statistic,
                    "period": 300,
                    "region": place.region,
                    "view": "timeSeries",
                },
            }
            for index, (title, metrics, statistic) in enumerate(rows)
        ]
    }


def _ours(place: Place, metric: Metric) -> list[str]:
    return [METRIC_NAMESPACE, str(metric), "service", place.prefix]


def _of_functions(place: Place, metric: str) -> list[list[str]]:
    return [["AWS/Lambda", metric, "FunctionName", place.name(function)] for function in FUNCTIONS]


def _dead_letters(place: Place) -> list[list[Any]]:
    """The queues here and, where account events happen elsewhere, the one there: a metric may name its own region."""
    depth, there = ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName"], place.of_account_events
    elsewhere = [[*depth, there.name(UNFORWARDED), {"region": there.region}]] if there != place else []
    return [*([*depth, place.name(queue)] for queue in QUEUES), *elsewhere]


def dashboard_address(place: Place) -> str:
    """Where a browser finds the dashboard; only the commercial partition has this domain."""
    console = f"https://{place.region}.console.aws.amazon.com/cloudwatch/home"
    return f"{console}?region={place.region}#dashboards/dashboard/{place.prefix}"


def queries() -> dict[str, str]:
    """Saved Logs Insights queries over all functions' logs, by name."""
    return {
        "errors": "fields @timestamp, @log, level, message, run_id\n"
        '| filter level in ["ERROR", "CRITICAL"]\n| sort @timestamp desc\n| limit 100',
        "one-run": "fields @timestamp, @log, level, message\n"
        '| filter run_id = "put the run id here"\n| sort @timestamp asc\n| limit 1000',
        "refused-bells": "fields @timestamp, message, reason, source\n"
        "| filter ispresent(reason)\n| stats count(*) as bells by reason, source\n| sort bells desc",
        "slowest-invocations": "fields @timestamp, @log, @duration, @maxMemoryUsed / 1000000 as megabytes\n"
        '| filter @type = "REPORT"\n| sort @duration desc\n| limit 25',
    }


class Watch(pulumi.ComponentResource):
    """Dashboard, alarms and saved queries.

    `topics` hear every alarm. One that tells of a topic also goes to the owner's fallback, where there is one.
    """

    def __init__(
        self,
        name: str,
        place: Place,
        settings: Deployment,
        config: ContactSyncConfig,
        *,
        topics: Sequence[pulumi.Input[str]],
        first_run: pulumi.Resource,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("orgsync:contact_sync:Watch", name, None, opts)
        below = pulumi.ResourceOptions(parent=self)
        # An alarm that takes silence for bad news would rise at once where no run has ended yet.
        after_a_run = pulumi.ResourceOptions(parent=self, depends_on=[first_run])
        aws.cloudwatch.Dashboard(
            name, dashboard_name=place.prefix, dashboard_body=canonical(dashboard(place)), opts=below
        )
        hears = config.notification_settings
        fallback = [hears.fallback_sns_topic] if hears.fallback_sns_topic else []
        for part, alarm in alarms(place, settings, config.schedule, config.paused, hears.chat_severities).items():
            told = [*topics, *(fallback if alarm.of_topic else [])]
            aws.cloudwatch.MetricAlarm(
                f"{name}-{part}",
                name=place.name(part),
                **alarm.arguments(),
                alarm_actions=told,
                ok_actions=told,
                opts=after_a_run if alarm.silence == "breaching" else below,
            )
        for part, query in queries().items():
            aws.cloudwatch.QueryDefinition(
                f"{name}-{part}",
                name=f"{place.prefix}/{part}",
                log_group_names=[place.log_group(function) for function in FUNCTIONS],
                query_string=query,
                opts=below,
            )
        self.register_outputs({})
