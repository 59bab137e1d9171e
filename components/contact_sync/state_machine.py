"""plan → each batch → report: one state machine, declared by a pure `definition()`."""

from typing import Any

import pulumi
import pulumi_aws as aws

from orgsync.components.contact_sync import policies, resource_policies
from orgsync.components.contact_sync.deployment import Deployment, canonical
from orgsync.components.shared.stack_context import Place
from orgsync.contact_sync.names import Outcome

HOUR = 3600
FUNCTION_SECONDS = 15 * 60
"""What a function may take: Lambda's limit."""

TASK_SECONDS = FUNCTION_SECONDS + 60
"""A task whose function never answered: Lambda has ended it by then."""

RUN_SECONDS = 7 * 24 * HOUR
"""A run. Of AWS's quotas the slowest decide: writing three alternates at 5/s takes 8.3 hours for 50,000 accounts,
deleting at 1/s takes 13.9 hours a kind, 41.7 for all three. Four times that leaves room for throttling and for a
`pacing` below the quotas; AWS would let a standard execution run for a year. It is the last bound only: every task
has a time-out of its own, so a week without an end means that nothing else could end it. A run that is ended by it is
closed by the rule on the machine's own failures (`triggers.run_died`); a Map knows no time-out of its own."""

# Lambda itself could not start the function; it was never ours to fail.
LAMBDA_UNAVAILABLE = [
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
]

# What the owner got wrong never raises: `plan` answers it. So anything else, also a killed process
# or a time-out, is worth doing again; every function is harmless to repeat.
RETRY: list[dict[str, Any]] = [
    {"ErrorEquals": LAMBDA_UNAVAILABLE, "IntervalSeconds": 2, "BackoffRate": 2, "MaxAttempts": 6},
    {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 5, "BackoffRate": 2, "MaxAttempts": 2},
]


def definition(place: Place) -> dict[str, Any]:
    """The state machine in Amazon States Language. Its input is any bell, its output the last function's answer."""
    return {
        "Comment": "A bell rings: compare every account that it concerns with the source, write what differs",
        "TimeoutSeconds": RUN_SECONDS,
        "StartAt": "Plan",
        "States": {
            "Plan": _invoke(
                place,
                "plan",
                {
                    "run_id.$": "$$.Execution.Name",
                    "started.$": "$$.Execution.StartTime",
                    "bell.$": "$",
                },
            )
            | {
                "OutputPath": "$.Payload",
                "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Report Failure"}],
                "Next": "Choose",
            },
            "Choose": {
                "Type": "Choice",
                "Choices": [
                    {"Variable": "$.outcome", "StringEquals": str(Outcome.PROCESS), "Next": "Process"},
                    {"Variable": "$.outcome", "StringEquals": str(Outcome.REPORT), "Next": "Report"},
                ],
                "Default": "No Run",
            },
            # Merged into a run that goes on, or refused: the answer says which.
            "No Run": {"Type": "Succeed"},
            "Process": _process(place),
            "Report": _invoke(place, "report", {"run_id.$": "$$.Execution.Name"})
            | {"OutputPath": "$.Payload", "End": True},
            "Report Failure": _invoke(
                place,
                "report",
                {
                    "run_id.$": "$$.Execution.Name",
                    "started.$": "$$.Execution.StartTime",
                    # A plan that died early has left no header to say why there was a run.
                    "bell.$": "$$.Execution.Input",
                    "error.$": "$.error",
                },
            )
            | {"OutputPath": "$.Payload", "End": True},
        },
    }


def _process(place: Place) -> dict[str, Any]:
    """Batches from S3, one at a time: a single paced worker fills the organization's one quota."""
    return {
        "Type": "Map",
        "Label": "batches",
        "MaxConcurrency": 1,
        "ItemReader": {
            "Resource": place.integration("s3:getObject"),
            "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket.$": "$.bucket", "Key.$": "$.manifest"},
        },
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Batch",
            "States": {
                "Batch": _invoke(place, "process", {"run_id.$": "$.run_id", "batch.$": "$.batch"})
                | {
                    "ResultSelector": {"done.$": "$.Payload.done"},
                    "ResultPath": "$.answer",
                    # `report` finds the accounts without receipts; the other batches go on.
                    "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": "Left"}],
                    "Next": "Handed Back?",
                },
                "Handed Back?": {
                    "Type": "Choice",
                    "Choices": [{"Variable": "$.answer.done", "BooleanEquals": False, "Next": "Batch"}],
                    "Default": "Left",
                },
                # The map keeps every child's output, 256 KiB in all: a child has nothing to say.
                "Left": {"Type": "Pass", "Result": {}, "End": True},
            },
        },
        "ResultPath": None,
        # A list of batches that could not be read once; batches that are done cost little again.
        "Retry": RETRY,
        "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Report Failure"}],
        "Next": "Report",
    }


def _invoke(place: Place, function: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": place.integration("lambda:invoke"),
        "Parameters": {"FunctionName": place.function(function), "Payload": payload},
        "TimeoutSeconds": TASK_SECONDS,
        "Retry": RETRY,
    }


class Pipeline(pulumi.ComponentResource):
    """The state machine, its role and its log."""

    state_machine: aws.sfn.StateMachine

    def __init__(
        self,
        name: str,
        place: Place,
        settings: Deployment,
        *,
        key: pulumi.Input[str],
        functions: list[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("orgsync:contact_sync:Pipeline", name, None, opts)
        below = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            name,
            name=place.name("pipeline"),
            # A Distributed Map's children run as a machine of their own: its name, and their label.
            assume_role_policy=resource_policies.trust(
                place, "states.amazonaws.com", [place.state_machine, f"{place.state_machine}/*"]
            ),
            opts=below,
        )
        traces = [policies.traces(sampling=True)] if settings.tracing else []
        rights = aws.iam.RolePolicy(
            name,
            name="what-it-does",
            role=role.name,
            policy=pulumi.Output.from_input(key).apply(
                lambda arn: policies.document(*policies.pipeline(place, arn, ["plan", "process", "report"]), *traces)
            ),
            opts=below,
        )
        # AWS asks for this prefix: log delivery's resource policy would grow beyond its limit without it.
        log_group = aws.cloudwatch.LogGroup(
            name,
            name=f"/aws/vendedlogs/states/{place.prefix}",
            retention_in_days=settings.log_retention_days,
            kms_key_id=key,
            opts=below,
        )
        self.state_machine = aws.sfn.StateMachine(
            name,
            name=place.prefix,
            type="STANDARD",
            role_arn=role.arn,
            definition=canonical(definition(place)),
            logging_configuration={
                "level": "ERROR",
                "include_execution_data": False,
                "log_destination": log_group.arn.apply(lambda arn: f"{arn}:*"),
            },
            tracing_configuration={"enabled": settings.tracing},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[rights, *functions]),
        )
        self.register_outputs({})
