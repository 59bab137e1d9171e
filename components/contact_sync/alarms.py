"""When somebody has to be woken: every alarm as a pure document."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orgsync.components.contact_sync.deployment import Deployment
from orgsync.components.shared.stack_context import Place
from orgsync.contact_sync.names import METRIC_NAMESPACE, Metric
from orgsync.shared.notification_settings import Severity

HOUR = 3600
DAY = 24 * HOUR
LONGEST_LOOK = 7 * DAY
"""CloudWatch looks back no further than this with periods of an hour."""

FIRST_WRITE_SECONDS = 300
"""The spec's first property: a change is acted on within five minutes."""

FUNCTIONS = ("plan", "process", "report", "deploy")
QUEUES = ("dead-bells", "dead-invocations")

_UNITS = {"minute": 60, "hour": HOUR, "day": DAY}


@dataclass(frozen=True)
class Alarm:
    """One metric against one threshold; seconds, and whether silence is bad news.

    `of_topic`: it tells of a topic that fails, so it must be heard without that topic.
    """

    description: str
    namespace: str
    metric: str
    dimensions: dict[str, str]
    statistic: str = "Sum"
    comparison: str = "GreaterThanOrEqualToThreshold"
    threshold: float = 1
    period: int = 300
    periods: int = 1
    silence: str = "notBreaching"
    of_topic: bool = False

    def arguments(self) -> dict[str, Any]:
        """As `MetricAlarm` takes it, but for its name and who hears."""
        return {
            "alarm_description": self.description,
            "namespace": self.namespace,
            "metric_name": self.metric,
            "dimensions": self.dimensions,
            "statistic": self.statistic,
            "comparison_operator": self.comparison,
            "threshold": self.threshold,
            "period": self.period,
            "evaluation_periods": self.periods,
            "treat_missing_data": self.silence,
        }


def severity_alarm(place: Place, severity: str) -> Alarm:
    """Rises when a run of this severity was told of: what User Notifications follows, as no API sends it a message."""
    metric = Metric[f"SEVERITY_{severity.upper()}"]
    what = f"A contact sync run of {severity} severity: `{_status(place)}` shows it, its notice says what to do"
    return _ours(place, metric, what, period=60)


def schedule_period(expression: str) -> int:
    """Seconds between two firings, at most: of a rate exactly, of a cron by its coarsest field that is fixed."""
    rate = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    if rate:
        return int(rate[1]) * _UNITS[rate[2]]
    _, _, day, month, weekday, year = expression.removeprefix("cron(").removesuffix(")").split()
    if year not in "*?" or month not in "*?":
        return 366 * DAY
    if day not in "*?":
        return 31 * DAY
    return DAY if weekday in "*?" else 7 * DAY


def alarms(
    place: Place, settings: Deployment, schedule: str, paused: bool = False, chat: Sequence[Severity] = ()
) -> dict[str, Alarm]:
    """Every alarm of a system, by the part of its name that is its own; `chat` has a topic for each severity."""
    found = {f"{function}-errors": _of_function(place, function, "Errors", "failed") for function in FUNCTIONS}
    found |= {
        f"{function}-throttled": _of_function(place, function, "Throttles", "throttled") for function in FUNCTIONS
    }
    found |= {queue: _dead_letters(place, queue) for queue in QUEUES}
    found |= {
        "executions-failed": Alarm(
            f"A run's state machine failed: `{_status(place)}` shows it closed, its execution says why",
            "AWS/States",
            "ExecutionsFailed",
            {"StateMachineArn": place.state_machine},
        ),
        "runs-failed": _ours(
            place, Metric.RUNS_FAILED, f"A run failed: `{_status(place)}` shows it, its report holds its receipts"
        ),
        "first-write-late": _ours(
            place,
            Metric.BELL_TO_FIRST_WRITE_SECONDS,
            f"More than {FIRST_WRITE_SECONDS} s from a bell to the first write: is another run holding the lease?",
            statistic="Maximum",
            comparison="GreaterThanThreshold",
            threshold=FIRST_WRITE_SECONDS,
        ),
        "quota-contended": _ours(
            place,
            Metric.THROTTLES,
            "AWS throttles more calls than a paced worker causes: something else uses Account Management's quota",
            threshold=settings.throttles_tolerated,
            period=900,
        ),
        "notifications-failed": _ours(
            place,
            Metric.NOTIFICATIONS_FAILED,
            f"A topic did not take a run's notice: the log of {place.name('report')} or {place.name('plan')} says why; "
            "does the topic exist, do its policy and its key let those functions in?",
            of_topic=True,
        ),
        "deliveries-failed": _deliveries(
            place.name("notifications"),
            "is each subscription confirmed, does each address exist, does each endpoint answer?",
        ),
    }
    found |= {
        f"deliveries-failed-chat-{severity}": _deliveries(
            place.name(f"chat-{severity}"),
            "do its chat channels exist, is Amazon Q Developer still a member of them, and may it post there?",
        )
        for severity in chat
    }
    quiet = 2 * schedule_period(schedule)
    if quiet <= LONGEST_LOOK and not paused:
        hours = max(1, quiet // HOUR)
        found["no-run"] = _ours(
            place,
            Metric.RUNS,
            f"No run has ended for {hours} h, two periods of the schedule: is it enabled, are there dead letters?",
            # A deployment tells of none at all when it starts one: the clock begins there.
            statistic="SampleCount",
            comparison="LessThanThreshold",
            period=HOUR,
            periods=hours,
            silence="breaching",
        )
    return found


def _of_function(place: Place, function: str, metric: str, what: str) -> Alarm:
    return Alarm(
        f"{place.name(function)} {what}: its log says why",
        "AWS/Lambda",
        metric,
        {"FunctionName": place.name(function)},
    )


def _dead_letters(place: Place, queue: str) -> Alarm:
    return Alarm(
        f"{place.name(queue)} holds what nobody answered: read it, mend the cause, ring again",
        "AWS/SQS",
        "ApproximateNumberOfMessagesVisible",
        {"QueueName": place.name(queue)},
        statistic="Maximum",
    )


def _deliveries(topic: str, check: str) -> Alarm:
    # No delivery status is logged: why SNS failed is known to nobody, so this says what to look at.
    return Alarm(
        f"Who listens to {topic} could not be reached: {check}",
        "AWS/SNS",
        "NumberOfNotificationsFailed",
        {"TopicName": topic},
        of_topic=True,
    )


def _status(place: Place) -> str:
    """The command that shows the runs of the last days, wherever it is read."""
    return f"orgsync status --stack {place.stack}"


def _ours(place: Place, metric: Metric, description: str, **rest: Any) -> Alarm:
    """An alarm on a custom metric; Powertools gives each the one dimension `service`."""
    return Alarm(description, METRIC_NAMESPACE, str(metric), {"service": place.prefix}, **rest)
