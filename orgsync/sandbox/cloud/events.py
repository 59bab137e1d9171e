"""EventBridge: rules are matched against events, which are delivered, retried, or put into dead-letter queues.

moto keeps buses, rules and targets; it delivers to few of them and retries nothing.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast
from uuid import uuid4

from moto.events.models import EventBus, EventsBackend, Rule, events_backends

from orgsync.sandbox.cloud import bus_access, metrics
from orgsync.sandbox.cloud.input_transformer import TransformFailed, target_input
from orgsync.sandbox.cloud.patches import Patches
from orgsync.sandbox.cloud.targets import (
    DeliveryFailed,
    Sender,
    Targets,
    target_kind,
)
from orgsync.sandbox.cloud.task_tracker import TaskTracker
from orgsync.sandbox.errors import UnknownTarget

log = logging.getLogger(__name__)

_BUS = "events:event-bus"
_LONGEST_WAIT_S = 10.0
"""The longest wait between attempts: AWS backs off up to minutes over 24 hours [inferred]."""


@dataclass(frozen=True)
class Delivery:
    """One event on its way to one target."""

    arn: str
    text: str
    body: str
    sender: Sender
    settings: Mapping[str, Any]
    event: Mapping[str, Any] | None = None

    @property
    def what(self) -> str:
        """Describe the delivery in one line."""
        return f"delivery {self.sender.source_arn.rsplit('/', 1)[-1]} to {self.arn.rsplit(':', 1)[-1]}"


class EventBuses:
    """The event buses of every account and region.

    Args:
        undelivered: called with every event that reached neither its target nor a dead-letter queue.
        unknown: called with every target of an unknown kind.
    """

    def __init__(
        self,
        targets: Targets,
        tasks: TaskTracker,
        undelivered: Callable[[str], None],
        unknown: Callable[[str], None],
    ) -> None:
        self._targets, self._tasks = targets, tasks
        self._undelivered, self._unknown = undelivered, unknown

    def install(self, patches: Patches) -> None:
        """Replace moto's delivery."""
        events = self

        def send_to_targets(rule: Rule, original_event: Any, transform_input: bool = True) -> None:
            events._deliver_if_matching(rule, _as_aws_sends_it(original_event))

        patches.replace(Rule, "send_to_targets", send_to_targets)
        patches.wrap(EventsBackend, "put_events", self._put_events)

    def emit(
        self,
        source: str,
        detail_type: str,
        detail: Any,
        account: str,
        region: str,
        *,
        times: int = 1,
    ) -> None:
        """Put an event on a default bus as AWS itself does; a duplicate has the same id.

        A detail that is no JSON object reaches no rule: EventBridge answers MalformedDetail.
        """
        if not isinstance(detail, Mapping):
            return
        event = _event(source, detail_type, detail, account, region)
        for _ in range(times):
            self._put(event, account, region, "default")

    def _put_events(self, original: Callable[..., Any], backend: Any, entries: list[dict[str, Any]]) -> Any:
        """Give entries for this account's own buses to moto; check those for another's against that bus's policy."""
        buses = [bus_access.foreign_bus(backend, entry) for entry in entries]
        for bus, entry in zip(buses, entries, strict=True):
            if bus:
                bus_access.check_access(bus, backend.account_id, entry)
        refused = [bus_access.is_reserved(entry) for entry in entries]
        checked = list(zip(entries, buses, refused, strict=True))
        answers = iter(original(backend, [entry for entry, bus, bad in checked if not (bus or bad)]))
        return [
            bus_access.RESERVED if bad else self._put_elsewhere(bus, backend, entry) if bus else next(answers)
            for entry, bus, bad in checked
        ]

    def _put_elsewhere(self, bus: EventBus, backend: Any, entry: Mapping[str, Any]) -> dict[str, str]:
        event = _event(
            entry["Source"],
            entry["DetailType"],
            json.loads(entry["Detail"]),
            backend.account_id,
            backend.region_name,
        )
        self._put(event, bus.account_id, bus.region, bus.name)
        return {"EventId": event["id"]}

    def send(self, delivery: Delivery, policy: Mapping[str, Any], dead_letters: str | None) -> None:
        """Deliver as the retry policy says; what fails for good goes to the dead-letter queue, if there is one."""
        self._tasks.submit(delivery.what, self._attempt, delivery, policy, dead_letters, 0, 0.0)

    def _put(self, event: Mapping[str, Any], account: str, region: str, bus: str, forwarded: bool = False) -> None:
        for rule in list(events_backends[account][region].event_buses[bus].rules.values()):
            self._deliver_if_matching(rule, event, forwarded)

    def _deliver_if_matching(self, rule: Rule, event: Mapping[str, Any], forwarded: bool = False) -> None:
        # A rule with a schedule has an empty pattern, which moto takes to match everything.
        if rule.state == "DISABLED" or not rule.event_pattern.get_pattern():
            return
        if not rule.event_pattern.matches_event(cast(Any, event)):
            return
        for target in list(rule.targets):
            if forwarded and target_kind(target["Arn"]) == _BUS:
                # AWS reports nothing here; a rehearsal should.
                self._undelivered(
                    f"{rule.arn}: an event that came from another bus goes to no third one: {target['Arn']}"
                )
            else:
                self.fire(rule, target, event)

    def fire(self, rule: Rule, target: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        """Send an event to one target of a rule."""
        sender = Sender("events.amazonaws.com", rule.arn, target.get("RoleArn"))
        dead_letters = target.get("DeadLetterConfig", {}).get("Arn")
        body = json.dumps(event)
        try:
            text = target_input(target, event, rule.arn)
        except TransformFailed as error:
            failed = Delivery(target["Arn"], "", body, sender, {}, event)
            self._send_to_dead_letters(failed, dead_letters, DeliveryFailed("INVALID_JSON", str(error)), 0)
            return
        delivery = Delivery(target["Arn"], text, body, sender, target, event)
        self.send(delivery, target.get("RetryPolicy", {}), dead_letters)

    def _attempt(
        self, delivery: Delivery, policy: Mapping[str, Any], dead_letters: str | None, attempt: int, age_s: float
    ) -> None:
        try:
            if target_kind(delivery.arn) == _BUS:
                self._forward(delivery)
            else:
                self._targets.deliver(delivery.arn, delivery.text, delivery.sender, delivery.settings)
        except UnknownTarget as unknown:
            self._unknown(str(unknown))
        except DeliveryFailed as failure:
            wait = min(2.0**attempt, _LONGEST_WAIT_S)
            most, oldest = policy.get("MaximumRetryAttempts", 185), policy.get("MaximumEventAgeInSeconds", 86400)
            if failure.retryable and attempt < most and age_s + wait <= oldest:
                again = (delivery, policy, dead_letters, attempt + 1, age_s + wait)
                self._tasks.submit(delivery.what, self._attempt, *again, delay=wait)
            else:
                self._send_to_dead_letters(delivery, dead_letters, failure, attempt)

    def _forward(self, delivery: Delivery) -> None:
        """Forward to another bus: the event keeps the account and region that it comes from."""
        assert delivery.event is not None
        self._targets.require_role(delivery.sender)
        bus = bus_access.find_bus(delivery.arn)
        if bus is None:
            raise DeliveryFailed("NO_RESOURCE", f"there is no event bus {delivery.arn}")
        sender = delivery.sender.source_arn.split(":")[4]
        if not bus_access.allows_event(bus, sender, delivery.event, forwarded=True):
            raise DeliveryFailed("NO_PERMISSIONS", f"{delivery.arn} does not allow account {sender} to put events")
        self._put(delivery.event, bus.account_id, bus.region, bus.name, forwarded=True)

    def _send_to_dead_letters(
        self, delivery: Delivery, dead_letters: str | None, failure: DeliveryFailed, attempts: int
    ) -> None:
        why = f"{delivery.what}: {failure}"
        if not dead_letters:
            self._undelivered(f"{why}; it has no dead-letter queue")
            return
        kind = "SCHEDULE_ARN" if delivery.sender.by_role else "RULE_ARN"
        attributes = {
            kind: delivery.sender.source_arn,
            "TARGET_ARN": delivery.arn,
            "ERROR_CODE": failure.code,
            "ERROR_MESSAGE": failure.message,
            "RETRY_ATTEMPTS": str(attempts),
        }
        try:
            self._targets.deliver(dead_letters, delivery.body, delivery.sender, {"MessageAttributes": attributes})
        except (DeliveryFailed, UnknownTarget) as error:
            metrics.put_lost(delivery.sender.source_arn)
            self._undelivered(f"{why}; its dead-letter queue refused it too: {error}")


def _event(source: str, detail_type: str, detail: Mapping[str, Any], account: str, region: str) -> dict[str, Any]:
    return {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": account,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": region,
        "resources": [],
        "detail": dict(detail),
    }


def _as_aws_sends_it(event: Mapping[str, Any]) -> dict[str, Any]:
    """Convert moto's event: the time as text, and without moto's own additions."""
    sent = {key: value for key, value in event.items() if key != "ingestion-time"}
    moment = sent.get("time")
    if not isinstance(moment, str):
        sent["time"] = datetime.fromtimestamp(float(moment or 0), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return sent
