"""CloudTrail trails."""

from orgsync.sandbox.resources.api import ApiResource, Tagging
from orgsync.sandbox.resources.context import ProviderContext
from orgsync.sandbox.resources.resource import Naming
from orgsync.sandbox.resources.values import Properties


class TrailResource(ApiResource):
    token = "aws:cloudtrail/trail:Trail"
    service = "cloudtrail"
    creates, reads, deletes = "CreateTrail", "GetTrail", "DeleteTrail"
    updates = "UpdateTrail"
    id_from = "$.TrailARN"
    keys = {"name": "Name"}
    found = "Trail"
    outputs = {"arn": "TrailARN", "homeRegion": "HomeRegion", "snsTopicArn": "SnsTopicARN"}
    rename = {
        "cloudWatchLogsGroupArn": "CloudWatchLogsLogGroupArn",
    }
    handled = frozenset({"enableLogging", "eventSelectors", "advancedEventSelectors"})
    replace_on = frozenset({"name", "region"})
    identity = ("name", "region")
    defaults = {"enableLogging": True, "includeGlobalServiceEvents": True}
    naming = Naming(longest=128)
    tagging = Tagging(by="ResourceId", tag="AddTags", untag="RemoveTags", of="id")

    def settle(self, id: str, old: Properties | None, inputs: Properties, context: ProviderContext) -> None:
        self.call(
            "StartLogging" if inputs["enableLogging"] else "StopLogging", {"Name": inputs["name"]}, inputs, context
        )
        selectors: Properties = {
            name: inputs[name] for name in ("eventSelectors", "advancedEventSelectors") if name in inputs
        }
        if selectors:
            request = self.request("PutEventSelectors", selectors)
            self.call("PutEventSelectors", {"TrailName": inputs["name"], **request}, inputs, context)


RESOURCES = (TrailResource(),)
