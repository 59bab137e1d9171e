"""Schedules: rules that recur every few minutes fire on a scaled clock, every other schedule by `fire`.

crhelper polls with a rule `rate(2 minutes)` that it makes at run time; nobody could wait for it.
Daily schedules would never come round in a rehearsal: `fire` is their clock.
"""

import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

from moto.events.models import Rule, events_backends
from moto.scheduler.models import Schedule, scheduler_backends

from orgsync.sandbox.cloud.events import Delivery, EventBuses
from orgsync.sandbox.cloud.targets import Sender
from orgsync.sandbox.cloud.task_tracker import TaskTracker

_MINUTES = re.compile(r"^rate\((\d+) minutes?\)$")
_QUICKEST_TICK_S = 0.3


class Schedules:
    """All rules and schedules that fire at a time.

    Args:
        time_scale: seconds here for each second of a `rate(n minutes)`.
    """

    def __init__(self, events: EventBuses, tasks: TaskTracker, time_scale: float) -> None:
        self._events, self._tasks, self._time_scale = events, tasks, time_scale
        self._due: dict[str, float] = {}
        self._closing = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="sandbox-rates", daemon=True)
        self._ticker.start()

    def fire(self) -> int:
        """Fire once every enabled schedule that does not tick by itself; returns how many there were."""
        fired = 0
        for schedule in _schedules():
            if schedule.state == "ENABLED":
                fired += 1
                target = schedule.target
                text = target.get("Input") or "{}"
                sender = Sender("scheduler.amazonaws.com", schedule.arn, target.get("RoleArn"), by_role=True)
                delivery = Delivery(target["Arn"], text, text, sender, target)
                dead_letters = target.get("DeadLetterConfig", {}).get("Arn")
                self._events.send(delivery, target.get("RetryPolicy", {}), dead_letters)
        for rule in _scheduled_rules():
            if not _MINUTES.match(rule.scheduled_expression or ""):
                fired += 1
                self._fire_rule(rule)
        return fired

    def close(self) -> None:
        """Stop the clock."""
        self._closing.set()
        self._ticker.join()

    def _tick(self) -> None:
        elapsed = 0.0
        while not self._closing.wait(_QUICKEST_TICK_S / 3):
            elapsed += _QUICKEST_TICK_S / 3
            ticking = {rule.arn: (rule, match) for rule in _scheduled_rules() if (match := _matches(rule))}
            self._due = {arn: due for arn, due in self._due.items() if arn in ticking}
            for arn, (rule, minutes) in ticking.items():
                period = max(int(minutes[1]) * 60 * self._time_scale, _QUICKEST_TICK_S)
                # Work takes its real time while the clock is quickened: what a tick has set off is
                # over before the next, as it would be with minutes in between.
                if elapsed >= self._due.setdefault(arn, elapsed + period) and not self._busy(rule):
                    self._due[arn] = elapsed + period
                    self._fire_rule(rule)

    def _busy(self, rule: Rule) -> bool:
        running = self._tasks.names()
        called = {f"asynchronous {target['Arn'].rsplit(':', 1)[-1]}" for target in rule.targets}
        return bool(called & running) or any(name.startswith(f"delivery {rule.name} ") for name in running)

    def _fire_rule(self, rule: Rule) -> None:
        event = {
            "version": "0",
            "id": str(uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": rule.account_id,
            "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": rule.region_name,
            "resources": [rule.arn],
            "detail": {},
        }
        for target in list(rule.targets):
            self._events.fire(rule, target, event)


def _matches(rule: Rule) -> re.Match[str] | None:
    return _MINUTES.match(rule.scheduled_expression or "")


def _scheduled_rules() -> Iterator[Rule]:
    for regions in list(events_backends.values()):
        for backend in list(regions.values()):
            for rule in list(backend.event_buses["default"].rules.values()):
                if rule.scheduled_expression and rule.state != "DISABLED":
                    yield rule


def _schedules() -> Iterator[Schedule]:
    for regions in list(scheduler_backends.values()):
        for backend in list(regions.values()):
            for group in list(backend.schedule_groups.values()):
                yield from list(group.schedules.values())
