"""IAM roles and their policies."""

from typing import Any
from urllib.parse import unquote

from orgsync.sandbox.resources.api import ApiResource, Tagging
from orgsync.sandbox.resources.context import ProviderContext
from orgsync.sandbox.resources.resource import Naming
from orgsync.sandbox.resources.values import Properties


class RoleResource(ApiResource):
    token = "aws:iam/role:Role"
    service = "iam"
    regional = False
    creates, reads, deletes = "CreateRole", "GetRole", "DeleteRole"
    updates = "UpdateRole"
    id_from = "{name}"
    keys = {"name": "RoleName"}
    found = "Role"
    outputs = {"arn": "Arn", "uniqueId": "RoleId", "createDate": "CreateDate"}
    rename = {"name": "RoleName", "assumeRolePolicy": "AssumeRolePolicyDocument"}
    handled = frozenset({"assumeRolePolicy", "permissionsBoundary"})
    held = frozenset({"forceDetachPolicies"})
    replace_on = frozenset({"name", "path"})
    identity = ("name",)
    resets = {"description": ""}
    defaults = {"maxSessionDuration": 3600, "path": "/"}
    naming = Naming(longest=64)
    tagging = Tagging(by="RoleName", tag="TagRole", untag="UntagRole", of="id")

    def settle(self, id: str, old: Properties | None, inputs: Properties, context: ProviderContext) -> None:
        if old is None:
            return
        trust = {"RoleName": id, "PolicyDocument": inputs["assumeRolePolicy"]}
        self.call("UpdateAssumeRolePolicy", trust, inputs, context)
        boundary = inputs.get("permissionsBoundary")
        if boundary != old.get("permissionsBoundary"):
            if boundary:
                parameters = {"RoleName": id, "PermissionsBoundary": boundary}
                self.call("PutRolePermissionsBoundary", parameters, inputs, context)
            else:
                self.call("DeleteRolePermissionsBoundary", {"RoleName": id}, inputs, context)

    def actual(self, state: Properties, found: Any) -> Properties:
        comparable = {key: value for key, value in found.items() if key != "PermissionsBoundary"}
        return super().actual(state, comparable)


class RolePolicyResource(ApiResource):
    token = "aws:iam/rolePolicy:RolePolicy"
    service = "iam"
    regional = False
    creates, reads, deletes = "PutRolePolicy", "GetRolePolicy", "DeleteRolePolicy"
    updates = "PutRolePolicy"
    id_from = "{role}:{name}"
    keys = {"role": "RoleName", "name": "PolicyName"}
    rename = {"role": "RoleName", "name": "PolicyName", "policy": "PolicyDocument"}
    replace_on = frozenset({"role", "name"})
    identity = ("role", "name")
    naming = Naming(longest=128)

    def actual(self, state: Properties, found: Any) -> Properties:
        document = found["PolicyDocument"]
        text = unquote(document) if isinstance(document, str) else document
        return super().actual(state, {"PolicyDocument": text})


RESOURCES = (RoleResource(), RolePolicyResource())
