"""Forwarding of account events for a system whose own region is not the one where they happen.

They are recorded in one region of a partition (`context.ACCOUNT_EVENTS`). Rules there match what the
system's own rules match and put it on its default bus; no data stays behind but what could not be
forwarded. An alarm can only notify topics of its own region, so its change of state is an event that
is forwarded too.
"""

import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from orgsync.components.contact_sync import policies
from orgsync.components.contact_sync.event_patterns import event_rules
from orgsync.components.contact_sync.event_rules import TARGET_RETRIES
from orgsync.components.contact_sync.resource_policies import failed_events_policy, queue_key_policy
from orgsync.components.shared.service_role import service_role
from orgsync.components.shared.stack_context import StackContext

QUEUE = "unforwarded-events"
ALARM_ELSEWHERE = "forwarding-failed"
"""The rule that forwards the alarm of the other region."""


def alarm_raised(there: StackContext) -> Mapping[str, Any]:
    """Return the pattern of the alarm over the queue of what could not be forwarded, when it rises."""
    return {
        "source": ["aws.cloudwatch"],
        "detail-type": ["CloudWatch Alarm State Change"],
        "detail": {"alarmName": [there.name(QUEUE)], "state": {"value": ["ALARM"]}},
    }


def alarm_message(there: StackContext) -> str:
    """Return the alarm's text: a JSON string, as an input without paths must be one."""
    return json.dumps(
        f"Account events could not be forwarded from {there.region}. They wait in the queue {there.name(QUEUE)} "
        "there; the daily pass covers what they reported. "
        "Read one for its error, mend the cause, run `orgsync sync`, then delete them."
    )


class Forwarding(pulumi.ComponentResource):
    """Rules where account events happen, which forward to the system's own region."""

    def __init__(
        self,
        name: str,
        context: StackContext,
        *,
        failed_events: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("orgsync:contact_sync:Forwarding", name, None, opts)
        self.context, self.there = context, context.of_account_events
        role, permissions = service_role(
            f"{name}-forward",
            "forward",
            context,
            "events.amazonaws.com",
            [policies.forward(context)],
            source=self.there.rule(),
            opts=pulumi.ResourceOptions(parent=self),
        )
        queue = self._queue(f"{name}-{QUEUE}")
        patterns = {part: rule.pattern for part, rule in event_rules().items()}
        for part, pattern in (patterns | {ALARM_ELSEWHERE: alarm_raised(self.there)}).items():
            self._rule(f"{name}-forward-{part}", part, pattern, role, queue, permissions)
        self._alarm(name, failed_events)
        self.register_outputs({})

    def _queue(self, name: str) -> aws.sqs.Queue:
        """An event that could not be forwarded may carry contact values: a key of ours is over it here too."""
        key = aws.kms.Key(
            name,
            region=self.there.region,
            description=f"{self.context.prefix}: events that could not be forwarded",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            policy=queue_key_policy(self.there),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return aws.sqs.Queue(
            name,
            region=self.there.region,
            name=self.there.name(QUEUE),
            message_retention_seconds=14 * 24 * 3600,
            kms_master_key_id=key.arn,
            policy=failed_events_policy(self.there, self.there.arn("sqs", self.there.name(QUEUE))),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _rule(
        self,
        name: str,
        part: str,
        pattern: Mapping[str, Any],
        role: aws.iam.Role,
        queue: aws.sqs.Queue,
        permissions: pulumi.Resource,
    ) -> None:
        rule = aws.cloudwatch.EventRule(
            name,
            region=self.there.region,
            name=self.there.name(part),
            description=f"orgsync contact sync, on its way to {self.context.region}: {part.replace('-', ' ')}",
            event_pattern=json.dumps(pattern, sort_keys=True),
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.cloudwatch.EventTarget(
            name,
            region=self.there.region,
            rule=rule.name,
            target_id=part,
            arn=self.context.bus,
            role_arn=role.arn,
            retry_policy={**TARGET_RETRIES},
            dead_letter_config={"arn": queue.arn},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[permissions]),
        )

    def _alarm(self, name: str, failed_events: pulumi.Input[str]) -> None:
        aws.cloudwatch.MetricAlarm(
            f"{name}-{QUEUE}",
            region=self.there.region,
            name=self.there.name(QUEUE),
            alarm_description=json.loads(alarm_message(self.there)),
            namespace="AWS/SQS",
            metric_name="ApproximateNumberOfMessagesVisible",
            dimensions={"QueueName": self.there.name(QUEUE)},
            statistic="Maximum",
            comparison_operator="GreaterThanOrEqualToThreshold",
            threshold=1,
            period=300,
            evaluation_periods=1,
            treat_missing_data="notBreaching",
            opts=pulumi.ResourceOptions(parent=self),
        )
        home = aws.cloudwatch.EventRule(
            f"{name}-{ALARM_ELSEWHERE}",
            name=self.context.name(ALARM_ELSEWHERE),
            description=f"orgsync contact sync: an alarm of {self.there.region}",
            event_pattern=json.dumps(alarm_raised(self.there), sort_keys=True),
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.cloudwatch.EventTarget(
            f"{name}-{ALARM_ELSEWHERE}",
            rule=home.name,
            target_id=ALARM_ELSEWHERE,
            # Among the failed events, over which an alarm of this region stands. EventBridge could notify
            # the topic itself only if the topic let every rule of every account in [doc].
            arn=failed_events,
            input=alarm_message(self.there),
            retry_policy={**TARGET_RETRIES},
            dead_letter_config={"arn": failed_events},
            opts=pulumi.ResourceOptions(parent=self),
        )
