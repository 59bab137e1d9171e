"""The four functions: the permissions and the time-out of each, and the environment of all."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import pulumi

from orgsync.components.contact_sync import permissions
from orgsync.components.contact_sync.deployment import Deployment
from orgsync.components.contact_sync.resource_names import state_machine_arn
from orgsync.components.contact_sync.stores import Stores
from orgsync.components.shared.function import Function, Layer
from orgsync.components.shared.notifications import Notifications
from orgsync.components.shared.stack_context import StackContext
from orgsync.components.shared.statements import Statement
from orgsync.contact_sync.names import Env, FunctionName

INITIAL_SYNC_SECONDS = 5 * 60
"""A custom resource's request, or one look at the run that it waits for."""


class _Shape(NamedTuple):
    """Permissions and time-out of a function, and whether services invoke it without waiting for its answer."""

    permissions: Callable[[StackContext, permissions.StoreArns], list[Statement]]
    seconds: int
    asynchronous: bool


_SHAPES: Mapping[FunctionName, _Shape] = {
    FunctionName.PLAN: _Shape(permissions.plan, FunctionName.longest_life(), False),
    FunctionName.PROCESS: _Shape(permissions.process, FunctionName.longest_life(), False),
    FunctionName.REPORT: _Shape(permissions.report, FunctionName.longest_life(), True),
    FunctionName.INITIAL_SYNC: _Shape(permissions.initial_sync, INITIAL_SYNC_SECONDS, True),
}


def declare_functions(
    name: str,
    context: StackContext,
    deployment: Deployment,
    stores: Stores,
    notifications: Notifications,
    opts: pulumi.ResourceOptions,
) -> Mapping[FunctionName, Function]:
    """Declare the functions, each with permissions of its own and the same environment, over one layer."""
    layer = Layer(f"{name}-dependencies", context, opts=opts)
    arns = pulumi.Output.all(
        stores.key.arn,
        stores.config_table.arn,
        stores.state_table.arn,
        stores.failed_invocations.arn,
        *notifications.topics,
    ).apply(
        lambda arns: permissions.StoreArns(
            key=arns[0],
            config_table=arns[1],
            state_table=arns[2],
            failed_invocations=arns[3],
            topics=tuple(arns[4:]),
        )
    )
    environment: dict[str, pulumi.Input[str]] = {
        Env.MANAGEMENT_ACCOUNT_ID: context.account,
        Env.CONFIG_TABLE_NAME: stores.config_table.name,
        Env.STATE_TABLE_NAME: stores.state_table.name,
        Env.RUN_BUCKET_NAME: stores.bucket.bucket,
        Env.TOPIC_ARN: notifications.topic.arn,
        Env.CHAT_TOPIC_ARNS: notifications.chat_topics,
        Env.FALLBACK_TOPIC_ARN: notifications.fallback,
        Env.STATE_MACHINE_ARN: state_machine_arn(context),
        Env.WRITER_ROLE_NAME: context.name(FunctionName.PROCESS),
        Env.ENVIRONMENT: context.stack,
        Env.LOG_LEVEL: deployment.log_level,
        Env.RECEIPT_RETENTION_DAYS: str(deployment.receipt_retention_days),
    }
    return {
        function: Function(
            f"{name}-{function}",
            function,
            context,
            system="contact_sync",
            handler=function.handler,
            timeout=shape.seconds,
            memory=getattr(deployment.memory, function.module),
            tracing=deployment.tracing,
            log_retention_days=deployment.log_retention_days,
            layer=layer.arn,
            key=stores.key.arn,
            environment=environment,
            statements=arns.apply(partial(shape.permissions, context)),
            dead_letters=stores.failed_invocations if shape.asynchronous else None,
            opts=opts,
        )
        for function, shape in _SHAPES.items()
    }
