"""Account events for a system whose own region is not the one where they happen.

They are recorded in one region of a partition (`place.ACCOUNT_EVENTS`). Rules there match what the
system's own rules match and put it on its default bus; no data stays behind but what could not be
forwarded. An alarm can only tell topics of its own region, so its change of state is an event that
is forwarded too.
"""

import json

import pulumi
import pulumi_aws as aws

from orgsync.components.contact_sync import policies, resource_policies
from orgsync.components.contact_sync.event_patterns import Pattern, patterns
from orgsync.components.contact_sync.triggers import RETRY_ATTEMPTS, RETRY_SECONDS
from orgsync.components.shared.stack_context import Place

QUEUE = "unforwarded"
ALARM_ELSEWHERE = "forwarding-failed"
"""The rule that brings home the alarm of the other region."""


def alarm_raised(there: Place) -> Pattern:
    """The alarm over the queue of what could not be forwarded, when it rises."""
    return {
        "source": ["aws.cloudwatch"],
        "detail-type": ["CloudWatch Alarm State Change"],
        "detail": {"alarmName": [there.name(QUEUE)], "state": {"value": ["ALARM"]}},
    }


def told(there: Place) -> str:
    """What is read of it at home: a JSON string, as an input without paths must be one."""
    return json.dumps(
        f"Account events could not be forwarded from {there.region}. They wait in the queue {there.name(QUEUE)} "
        "there; the daily pass covers what they told of. Read one for its error, mend the cause, redrive the queue."
    )


class Forwarding(pulumi.ComponentResource):
    """Rules where account events happen, and the way home."""

    def __init__(
        self,
        name: str,
        place: Place,
        *,
        dead_bells: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("orgsync:contact_sync:Forwarding", name, None, opts)
        self.place, self.there = place, place.of_account_events
        below = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{name}-forward",
            name=place.name("forward"),
            assume_role_policy=resource_policies.trust(place, "events.amazonaws.com", self.there.rule()),
            opts=below,
        )
        rights = aws.iam.RolePolicy(
            f"{name}-forward",
            name="what-it-does",
            role=role.name,
            policy=policies.document(policies.forward(place)),
            opts=below,
        )
        queue = self._queue(f"{name}-{QUEUE}")
        for part, pattern in (patterns() | {ALARM_ELSEWHERE: alarm_raised(self.there)}).items():
            self._rule(f"{name}-forward-{part}", part, pattern, role, queue, rights)
        self._alarm(name, dead_bells)
        self.register_outputs({})

    def _queue(self, name: str) -> aws.sqs.Queue:
        """An event that could not be forwarded may carry contact values: a key of ours is over it here too."""
        key = aws.kms.Key(
            name,
            region=self.there.region,
            description=f"{self.place.prefix}: events that could not be forwarded",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            policy=resource_policies.queue_key_policy(self.there),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return aws.sqs.Queue(
            name,
            region=self.there.region,
            name=self.there.name(QUEUE),
            message_retention_seconds=14 * 24 * 3600,
            kms_master_key_id=key.arn,
            policy=resource_policies.bells_policy(self.there, self.there.arn("sqs", self.there.name(QUEUE))),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _rule(
        self,
        name: str,
        part: str,
        pattern: Pattern,
        role: aws.iam.Role,
        queue: aws.sqs.Queue,
        rights: pulumi.Resource,
    ) -> None:
        rule = aws.cloudwatch.EventRule(
            name,
            region=self.there.region,
            name=self.there.name(part),
            description=f"orgsync contact sync, on its way to {self.place.region}: {part.replace('-', ' ')}",
            event_pattern=json.dumps(pattern, sort_keys=True),
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.cloudwatch.EventTarget(
            name,
            region=self.there.region,
            rule=rule.name,
            target_id=part,
            arn=self.place.bus,
            role_arn=role.arn,
            retry_policy={"maximum_event_age_in_seconds": RETRY_SECONDS, "maximum_retry_attempts": RETRY_ATTEMPTS},
            dead_letter_config={"arn": queue.arn},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[rights]),
        )

    def _alarm(self, name: str, dead_bells: pulumi.Input[str]) -> None:
        aws.cloudwatch.MetricAlarm(
            f"{name}-{QUEUE}",
            region=self.there.region,
            name=self.there.name(QUEUE),
            alarm_description=json.loads(told(self.there)),
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
            name=self.place.name(ALARM_ELSEWHERE),
            description=f"orgsync contact sync: an alarm of {self.there.region}",
            event_pattern=json.dumps(alarm_raised(self.there), sort_keys=True),
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.cloudwatch.EventTarget(
            f"{name}-{ALARM_ELSEWHERE}",
            rule=home.name,
            target_id=ALARM_ELSEWHERE,
            # Among the bells that nobody took, over which an alarm of this region stands. EventBridge could tell
            # the topic itself only if the topic let every rule of every account in [doc].
            arn=dead_bells,
            input=told(self.there),
            retry_policy={"maximum_event_age_in_seconds": RETRY_SECONDS, "maximum_retry_attempts": RETRY_ATTEMPTS},
            dead_letter_config={"arn": dead_bells},
            opts=pulumi.ResourceOptions(parent=self),
        )
