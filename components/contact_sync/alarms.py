"""Alarms of contact sync, each a pure document with the next step in its description."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from orgsync.components.contact_sync.deployment import Deployment
from orgsync.components.contact_sync.event_patterns import event_rules
from orgsync.components.contact_sync.functions import ASYNCHRONOUS
from orgsync.components.contact_sync.resource_names import (
    FAILED_EVENTS,
    FAILED_INVOCATIONS,
    FORWARDING_FAILED,
    MEMBER_CHANGED,
    MEMBERS,
    UNFORWARDED,
    state_machine_arn,
)
from orgsync.components.shared.alarms import (
    Alarm,
    custom_metric,
    dead_letters,
    failed_deliveries,
    failed_function,
    lost_events,
    lost_invocations,
    lost_schedules,
)
from orgsync.components.shared.stack_context import StackContext
from orgsync.contact_sync.names import FunctionName, Metric
from orgsync.shared.notification_settings import Severity
from orgsync.shared.schedule import schedule_period

HOUR = 3600
_LONGEST_LOOK = 7 * 24 * HOUR
"""CloudWatch looks back no further than this with periods of an hour."""

FIRST_WRITE_SECONDS = 300
"""The spec's first property: a change is acted on within five minutes."""

QUEUES = (FAILED_EVENTS, FAILED_INVOCATIONS)


def severity_alarm(context: StackContext, severity: str) -> Alarm:
    """Return the alarm that User Notifications follows for a severity, as no API sends it a message."""
    metric = Metric[f"SEVERITY_{severity.upper()}"]
    what = f"A contact sync run of {severity} severity: `{_status(context)}` shows it, its notification says what to do"
    return custom_metric(context, metric, what, period=60)


def alarms(
    context: StackContext, settings: Deployment, schedule: str, paused: bool = False, chat: Sequence[Severity] = ()
) -> dict[str, Alarm]:
    """Return every alarm, by the part of its name that is its own; `chat` has a topic for each severity."""
    found = {f"{function}-errors": failed_function(context, function, "Errors", "failed") for function in FunctionName}
    # The state machine asks these again: what recovers by itself wakes nobody, and a failed run has alarms of its own.
    found |= {
        f"{function}-errors": replace(
            failed_function(context, function, "Errors", "has failed for a quarter of an hour"), periods=3
        )
        for function in (FunctionName.PLAN, FunctionName.PROCESS, FunctionName.REPORT)
    }
    found |= {
        f"{function}-throttled": failed_function(context, function, "Throttles", "throttled")
        for function in FunctionName
    }
    found |= {
        queue: dead_letters(
            context,
            queue,
            f"{context.name(queue)} holds dead letters: read one, mend the cause, run `{_sync(context)}`",
        )
        for queue in QUEUES
    }
    found |= {
        "executions-failed": Alarm(
            f"A run's state machine failed: `{_status(context)}` shows it closed, its execution says why",
            "AWS/States",
            "ExecutionsFailed",
            {"StateMachineArn": state_machine_arn(context)},
        ),
        "runs-failed": custom_metric(
            context, Metric.RUNS_FAILED, f"A run failed: `{_status(context)}` shows it, its report holds its receipts"
        ),
        "first-write-late": custom_metric(
            context,
            Metric.TRIGGER_TO_FIRST_WRITE_SECONDS,
            f"More than {FIRST_WRITE_SECONDS} s from a trigger to the first write: is another run holding the lease?",
            statistic="Maximum",
            comparison="GreaterThanThreshold",
            threshold=FIRST_WRITE_SECONDS,
        ),
        "quota-contended": custom_metric(
            context,
            Metric.THROTTLES,
            "AWS throttles more calls than a paced worker causes: something else uses Account Management's quota",
            threshold=settings.throttles_tolerated,
            period=900,
        ),
        "notifications-failed": custom_metric(
            context,
            Metric.NOTIFICATIONS_FAILED,
            f"A topic did not take a run's notification: the log of {context.name(FunctionName.REPORT)} or "
            f"{context.name(FunctionName.PLAN)} says why; "
            "does the topic exist, do its policy and its key let those functions in?",
            of_topic=True,
        ),
        "deliveries-failed": failed_deliveries(
            context.name("notifications"),
            "is each subscription confirmed, does each address exist, does each endpoint answer?",
        ),
    }
    found |= {
        f"deliveries-failed-chat-{severity}": failed_deliveries(
            context.name(f"chat-{severity}"),
            "do its chat channels exist, is Amazon Q Developer still a member of them, and may it post there?",
        )
        for severity in chat
    }
    found |= lost(context)
    if not paused and (hours := silent_hours(schedule)):
        found["silent"] = custom_metric(
            context,
            Metric.HEARTBEAT,
            f"No run was planned, worked on or ended for {hours} h, longer than the schedule lets pass: "
            "is the schedule enabled, are there dead letters, does a run hang?",
            statistic="SampleCount",
            comparison="LessThanThreshold",
            period=HOUR,
            periods=hours,
            silence="breaching",
        )
    return found


def silent_hours(schedule: str) -> int:
    """Return after how many hours without a sign of life something is wrong; 0 where CloudWatch cannot look so far.

    A run may last for many hours, and shows its life by each batch; between two runs only the schedule lets time pass.
    """
    period = schedule_period(schedule)
    hours = min(max(2 * period, period + 2 * HOUR), _LONGEST_LOOK) // HOUR
    # An hour more than the schedule, as CloudWatch's periods begin with the hour.
    return hours if hours * HOUR >= period + HOUR else 0


def lost(context: StackContext) -> dict[str, Alarm]:
    """Return alarms over what even a dead-letter queue did not take, of each rule, the schedule and each function."""
    remedy = f"Afterwards run `{_sync(context)}`"
    abroad = (FORWARDING_FAILED,) if context.of_account_events != context else ()
    rules = {part: lost_events(context, part, FAILED_EVENTS, remedy) for part in (*event_rules(), "run-died", *abroad)}
    if context.organization:
        rules[MEMBER_CHANGED] = lost_events(context, MEMBER_CHANGED, FAILED_EVENTS, remedy, bus=MEMBERS)
    functions = {
        f"{part}-invocations": lost_invocations(context, part, FAILED_INVOCATIONS, remedy) for part in ASYNCHRONOUS
    }
    schedule = {"schedule": lost_schedules(context, FAILED_EVENTS, remedy)}
    return {f"lost-{part}": alarm for part, alarm in (rules | schedule | functions).items()}


def forwarding_alarms(context: StackContext) -> Mapping[str, Alarm]:
    """Return the alarms of the region where account events happen, over what could not be forwarded from there.

    None stands over the rule that brings these alarms home: nobody would hear of it.
    """
    there, sync = context.of_account_events, f"run `{_sync(context)}`"
    found = {
        UNFORWARDED: dead_letters(
            there,
            UNFORWARDED,
            f"Account events could not be forwarded from {there.region}. They wait in the queue "
            f"{there.name(UNFORWARDED)} there; the scheduled pass covers what they reported. "
            f"Read one for its error, mend the cause, {sync}, then delete them",
        )
    }
    lost = {
        f"lost-unforwarded-{part}": lost_events(there, part, UNFORWARDED, f"Afterwards {sync}")
        for part in event_rules()
    }
    return found | lost


def _status(context: StackContext) -> str:
    """Return the command that shows the runs of the last days, wherever it is read."""
    return f"orgsync status --stack {context.stack}"


def _sync(context: StackContext) -> str:
    return f"orgsync sync --stack {context.stack}"
