"""EventBridge Scheduler."""

from orgsync.sandbox.resources.api import ApiResource, Tagging
from orgsync.sandbox.resources.context import ProviderContext
from orgsync.sandbox.resources.resource import Naming
from orgsync.sandbox.resources.values import Properties


class ScheduleResource(ApiResource):
    token = "aws:scheduler/schedule:Schedule"
    service = "scheduler"
    creates, reads, deletes = "CreateSchedule", "GetSchedule", "DeleteSchedule"
    updates = "UpdateSchedule"
    id_from = "{groupName}/{name}"
    keys = {"name": "Name", "groupName": "GroupName"}
    outputs = {"arn": "Arn"}
    replace_on = frozenset({"name", "groupName", "region"})
    identity = ("name", "groupName", "region")
    defaults = {"groupName": "default", "state": "ENABLED", "scheduleExpressionTimezone": "UTC"}
    naming = Naming(longest=64)


class ScheduleGroupResource(ApiResource):
    token = "aws:scheduler/scheduleGroup:ScheduleGroup"
    service = "scheduler"
    creates, reads, deletes = "CreateScheduleGroup", "GetScheduleGroup", "DeleteScheduleGroup"
    id_from = "{name}"
    keys = {"name": "Name"}
    outputs = {
        "arn": "Arn",
        "state": "State",
        "creationDate": "CreationDate",
        "lastModificationDate": "LastModificationDate",
    }
    replace_on = frozenset({"name", "region"})
    identity = ("name", "region")
    naming = Naming(longest=64)
    tagging = Tagging(by="ResourceArn")

    def delete(self, id: str, state: Properties, context: ProviderContext) -> None:
        # Asked first: of one that is gone moto fails instead of saying so.
        if self.read(id, state, context) is not None:
            super().delete(id, state, context)


RESOURCES = (ScheduleResource(), ScheduleGroupResource())
