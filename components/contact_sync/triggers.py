"""What rings: rules and the schedule, the roles with which they do, and where a bell goes that nobody answers."""

import pulumi
import pulumi_aws as aws

from orgsync.components.contact_sync import policies, resource_policies
from orgsync.components.contact_sync.deployment import canonical
from orgsync.components.contact_sync.event_patterns import (
    SCHEDULE_BELL,
    Pattern,
    Transformer,
    patterns,
    run_died,
    transformers,
)
from orgsync.components.contact_sync.stores import Stores
from orgsync.components.shared.stack_context import Place
from orgsync.contact_sync.config import ContactSyncConfig

RETRY_SECONDS = 24 * 3600
RETRY_ATTEMPTS = 185
"""How long a target is tried again: EventBridge's most, written down, because it is not every target's default."""


class Triggers(pulumi.ComponentResource):
    """Rules, the schedule, and the roles with which they ring."""

    role: aws.iam.Role
    """With which rules start the state machine."""

    def __init__(
        self,
        name: str,
        place: Place,
        config: ContactSyncConfig,
        *,
        stores: Stores,
        state_machine: aws.sfn.StateMachine,
        report: aws.lambda_.Function,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("orgsync:contact_sync:Triggers", name, None, opts)
        self.place, self.stores = place, stores
        self._bells(name, state_machine)
        self._run_died(name, report)
        self._schedule(name, config, state_machine)
        self.register_outputs({})

    def _bells(self, name: str, state_machine: aws.sfn.StateMachine) -> None:
        self.role = aws.iam.Role(
            f"{name}-bells",
            name=self.place.name("bells"),
            assume_role_policy=resource_policies.trust(self.place, "events.amazonaws.com", self.place.rule()),
            opts=pulumi.ResourceOptions(parent=self),
        )
        rights = aws.iam.RolePolicy(
            f"{name}-bells",
            name="what-it-does",
            role=self.role.name,
            policy=policies.document(policies.ring(self.place)),
            opts=pulumi.ResourceOptions(parent=self),
        )
        shapes = transformers()
        for part, pattern in patterns().items():
            self._rule(name, part, pattern, state_machine.arn, [rights], role=self.role, shape=shapes.get(part))

    def _run_died(self, name: str, report: aws.lambda_.Function) -> None:
        permission = aws.lambda_.Permission(
            f"{name}-run-died",
            function=report.name,
            action="lambda:InvokeFunction",
            principal="events.amazonaws.com",
            # The rule's ARN names the account; asked for the account besides, EventBridge could not call [doc].
            source_arn=self.place.rule("run-died"),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._rule(name, "run-died", run_died(self.place), report.arn, [permission])

    def _rule(
        self,
        name: str,
        part: str,
        pattern: Pattern,
        target: pulumi.Input[str],
        rights: list[pulumi.Resource],
        *,
        role: aws.iam.Role | None = None,
        shape: Transformer | None = None,
    ) -> None:
        rule = aws.cloudwatch.EventRule(
            f"{name}-{part}",
            name=self.place.name(part),
            description=f"orgsync contact sync: {part.replace('-', ' ')}",
            event_pattern=canonical(pattern),
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.cloudwatch.EventTarget(
            f"{name}-{part}",
            rule=rule.name,
            target_id=part,
            arn=target,
            role_arn=role.arn if role else None,
            input_transformer={"input_paths": shape.paths, "input_template": shape.template} if shape else None,
            retry_policy={"maximum_event_age_in_seconds": RETRY_SECONDS, "maximum_retry_attempts": RETRY_ATTEMPTS},
            dead_letter_config={"arn": self.stores.dead_bells.arn},
            opts=pulumi.ResourceOptions(parent=self, depends_on=rights),
        )

    def _schedule(self, name: str, config: ContactSyncConfig, state_machine: aws.sfn.StateMachine) -> None:
        role = aws.iam.Role(
            f"{name}-schedule",
            name=self.place.name("schedule"),
            assume_role_policy=resource_policies.trust(
                self.place, "scheduler.amazonaws.com", self.place.arn("scheduler", "schedule-group/default")
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        rights = aws.iam.RolePolicy(
            f"{name}-schedule",
            name="what-it-does",
            role=role.name,
            policy=pulumi.Output.all(self.stores.key.arn, self.stores.dead_bells.arn).apply(
                lambda arns: policies.document(*policies.schedule(self.place, *arns))
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.scheduler.Schedule(
            f"{name}-schedule",
            name=self.place.name("schedule"),
            description="orgsync contact sync: the pass that finds what no event told",
            schedule_expression=config.schedule,
            schedule_expression_timezone="UTC",
            flexible_time_window={"mode": "OFF"},
            target={
                "arn": state_machine.arn,
                "role_arn": role.arn,
                "input": SCHEDULE_BELL,
                "retry_policy": {
                    "maximum_event_age_in_seconds": RETRY_SECONDS,
                    "maximum_retry_attempts": RETRY_ATTEMPTS,
                },
                "dead_letter_config": {"arn": self.stores.dead_bells.arn},
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[rights]),
        )
