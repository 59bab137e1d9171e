"""The stack that a stack set keeps in a member account: a template's resources, made in that member's own services.

An unknown kind of resource or property is refused by its name.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import uuid4

from moto.events.models import events_backends
from moto.iam.models import iam_backends

from orgsync.sandbox.cloud.template import Template, resolve
from orgsync.sandbox.errors import StackError

Properties = Mapping[str, Any]


class _Where(NamedTuple):
    account: str
    region: str


@dataclass(frozen=True)
class _Made:
    kind: str
    physical_id: str
    properties: Properties
    attributes: Mapping[str, str]


class _Kind(NamedTuple):
    properties: frozenset[str]
    make: Callable[[_Where, Properties], tuple[str, dict[str, str]]]
    delete: Callable[[_Where, str, Properties], None]


@dataclass
class MemberStack:
    """One account's stack of a set; `id` is its ARN. Its resources are created in the template's order."""

    account: str
    region: str
    set_name: str
    id: str = ""
    made: dict[str, _Made] = field(default_factory=dict)

    def __post_init__(self) -> None:
        name = f"StackSet-{self.set_name}-{uuid4()}"
        self.id = f"arn:aws:cloudformation:{self.region}:{self.account}:stack/{name}/{uuid4()}"

    def make(self, template: Template) -> None:
        """Create the template's resources.

        Raises:
            StackError: something in it is not known; `check` says so beforehand.
        """
        for logical, declared in template.resources.items():
            properties = resolve(declared.get("Properties", {}), self._ref, self._attribute)
            where = _Where(self.account, self.region)
            physical_id, attributes = _KINDS[declared["Type"]].make(where, properties)
            self.made[logical] = _Made(declared["Type"], physical_id, properties, attributes)

    def delete(self) -> None:
        """Delete all resources, the last first."""
        for logical in reversed(list(self.made)):
            made = self.made.pop(logical)
            _KINDS[made.kind].delete(_Where(self.account, self.region), made.physical_id, made.properties)

    def _ref(self, name: str) -> str:
        pseudo = {
            "AWS::AccountId": self.account,
            "AWS::Partition": "aws",
            "AWS::Region": self.region,
            "AWS::StackId": self.id,
            "AWS::StackName": self.id.split("/")[1],
            "AWS::URLSuffix": "amazonaws.com",
        }
        if name in self.made:
            return self.made[name].physical_id
        if name not in pseudo:
            raise StackError(f"template: Ref {name} is no resource that stands before")
        return pseudo[name]

    def _attribute(self, name: str, path: str) -> str:
        if name not in self.made or path not in self.made[name].attributes:
            raise StackError(f"template: {name}.{path} is not known here, or does not stand before")
        return self.made[name].attributes[path]


def check(template: Template) -> None:
    """Check that every resource of a template, and every property of it, is known.

    Raises:
        StackError: naming the first that is not.
    """
    if template.parameters or template.outputs:
        raise StackError("template: the sandbox knows neither parameters nor outputs of a stack set")
    for logical, declared in template.resources.items():
        kind = _KINDS.get(str(declared.get("Type")))
        if kind is None:
            known = ", ".join(sorted(_KINDS))
            raise StackError(f"template: {logical} is a {declared.get('Type')}; in members the sandbox knows {known}")
        unknown = sorted({*declared.get("Properties", {})} - kind.properties)
        if unknown or declared.keys() - {"Type", "Properties"}:
            what = unknown or sorted(declared.keys() - {"Type", "Properties"})
            raise StackError(f"template: {logical}: {what[0]} of a {declared['Type']} is not known here")


def _make_role(where: _Where, properties: Properties) -> tuple[str, dict[str, str]]:
    backend = iam_backends[where.account]["aws"]
    name = properties.get("RoleName") or f"role-{uuid4().hex[:12]}"
    trust = json.dumps(properties["AssumeRolePolicyDocument"])
    role = backend.create_role(name, trust, "/", None, properties.get("Description", ""), [], "3600")
    for policy in properties.get("Policies", ()):
        backend.put_role_policy(name, policy["PolicyName"], json.dumps(policy["PolicyDocument"]))
    return name, {"Arn": role.arn}


def _delete_role(where: _Where, name: str, properties: Properties) -> None:
    backend = iam_backends[where.account]["aws"]
    for policy in properties.get("Policies", ()):
        backend.delete_role_policy(name, policy["PolicyName"])
    backend.delete_role(name)


def _make_rule(where: _Where, properties: Properties) -> tuple[str, dict[str, str]]:
    backend = events_backends[where.account][where.region]
    name = properties.get("Name") or f"rule-{uuid4().hex[:12]}"
    rule = backend.put_rule(
        name,
        description=properties.get("Description"),
        event_pattern=json.dumps(properties["EventPattern"]),
        state=properties.get("State"),
    )
    backend.put_targets(name, None, [dict(target) for target in properties.get("Targets", ())])
    return name, {"Arn": rule.arn}


def _delete_rule(where: _Where, name: str, properties: Properties) -> None:
    backend = events_backends[where.account][where.region]
    backend.remove_targets(name, None, [target["Id"] for target in properties.get("Targets", ())])
    backend.delete_rule(name, None)


_KINDS = {
    "AWS::IAM::Role": _Kind(
        frozenset({"RoleName", "Description", "AssumeRolePolicyDocument", "Policies"}), _make_role, _delete_role
    ),
    "AWS::Events::Rule": _Kind(
        frozenset({"Name", "Description", "State", "EventPattern", "Targets"}), _make_rule, _delete_rule
    ),
}
