"""The initial sync: one reconciliation with the first deployment, and one after each change of what contacts should be.

A CloudFormation stack holds one custom resource, which the initial sync function answers when the run
that it started has ended; what the run did is the stack's output. The configuration is handed over as
an encrypted object, of which the resource has the key and the version.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from orgsync.components.contact_sync.arguments import InitialSyncResult, result
from orgsync.components.contact_sync.deployment import InitialSyncSettings
from orgsync.components.contact_sync.resource_names import logical_id
from orgsync.components.contact_sync.stores import Stores
from orgsync.components.shared.stack_context import StackContext
from orgsync.contact_sync.names import CONFIGURATION_OBJECT, FunctionName
from orgsync.shared.configuration import canonical_json

WAIT_SECONDS = 3600
"""The most that CloudFormation waits for a custom resource's answer."""

STACK_MINUTES = 2 * WAIT_SECONDS // 60
"""Creating, and taking back what could not be created."""

_DIGESTS = ("checksum_crc32", "checksum_crc32c", "checksum_crc64nvme", "checksum_sha1", "checksum_sha256", "etag")
"""Outputs by which a guess of the configuration could be proved."""

ATTRIBUTES = ("RunId", "Status", "Severity", "Scenario", "Error", "Succeeded", "Skipped", "Failed")
"""Attributes of the custom resource."""


def template(context: StackContext, version: str, sync: InitialSyncSettings) -> dict[str, Any]:
    """Return the CloudFormation template, which names a version of the configuration object and holds none of it."""
    resource = logical_id(context)
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "orgsync contact sync: reconciles the organization when its configuration changes",
        "Resources": {
            resource: {
                "Type": "Custom::ContactSync",
                "Properties": {
                    "ServiceToken": context.function(FunctionName.INITIAL_SYNC),
                    "ServiceTimeout": WAIT_SECONDS,
                    "ConfigurationKey": CONFIGURATION_OBJECT,
                    "ConfigurationVersion": version,
                    "Wait": sync.wait,
                    "FailOn": str(sync.fail_on),
                },
            }
        },
        "Outputs": {attribute: {"Value": {"Fn::GetAtt": [resource, attribute]}} for attribute in ATTRIBUTES},
    }


class InitialSync(pulumi.ComponentResource):
    """The configuration object and the stack that names it, which needs all that a run and the first event need."""

    outcome: pulumi.Output[InitialSyncResult]
    """Result of the last run that a deployment started, known when it has ended."""

    def __init__(
        self,
        name: str,
        context: StackContext,
        configuration: Mapping[str, Any],
        settings: InitialSyncSettings,
        *,
        stores: Stores,
        needs: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("orgsync:contact_sync:InitialSync", name, None, opts)
        stored = aws.s3.BucketObjectv2(
            name,
            bucket=stores.bucket.bucket,
            # One key, whose versions S3 names: a former version stays where a rollback looks for it, and a name that
            # followed from the content would be a digest of it.
            key=CONFIGURATION_OBJECT,
            content=pulumi.Output.secret(canonical_json(configuration)),
            content_type="application/json",
            server_side_encryption="aws:kms",
            kms_key_id=stores.key.arn,
            opts=pulumi.ResourceOptions(
                parent=self,
                # Not before the bucket has versions and refuses what is not encrypted on its way.
                depends_on=[stores],
                additional_secret_outputs=list(_DIGESTS),
            ),
        )
        stack = aws.cloudformation.Stack(
            name,
            name=context.name(FunctionName.INITIAL_SYNC),
            template_body=stored.version_id.apply(lambda version: canonical_json(template(context, version, settings))),
            timeout_in_minutes=STACK_MINUTES,
            # What is left of a failed creation could only be deleted, by hand, before another may begin.
            on_failure="DELETE",
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=list(needs),
                custom_timeouts=pulumi.CustomTimeouts(create="130m", update="130m", delete="130m"),
            ),
        )
        self.outcome = stack.outputs.apply(result)
        self.register_outputs({})
