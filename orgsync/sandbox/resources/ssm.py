"""Parameters of Systems Manager."""

from collections.abc import Mapping
from typing import Any

from orgsync.sandbox.resources.api import ApiResource, Tagging
from orgsync.sandbox.resources.context import ProviderContext
from orgsync.sandbox.resources.resource import Naming
from orgsync.sandbox.resources.values import Properties


class ParameterResource(ApiResource):
    token = "aws:ssm/parameter:Parameter"
    service = "ssm"
    creates, reads, deletes = "PutParameter", "GetParameter", "DeleteParameter"
    updates = "PutParameter"
    id_from = "{name}"
    keys = {"name": "Name"}
    read_with = {"WithDecryption": True}
    found = "Parameter"
    outputs = {"arn": "ARN", "version": "Version"}
    volatile = frozenset({"version"})
    rename = {"insecureValue": "Value"}
    held = frozenset({"overwrite"})
    replace_on = frozenset({"name", "dataType", "region"})
    identity = ("name", "region")
    naming = Naming(longest=1011)
    tagging = Tagging(
        by="ResourceId",
        tag="AddTagsToResource",
        untag="RemoveTagsFromResource",
        of="id",
        extra={"ResourceType": "Parameter"},
    )

    def attach(self, old: Properties | None, inputs: Properties, context: ProviderContext) -> Mapping[str, Any]:
        return {"Overwrite": True} if old is not None else {}


RESOURCES = (ParameterResource(),)
