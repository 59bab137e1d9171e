"""CloudFormation stacks of custom resources: the request to the function, its answer over HTTPS, rollback.

moto calls custom resources on creation only, in its own process, and believes any answer.
"""

import copy
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from orgsync.sandbox.cloud.custom_resources import CustomResource, CustomResourceFailed, CustomResources
from orgsync.sandbox.cloud.task_tracker import TaskTracker
from orgsync.sandbox.cloud.template import (
    Template,
    as_text,
    parameters_of,
    parse,
    resolve,
)
from orgsync.sandbox.errors import StackError


@dataclass
class StackState:
    """A stack's state: `status` as at AWS, `reason` of the last failure, `outputs`, and `id` (its ARN)."""

    id: str
    name: str
    status: str
    reason: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class _StackRecord:
    state: StackState
    account: str
    region: str
    made: dict[str, CustomResource] = field(default_factory=dict)


class CloudFormation:
    """Stacks by name, one operation at a time on each.

    Args:
        account: in which the stacks are.
    """

    def __init__(self, resources: CustomResources, tasks: TaskTracker, account: str) -> None:
        self._resources, self._tasks, self._account = resources, tasks, account
        self._stacks: dict[str, _StackRecord] = {}
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
            stack = self._stacks[name] = _StackRecord(state, self._account, region)
        with self._tasks.running(f"stack {name}"):
            try:
                self._apply(stack, parsed, values)
                self._finish(stack, parsed, values, "CREATE_COMPLETE")
            except (CustomResourceFailed, StackError) as failure:
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
        before = {logical: copy.copy(made) for logical, made in stack.made.items()}
        stack.state.reason, stack.state.status = "", "UPDATE_IN_PROGRESS"
        with self._tasks.running(f"stack {name}"):
            try:
                replaced = self._apply(stack, parsed, values)
            except (CustomResourceFailed, StackError) as failure:
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
        with self._tasks.running(f"stack {name}"):
            stack.state.reason = self._delete_all(stack)
            stack.state.status = "DELETE_FAILED" if stack.state.reason else "DELETE_COMPLETE"
        if not stack.state.reason:
            with self._lock:
                del self._stacks[stack.state.name]
        return stack.state

    def describe(self, name: str) -> StackState | None:
        """Find the stack of this name or ARN, if there is one."""
        with self._lock:
            for stack in self._stacks.values():
                if name in (stack.state.name, stack.state.id):
                    return stack.state
        return None

    def names(self) -> list[str]:
        """List every stack."""
        with self._lock:
            return sorted(self._stacks)

    def _stack(self, name: str) -> _StackRecord:
        with self._lock:
            for stack in self._stacks.values():
                if name in (stack.state.name, stack.state.id):
                    return stack
        raise StackError(f"Stack with id {name} does not exist")

    def _apply(
        self, stack: _StackRecord, template: Template, parameters: dict[str, str]
    ) -> list[tuple[str, CustomResource]]:
        """Create and update the template's resources; returns those that were replaced."""
        replaced = []
        for logical, declared in template.resources.items():
            wanted = as_text(self._resolved(stack, declared["Properties"], parameters))
            made = stack.made.get(logical)
            if made is None:
                self._make(stack, logical, declared["Type"], wanted)
            elif made.properties != wanted:
                self._make(stack, logical, declared["Type"], wanted, made)
                if stack.made[logical].physical_id != made.physical_id:
                    replaced.append((logical, made))
        return replaced

    def _roll_back(self, stack: _StackRecord, before: dict[str, CustomResource]) -> str:
        """Restore the former resources; one that failed is updated too, with its old properties."""
        stack.state.status = "UPDATE_ROLLBACK_IN_PROGRESS"
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
                self._make(stack, logical, old.kind, old.properties, now)
            except CustomResourceFailed:
                failed = True
            else:
                if now.physical_id != old.physical_id:
                    self._try_delete(stack, logical, now)
        return "UPDATE_ROLLBACK_FAILED" if failed else "UPDATE_ROLLBACK_COMPLETE"

    def _delete_all(self, stack: _StackRecord) -> str:
        """Delete every resource, the last first; returns the reasons of those that stay."""
        reasons = []
        for logical in reversed(list(stack.made)):
            reason = self._try_delete(stack, logical, stack.made[logical])
            if reason:
                reasons.append(reason)
            else:
                del stack.made[logical]
        return "; ".join(reasons)

    def _try_delete(self, stack: _StackRecord, logical: str, made: CustomResource) -> str:
        try:
            self._resources.request("Delete", stack.state.id, logical, made.kind, made.properties, made)
        except CustomResourceFailed as refused:
            return str(refused)
        return ""

    def _make(
        self,
        stack: _StackRecord,
        logical: str,
        kind: str,
        properties: dict[str, Any],
        old: CustomResource | None = None,
    ) -> None:
        """Create a resource, or update the old one; one that fails is kept, to be deleted or updated again."""
        request = "Update" if old else "Create"
        try:
            stack.made[logical] = self._resources.request(request, stack.state.id, logical, kind, properties, old)
        except CustomResourceFailed as refused:
            stack.made[logical] = refused.resource
            raise

    def _finish(self, stack: _StackRecord, template: Template, parameters: dict[str, str], status: str) -> None:
        outputs = {
            name: self._resolved(stack, output["Value"], parameters) for name, output in template.outputs.items()
        }
        stack.state.outputs = {name: str(value) for name, value in outputs.items()}
        stack.state.parameters, stack.state.status = parameters, status

    def _resolved(self, stack: _StackRecord, node: Any, parameters: dict[str, str]) -> Any:
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
