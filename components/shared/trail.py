"""A CloudTrail trail for organizations that have none: without one that logs, EventBridge gets no call at all."""

import pulumi
import pulumi_aws as aws

from orgsync.components.shared import resource_policies
from orgsync.components.shared.private_bucket import PrivateBucket
from orgsync.components.shared.stack_context import StackContext

LOG_DAYS = 90
"""Days that the trail keeps; rules need only that it logs."""


class Trail(pulumi.ComponentResource):
    """A trail of what changes, in every region, with its bucket.

    Where members' own changes are wanted it is the organization's: a member's calls become
    events on the member's own bus only if a trail logs there too.
    """

    def __init__(
        self,
        name: str,
        context: StackContext,
        *,
        protect: bool,
        key: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("orgsync:shared:Trail", name, None, opts)
        logs = PrivateBucket(
            f"{name}-trail",
            context.trail_bucket_name,
            key=key,
            policy=resource_policies.trail_bucket_policy(context),
            days=LOG_DAYS,
            protect=protect,
            # A bucket key has an encryption context of its own; the key's policy asks for the trail's.
            bucket_key=False,
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.cloudtrail.Trail(
            name,
            name=context.prefix,
            s3_bucket_name=logs.bucket.bucket,
            kms_key_id=key,
            is_multi_region_trail=True,
            is_organization_trail=bool(context.organization),
            include_global_service_events=True,
            enable_log_file_validation=True,
            event_selectors=[{"read_write_type": "WriteOnly", "include_management_events": True}],
            # CloudTrail tries at once whether it may write.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[logs]),
        )
        self.register_outputs({})
