"""Stores: the two tables, the run bucket, the dead-letter queues, and the key over them all."""

from collections.abc import Callable
from functools import partial

import pulumi
import pulumi_aws as aws

from orgsync.components.contact_sync.deployment import Deployment
from orgsync.components.contact_sync.resource_names import (
    FAILED_EVENTS,
    FAILED_INVOCATIONS,
    run_bucket_arn,
    run_bucket_name,
)
from orgsync.components.contact_sync.resource_policies import failed_events_policy, key_policy
from orgsync.components.shared.private_bucket import PrivateBucket
from orgsync.components.shared.resource_policies import bucket_policy, queue_policy
from orgsync.components.shared.stack_context import StackContext
from orgsync.contact_sync.names import BY_ACCOUNT_INDEX, BY_DAY_INDEX, RUNS

DEAD_LETTER_DAYS = 14
"""SQS keeps a message no longer."""

RUN_DAYS = 90
"""Batches and reports; the spec's retention of the audit trail."""


class Stores(pulumi.ComponentResource):
    """The encrypted stores of a system."""

    key: aws.kms.Key
    config_table: aws.dynamodb.Table
    state_table: aws.dynamodb.Table
    bucket: aws.s3.Bucket
    failed_events: aws.sqs.Queue
    failed_invocations: aws.sqs.Queue

    def __init__(
        self, name: str, context: StackContext, settings: Deployment, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("orgsync:contact_sync:Stores", name, None, opts)
        kept = pulumi.ResourceOptions(parent=self, protect=settings.protect)
        self.key = aws.kms.Key(
            name,
            description=f"{context.prefix}: contacts, and runs with their receipts",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            policy=key_policy(context, trail=settings.trail),
            opts=kept,
        )
        aws.kms.Alias(
            name,
            name=f"alias/{context.prefix}",
            target_key_id=self.key.key_id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.config_table = self._table(
            f"{name}-config", context.name("config"), settings, [("config_key", "S"), ("version", "N")], [], kept
        )
        self.state_table = self._table(
            f"{name}-state",
            context.name("state"),
            settings,
            [("sync_id", "S"), ("item", "S"), ("account", "S"), ("at", "S"), ("day", "S"), ("started", "S")],
            [(BY_ACCOUNT_INDEX, "account", "at"), (BY_DAY_INDEX, "day", "started")],
            kept,
        )
        self.bucket = PrivateBucket(
            f"{name}-runs",
            run_bucket_name(context),
            key=self.key.arn,
            policy=bucket_policy(run_bucket_arn(context)),
            days=RUN_DAYS,
            protect=settings.protect,
            expiring=RUNS,
            versioned=True,
            opts=pulumi.ResourceOptions(parent=self),
        ).bucket
        events = partial(failed_events_policy, context)
        self.failed_events = self._queue(f"{name}-{FAILED_EVENTS}", context, FAILED_EVENTS, events)
        self.failed_invocations = self._queue(f"{name}-{FAILED_INVOCATIONS}", context, FAILED_INVOCATIONS, queue_policy)
        self.register_outputs({})

    def _table(
        self,
        name: str,
        physical: str,
        settings: Deployment,
        attributes: list[tuple[str, str]],
        indexes: list[tuple[str, str, str]],
        opts: pulumi.ResourceOptions,
    ) -> aws.dynamodb.Table:
        """A table whose first two attributes are its keys; an index is its name, hash and range."""
        return aws.dynamodb.Table(
            name,
            name=physical,
            billing_mode="PAY_PER_REQUEST",
            hash_key=attributes[0][0],
            range_key=attributes[1][0],
            attributes=[{"name": attribute, "type": kind} for attribute, kind in attributes],
            global_secondary_indexes=[
                {
                    "name": index,
                    "key_schemas": [
                        {"attribute_name": hash_key, "key_type": "HASH"},
                        {"attribute_name": range_key, "key_type": "RANGE"},
                    ],
                    "projection_type": "ALL",
                }
                for index, hash_key, range_key in indexes
            ]
            or None,
            # Versions of the configuration stay; what a run leaves behind expires.
            ttl={"attribute_name": "expires_at", "enabled": True} if indexes else None,
            server_side_encryption={"enabled": True, "kms_key_arn": self.key.arn},
            point_in_time_recovery={"enabled": settings.point_in_time_recovery},
            deletion_protection_enabled=settings.protect,
            opts=opts,
        )

    def _queue(self, name: str, context: StackContext, part: str, policy: Callable[[str], str]) -> aws.sqs.Queue:
        return aws.sqs.Queue(
            name,
            name=context.name(part),
            message_retention_seconds=DEAD_LETTER_DAYS * 24 * 3600,
            kms_master_key_id=self.key.arn,
            policy=policy(context.arn("sqs", context.name(part))),
            opts=pulumi.ResourceOptions(parent=self),
        )
