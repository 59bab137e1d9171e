"""Members' own changes: what forwards them from every member, and what hears them in the management account.

A member's call is recorded in the member alone; not even an organization's trail brings it to the
management account's bus [doc, field]. So a service-managed StackSet puts a rule and its role into
every member, those that join later included, and a bus of our own takes what they send.

AWS deploys a service-managed StackSet only in an organization that gave CloudFormation StackSets
trusted access (`aws cloudformation activate-organizations-access`, once, by an administrator), and
never into the management account itself [doc]. Without it, or where members must not be touched,
`orgsync:deployment.member_events: false`: the scheduled pass finds members' changes too.

An event goes from bus to bus once and no further [doc]: members send straight to the system's own
region, whichever that is, and nothing is received where the events are recorded.
"""

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from orgsync.components.contact_sync import policies, resource_policies
from orgsync.components.contact_sync.deployment import canonical
from orgsync.components.contact_sync.event_patterns import member_calls, member_changed, transformers
from orgsync.components.contact_sync.forwarding import QUEUE
from orgsync.components.contact_sync.stores import DEAD_BELLS, Stores
from orgsync.components.contact_sync.triggers import RETRY_ATTEMPTS, RETRY_SECONDS, Triggers
from orgsync.components.shared.stack_context import MEMBER_CHANGED, MEMBERS, Place

LONGEST = "180m"
"""How long the members of a large organization may take."""

ROLE = "member-events"

Document = dict[str, Any]


def template(place: Place) -> Document:
    """The CloudFormation template of every member: a rule on its default bus, and the role by which it forwards.

    What cannot be delivered within a day goes to a queue of the management account, whose alarm
    somebody hears: a queue in the member would be one that nobody looks at.
    """
    role = {
        "RoleName": place.name(ROLE),
        "Description": f"{place.prefix}: tells the management account of changed contacts",
        "AssumeRolePolicyDocument": _statement(
            {
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
                    "ArnLike": {
                        "aws:SourceArn": {"Fn::Sub": _in_any_member(place.of_account_events.rule(MEMBER_CHANGED))}
                    },
                },
            }
        ),
        "Policies": [
            {
                "PolicyName": "what-it-does",
                "PolicyDocument": _statement(policies.allow("Forward", ["events:PutEvents"], place.members_bus)),
            }
        ],
    }
    rule = {
        "Name": place.name(MEMBER_CHANGED),
        "Description": f"{place.prefix}: changes of this account's own contacts",
        "State": "ENABLED",
        "EventPattern": member_calls(place),
        "Targets": [
            {
                "Id": "management-account",
                "Arn": place.members_bus,
                "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                "RetryPolicy": {
                    "MaximumEventAgeInSeconds": RETRY_SECONDS,
                    "MaximumRetryAttempts": RETRY_ATTEMPTS,
                },
                "DeadLetterConfig": {"Arn": undelivered(place)},
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


def undelivered(place: Place) -> str:
    """The queue for what members could not deliver: EventBridge wants it in the region of the rule [doc]."""
    there = place.of_account_events
    return there.arn("sqs", there.name(DEAD_BELLS if there == place else QUEUE))


def _statement(statement: policies.Statement) -> Document:
    return {"Version": "2012-10-17", "Statement": [statement]}


def _in_any_member(arn: str) -> str:
    """An ARN of the management account as the same of whichever account the template stands in."""
    parts = arn.split(":", 5)
    return ":".join([*parts[:4], "${AWS::AccountId}", parts[5]])


class MemberEvents(pulumi.ComponentResource):
    """The receiving bus with its rule, and the StackSet over the members.

    Args:
        targets: ids of the units whose members forward, or of the organization's root. The StackSet
            includes accounts that are excluded from the sync: a run skips them whoever rang.
    """

    def __init__(
        self,
        name: str,
        place: Place,
        targets: Sequence[str],
        *,
        stores: Stores,
        state_machine: aws.sfn.StateMachine,
        triggers: Triggers,
        needs: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("orgsync:contact_sync:MemberEvents", name, None, opts)
        received = self._receive(name, place, stores, state_machine, triggers)
        self._forward(name, place, targets, [received, *needs])
        self.register_outputs({})

    def _receive(
        self, name: str, place: Place, stores: Stores, state_machine: aws.sfn.StateMachine, triggers: Triggers
    ) -> pulumi.Resource:
        bus = aws.cloudwatch.EventBus(
            f"{name}-members",
            name=place.name(MEMBERS),
            description=f"{place.prefix}: members' changes of their own contacts",
            opts=pulumi.ResourceOptions(parent=self),
        )
        below = pulumi.ResourceOptions(parent=self)
        policy = aws.cloudwatch.EventBusPolicy(
            f"{name}-members",
            event_bus_name=bus.name,
            policy=resource_policies.members_bus_policy(place),
            opts=below,
        )
        rule = aws.cloudwatch.EventRule(
            f"{name}-{MEMBER_CHANGED}",
            name=place.name(MEMBER_CHANGED),
            event_bus_name=bus.name,
            description="orgsync contact sync: member changed",
            event_pattern=canonical(member_changed(place)),
            opts=below,
        )
        shape = transformers()[MEMBER_CHANGED]
        aws.cloudwatch.EventTarget(
            f"{name}-{MEMBER_CHANGED}",
            rule=rule.name,
            event_bus_name=bus.name,
            target_id=MEMBER_CHANGED,
            arn=state_machine.arn,
            role_arn=triggers.role.arn,
            input_transformer={"input_paths": shape.paths, "input_template": shape.template},
            retry_policy={"maximum_event_age_in_seconds": RETRY_SECONDS, "maximum_retry_attempts": RETRY_ATTEMPTS},
            dead_letter_config={"arn": stores.dead_bells.arn},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[triggers]),
        )
        return policy

    def _forward(self, name: str, place: Place, targets: Sequence[str], needs: list[pulumi.Resource]) -> None:
        stack_set = aws.cloudformation.StackSet(
            f"{name}-members",
            name=place.name("members"),
            description=f"{place.prefix}: forwards members' changes of their own contacts",
            permission_model="SERVICE_MANAGED",
            call_as="SELF",
            auto_deployment={"enabled": True, "retain_stacks_on_account_removal": False},
            managed_execution={"active": True},
            # The role has a name, by which people of a member and their policies know it.
            capabilities=["CAPABILITY_NAMED_IAM"],
            template_body=canonical(template(place)),
            # One member that refuses the role (a service control policy) must not keep it from the others.
            operation_preferences={"failure_tolerance_percentage": 100, "max_concurrent_percentage": 100},
            opts=pulumi.ResourceOptions(parent=self, custom_timeouts=pulumi.CustomTimeouts(update=LONGEST)),
        )
        aws.cloudformation.StackSetInstance(
            f"{name}-members",
            stack_set_name=stack_set.name,
            call_as="SELF",
            deployment_targets={"organizational_unit_ids": list(targets)},
            stack_set_instance_region=place.of_account_events.region,
            operation_preferences={"failure_tolerance_percentage": 100, "max_concurrent_percentage": 100},
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=needs,
                # Other units replace it, and taking the former away afterwards would take what both have.
                delete_before_replace=True,
                custom_timeouts=pulumi.CustomTimeouts(create=LONGEST, update=LONGEST, delete=LONGEST),
            ),
        )
