"""The four functions of a system: what each may do, how long, and what all of them are told."""

from collections.abc import Mapping
from functools import partial

import pulumi

from orgsync.components.contact_sync import permissions
from orgsync.components.contact_sync.deployment import Deployment
from orgsync.components.contact_sync.state_machine import FUNCTION_SECONDS
from orgsync.components.contact_sync.stores import Stores
from orgsync.components.shared.function import Function, Layer
from orgsync.components.shared.notifications import Notifications
from orgsync.components.shared.stack_context import Place
from orgsync.contact_sync.names import Entry, Env

DEPLOY_SECONDS = 5 * 60
"""A custom resource's request, or one look at the run that it waits for."""

SHAPES = {
    # What it may do, how long, and whether services invoke it without waiting for its answer.
    "plan": (Entry.PLAN, permissions.plan, FUNCTION_SECONDS, False),
    "process": (Entry.PROCESS, permissions.process, FUNCTION_SECONDS, False),
    "report": (Entry.REPORT, permissions.report, FUNCTION_SECONDS, True),
    "deploy": (Entry.DEPLOY, permissions.deploy, DEPLOY_SECONDS, True),
}


def declare_functions(
    name: str,
    place: Place,
    deployment: Deployment,
    stores: Stores,
    notifications: Notifications,
    opts: pulumi.ResourceOptions,
) -> Mapping[str, Function]:
    """plan, process, report and deploy, each with rights of its own and the same environment, over one layer."""
    layer = Layer(f"{name}-dependencies", place, opts=opts)
    stored = pulumi.Output.all(
        stores.key.arn,
        stores.config_table.arn,
        stores.state_table.arn,
        stores.dead_invocations.arn,
        *notifications.topics,
    ).apply(
        lambda arns: permissions.Stored(
            key=arns[0],
            config_table=arns[1],
            state_table=arns[2],
            dead_invocations=arns[3],
            topics=tuple(arns[4:]),
        )
    )
    environment: dict[str, pulumi.Input[str]] = {
        Env.MANAGEMENT_ACCOUNT_ID: place.account,
        Env.CONFIG_TABLE_NAME: stores.config_table.name,
        Env.STATE_TABLE_NAME: stores.state_table.name,
        Env.RUN_BUCKET_NAME: stores.bucket.bucket,
        **notifications.environment,
        Env.STATE_MACHINE_ARN: place.state_machine,
        Env.WRITER_ROLE_NAME: place.name("process"),
        Env.ENVIRONMENT: place.stack,
        Env.LOG_LEVEL: deployment.log_level,
        Env.RECEIPT_RETENTION_DAYS: str(deployment.receipt_retention_days),
    }
    return {
        part: Function(
            f"{name}-{part}",
            part,
            place,
            deployment,
            entry=entry,
            timeout=seconds,
            layer=layer.arn,
            key=stores.key.arn,
            environment=environment,
            statements=stored.apply(partial(may, place)),
            dead_letters=stores.dead_invocations if asynchronous else None,
            opts=opts,
        )
        for part, (entry, may, seconds, asynchronous) in SHAPES.items()
    }
