"""CloudFormation stacks of custom resources: the request to the function, its answer over HTTPS, rollback.

moto calls custom resources on creation only, in its own process, and believes any answer.
"""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from .errors import StackError
from .responses import Responses
from .template import Template, as_text, parameters_of, parse, resolve
from .work import Work

_LONGEST_S = 3600.0
"""ServiceTimeout unless declared [doc]."""
# A custom resource spends its hour between polls, which are quickened here; its own work is not.
_TIMEOUT_SCALE = 1 / 20
_SHORTEST_TIMEOUT_S = 2.0


@dataclass
class StackState:
    """A stack: `status` as at AWS, `reason` of the last failure, `outputs`, and `id` (its ARN)."""

    id: str
    name: str
    status: str
    reason: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class _Made:
    """A custom resource that exists: what it was asked for and what it answered."""

    kind: str
    physical_id: str
    properties: dict[str, Any]
    data: dict[str, Any]


@dataclass
class _Stack:
    state: StackState
    account: str
    region: str
    made: dict[str, _Made] = field(default_factory=dict)


class _Refused(Exception):
    """A custom resource failed; the text is its reason."""


class CloudFormation:
    """Stacks by name, one operation at a time on each.

    Args:
        invoke: calls a function asynchronously: its ARN and the JSON payload.
    """

    def __init__(self, responses: Responses, work: Work, invoke: Callable[[str, str], None], account: str) -> None:
        self._responses, self._work, self._invoke, self._account = responses, work, invoke, account
        self._stacks: dict[str, _Stack] = {}
        self._lock = threading.RLock()

    def create(
        self,
        name: str,
        template: str,
        parameters: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        region: str = "us-east-1",
    ) -> StackState:
        """Create a stack and wait for it: CREATE_COMPLETE, or ROLLBACK_COMPLETE with the reason.

        Raises:
            StackError: the template or a parameter is wrong, or the name is in use; nothing was begun.
        """
        parsed = parse(template)
        values = parameters_of(parsed, parameters or {})
        with self._lock:
            if name in self._stacks:
                raise StackError(f"Stack [{name}] already exists")
            arn = f"arn:aws:cloudformation:{region}:{self._account}:stack/{name}/{uuid4()}"
            state = StackState(arn, name, "CREATE_IN_PROGRESS", tags=dict(tags or {}))
            stack = self._stacks[name] = _Stack(state, self._account, region)
        with self._work.running(f"stack {name}"):
            try:
                self._apply(stack, parsed, values)
                self._finish(stack, parsed, values, "CREATE_COMPLETE")
            except (_Refused, StackError) as failure:
                state.reason = str(failure)
                gone = self._delete_all(stack)
                state.status = "ROLLBACK_FAILED" if gone else "ROLLBACK_COMPLETE"
        return state

    def update(
        self,
        name: str,
        template: str,
        parameters: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> StackState:
        """Update a stack and wait: UPDATE_COMPLETE, or UPDATE_ROLLBACK_COMPLETE with the reason.

        A custom resource is called only if its properties changed.

        Raises:
            StackError: as `create`, or the stack is in no state to be updated.
        """
        parsed = parse(template)
        values = parameters_of(parsed, parameters or {})
        stack = self._stack(name)
        if stack.state.status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"):
            raise StackError(f"Stack [{name}] is in {stack.state.status} state and can not be updated")
        before = {logical: _copy(made) for logical, made in stack.made.items()}
        stack.state.reason = ""
        with self._work.running(f"stack {name}"):
            try:
                replaced = self._apply(stack, parsed, values)
            except (_Refused, StackError) as failure:
                stack.state.reason = str(failure)
                stack.state.status = self._roll_back(stack, before)
                return stack.state
            for logical in [logical for logical in stack.made if logical not in parsed.resources]:
                replaced.append((logical, stack.made.pop(logical)))
            for logical, old in replaced:
                self._try_delete(stack, logical, old)
            stack.state.tags = dict(tags or {})
            self._finish(stack, parsed, values, "UPDATE_COMPLETE")
        return stack.state

    def delete(self, name: str) -> StackState:
        """Delete a stack and wait: DELETE_COMPLETE, or DELETE_FAILED with the reason; the latter stays.

        Raises:
            StackError: there is no such stack.
        """
        stack = self._stack(name)
        with self._work.running(f"stack {name}"):
            stack.state.reason = self._delete_all(stack)
            stack.state.status = "DELETE_FAILED" if stack.state.reason else "DELETE_COMPLETE"
        if not stack.state.reason:
            with self._lock:
                del self._stacks[stack.state.name]
        return stack.state

    def describe(self, name: str) -> StackState | None:
        """The stack of this name or ARN, if there is one."""
        with self._lock:
            for stack in self._stacks.values():
                if name in (stack.state.name, stack.state.id):
                    return stack.state
        return None

    def names(self) -> list[str]:
        """Every stack that is there."""
        with self._lock:
            return sorted(self._stacks)

    def _stack(self, name: str) -> _Stack:
        with self._lock:
            for stack in self._stacks.values():
                if name in (stack.state.name, stack.state.id):
                    return stack
        raise StackError(f"Stack with id {name} does not exist")

    def _apply(self, stack: _Stack, template: Template, parameters: dict[str, str]) -> list[tuple[str, _Made]]:
        """Create and update what the template asks for; returns what was replaced on the way."""
        replaced = []
        for logical, declared in template.resources.items():
            wanted = as_text(self._resolved(stack, declared["Properties"], parameters))
            made = stack.made.get(logical)
            if made is None:
                stack.made[logical] = self._request(stack, "Create", logical, declared["Type"], wanted)
            elif made.properties != wanted:
                stack.made[logical] = self._request(stack, "Update", logical, declared["Type"], wanted, made)
                if stack.made[logical].physical_id != made.physical_id:
                    replaced.append((logical, made))
        return replaced

    def _roll_back(self, stack: _Stack, before: dict[str, _Made]) -> str:
        """Bring back what was there; a resource that failed is asked too, with its old properties."""
        failed = False
        for logical, made in list(stack.made.items()):
            if logical not in before:
                failed |= bool(self._try_delete(stack, logical, made))
                del stack.made[logical]
        for logical, old in before.items():
            now = stack.made.get(logical, old)
            if now.properties == old.properties:
                continue
            try:
                stack.made[logical] = self._request(stack, "Update", logical, old.kind, old.properties, now)
            except _Refused:
                failed = True
            else:
                if now.physical_id != old.physical_id:
                    self._try_delete(stack, logical, now)
        return "UPDATE_ROLLBACK_FAILED" if failed else "UPDATE_ROLLBACK_COMPLETE"

    def _delete_all(self, stack: _Stack) -> str:
        """Delete every resource, the last first; returns the reasons of those that stay."""
        reasons = []
        for logical in reversed(list(stack.made)):
            reason = self._try_delete(stack, logical, stack.made[logical])
            if reason:
                reasons.append(reason)
            else:
                del stack.made[logical]
        return "; ".join(reasons)

    def _try_delete(self, stack: _Stack, logical: str, made: _Made) -> str:
        try:
            self._request(stack, "Delete", logical, made.kind, made.properties, made)
        except _Refused as refused:
            return str(refused)
        return ""

    def _request(
        self,
        stack: _Stack,
        request: str,
        logical: str,
        kind: str,
        properties: dict[str, Any],
        old: _Made | None = None,
    ) -> _Made:
        """One round of the custom resource protocol; raises _Refused with the function's reason."""
        address = self._responses.address()
        event = {
            "RequestType": request,
            "RequestId": str(uuid4()),
            "ResponseURL": address,
            "StackId": stack.state.id,
            "ResourceType": kind,
            "LogicalResourceId": logical,
            "ServiceToken": properties["ServiceToken"],
            "ResourceProperties": properties,
        }
        if old:
            event["PhysicalResourceId"] = old.physical_id
        if request == "Update" and old:
            event["OldResourceProperties"] = old.properties
        doomed = _Made(kind, old.physical_id if old else f"{stack.state.name}-{logical}", properties, {})
        if request != "Delete":
            # A resource that fails is deleted, or asked again, on rollback: it may have begun.
            stack.made[logical] = doomed
        try:
            self._invoke(properties["ServiceToken"], json.dumps(event))
        except Exception as error:
            raise _Refused(f"{logical}: {properties['ServiceToken']} could not be invoked: {error}") from error
        answer = self._responses.wait(address, _timeout(properties))
        if answer is None:
            raise _Refused(
                f"{logical}: CloudFormation did not receive a response from your Custom Resource "
                "within its ServiceTimeout. Please check your logs."
            )
        doomed.physical_id = answer.get("PhysicalResourceId") or doomed.physical_id
        if answer.get("Status") != "SUCCESS":
            raise _Refused(f"{logical}: Received response status [FAILED] from custom resource. {answer.get('Reason')}")
        return _Made(kind, doomed.physical_id, properties, answer.get("Data") or {})

    def _finish(self, stack: _Stack, template: Template, parameters: dict[str, str], status: str) -> None:
        outputs = {
            name: self._resolved(stack, output["Value"], parameters) for name, output in template.outputs.items()
        }
        stack.state.outputs = {name: str(value) for name, value in outputs.items()}
        stack.state.parameters, stack.state.status = parameters, status

    def _resolved(self, stack: _Stack, node: Any, parameters: dict[str, str]) -> Any:
        pseudo = {
            "AWS::AccountId": stack.account,
            "AWS::Partition": "aws",
            "AWS::Region": stack.region,
            "AWS::StackId": stack.state.id,
            "AWS::StackName": stack.state.name,
            "AWS::URLSuffix": "amazonaws.com",
        }

        def ref(name: str) -> str:
            if name in stack.made:
                return stack.made[name].physical_id
            if name in (known := pseudo | parameters):
                return known[name]
            raise StackError(f"template: Ref {name} is neither a parameter nor a resource that stands before")

        def attribute(name: str, path: str) -> Any:
            if name not in stack.made or path not in stack.made[name].data:
                raise StackError(f"Vendor response doesn't contain {path} attribute of {name}")
            return stack.made[name].data[path]

        return resolve(node, ref, attribute)


def _timeout(properties: Mapping[str, Any]) -> float:
    return max(float(properties.get("ServiceTimeout", _LONGEST_S)) * _TIMEOUT_SCALE, _SHORTEST_TIMEOUT_S)


def _copy(made: _Made) -> _Made:
    return _Made(made.kind, made.physical_id, dict(made.properties), dict(made.data))
