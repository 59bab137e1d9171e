"""One Lambda function: its role, its log group, our code with the layer under it."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from orgsync.components.contact_sync import policies, resource_policies
from orgsync.components.contact_sync.deployment import Deployment
from orgsync.components.shared import packaging
from orgsync.components.shared.stack_context import Place
from orgsync.contact_sync.names import Entry

ASYNC_RETRIES = 2
ASYNC_AGE_SECONDS = 6 * 3600
"""Lambda's own limits for an asynchronous invocation, written down."""


class Layer(pulumi.ComponentResource):
    """What the functions import."""

    arn: pulumi.Output[str]

    def __init__(self, name: str, place: Place, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("orgsync:contact_sync:Layer", name, None, opts)
        version = aws.lambda_.LayerVersion(
            name,
            layer_name=place.name("dependencies"),
            description="What handlers/requirements.lock names",
            code=packaging.layer(),
            compatible_runtimes=[packaging.RUNTIME],
            compatible_architectures=[packaging.ARCHITECTURE],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.arn = version.arn
        self.register_outputs({})


class Function(pulumi.ComponentResource):
    """A function and everything that is only its own.

    `statements` is what it may do besides writing its log; `dead_letters` is the queue for
    asynchronous invocations that failed for good, for functions that services invoke so.
    """

    role: aws.iam.Role
    policy: aws.iam.RolePolicy
    function: aws.lambda_.Function

    def __init__(
        self,
        name: str,
        part: str,
        place: Place,
        settings: Deployment,
        *,
        entry: Entry,
        timeout: int,
        layer: pulumi.Input[str],
        key: pulumi.Input[str],
        environment: Mapping[str, pulumi.Input[str]],
        statements: pulumi.Input[Sequence[policies.Statement]],
        dead_letters: aws.sqs.Queue | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("orgsync:contact_sync:Function", name, None, opts)
        below = pulumi.ResourceOptions(parent=self)
        own = [policies.logs(place, part), *([policies.traces()] if settings.tracing else [])]
        self.role = aws.iam.Role(
            name,
            name=place.name(part),
            assume_role_policy=resource_policies.trust(place, "lambda.amazonaws.com"),
            opts=below,
        )
        self.policy = aws.iam.RolePolicy(
            name,
            name="what-it-does",
            role=self.role.name,
            policy=pulumi.Output.from_input(statements).apply(lambda more: policies.document(*own, *more)),
            opts=below,
        )
        log_group = aws.cloudwatch.LogGroup(
            name,
            name=place.log_group(part),
            retention_in_days=settings.log_retention_days,
            kms_key_id=key,
            opts=below,
        )
        self.function = aws.lambda_.Function(
            name,
            name=place.name(part),
            description=f"orgsync contact sync: {part}",
            role=self.role.arn,
            handler=str(entry),
            runtime=packaging.RUNTIME,
            architectures=[packaging.ARCHITECTURE],
            code=packaging.code("contact_sync"),
            layers=[layer],
            memory_size=getattr(settings.memory, part),
            timeout=timeout,
            environment={
                "variables": {
                    **environment,
                    # The one dimension of every custom metric: two stacks in an account stay apart.
                    "POWERTOOLS_SERVICE_NAME": place.prefix,
                    "POWERTOOLS_TRACE_DISABLED": "false" if settings.tracing else "true",
                }
            },
            tracing_config={"mode": "Active" if settings.tracing else "PassThrough"},
            # Without its rights, or its log group, the first invocation fails, or makes a group without an end.
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
