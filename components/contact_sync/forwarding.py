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
from orgsync.components.contact_sync.alarms import forwarding_alarms
from orgsync.components.contact_sync.event_patterns import event_rules
from orgsync.components.contact_sync.event_rules import TARGET_RETRIES
from orgsync.components.contact_sync.resource_names import FORWARDING_FAILED, UNFORWARDED
from orgsync.components.contact_sync.resource_policies import failed_events_policy, queue_key_policy
from orgsync.components.shared.service_role import service_role
from orgsync.components.shared.stack_context import StackContext


def alarm_raised(context: StackContext) -> Mapping[str, Any]:
    """Return the pattern of the other region's alarms, when one rises."""
    names = sorted(context.of_account_events.name(part) for part in forwarding_alarms(context))
    return {
        "source": ["aws.cloudwatch"],
        "region": [context.of_account_events.region],
        "detail-type": ["CloudWatch Alarm State Change"],
        "detail": {"alarmName": names, "state": {"value": ["ALARM"]}},
    }


def alarm_message(context: StackContext) -> aws.cloudwatch.EventTargetInputTransformerArgsDict:
    """Return the transformer that makes a sentence of such an event: a JSON string with the alarm's own text."""
    return {
        "input_paths": {"alarm": "$.detail.alarmName", "description": "$.detail.configuration.description"},
        "input_template": f'"The alarm <alarm> rose in {context.of_account_events.region}: <description>"',
    }


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
        queue = self._queue(f"{name}-{UNFORWARDED}")
        patterns = {part: rule.pattern for part, rule in event_rules().items()}
        for part, pattern in (patterns | {FORWARDING_FAILED: alarm_raised(context)}).items():
            self._rule(f"{name}-forward-{part}", part, pattern, role, queue, permissions)
        self._alarms(name)
        self._bring_alarms_home(name, failed_events)
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
            name=self.there.name(UNFORWARDED),
            message_retention_seconds=14 * 24 * 3600,
            kms_master_key_id=key.arn,
            policy=failed_events_policy(self.there, self.there.arn("sqs", self.there.name(UNFORWARDED))),
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

    def _alarms(self, name: str) -> None:
        for part, alarm in forwarding_alarms(self.context).items():
            aws.cloudwatch.MetricAlarm(
                f"{name}-forward-{part}",
                region=self.there.region,
                name=self.there.name(part),
                **alarm.arguments(),
                opts=pulumi.ResourceOptions(parent=self),
            )

    def _bring_alarms_home(self, name: str, failed_events: pulumi.Input[str]) -> None:
        home = aws.cloudwatch.EventRule(
            f"{name}-{FORWARDING_FAILED}",
            name=self.context.name(FORWARDING_FAILED),
            description=f"orgsync contact sync: an alarm of {self.there.region}",
            event_pattern=json.dumps(alarm_raised(self.context), sort_keys=True),
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.cloudwatch.EventTarget(
            f"{name}-{FORWARDING_FAILED}",
            rule=home.name,
            target_id=FORWARDING_FAILED,
            # Among the failed events, over which an alarm of this region stands. EventBridge could notify
            # the topic itself only if the topic let every rule of every account in [doc].
            arn=failed_events,
            input_transformer=alarm_message(self.context),
            retry_policy={**TARGET_RETRIES},
            dead_letter_config={"arn": failed_events},
            opts=pulumi.ResourceOptions(parent=self),
        )
