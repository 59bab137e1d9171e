"""CloudFormation stacks and stack sets.

Stacks go to the sandbox's own CloudFormation, which knows custom resources; stack sets to moto's.
"""

from typing import Any, Protocol

from .api import ApiResource
from .context import Context, ResourceFailed
from .resource import Made, Naming, Resource
from .values import Properties


class StackState(Protocol):
    """What the sandbox's CloudFormation says of a stack."""

    id: str
    status: str
    reason: str
    outputs: dict[str, str]


class Stack(Resource):
    token = "aws:cloudformation/stack:Stack"
    handled = frozenset({"name", "parameters", "templateBody", "timeoutInMinutes"})
    held = frozenset({"capabilities", "disableRollback", "iamRoleArn", "onFailure"})
    computed = frozenset({"outputs"})
    volatile = computed
    replace_on = frozenset({"name", "region", "disableRollback", "onFailure"})
    place = ("name", "region")
    naming = Naming(longest=128)
    taggable = True

    def create(self, inputs: Properties, context: Context) -> Made:
        name = inputs["name"]
        cloudformation = self._cloudformation(context)
        state = cloudformation.create(**self._request(inputs), region=inputs["region"])
        if state.status != "CREATE_COMPLETE":
            failure = _failure(name, state)
            # AWS keeps the ruins of a failed creation, and nothing but a deletion can follow: without
            # it the next deployment would fail on the name.
            cloudformation.delete(name)
            raise failure
        return state.id, {**inputs, "outputs": state.outputs}

    def read(self, id: str, state: Properties, context: Context) -> Properties | None:
        found = self._cloudformation(context).describe(id)
        if found is None or found.status == "DELETE_COMPLETE":
            return None
        return {**state, "outputs": found.outputs}

    def update(self, id: str, old: Properties, inputs: Properties, context: Context) -> Properties:
        state = self._cloudformation(context).update(**self._request(inputs))
        if state.status != "UPDATE_COMPLETE":
            raise _failure(inputs["name"], state)
        return {**inputs, "outputs": state.outputs}

    def delete(self, id: str, state: Properties, context: Context) -> None:
        cloudformation = self._cloudformation(context)
        if cloudformation.describe(id) is None:
            return
        result = cloudformation.delete(id)
        if result.status != "DELETE_COMPLETE":
            raise _failure(state["name"], result)

    @staticmethod
    def _cloudformation(context: Context) -> Any:
        return context.cloud.cloudformation

    @staticmethod
    def _request(inputs: Properties) -> dict[str, Any]:
        return {
            "name": inputs["name"],
            "template": inputs["templateBody"],
            "parameters": inputs.get("parameters", {}),
            "tags": inputs.get("tagsAll", {}),
        }


def _failure(name: str, state: StackState) -> ResourceFailed:
    return ResourceFailed(f"stack {name}: {state.status}: {state.reason}")


class StackSet(ApiResource):
    token = "aws:cloudformation/stackSet:StackSet"
    service = "cloudformation"
    creates, reads, deletes = "CreateStackSet", "DescribeStackSet", "DeleteStackSet"
    updates = "UpdateStackSet"
    id_from = "{name}"
    keys = {"name": "StackSetName"}
    found = "StackSet"
    outputs = {"arn": "StackSetARN", "stackSetId": "StackSetId"}
    rename = {"name": "StackSetName", "templateUrl": "TemplateURL"}
    held = frozenset({"operationPreferences"})
    replace_on = frozenset({"name", "permissionModel", "callAs", "region"})
    place = ("name", "region")
    naming = Naming(longest=128)
    taggable = True

    def is_there(self, id: str, found: Any) -> bool:
        return bool(found["Status"] != "DELETED")


class StackSetInstance(ApiResource):
    """The stacks of a set in one region: of one account, or of every account of some units."""

    token = "aws:cloudformation/stackSetInstance:StackSetInstance"
    service = "cloudformation"
    regional = False
    creates, reads, deletes = "CreateStackInstances", "ListStackInstances", "DeleteStackInstances"
    updates = "UpdateStackInstances"
    id_from = "{stackSetName},{stackSetInstanceRegion}"
    keys = {"stackSetName": "StackSetName"}
    found = "Summaries"
    computed = frozenset({"stackInstanceSummaries"})
    volatile = computed
    handled = frozenset({"accountId", "stackSetInstanceRegion", "retainStack"})
    held = frozenset({"operationPreferences"})
    replace_on = frozenset({"accountId", "callAs", "deploymentTargets", "stackSetInstanceRegion", "stackSetName"})
    place = ("accountId", "deploymentTargets", "stackSetInstanceRegion", "stackSetName")

    def arrange(self, inputs: Properties) -> Properties:
        accounts = {"accounts": [inputs["accountId"]]} if "accountId" in inputs else {}
        return {**inputs, **accounts, "regions": [inputs.get("stackSetInstanceRegion", "")]}

    def derive(self, id: str, state: Properties, found: Any, context: Context) -> Properties:
        return {
            "stackInstanceSummaries": [
                {"accountId": instance["Account"], "stackId": instance.get("StackId", "")}
                for instance in found
                if instance["Region"] == state["stackSetInstanceRegion"]
            ]
        }

    def delete(self, id: str, state: Properties, context: Context) -> None:
        if self.read(id, state, context) is None:
            return
        # moto deletes instances by account only, also those that were made by unit.
        parameters = {
            **self.request(self.deletes, state),
            "Accounts": [summary["accountId"] for summary in state["stackInstanceSummaries"]],
            "RetainStacks": state.get("retainStack", False),
        }
        self.call(self.deletes, parameters, state, context)


RESOURCES = (Stack(), StackSet(), StackSetInstance())
