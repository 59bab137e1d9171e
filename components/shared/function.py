"""A Lambda function with its role and its log group, and the layer under it."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from orgsync.components.shared import packaging
from orgsync.components.shared.service_role import service_role
from orgsync.components.shared.stack_context import StackContext
from orgsync.components.shared.statements import Statement, logs, traces

ASYNC_RETRIES = 2
ASYNC_AGE_SECONDS = 6 * 3600
"""Lambda's own limits for an asynchronous invocation, written down."""


class Layer(pulumi.ComponentResource):
    """The dependencies that functions import."""

    arn: pulumi.Output[str]

    def __init__(self, name: str, context: StackContext, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("orgsync:shared:Layer", name, None, opts)
        version = aws.lambda_.LayerVersion(
            name,
            layer_name=context.name("dependencies"),
            description="The packages of handlers/requirements.lock",
            code=packaging.layer(),
            compatible_runtimes=[packaging.RUNTIME],
            compatible_architectures=[packaging.ARCHITECTURE],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.arn = version.arn
        self.register_outputs({})


class Function(pulumi.ComponentResource):
    """A function and everything that is only its own.

    Args:
        part: the end of its physical name.
        system: the folder of its code below `handlers` and the library.
        timeout: seconds.
        memory: megabytes.
        statements: permissions besides writing its log.
        dead_letters: the queue for asynchronous invocations that failed for good, for functions that
            services invoke so.
    """

    role: aws.iam.Role
    policy: aws.iam.RolePolicy
    function: aws.lambda_.Function

    def __init__(
        self,
        name: str,
        part: str,
        context: StackContext,
        *,
        system: str,
        handler: str,
        timeout: int,
        memory: int,
        tracing: bool,
        log_retention_days: int,
        layer: pulumi.Input[str],
        key: pulumi.Input[str],
        environment: Mapping[str, pulumi.Input[str]],
        statements: pulumi.Input[Sequence[Statement]],
        dead_letters: aws.sqs.Queue | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("orgsync:shared:Function", name, None, opts)
        below = pulumi.ResourceOptions(parent=self)
        own = [logs(context, part), *([traces()] if tracing else [])]
        self.role, self.policy = service_role(
            name,
            part,
            context,
            "lambda.amazonaws.com",
            pulumi.Output.from_input(statements).apply(lambda more: [*own, *more]),
            opts=pulumi.ResourceOptions(parent=self),
        )
        log_group = aws.cloudwatch.LogGroup(
            name,
            name=context.log_group(part),
            retention_in_days=log_retention_days,
            kms_key_id=key,
            opts=below,
        )
        self.function = aws.lambda_.Function(
            name,
            name=context.name(part),
            description=f"orgsync {system.replace('_', ' ')}: {part.replace('-', ' ')}",
            role=self.role.arn,
            handler=handler,
            runtime=packaging.RUNTIME,
            architectures=[packaging.ARCHITECTURE],
            code=packaging.code(system),
            layers=[layer],
            memory_size=memory,
            timeout=timeout,
            environment={
                "variables": {
                    **environment,
                    # The one dimension of every custom metric: two stacks in an account stay apart.
                    "POWERTOOLS_SERVICE_NAME": context.prefix,
                    "POWERTOOLS_TRACE_DISABLED": "false" if tracing else "true",
                }
            },
            tracing_config={"mode": "Active" if tracing else "PassThrough"},
            # Without its permissions, or its log group, the first invocation fails, or makes a group without an end.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.policy, log_group]),
        )
        if dead_letters is not None:
            aws.lambda_.FunctionEventInvokeConfig(
                name,
                function_name=self.function.name,
                maximum_retry_attempts=ASYNC_RETRIES,
                maximum_event_age_in_seconds=ASYNC_AGE_SECONDS,
                destination_config={"on_failure": {"destination": dead_letters.arn}},
                opts=below,
            )
        self.register_outputs({})

    @property
    def arn(self) -> pulumi.Output[str]:
        """The function's ARN, known when it exists."""
        return self.function.arn
