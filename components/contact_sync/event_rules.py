"""Event rules and the schedule: they start the state machine, by roles of their own, with a dead-letter queue."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from orgsync.components.contact_sync import policies
from orgsync.components.contact_sync.event_patterns import EventRule, event_rules
from orgsync.components.contact_sync.resource_names import state_machine_arn
from orgsync.components.shared.service_role import service_role
from orgsync.components.shared.stack_context import StackContext
from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.names import OwnEvent
from orgsync.shared.configuration import canonical_json

TARGET_RETRIES: aws.cloudwatch.EventTargetRetryPolicyArgsDict = {
    "maximum_event_age_in_seconds": 24 * 3600,
    "maximum_retry_attempts": 185,
}
"""Retries of a target: EventBridge's most, written down, because it is not every target's default."""


def run_died(context: StackContext) -> Mapping[str, Any]:
    """Return the pattern of a run that ended without a report.

    Children of the Distributed Map carry a machine ARN of their own.
    """
    return {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"stateMachineArn": [state_machine_arn(context)], "status": ["ABORTED", "FAILED", "TIMED_OUT"]},
    }


class EventRules(pulumi.ComponentResource):
    """The rules and the schedule that start runs, and the roles by which they do."""

    role: aws.iam.Role
    """The role by which rules start the state machine."""

    def __init__(
        self,
        name: str,
        context: StackContext,
        config: ContactSyncConfig,
        *,
        key: pulumi.Input[str],
        failed_events: pulumi.Input[str],
        state_machine: aws.sfn.StateMachine,
        report: aws.lambda_.Function,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("orgsync:contact_sync:EventRules", name, None, opts)
        self.context, self.failed_events = context, failed_events
        self._start_rules(name, state_machine)
        self._run_died(name, report)
        self._schedule(name, config, state_machine, key)
        self.register_outputs({})

    def _start_rules(self, name: str, state_machine: aws.sfn.StateMachine) -> None:
        self.role, permissions = service_role(
            f"{name}-events",
            "events",
            self.context,
            "events.amazonaws.com",
            [policies.start_runs(self.context)],
            source=self.context.rule(),
            opts=pulumi.ResourceOptions(parent=self),
        )
        for part, rule in event_rules().items():
            self._rule(name, part, rule, state_machine.arn, [permissions], role=self.role)

    def _run_died(self, name: str, report: aws.lambda_.Function) -> None:
        permission = aws.lambda_.Permission(
            f"{name}-run-died",
            function=report.name,
            action="lambda:InvokeFunction",
            principal="events.amazonaws.com",
            # The rule's ARN names the account; asked for the account besides, EventBridge could not call [doc].
            source_arn=self.context.rule("run-died"),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._rule(name, "run-died", EventRule(run_died(self.context)), report.arn, [permission])

    def _rule(
        self,
        name: str,
        part: str,
        rule: EventRule,
        target: pulumi.Input[str],
        permissions: list[pulumi.Resource],
        *,
        role: aws.iam.Role | None = None,
    ) -> None:
        made = aws.cloudwatch.EventRule(
            f"{name}-{part}",
            name=self.context.name(part),
            description=f"orgsync contact sync: {part.replace('-', ' ')}",
            event_pattern=canonical_json(rule.pattern),
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.cloudwatch.EventTarget(
            f"{name}-{part}",
            rule=made.name,
            target_id=part,
            arn=target,
            role_arn=role.arn if role else None,
            input_transformer=rule.input_transformer,
            retry_policy={**TARGET_RETRIES},
            dead_letter_config={"arn": self.failed_events},
            opts=pulumi.ResourceOptions(parent=self, depends_on=permissions),
        )

    def _schedule(
        self, name: str, config: ContactSyncConfig, state_machine: aws.sfn.StateMachine, key: pulumi.Input[str]
    ) -> None:
        role, permissions = service_role(
            f"{name}-schedule",
            "schedule",
            self.context,
            "scheduler.amazonaws.com",
            pulumi.Output.all(key, self.failed_events).apply(lambda arns: policies.schedule(self.context, *arns)),
            source=self.context.arn("scheduler", "schedule-group/default"),
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.scheduler.Schedule(
            f"{name}-schedule",
            name=self.context.name("schedule"),
            description="orgsync contact sync: the pass that finds what no event reported",
            schedule_expression=config.schedule,
            schedule_expression_timezone="UTC",
            flexible_time_window={"mode": "OFF"},
            target={
                "arn": state_machine.arn,
                "role_arn": role.arn,
                "input": canonical_json(OwnEvent.SCHEDULE.document({})),
                "retry_policy": {**TARGET_RETRIES},
                "dead_letter_config": {"arn": self.failed_events},
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[permissions]),
        )
