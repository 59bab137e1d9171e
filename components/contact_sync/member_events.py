"""Events of members' own changes: forwarded from every member, received in the management account.

A member's call is recorded in the member alone; not even an organization's trail brings it to the
management account's bus [doc, field]. So a service-managed StackSet puts a rule and its role into
every member, those that join later included, and a bus of our own takes what they send.

AWS deploys a service-managed StackSet only in an organization that gave CloudFormation StackSets
trusted access (`aws cloudformation activate-organizations-access`, once, by an administrator), and
never into the management account itself [doc]. Without it, or where members must not be touched,
`deployment.member_events: false`: the scheduled pass finds members' changes too.

An event goes from bus to bus once and no further [doc]: members send straight to the system's own
region, whichever that is, and nothing is received where the events are recorded.
"""

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from orgsync.components.contact_sync.event_rules import TARGET_RETRIES, EventRules
from orgsync.components.contact_sync.forwarding import QUEUE
from orgsync.components.contact_sync.member_patterns import member_calls, member_rule
from orgsync.components.contact_sync.resource_names import FAILED_EVENTS, MEMBER_CHANGED, MEMBERS, members_bus_arn
from orgsync.components.contact_sync.resource_policies import members_bus_policy
from orgsync.components.contact_sync.stores import Stores
from orgsync.components.shared.stack_context import StackContext
from orgsync.components.shared.statements import Statement, allow
from orgsync.shared.configuration import canonical_json

LONGEST = "180m"
"""The most that the members of a large organization may take."""

ROLE = "member-events"

Document = dict[str, Any]


def template(context: StackContext) -> Document:
    """Return the CloudFormation template of every member: a rule on its default bus, and the role by which it forwards.

    What cannot be delivered within a day goes to a queue of the management account, whose alarm
    reaches somebody: a queue in the member would be one that nobody looks at.
    """
    role = {
        "RoleName": context.name(ROLE),
        "Description": f"{context.prefix}: forwards changes of contacts to the management account",
        "AssumeRolePolicyDocument": _statement(
            {
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
                    "ArnLike": {
                        "aws:SourceArn": {"Fn::Sub": _in_any_member(context.of_account_events.rule(MEMBER_CHANGED))}
                    },
                },
            }
        ),
        "Policies": [
            {
                "PolicyName": "permissions",
                "PolicyDocument": _statement(allow("Forward", ["events:PutEvents"], members_bus_arn(context))),
            }
        ],
    }
    rule = {
        "Name": context.name(MEMBER_CHANGED),
        "Description": f"{context.prefix}: changes of this account's own contacts",
        "State": "ENABLED",
        "EventPattern": member_calls(context),
        "Targets": [
            {
                "Id": "management-account",
                "Arn": members_bus_arn(context),
                "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                "RetryPolicy": {
                    "MaximumEventAgeInSeconds": TARGET_RETRIES["maximum_event_age_in_seconds"],
                    "MaximumRetryAttempts": TARGET_RETRIES["maximum_retry_attempts"],
                },
                "DeadLetterConfig": {"Arn": undelivered(context)},
            }
        ],
    }
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "orgsync contact sync: forwards changes of this account's own contacts",
        "Resources": {
            "Role": {"Type": "AWS::IAM::Role", "Properties": role},
            "Rule": {"Type": "AWS::Events::Rule", "Properties": rule},
        },
    }


def undelivered(context: StackContext) -> str:
    """Return the queue for what members could not deliver: EventBridge wants it in the region of the rule [doc]."""
    there = context.of_account_events
    return there.arn("sqs", there.name(FAILED_EVENTS if there == context else QUEUE))


def _statement(statement: Statement) -> Document:
    return {"Version": "2012-10-17", "Statement": [statement]}


def _in_any_member(arn: str) -> str:
    """Return an ARN of the management account as the same of whichever account the template stands in."""
    parts = arn.split(":", 5)
    return ":".join([*parts[:4], "${AWS::AccountId}", parts[5]])


class MemberEvents(pulumi.ComponentResource):
    """The receiving bus with its rule, and the StackSet over the members.

    Args:
        targets: ids of the units whose members forward, or of the organization's root. The StackSet
            includes accounts that are excluded from the sync: a run skips them whatever triggered it.
    """

    def __init__(
        self,
        name: str,
        context: StackContext,
        targets: Sequence[str],
        *,
        stores: Stores,
        state_machine: aws.sfn.StateMachine,
        event_rules: EventRules,
        needs: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("orgsync:contact_sync:MemberEvents", name, None, opts)
        received = self._receive(name, context, stores, state_machine, event_rules)
        self._forward(name, context, targets, [received, *needs])
        self.register_outputs({})

    def _receive(
        self,
        name: str,
        context: StackContext,
        stores: Stores,
        state_machine: aws.sfn.StateMachine,
        event_rules: EventRules,
    ) -> pulumi.Resource:
        bus = aws.cloudwatch.EventBus(
            f"{name}-members",
            name=context.name(MEMBERS),
            description=f"{context.prefix}: members' changes of their own contacts",
            opts=pulumi.ResourceOptions(parent=self),
        )
        below = pulumi.ResourceOptions(parent=self)
        policy = aws.cloudwatch.EventBusPolicy(
            f"{name}-members",
            event_bus_name=bus.name,
            policy=members_bus_policy(context),
            opts=below,
        )
        received = member_rule(context)
        rule = aws.cloudwatch.EventRule(
            f"{name}-{MEMBER_CHANGED}",
            name=context.name(MEMBER_CHANGED),
            event_bus_name=bus.name,
            description="orgsync contact sync: member changed",
            event_pattern=canonical_json(received.pattern),
            opts=below,
        )
        aws.cloudwatch.EventTarget(
            f"{name}-{MEMBER_CHANGED}",
            rule=rule.name,
            event_bus_name=bus.name,
            target_id=MEMBER_CHANGED,
            arn=state_machine.arn,
            role_arn=event_rules.role.arn,
            input_transformer=received.input_transformer,
            retry_policy={**TARGET_RETRIES},
            dead_letter_config={"arn": stores.failed_events.arn},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[event_rules]),
        )
        return policy

    def _forward(self, name: str, context: StackContext, targets: Sequence[str], needs: list[pulumi.Resource]) -> None:
        stack_set = aws.cloudformation.StackSet(
            f"{name}-members",
            name=context.name("members"),
            description=f"{context.prefix}: forwards members' changes of their own contacts",
            permission_model="SERVICE_MANAGED",
            call_as="SELF",
            auto_deployment={"enabled": True, "retain_stacks_on_account_removal": False},
            managed_execution={"active": True},
            # The role has a name, by which people of a member and their policies know it.
            capabilities=["CAPABILITY_NAMED_IAM"],
            template_body=canonical_json(template(context)),
            # One member that refuses the role (a service control policy) must not keep it from the others.
            operation_preferences={"failure_tolerance_percentage": 100, "max_concurrent_percentage": 100},
            opts=pulumi.ResourceOptions(parent=self, custom_timeouts=pulumi.CustomTimeouts(update=LONGEST)),
        )
        aws.cloudformation.StackSetInstance(
            f"{name}-members",
            stack_set_name=stack_set.name,
            call_as="SELF",
            deployment_targets={"organizational_unit_ids": list(targets)},
            stack_set_instance_region=context.of_account_events.region,
            operation_preferences={"failure_tolerance_percentage": 100, "max_concurrent_percentage": 100},
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=needs,
                # Other units replace it, and taking the former away afterwards would take what both have.
                delete_before_replace=True,
                custom_timeouts=pulumi.CustomTimeouts(create=LONGEST, update=LONGEST, delete=LONGEST),
            ),
        )
