"""CloudWatch alarms with evaluation: moto keeps them and never looks at their metrics.

An alarm is evaluated when its metric gets data, and when `pass_time` says that AWS's time has passed. Its periods
are scaled like every wait of the sandbox; a period without data counts as `TreatMissingData` says. So an alarm
goes back to OK with the next data or the next `pass_time`, not by itself.
"""

import json
import operator
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.models import CloudWatchBackend, cloudwatch_backends

from orgsync.sandbox.cloud.patches import Patches
from orgsync.sandbox.cloud.targets import DeliveryFailed, Sender, Targets
from orgsync.sandbox.cloud.task_tracker import TaskTracker
from orgsync.sandbox.errors import UnknownTarget

Key = tuple[str, str, str, str, frozenset[tuple[str, str]]]
"""Account, region, namespace, metric, dimensions."""

_HOLDS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanOrEqualToThreshold": operator.le,
    "LessThanThreshold": operator.lt,
}
_STATISTICS: Mapping[str, Callable[[list[float]], float]] = {
    "Average": lambda values: sum(values) / len(values),
    "Maximum": max,
    "Minimum": min,
    "SampleCount": lambda values: float(len(values)),
    "Sum": sum,
}


class Alarms:
    """The evaluation of every alarm of every account and region.

    Args:
        time_scale: seconds here for each second of a period.
        changed: called with each change of state: the event's detail, account, region, the alarm's ARN.
        undelivered: called with each action that reached no target.
    """

    def __init__(
        self,
        targets: Targets,
        tasks: TaskTracker,
        time_scale: float,
        changed: Callable[[dict[str, Any], str, str, str], None],
        undelivered: Callable[[str], None],
    ) -> None:
        self._targets, self._tasks, self._time_scale = targets, tasks, time_scale
        self._changed, self._undelivered = changed, undelivered
        self._data: dict[Key, list[tuple[float, float]]] = defaultdict(list)
        self._passed = 0.0
        self._lock = threading.RLock()

    def install(self, patches: Patches) -> None:
        """Patch moto so that every new datum is seen."""
        patches.wrap(CloudWatchBackend, "put_metric_data", self._put)

    def pass_time(self, seconds: float) -> None:
        """Evaluate every alarm as if so many of AWS's seconds had passed without data."""
        with self._lock:
            self._passed += seconds * self._time_scale
            for regions in list(cloudwatch_backends.values()):
                for backend in list(regions.values()):
                    for alarm in list(backend.alarms.values()):
                        self._evaluate(backend, alarm)

    def _put(
        self, original: Callable[..., None], backend: Any, namespace: str, metric_data: list[dict[str, Any]]
    ) -> None:
        original(backend, namespace, metric_data)
        with self._lock:
            for datum in metric_data:
                dimensions = frozenset((each["Name"], each["Value"]) for each in datum.get("Dimensions") or ())
                key = (backend.account_id, backend.region_name, namespace, datum["MetricName"], dimensions)
                concerned = [alarm for alarm in list(backend.alarms.values()) if _key_of(backend, alarm) == key]
                for alarm in concerned:
                    self._evaluate(backend, alarm)  # the time without data before this
                self._data[key] += [(self._now(), value) for value in _values(datum)]
                for alarm in concerned:
                    self._evaluate(backend, alarm)

    def _now(self) -> float:
        return time.monotonic() + self._passed

    def _evaluate(self, backend: Any, alarm: Any) -> None:
        state = self._state(alarm, self._data[_key_of(backend, alarm)])
        if state is None or state == alarm.state_value:
            return
        before, reason = alarm.state_value, f"{alarm.metric_name} {alarm.comparison_operator} {alarm.threshold}"
        alarm.update_state(
            f"Threshold Crossed: {reason}" if state == "ALARM" else f"Threshold not crossed: {reason}", "{}", state
        )
        detail = _detail(alarm, before)
        self._changed(detail, backend.account_id, backend.region_name, alarm.alarm_arn)
        actions = alarm.alarm_actions if state == "ALARM" else alarm.ok_actions
        for action in actions if alarm.actions_enabled else ():
            self._tasks.submit(
                f"alarm {alarm.name} notifies {action.rsplit(':', 1)[-1]}", self._notify, action, alarm, detail
            )

    def _state(self, alarm: Any, data: list[tuple[float, float]]) -> str | None:
        """Give `ALARM`, `OK`, or None where the state does not change: periods are counted back from now."""
        period, periods = alarm.period * self._time_scale, alarm.evaluation_periods
        now = self._now()
        buckets: dict[int, list[float]] = defaultdict(list)
        for at, value in data:
            buckets[int((now - at) // period)].append(value)
        missing = alarm.treat_missing_data or "missing"
        breaches: list[bool] = []
        for index in range(periods):
            if values := buckets.get(index):
                breaches.append(
                    _HOLDS[alarm.comparison_operator](_STATISTICS[alarm.statistic](values), alarm.threshold)
                )
            elif missing in ("breaching", "notBreaching"):
                breaches.append(missing == "breaching")
        if not breaches:
            return None
        return "ALARM" if sum(breaches) >= (alarm.datapoints_to_alarm or periods) else "OK"

    def _notify(self, action: str, alarm: Any, detail: Mapping[str, Any]) -> None:
        """Publish as CloudWatch does: a JSON document for machines under a subject for people."""
        state = detail["state"]["value"]
        message = {
            "AlarmName": alarm.name,
            "AlarmDescription": alarm.description,
            "AlarmArn": alarm.alarm_arn,
            "NewStateValue": state,
            "NewStateReason": alarm.state_reason,
            "OldStateValue": detail["previousState"]["value"],
            "Region": alarm.region_name,
            "Trigger": {"MetricName": alarm.metric_name, "Namespace": alarm.namespace, "Threshold": alarm.threshold},
        }
        subject = f'{state}: "{alarm.name}" in {alarm.region_name}'[:100]
        sender = Sender("cloudwatch.amazonaws.com", alarm.alarm_arn)
        try:
            self._targets.deliver(action, json.dumps(message), sender, {"Subject": subject})
        except (DeliveryFailed, UnknownTarget) as error:
            self._undelivered(f"alarm {alarm.name} could not notify {action}: {error}")


def _key_of(backend: Any, alarm: Any) -> Key:
    dimensions = frozenset((dimension.name, dimension.value) for dimension in alarm.dimensions)
    return (backend.account_id, backend.region_name, alarm.namespace, alarm.metric_name, dimensions)


def _values(datum: Mapping[str, Any]) -> list[float]:
    values = datum.get("Values")
    return [float(value) for value in values] if values else [float(datum.get("Value", 0))]


def _detail(alarm: Any, before: str) -> dict[str, Any]:
    """Make the event's `detail`, as far as rules match on it."""
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    return {
        "alarmName": alarm.name,
        "state": {"value": alarm.state_value, "reason": alarm.state_reason, "timestamp": moment},
        "previousState": {"value": before, "timestamp": moment},
        "configuration": {"description": alarm.description},
    }
