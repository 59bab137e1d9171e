"""Monitoring: the dashboard, the alarms and the saved queries."""

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from orgsync.components.contact_sync.alarms import QUEUES, alarms, forwarding_alarms, lost
from orgsync.components.contact_sync.deployment import Deployment
from orgsync.components.contact_sync.resource_names import UNFORWARDED
from orgsync.components.shared.alarms import Alarm
from orgsync.components.shared.stack_context import StackContext
from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.names import FunctionName, Metric
from orgsync.shared.configuration import canonical_json
from orgsync.shared.names import METRIC_NAMESPACE

WIDTH, HEIGHT = 8, 6
"""A widget on CloudWatch's grid of 24 columns: three in a row."""


def dashboard(context: StackContext) -> dict[str, Any]:
    """Return the dashboard: accounts in sync, the work that it took, failures, and the guide's five key metrics.

    The deployment guide asks for the functions' invocations, errors and durations, the tables' operations, and the
    dead letters.
    """
    rows = [
        (
            "Accounts in sync",
            [_ours(context, Metric.ACCOUNTS_IN_SYNC), _ours(context, Metric.ACCOUNTS_FAILED)],
            "Maximum",
        ),
        ("Runs", [_ours(context, Metric.RUNS), _ours(context, Metric.RUNS_FAILED)], "Sum"),
        (
            "Triggers without a run",
            [_ours(context, Metric.TRIGGERS_MERGED), _ours(context, Metric.TRIGGERS_REFUSED)],
            "Sum",
        ),
        ("Writes", [_ours(context, Metric.WRITES)], "Sum"),
        ("Throttled calls", [_ours(context, Metric.THROTTLES)], "Sum"),
        (
            "Seconds: a run, a trigger to its first write",
            [_ours(context, Metric.RUN_SECONDS), _ours(context, Metric.TRIGGER_TO_FIRST_WRITE_SECONDS)],
            "Maximum",
        ),
        ("Signs of life", [_ours(context, Metric.HEARTBEAT)], "Sum"),
        ("Function invocations", _of_functions(context, "Invocations"), "Sum"),
        ("Function errors", _of_functions(context, "Errors"), "Sum"),
        ("Function durations (ms)", _of_functions(context, "Duration"), "Maximum"),
        ("Table operations (capacity units)", _of_tables(context), "Sum"),
        ("Dead letters", _dead_letters(context), "Maximum"),
        ("Lost: not even dead letters", _lost(context), "Sum"),
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
                    "region": context.region,
                    "view": "timeSeries",
                },
            }
            for index, (title, metrics, statistic) in enumerate(rows)
        ]
    }


def _ours(context: StackContext, metric: Metric) -> list[str]:
    return [METRIC_NAMESPACE, str(metric), "service", context.prefix]


def _of_functions(context: StackContext, metric: str) -> list[list[str]]:
    return [["AWS/Lambda", metric, "FunctionName", context.name(function)] for function in FunctionName]


def _of_tables(context: StackContext) -> list[list[str]]:
    units = ("ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits")
    return [["AWS/DynamoDB", unit, "TableName", context.name(table)] for table in ("config", "state") for unit in units]


def _lost(context: StackContext) -> list[list[Any]]:
    """Return the metrics of what even a dead-letter queue did not take, as the alarms over it watch them."""
    here = lost(context).values()
    abroad = forwarding_alarms(context).values() if context.of_account_events != context else []
    return [
        *(_watched(alarm) for alarm in here),
        *(
            [*_watched(alarm), {"region": context.of_account_events.region}]
            for alarm in abroad
            if alarm.statistic == "Sum"
        ),
    ]


def _watched(alarm: Alarm) -> list[str]:
    return [alarm.namespace, alarm.metric, *(word for pair in sorted(alarm.dimensions.items()) for word in pair)]


def _dead_letters(context: StackContext) -> list[list[Any]]:
    """Return the metrics of the queues here and, where account events happen elsewhere, of the one there.

    A metric may name its own
    region.
    """
    depth, there = ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName"], context.of_account_events
    elsewhere = [[*depth, there.name(UNFORWARDED), {"region": there.region}]] if there != context else []
    return [*([*depth, context.name(queue)] for queue in QUEUES), *elsewhere]


def dashboard_address(context: StackContext) -> str:
    """Return the address of the dashboard for a browser; only the commercial partition has this domain."""
    console = f"https://{context.region}.console.aws.amazon.com/cloudwatch/home"
    return f"{console}?region={context.region}#dashboards/dashboard/{context.prefix}"


def queries() -> dict[str, str]:
    """Return saved Logs Insights queries over all functions' logs, by name.

    A line is the function's own, the runtime's for an uncaught error (`errorType`), or Lambda's report of an
    invocation (`record`), and is JSON each time.
    """
    return {
        "errors": "fields @timestamp, @log, coalesce(level, record.status) as level, "
        "coalesce(message, errorMessage, type) as text, run_id, account, kind, error\n"
        '| filter level in ["ERROR", "CRITICAL"] or ispresent(errorType) '
        'or record.status in ["error", "failure", "timeout"]\n'
        "| sort @timestamp desc\n| limit 100",
        "one-run": "fields @timestamp, @log, level, message, account, kind, status, error\n"
        '| filter run_id = "put the run id here"\n| sort @timestamp asc\n| limit 1000',
        "one-account": "fields @timestamp, @log, level, message, run_id, kind, status, error, operation, code\n"
        '| filter account = "put the account id here"\n| sort @timestamp asc\n| limit 1000',
        "refused-events": "fields @timestamp, message, reason, source\n"
        '| filter message = "event refused"\n| stats count(*) as events by reason, source\n| sort events desc',
        "slowest-invocations": "fields @timestamp, @log, record.metrics.durationMs as milliseconds, "
        "record.metrics.maxMemoryUsedMB as megabytes\n"
        '| filter type = "platform.report"\n| sort milliseconds desc\n| limit 25',
    }


class Monitoring(pulumi.ComponentResource):
    """Dashboard, alarms and saved queries.

    `topics` get every alarm. One that speaks of a topic also goes to the owner's `fallback`, unless that is empty.
    """

    def __init__(
        self,
        name: str,
        context: StackContext,
        deployment: Deployment,
        config: ContactSyncConfig,
        *,
        topics: Sequence[pulumi.Input[str]],
        fallback: pulumi.Input[str],
        first_run: pulumi.Resource,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("orgsync:contact_sync:Monitoring", name, None, opts)
        below = pulumi.ResourceOptions(parent=self)
        # An alarm that takes silence for bad news would rise at once where no run has ended yet.
        after_a_run = pulumi.ResourceOptions(parent=self, depends_on=[first_run])
        aws.cloudwatch.Dashboard(
            name, dashboard_name=context.prefix, dashboard_body=canonical_json(dashboard(context)), opts=below
        )
        elsewhere = [fallback] if fallback != "" else []
        for part, alarm in alarms(
            context, deployment, config.schedule, config.paused, config.notification_settings.chat_severities
        ).items():
            actions = [*topics, *(elsewhere if alarm.of_topic else [])]
            aws.cloudwatch.MetricAlarm(
                f"{name}-{part}",
                name=context.name(part),
                **alarm.arguments(),
                alarm_actions=actions,
                ok_actions=actions,
                opts=after_a_run if alarm.silence == "breaching" else below,
            )
        for part, query in queries().items():
            aws.cloudwatch.QueryDefinition(
                f"{name}-{part}",
                name=f"{context.prefix}/{part}",
                log_group_names=[context.log_group(function) for function in FunctionName],
                query_string=query,
                opts=below,
            )
        self.register_outputs({})
