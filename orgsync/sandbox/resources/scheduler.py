"""EventBridge Scheduler."""

from orgsync.sandbox.resources.api import ApiResource
from orgsync.sandbox.resources.resource import Naming


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


RESOURCES = (ScheduleResource(),)
