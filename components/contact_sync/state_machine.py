"""plan → each batch → report: one state machine, declared by a pure `definition()`."""

from typing import Any

import pulumi
import pulumi_aws as aws

from orgsync.components.contact_sync import policies
from orgsync.components.contact_sync.resource_names import state_machine_arn
from orgsync.components.shared.service_role import service_role
from orgsync.components.shared.stack_context import StackContext
from orgsync.contact_sync.names import FunctionName, OrganizationCall, OwnEvent, PlanResult
from orgsync.shared.configuration import canonical_json
from orgsync.shared.errors import StoreFailed, Temporary, Throttled

_TASK_SECONDS = FunctionName.longest_life() + 60
"""A task whose function never answered: Lambda has ended it by then."""

_RUN_SECONDS = 7 * 24 * 3600
"""A run. Of AWS's quotas the slowest decide: writing three alternates at 5/s takes 8.3 hours for 50,000 accounts,
deleting at 1/s takes 13.9 hours a kind, 41.7 for all three. Four times that leaves room for throttling and for a
`pacing` below the quotas; AWS would let a standard execution run for a year. It is the last bound only: every task
has a time-out of its own, so a week without an end means that nothing else could end it. A run that is ended by it is
closed by the rule on the machine's own failures (`run-died`); a Map knows no time-out of its own."""

# Lambda itself could not start the function; it was never ours to fail.
_LAMBDA_UNAVAILABLE = [
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
]

# What the owner got wrong never raises: `plan` answers it. So anything else, also a killed process
# or a time-out, is worth doing again; every function is harmless to repeat.
_RETRY: list[dict[str, Any]] = [
    {"ErrorEquals": _LAMBDA_UNAVAILABLE, "IntervalSeconds": 2, "BackoffRate": 2, "MaxAttempts": 6},
    # For two minutes: permissions that were given a moment ago, at tables and bucket, are refused now and then.
    {"ErrorEquals": [StoreFailed.__name__], "IntervalSeconds": 10, "BackoffRate": 1, "MaxAttempts": 12},
    {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 5, "BackoffRate": 2, "MaxAttempts": 2},
]


_FAILED: list[type[Temporary]] = Temporary.__subclasses__()
_RETRY_PLAN: list[dict[str, Any]] = [
    {
        "ErrorEquals": [error.__name__ for error in _FAILED],
        "IntervalSeconds": 10,
        "BackoffRate": 2,
        "MaxDelaySeconds": 60,
        "MaxAttempts": 12,
    },
    {"ErrorEquals": [Throttled.__name__], "IntervalSeconds": 10, "MaxAttempts": 1},
]
"""Retries of a plan to which AWS Organizations gave no answer, for some ten minutes. The lease is held meanwhile, and a
plan that is throttled has waited ten minutes itself each time."""

_AGAIN_SECONDS = 60
"""Seconds between two runs for accounts that are not ready yet."""


def definition(context: StackContext, settle: int = 120) -> dict[str, Any]:
    """Return the state machine in Amazon States Language.

    Its input is any event, its output the last function's answer.

    Args:
        settle: seconds that pass before the first run for a new account.
    """
    planning = {
        "run_id.$": "$$.Execution.Name",
        # Not the execution's start: an event about a new account has waited since.
        "started.$": "$$.State.EnteredTime",
        "event.$": "$",
    }
    failed = {"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Report Failure"}
    return {
        "Comment": "A run: compare every account that an event concerns with the source, write what differs",
        "TimeoutSeconds": _RUN_SECONDS,
        "StartAt": "Wait First?",
        "States": {
            "Wait First?": {
                "Type": "Choice",
                "Choices": [
                    {
                        "Or": [
                            *(
                                _equals("$.detail.eventName", name)
                                for name in ("CreateAccountResult", *OrganizationCall.joined())
                            ),
                            *(_equals("$['detail-type']", name) for name in OrganizationCall.joined()),
                        ],
                        "Next": "Settle",
                    },
                    _equals("$['detail-type']", OwnEvent.NOT_READY) | {"Next": "Wait For Accounts"},
                ],
                "Default": "Plan",
            },
            # Without the lease: other runs go on meanwhile.
            "Settle": {"Type": "Wait", "Seconds": settle, "Next": "Plan"},
            "Wait For Accounts": {"Type": "Wait", "Seconds": _AGAIN_SECONDS, "Next": "Plan"},
            "Plan": _invoke(context, FunctionName.PLAN, planning)
            | {
                "Retry": [*_RETRY_PLAN, *_RETRY],
                "OutputPath": "$.Payload",
                "Catch": [
                    {
                        "ErrorEquals": [error for retrier in _RETRY_PLAN for error in retrier["ErrorEquals"]],
                        "ResultPath": None,
                        "Next": "Plan Once More",
                    },
                    failed,
                ],
                "Next": "Choose",
            },
            # AWS Organizations did not answer for so long: the run ends, with receipts where the accounts are known.
            "Plan Once More": _invoke(context, FunctionName.PLAN, planning | {"last": True})
            | {"OutputPath": "$.Payload", "Catch": [failed], "Next": "Choose"},
            "Choose": {
                "Type": "Choice",
                "Choices": [
                    {"Variable": "$.outcome", "StringEquals": str(PlanResult.PROCESS), "Next": "Process"},
                    {"Variable": "$.outcome", "StringEquals": str(PlanResult.REPORT), "Next": "Report"},
                ],
                "Default": "No Run",
            },
            # Merged into a run that goes on, or refused: the answer says which.
            "No Run": {"Type": "Succeed"},
            "Process": _process(context),
            "Report": _invoke(context, FunctionName.REPORT, {"run_id.$": "$$.Execution.Name"})
            | {"OutputPath": "$.Payload", "End": True},
            "Report Failure": _invoke(
                context,
                FunctionName.REPORT,
                {
                    "run_id.$": "$$.Execution.Name",
                    "started.$": "$$.Execution.StartTime",
                    # A plan that died early has left no header to say why there was a run.
                    "event.$": "$$.Execution.Input",
                    "error.$": "$.error",
                },
            )
            | {"OutputPath": "$.Payload", "End": True},
        },
    }


def _equals(variable: str, value: str) -> dict[str, Any]:
    """Return the test of a text that may be absent."""
    return {"And": [{"Variable": variable, "IsPresent": True}, {"Variable": variable, "StringEquals": str(value)}]}


def _process(context: StackContext) -> dict[str, Any]:
    """Batches from S3, one at a time: a single paced worker fills the organization's one quota."""
    return {
        "Type": "Map",
        "Label": "batches",
        "MaxConcurrency": 1,
        "ItemReader": {
            "Resource": context.integration("s3:getObject"),
            "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket.$": "$.bucket", "Key.$": "$.manifest"},
        },
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Begin Batch",
            "States": {
                "Begin Batch": {
                    "Type": "Pass",
                    "Result": {"throttled": False},
                    "ResultPath": "$.answer",
                    "Next": "Batch",
                },
                "Batch": _invoke(
                    context,
                    FunctionName.PROCESS,
                    {"run_id.$": "$.run_id", "batch.$": "$.batch", "throttled.$": "$.answer.throttled"},
                )
                | {
                    "ResultSelector": {"done.$": "$.Payload.done", "throttled.$": "$.Payload.throttled"},
                    "ResultPath": "$.answer",
                    # `report` finds the accounts without receipts; the other batches go on.
                    "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": "Batch Ended"}],
                    "Next": "Handed Back?",
                },
                "Handed Back?": {
                    "Type": "Choice",
                    "Choices": [{"Variable": "$.answer.done", "BooleanEquals": False, "Next": "Batch"}],
                    "Default": "Batch Ended",
                },
                # The map keeps every child's output, 256 KiB in all: a child has nothing to say.
                "Batch Ended": {"Type": "Pass", "Result": {}, "End": True},
            },
        },
        "ResultPath": None,
        # A list of batches that could not be read once; batches that are done cost little again.
        "Retry": _RETRY,
        "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Report Failure"}],
        "Next": "Report",
    }


def _invoke(context: StackContext, function: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": context.integration("lambda:invoke"),
        "Parameters": {"FunctionName": context.function(function), "Payload": payload},
        "TimeoutSeconds": _TASK_SECONDS,
        "Retry": _RETRY,
    }


class SyncStateMachine(pulumi.ComponentResource):
    """The state machine, its role and its log."""

    state_machine: aws.sfn.StateMachine

    def __init__(
        self,
        name: str,
        context: StackContext,
        *,
        key: pulumi.Input[str],
        settle: int,
        tracing: bool,
        log_retention_days: int,
        functions: list[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("orgsync:contact_sync:SyncStateMachine", name, None, opts)
        below = pulumi.ResourceOptions(parent=self)
        functions_used = [FunctionName.PLAN, FunctionName.PROCESS, FunctionName.REPORT]
        role, permissions = service_role(
            name,
            "state-machine",
            context,
            "states.amazonaws.com",
            pulumi.Output.from_input(key).apply(
                lambda arn: policies.state_machine_role(context, arn, functions_used, tracing=tracing)
            ),
            # A Distributed Map's children run as a machine of their own: its name, and their label.
            source=[state_machine_arn(context), f"{state_machine_arn(context)}/*"],
            opts=pulumi.ResourceOptions(parent=self),
        )
        # AWS asks for this prefix: log delivery's resource policy would grow beyond its limit without it.
        log_group = aws.cloudwatch.LogGroup(
            name,
            name=f"/aws/vendedlogs/states/{context.prefix}",
            retention_in_days=log_retention_days,
            kms_key_id=key,
            opts=below,
        )
        self.state_machine = aws.sfn.StateMachine(
            name,
            name=context.prefix,
            type="STANDARD",
            role_arn=role.arn,
            definition=canonical_json(definition(context, settle)),
            logging_configuration={
                "level": "ERROR",
                "include_execution_data": False,
                "log_destination": log_group.arn.apply(lambda arn: f"{arn}:*"),
            },
            tracing_configuration={"enabled": tracing},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[permissions, *functions]),
        )
        self.register_outputs({})
