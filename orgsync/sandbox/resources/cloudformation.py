"""CloudFormation stacks: they go to the sandbox's own CloudFormation, which knows custom resources."""

from typing import Any, Protocol

from orgsync.sandbox.resources.context import ProviderContext, ResourceFailed
from orgsync.sandbox.resources.resource import Created, Naming, Resource
from orgsync.sandbox.resources.values import Properties


class StackDescription(Protocol):
    """A stack as the sandbox's CloudFormation describes it."""

    id: str
    status: str
    reason: str
    outputs: dict[str, str]


class StackResource(Resource):
    token = "aws:cloudformation/stack:Stack"
    handled = frozenset({"name", "onFailure", "parameters", "templateBody", "timeoutInMinutes"})
    held = frozenset({"capabilities", "disableRollback", "iamRoleArn"})
    computed = frozenset({"outputs"})
    volatile = computed
    replace_on = frozenset({"name", "region", "disableRollback", "onFailure"})
    identity = ("name", "region")
    naming = Naming(longest=128)
    taggable = True

    def create(self, inputs: Properties, context: ProviderContext) -> Created:
        name = inputs["name"]
        cloudformation = self._cloudformation(context)
        state = cloudformation.create(**self._request(inputs), region=inputs["region"])
        if state.status != "CREATE_COMPLETE":
            failure = _failure(name, state)
            # Otherwise AWS keeps the failed stack: its name stays in use, and it can only be deleted.
            if inputs.get("onFailure") == "DELETE":
                cloudformation.delete(name)
            raise failure
        return state.id, {**inputs, "outputs": state.outputs}

    def read(self, id: str, state: Properties, context: ProviderContext) -> Properties | None:
        found = self._cloudformation(context).describe(id)
        if found is None or found.status == "DELETE_COMPLETE":
            return None
        return {**state, "outputs": found.outputs}

    def update(self, id: str, old: Properties, inputs: Properties, context: ProviderContext) -> Properties:
        state = self._cloudformation(context).update(**self._request(inputs))
        if state.status != "UPDATE_COMPLETE":
            raise _failure(inputs["name"], state)
        return {**inputs, "outputs": state.outputs}

    def delete(self, id: str, state: Properties, context: ProviderContext) -> None:
        cloudformation = self._cloudformation(context)
        if cloudformation.describe(id) is None:
            return
        result = cloudformation.delete(id)
        if result.status != "DELETE_COMPLETE":
            raise _failure(state["name"], result)

    @staticmethod
    def _cloudformation(context: ProviderContext) -> Any:
        return context.cloud.cloudformation

    @staticmethod
    def _request(inputs: Properties) -> dict[str, Any]:
        return {
            "name": inputs["name"],
            "template": inputs["templateBody"],
            "parameters": inputs.get("parameters", {}),
            "tags": inputs.get("tagsAll", {}),
        }


def _failure(name: str, state: StackDescription) -> ResourceFailed:
    return ResourceFailed(f"stack {name}: {state.status}: {state.reason}")


RESOURCES = (StackResource(),)
