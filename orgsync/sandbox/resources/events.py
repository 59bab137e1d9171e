"""EventBridge: buses, rules, targets, and who may put events."""

import json
from collections.abc import Mapping
from typing import Any

from orgsync.sandbox.resources.api import ApiResource, Tagging
from orgsync.sandbox.resources.context import ProviderContext, ResourceFailed
from orgsync.sandbox.resources.resource import Naming
from orgsync.sandbox.resources.values import Properties


class EventBusResource(ApiResource):
    token = "aws:cloudwatch/eventBus:EventBus"
    service = "events"
    creates, reads, deletes = "CreateEventBus", "DescribeEventBus", "DeleteEventBus"
    id_from = "{name}"
    keys = {"name": "Name"}
    outputs = {"arn": "Arn"}
    replace_on = frozenset({"name", "eventSourceName", "region"})
    identity = ("name", "region")
    naming = Naming(longest=256)
    tagging = Tagging(by="ResourceARN")


class EventRuleResource(ApiResource):
    token = "aws:cloudwatch/eventRule:EventRule"
    service = "events"
    creates, reads, deletes = "PutRule", "DescribeRule", "DeleteRule"
    updates = "PutRule"
    id_from = "{eventBusName}/{name}"
    keys = {"name": "Name", "eventBusName": "EventBusName"}
    outputs = {"arn": "Arn"}
    held = frozenset({"forceDestroy"})
    replace_on = frozenset({"name", "eventBusName", "region"})
    identity = ("name", "eventBusName", "region")
    defaults = {"eventBusName": "default", "state": "ENABLED"}
    naming = Naming(longest=64)
    tagging = Tagging(by="ResourceARN")

    def create(self, inputs: Properties, context: ProviderContext) -> tuple[str, Properties]:
        id, state = super().create(inputs, context)
        return id.removeprefix("default/"), state


class EventTargetResource(ApiResource):
    token = "aws:cloudwatch/eventTarget:EventTarget"
    service = "events"
    creates, reads, deletes = "PutTargets", "ListTargetsByRule", "RemoveTargets"
    updates = "PutTargets"
    id_from = "{rule}-{targetId}"
    keys = {"rule": "Rule", "eventBusName": "EventBusName", "targetId": "Id"}
    found = "Targets"
    rename = {
        "targets.inputTransformer.inputPaths": "InputPathsMap",
        "targets.sqsTarget": "SqsParameters",
    }
    handled = frozenset(
        {
            "arn",
            "deadLetterConfig",
            "input",
            "inputPath",
            "inputTransformer",
            "retryPolicy",
            "roleArn",
            "sqsTarget",
            "targetId",
        }
    )
    held = frozenset({"forceDestroy"})
    replace_on = frozenset({"rule", "eventBusName", "targetId", "region"})
    identity = ("rule", "eventBusName", "targetId", "region")
    defaults = {"eventBusName": "default"}
    naming = Naming("targetId", longest=64)

    def arrange(self, inputs: Properties) -> Properties:
        target: Properties = {name: inputs[name] for name in self.handled - {"targetId"} if name in inputs}
        rest: Properties = {name: inputs[name] for name in ("rule", "eventBusName") if name in inputs}
        return {**rest, "targets": [{**target, "id": inputs.get("targetId", "")}]}

    def call(self, operation: str, parameters: Mapping[str, Any], state: Properties, context: ProviderContext) -> Any:
        answer = super().call(operation, parameters, state, context)
        if answer.get("FailedEntryCount"):
            refused = answer["FailedEntries"][0]
            raise ResourceFailed(f"{operation}: {refused.get('ErrorCode')}: {refused.get('ErrorMessage')}")
        return answer

    def is_there(self, id: str, found: Any) -> bool:
        return any(id.endswith(f"-{target['Id']}") for target in found)

    def actual(self, state: Properties, found: Any) -> Properties:
        target = next(target for target in found if target["Id"] == state["targetId"])
        plain = {name: target.get(name[:1].upper() + name[1:]) for name in ("arn", "input", "inputPath", "roleArn")}
        return {name: value for name, value in plain.items() if value != state.get(name)}


class _BusPermission(ApiResource):
    """A bus has one policy; `PutPermission` writes it whole, or a statement of it."""

    service = "events"
    creates, reads, deletes = "PutPermission", "DescribeEventBus", "RemovePermission"
    updates = "PutPermission"
    found = "Policy"

    def call(self, operation: str, parameters: Mapping[str, Any], state: Properties, context: ProviderContext) -> Any:
        if operation == self.reads:
            parameters = {"Name": state["eventBusName"]}
        elif operation == self.deletes and "StatementId" not in parameters:
            parameters = {**parameters, "RemoveAllPermissions": True}
        return super().call(operation, parameters, state, context)


class EventBusPolicyResource(_BusPermission):
    token = "aws:cloudwatch/eventBusPolicy:EventBusPolicy"
    id_from = "{eventBusName}"
    keys = {"eventBusName": "EventBusName"}
    replace_on = frozenset({"eventBusName", "region"})
    identity = ("eventBusName", "region")
    defaults = {"eventBusName": "default"}


class EventBusPermissionResource(_BusPermission):
    token = "aws:cloudwatch/eventPermission:EventPermission"
    id_from = "{eventBusName}-{statementId}"
    keys = {"eventBusName": "EventBusName", "statementId": "StatementId"}
    replace_on = frozenset({"eventBusName", "statementId", "region"})
    identity = ("eventBusName", "statementId", "region")
    defaults = {"eventBusName": "default", "action": "events:PutEvents"}

    def is_there(self, id: str, found: Any) -> bool:
        return any(id.endswith(f"-{statement['Sid']}") for statement in json.loads(found)["Statement"])


RESOURCES = (
    EventBusResource(),
    EventRuleResource(),
    EventTargetResource(),
    EventBusPolicyResource(),
    EventBusPermissionResource(),
)
