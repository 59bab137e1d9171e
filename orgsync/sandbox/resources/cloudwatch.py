"""CloudWatch alarms and dashboards."""

from typing import Any

from orgsync.sandbox.resources.api import ApiResource, Tagging
from orgsync.sandbox.resources.resource import Naming
from orgsync.sandbox.resources.values import Properties


class MetricAlarmResource(ApiResource):
    token = "aws:cloudwatch/metricAlarm:MetricAlarm"
    service = "cloudwatch"
    creates, reads, deletes = "PutMetricAlarm", "DescribeAlarms", "DeleteAlarms"
    updates = "PutMetricAlarm"
    id_from = "{name}"
    keys = {"name": "AlarmName"}
    read_with = {"AlarmTypes": ["MetricAlarm"]}
    found = "MetricAlarms.0"
    outputs = {"arn": "AlarmArn"}
    rename = {
        "name": "AlarmName",
        "evaluateLowSampleCountPercentiles": "EvaluateLowSampleCountPercentile",
        "metricQueries": "Metrics",
        "metricQueries.metric.metricName": "Metric.MetricName",
        "metricQueries.metric.namespace": "Metric.Namespace",
        "metricQueries.metric.dimensions": "Metric.Dimensions",
        "metricQueries.metric": "MetricStat",
    }
    replace_on = frozenset({"name", "region"})
    identity = ("name", "region")
    defaults = {"actionsEnabled": True, "treatMissingData": "missing"}
    naming = Naming(longest=255)
    tagging = Tagging(by="ResourceARN")


class DashboardResource(ApiResource):
    token = "aws:cloudwatch/dashboard:Dashboard"
    service = "cloudwatch"
    creates, reads, deletes = "PutDashboard", "GetDashboard", "DeleteDashboards"
    updates = "PutDashboard"
    id_from = "{dashboardName}"
    keys = {"dashboardName": "DashboardName"}
    outputs = {"dashboardArn": "DashboardArn"}
    replace_on = frozenset({"dashboardName", "region"})
    identity = ("dashboardName",)
    naming = Naming("dashboardName", longest=255)

    def is_there(self, id: str, found: Any) -> bool:
        return bool(found.get("DashboardBody"))

    def actual(self, state: Properties, found: Any) -> Properties:
        return super().actual(state, {"DashboardBody": found["DashboardBody"]})


RESOURCES = (MetricAlarmResource(), DashboardResource())
