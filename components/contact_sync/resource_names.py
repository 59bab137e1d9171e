"""Physical names and ARNs of contact sync's own resources, each a pure function of the stack context."""

import re

from orgsync.components.shared.stack_context import StackContext

MEMBERS = "members"
"""The bus and the stack set of members' own events."""

MEMBER_CHANGED = "member-changed"
"""The rule that forwards them, in every member, and the one that starts a run for them."""

FAILED_EVENTS = "failed-events"
"""The dead-letter queue of events that started no run."""

UNFORWARDED = "unforwarded-events"
"""The dead-letter queue of events that could not be forwarded to the system's own region."""

FORWARDING_FAILED = "forwarding-failed"
"""The rule that brings the alarms of the other region home."""

FAILED_INVOCATIONS = "failed-invocations"
"""The dead-letter queue of invocations that failed for good."""


def state_machine_arn(context: StackContext) -> str:
    """Return the state machine's ARN."""
    return context.arn("states", f"stateMachine:{context.prefix}")


def execution_arns(context: StackContext) -> list[str]:
    """Return the patterns of the state machine's executions, and of the children that its Distributed Map starts."""
    # Runs name themselves as they start.
    return [
        context.arn("states", f"execution:{context.prefix}:*"),
        context.arn("states", f"execution:{context.prefix}/*"),
    ]


def members_bus_arn(context: StackContext) -> str:
    """Return the ARN of the bus on which members' own events arrive."""
    return context.arn("events", f"event-bus/{context.name(MEMBERS)}")


def member_rule_arn(context: StackContext) -> str:
    """Return the pattern of the rule that forwards such events, in whichever member."""
    region = context.of_account_events.region
    return f"arn:{context.partition}:events:{region}:*:rule/{context.name(MEMBER_CHANGED)}"


def run_bucket_name(context: StackContext) -> str:
    """Return the run bucket's name: bucket names are shared with all of AWS, so the account is part of it."""
    return f"{context.name('runs')}-{context.account}"


def run_bucket_arn(context: StackContext) -> str:
    """Return the run bucket's ARN."""
    return f"arn:{context.partition}:s3:::{run_bucket_name(context)}"


def logical_id(context: StackContext) -> str:
    """Return the custom resource's id in its template: letters and digits.

    crhelper names its polling rule after it, plus eight random characters, so it is what
    the initial sync's permission to make rules is scoped to, and it differs by stack.
    """
    return "".join(word.capitalize() for word in re.split(r"[^A-Za-z0-9]+", context.prefix))
