"""The custom resource protocol: a request to a function, and its answer over HTTPS."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

from orgsync.sandbox.cloud.responses import Responses

_LONGEST_S = 3600.0
"""The ServiceTimeout unless one is declared [doc]."""
# A custom resource spends its hour between polls, which are quickened here; its own work is not.
_TIMEOUT_SCALE = 1 / 20
_SHORTEST_TIMEOUT_S = 2.0


@dataclass
class CustomResource:
    """A custom resource that exists: its properties and the function's answer."""

    kind: str
    physical_id: str
    properties: dict[str, Any]
    data: dict[str, Any]


class CustomResourceFailed(Exception):
    """A failure of a custom resource; the text is its reason, `resource` what it may have created all the same."""

    def __init__(self, reason: str, resource: CustomResource) -> None:
        super().__init__(reason)
        self.resource = resource


class CustomResources:
    """Requests to functions.

    Args:
        invoke: calls a function asynchronously: its ARN and the JSON payload.
    """

    def __init__(self, responses: Responses, invoke: Callable[[str, str], None]) -> None:
        self._responses, self._invoke = responses, invoke

    def request(
        self,
        request: str,
        stack_id: str,
        logical: str,
        kind: str,
        properties: dict[str, Any],
        old: CustomResource | None = None,
    ) -> CustomResource:
        """Ask a function to Create, Update or Delete a resource, and wait for its answer.

        Args:
            logical: the resource's name in the template; `kind` its type, `properties` with the ServiceToken.
            old: the resource as it is, for Update and Delete.

        Raises:
            CustomResourceFailed: the function could not be invoked, said no, or said nothing in time.
        """
        address = self._responses.address()
        event = {
            "RequestType": request,
            "RequestId": str(uuid4()),
            "ResponseURL": address,
            "StackId": stack_id,
            "ResourceType": kind,
            "LogicalResourceId": logical,
            "ServiceToken": properties["ServiceToken"],
            "ResourceProperties": properties,
        }
        if old:
            event["PhysicalResourceId"] = old.physical_id
        if request == "Update" and old:
            event["OldResourceProperties"] = old.properties
        stack_name = stack_id.split("/")[1]
        made = CustomResource(kind, old.physical_id if old else f"{stack_name}-{logical}", properties, {})
        try:
            self._invoke(properties["ServiceToken"], json.dumps(event))
        except ClientError as error:
            raise CustomResourceFailed(
                f"{logical}: {properties['ServiceToken']} could not be invoked: {error}", made
            ) from error
        answer = self._responses.wait(address, _timeout(properties))
        if answer is None:
            raise CustomResourceFailed(
                f"{logical}: CloudFormation did not receive a response from your Custom Resource "
                "within its ServiceTimeout. Please check your logs.",
                made,
            )
        made.physical_id = answer.get("PhysicalResourceId") or made.physical_id
        if answer.get("Status") != "SUCCESS":
            reason = f"Received response status [FAILED] from custom resource. {answer.get('Reason')}"
            raise CustomResourceFailed(f"{logical}: {reason}", made)
        made.data = answer.get("Data") or {}
        return made


def _timeout(properties: Mapping[str, Any]) -> float:
    return max(float(properties.get("ServiceTimeout", _LONGEST_S)) * _TIMEOUT_SCALE, _SHORTEST_TIMEOUT_S)
