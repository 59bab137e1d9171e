"""The initial sync: one reconciliation with the first deployment, and one after each change of configuration.

A CloudFormation stack holds one custom resource, which the initial sync function answers when the run
that it started has ended; what the run did is the stack's output.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from orgsync.components.contact_sync.arguments import InitialSyncResult, result
from orgsync.components.contact_sync.deployment import InitialSyncSettings
from orgsync.components.contact_sync.resource_names import logical_id
from orgsync.components.shared.stack_context import StackContext
from orgsync.contact_sync.names import FunctionName
from orgsync.shared.configuration import ConfigurationRefused, canonical_json

WAIT_SECONDS = 3600
"""The most that CloudFormation waits for a custom resource's answer."""

STACK_MINUTES = 2 * WAIT_SECONDS // 60
"""Creating, and taking back what could not be created."""

TEMPLATE_BYTES = 51_200
"""The most that CloudFormation takes of a template: some 2,900 excluded accounts."""

ATTRIBUTES = ("RunId", "Status", "Severity", "Scenario", "Error", "Succeeded", "Skipped", "Failed")
"""Attributes of the custom resource."""


def template(context: StackContext, configuration: Mapping[str, Any], sync: InitialSyncSettings) -> dict[str, Any]:
    """Return the CloudFormation template; the same configuration gives the same text, so it starts no run twice."""
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
                    "Configuration": canonical_json(configuration),
                    "Wait": sync.wait,
                    "FailOn": str(sync.fail_on),
                },
            }
        },
        "Outputs": {attribute: {"Value": {"Fn::GetAtt": [resource, attribute]}} for attribute in ATTRIBUTES},
    }


def template_body(context: StackContext, configuration: Mapping[str, Any], sync: InitialSyncSettings) -> str:
    """Return the template as text.

    Raises:
        ConfigurationRefused: the configuration is larger than a template may be.
    """
    body = canonical_json(template(context, configuration, sync))
    if len(body.encode()) > TEMPLATE_BYTES:
        raise ConfigurationRefused(
            f"contact_sync: {len(body.encode())} bytes with its CloudFormation template, {TEMPLATE_BYTES} "
            "at most; exclude accounts by unit or tag rather than one by one"
        )
    return body


class InitialSync(pulumi.ComponentResource):
    """The stack, of a template's text; it depends on everything that a run and the first event after it need."""

    outcome: pulumi.Output[InitialSyncResult]
    """Result of the last run that a deployment started, known when it has ended."""

    def __init__(
        self,
        name: str,
        context: StackContext,
        body: str,
        *,
        needs: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("orgsync:contact_sync:InitialSync", name, None, opts)
        stack = aws.cloudformation.Stack(
            name,
            name=context.name(FunctionName.INITIAL_SYNC),
            template_body=body,
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
