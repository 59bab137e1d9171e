"""Service-managed CloudFormation stack sets and their instances, kept by the sandbox's own."""

from typing import Any

from orgsync.sandbox.resources.api import ApiResource
from orgsync.sandbox.resources.context import ProviderContext, ResourceFailed
from orgsync.sandbox.resources.resource import Created, InputError, Naming
from orgsync.sandbox.resources.values import Properties

UNIT_TARGETS = {"organizationalUnitIds"}


class StackSetResource(ApiResource):
    token = "aws:cloudformation/stackSet:StackSet"
    service = "cloudformation"
    creates, reads, updates = "CreateStackSet", "DescribeStackSet", "UpdateStackSet"
    id_from = "{name}"
    keys = {"name": "StackSetName"}
    outputs = {"arn": "", "stackSetId": ""}
    rename = {"name": "StackSetName", "templateUrl": "TemplateURL"}
    held = frozenset({"operationPreferences"})
    replace_on = frozenset({"name", "permissionModel", "callAs", "region"})
    identity = ("name", "region")
    naming = Naming(longest=128)
    taggable = True

    def errors(self, inputs: Properties, context: ProviderContext) -> list[InputError]:
        found = super().errors(inputs, context)
        if inputs.get("permissionModel") != "SERVICE_MANAGED":
            found.append(InputError("permissionModel", f"{self.token}: the sandbox knows SERVICE_MANAGED only"))
        return found

    def create(self, inputs: Properties, context: ProviderContext) -> Created:
        name = inputs["name"]
        context.cloud.stack_sets.create(name, inputs["templateBody"], auto_deploys=_auto_deploys(inputs))
        arn = f"arn:{context.partition}:cloudformation:{inputs['region']}:{context.caller()['Account']}:stackset/{name}"
        return name, {**inputs, "arn": arn, "stackSetId": f"{name}:sandbox"}

    def read(self, id: str, state: Properties, context: ProviderContext) -> Properties | None:
        return state if context.cloud.stack_sets.exists(id) else None

    def update(self, id: str, old: Properties, inputs: Properties, context: ProviderContext) -> Properties:
        context.cloud.stack_sets.update(id, inputs["templateBody"], auto_deploys=_auto_deploys(inputs))
        return {**inputs, **{name: old[name] for name in self.outputs}}

    def delete(self, id: str, state: Properties, context: ProviderContext) -> None:
        context.cloud.stack_sets.delete(id)


class StackSetInstanceResource(ApiResource):
    """The stacks of a set in one region: of every member of some units."""

    token = "aws:cloudformation/stackSetInstance:StackSetInstance"
    service = "cloudformation"
    regional = False
    creates, reads = "CreateStackInstances", "ListStackInstances"
    id_from = "{stackSetName},{stackSetInstanceRegion}"
    keys = {"stackSetName": "StackSetName"}
    computed = frozenset({"stackInstanceSummaries"})
    volatile = computed
    handled = frozenset({"stackSetInstanceRegion", "retainStack"})
    held = frozenset({"operationPreferences"})
    replace_on = frozenset({"callAs", "deploymentTargets", "stackSetInstanceRegion", "stackSetName"})
    identity = ("stackSetName", "stackSetInstanceRegion")

    def arrange(self, inputs: Properties) -> Properties:
        return {**inputs, "regions": [inputs.get("stackSetInstanceRegion", "")]}

    def complete(self, inputs: Properties, context: ProviderContext) -> Properties:
        return {"stackSetInstanceRegion": context.region, **super().complete(inputs, context)}

    def create(self, inputs: Properties, context: ProviderContext) -> Created:
        targets = inputs.get("deploymentTargets") or {}
        if targets.keys() != UNIT_TARGETS or inputs.get("retainStack"):
            raise ResourceFailed(f"{self.token}: the sandbox deploys to whole units and takes all away again")
        units, region = targets["organizationalUnitIds"], inputs["stackSetInstanceRegion"]
        context.cloud.stack_sets.deploy(inputs["stackSetName"], units, region)
        id = ",".join((inputs["stackSetName"], "/".join(units), region))
        return id, {**inputs, "stackInstanceSummaries": _summaries(context, inputs)}

    def read(self, id: str, state: Properties, context: ProviderContext) -> Properties | None:
        if context.cloud.stack_sets.scope(state["stackSetName"], state["stackSetInstanceRegion"]) is None:
            return None
        return {**state, "stackInstanceSummaries": _summaries(context, state)}

    def update(self, id: str, old: Properties, inputs: Properties, context: ProviderContext) -> Properties:
        return {**inputs, "stackInstanceSummaries": _summaries(context, inputs)}

    def delete(self, id: str, state: Properties, context: ProviderContext) -> None:
        context.cloud.stack_sets.delete_instances(state["stackSetName"], state["stackSetInstanceRegion"])


def _auto_deploys(inputs: Properties) -> bool:
    return bool((inputs.get("autoDeployment") or {}).get("enabled"))


def _summaries(context: ProviderContext, state: Properties) -> list[dict[str, Any]]:
    scope = context.cloud.stack_sets.scope(state["stackSetName"], state["stackSetInstanceRegion"])
    return [{"accountId": account, "stackId": stack.id} for account, stack in scope.stacks.items()]


RESOURCES = (StackSetResource(), StackSetInstanceResource())
