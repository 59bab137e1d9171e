"""Alarms as pure documents: those that any system needs."""

from dataclasses import dataclass
from typing import Any

from orgsync.components.shared.stack_context import StackContext
from orgsync.shared.names import METRIC_NAMESPACE


@dataclass(frozen=True)
class Alarm:
    """A CloudWatch alarm: one metric against one threshold.

    Attributes:
        period: seconds.
        silence: how missing data is taken (`notBreaching`, `breaching`).
        of_topic: it speaks of a topic that fails, so it must reach people without that topic.
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
        """Return the arguments of `MetricAlarm`, but for its name and its actions."""
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


def failed_function(context: StackContext, part: str, metric: str, description: str) -> Alarm:
    """Return an alarm over one of Lambda's own metrics of a function."""
    return Alarm(
        f"{context.name(part)} {description}: its log says why",
        "AWS/Lambda",
        metric,
        {"FunctionName": context.name(part)},
    )


def dead_letters(context: StackContext, queue: str, description: str) -> Alarm:
    """Return an alarm over the messages of a dead-letter queue."""
    return Alarm(
        description,
        "AWS/SQS",
        "ApproximateNumberOfMessagesVisible",
        {"QueueName": context.name(queue)},
        statistic="Maximum",
    )


def _lost(context: StackContext, of: str, queue: str, remedy: str) -> str:
    return (
        f"Something of {of} reached neither its target nor the dead letters of {context.name(queue)}, and is lost: "
        f"do that queue's policy and its key let the sender in? {remedy}"
    )


def lost_events(context: StackContext, rule: str, queue: str, remedy: str, bus: str | None = None) -> Alarm:
    """Return an alarm over events of a rule that its target refused and then its dead-letter queue too.

    Args:
        bus: part of the name of the rule's bus; the default bus, of which the metric names the rule alone [doc].
    """
    return Alarm(
        _lost(context, context.name(rule), queue, remedy),
        "AWS/Events",
        "InvocationsFailedToBeSentToDlq",
        {"RuleName": context.name(rule)} | ({"EventBusName": context.name(bus)} if bus else {}),
    )


def lost_schedules(context: StackContext, queue: str, remedy: str) -> Alarm:
    """Return an alarm over the schedules of the system's group that started nothing and left no dead letter."""
    return Alarm(
        _lost(context, f"the schedules {context.prefix}", queue, remedy),
        "AWS/Scheduler",
        "InvocationsFailedToBeSentToDeadLetterCount",
        {"ScheduleGroup": context.prefix},
    )


def lost_invocations(context: StackContext, part: str, queue: str, remedy: str) -> Alarm:
    """Return an alarm over asynchronous invocations of a function that failed for good and left no dead letter."""
    return Alarm(
        _lost(context, context.name(part), queue, remedy),
        "AWS/Lambda",
        "DestinationDeliveryFailures",
        {"FunctionName": context.name(part)},
    )


def failed_deliveries(topic: str, check: str) -> Alarm:
    """Return an alarm over a topic's subscribers that could not be reached; `check` is what to look at."""
    # No delivery status is logged: why SNS failed is known to nobody.
    return Alarm(
        f"A subscriber of {topic} could not be reached: {check}",
        "AWS/SNS",
        "NumberOfNotificationsFailed",
        {"TopicName": topic},
        of_topic=True,
    )


def custom_metric(context: StackContext, metric: str, description: str, **rest: Any) -> Alarm:
    """Return an alarm over a metric of ours; Powertools gives each the one dimension `service`."""
    return Alarm(description, METRIC_NAMESPACE, str(metric), {"service": context.prefix}, **rest)
