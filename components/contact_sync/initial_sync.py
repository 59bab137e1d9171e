"""The first reconciliation, and one after each change of configuration, as part of the deployment.

A CloudFormation stack holds one custom resource, which the deploy function answers when the run
that it started has ended; what the run did is the stack's output.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from orgsync.components.contact_sync.deployment import InitialSync, SettingsRefused, canonical
from orgsync.components.shared.stack_context import Place

WAIT_SECONDS = 3600
"""How long CloudFormation waits for a custom resource's answer: its most."""

STACK_MINUTES = 2 * WAIT_SECONDS // 60
"""Creating, and taking back what could not be created."""

TEMPLATE_BYTES = 51_200
"""What CloudFormation takes of a template: some 2,900 excluded accounts."""

ANSWERS = ("RunId", "Status", "Severity", "Scenario", "Error", "Succeeded", "Skipped", "Failed")
"""What the deploy function says of the run."""


def template(place: Place, configuration: Mapping[str, Any], sync: InitialSync) -> dict[str, Any]:
    """The CloudFormation template; the same configuration gives the same text, so it starts no run twice."""
    resource = place.logical_id
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "orgsync contact sync: reconciles the organization when its configuration changes",
        "Resources": {
            resource: {
                "Type": "Custom::ContactSync",
                "Properties": {
                    "ServiceToken": place.function("deploy"),
                    "ServiceTimeout": WAIT_SECONDS,
                    "Configuration": canonical(configuration),
                    "Wait": sync.wait,
                    "FailOn": str(sync.fail_on),
                },
            }
        },
        "Outputs": {answer: {"Value": {"Fn::GetAtt": [resource, answer]}} for answer in ANSWERS},
    }


def template_body(place: Place, configuration: Mapping[str, Any], sync: InitialSync) -> str:
    """The template as text.

    Raises:
        SettingsRefused: the configuration is larger than a template may be.
    """
    body = canonical(template(place, configuration, sync))
    if len(body.encode()) > TEMPLATE_BYTES:
        raise SettingsRefused(
            f"orgsync:contact_sync: {len(body.encode())} bytes with its CloudFormation template, {TEMPLATE_BYTES} "
            "at most; exclude accounts by unit or tag rather than one by one"
        )
    return body


class DeploySync(pulumi.ComponentResource):
    """The stack, of a template's text; it stands on everything that a run and the first bell after it need."""

    outcome: pulumi.Output[dict[str, str]]
    """`ANSWERS` of the last run that a deployment started, known when it has ended."""

    def __init__(
        self,
        name: str,
        place: Place,
        body: str,
        *,
        needs: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("orgsync:contact_sync:DeploySync", name, None, opts)
        stack = aws.cloudformation.Stack(
            name,
            name=place.name("sync"),
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
        self.outcome = stack.outputs.apply(lambda outputs: {answer: outputs.get(answer, "") for answer in ANSWERS})
        self.register_outputs({})
