"""EventBridge: rules matched against events, and what matches delivered, tried again, or put with the dead.

moto keeps buses, rules and targets; it delivers to few of them and retries nothing.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast
from uuid import uuid4

from moto.events.models import EventsBackend, Rule, events_backends

from . import resource_policy
from .errors import UnknownTarget
from .input_transformer import TransformFailed, target_input
from .patches import Patches
from .targets import DeliveryFailed, Sender, Targets, kind_of
from .work import Work

log = logging.getLogger(__name__)

_LONGEST_WAIT_S = 10.0
"""Between attempts, before scaling: AWS backs off up to minutes over 24 hours [inferred]."""


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
        """What runs, for people."""
        return f"delivery {self.sender.source_arn.rsplit('/', 1)[-1]} to {self.arn.rsplit(':', 1)[-1]}"


class Events:
    """The event buses of every account and region.

    Args:
        time_scale: seconds here for each second AWS would wait between attempts.
        lost: told of every event that reached neither its target nor a dead-letter queue.
        unknown: told of every target that is of no known kind.
    """

    def __init__(
        self,
        targets: Targets,
        work: Work,
        time_scale: float,
        lost: Callable[[str], None],
        unknown: Callable[[str], None],
    ) -> None:
        self._targets, self._work, self._time_scale = targets, work, time_scale
        self._lost, self._unknown = lost, unknown

    def install(self, patches: Patches) -> None:
        """Take moto's delivery's place."""
        events = self

        def send_to_targets(rule: Rule, original_event: Any, transform_input: bool = True) -> None:
            events._offer(rule, _as_aws_sends_it(original_event))

        patches.replace(Rule, "send_to_targets", send_to_targets)
        patches.wrap(EventsBackend, "put_events", _put_events)

    def emit(
        self,
        source: str,
        detail_type: str,
        detail: Mapping[str, Any],
        account: str,
        region: str,
        *,
        times: int = 1,
    ) -> None:
        """Put an event on a default bus as AWS itself does; a duplicate has the same id."""
        event = {
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
        for _ in range(times):
            self._put(event, account, region, "default")

    def send(self, delivery: Delivery, policy: Mapping[str, Any], dead_letters: str | None) -> None:
        """Deliver, following a retry policy; then the dead-letter queue; then nobody."""
        self._work.submit(delivery.what, self._attempt, delivery, policy, dead_letters, 0, 0.0)

    def _put(self, event: Mapping[str, Any], account: str, region: str, bus: str) -> None:
        for rule in list(events_backends[account][region].event_buses[bus].rules.values()):
            self._offer(rule, event)

    def _offer(self, rule: Rule, event: Mapping[str, Any]) -> None:
        # A rule with a schedule has an empty pattern, which moto takes to match everything.
        if rule.state == "DISABLED" or not rule.event_pattern.get_pattern():
            return
        if not rule.event_pattern.matches_event(cast(Any, event)):
            return
        for target in list(rule.targets):
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
            self._bury(failed, dead_letters, DeliveryFailed("INVALID_JSON", str(error)), 0)
            return
        delivery = Delivery(target["Arn"], text, body, sender, target, event)
        self.send(delivery, target.get("RetryPolicy", {}), dead_letters)

    def _attempt(
        self, delivery: Delivery, policy: Mapping[str, Any], dead_letters: str | None, attempt: int, age_s: float
    ) -> None:
        try:
            if kind_of(delivery.arn) == "events:event-bus":
                self._forward(delivery)
            else:
                self._targets.deliver(delivery.arn, delivery.text, delivery.sender, delivery.settings)
        except UnknownTarget as unknown:
            self._unknown(str(unknown))
        except DeliveryFailed as failure:
            wait = min(2.0**attempt, _LONGEST_WAIT_S)
            most, oldest = policy.get("MaximumRetryAttempts", 185), policy.get("MaximumEventAgeInSeconds", 86400)
            if failure.passing and attempt < most and age_s + wait <= oldest:
                again = (delivery, policy, dead_letters, attempt + 1, age_s + wait)
                self._work.submit(delivery.what, self._attempt, *again, delay=wait * self._time_scale)
            else:
                self._bury(delivery, dead_letters, failure, attempt)

    def _forward(self, delivery: Delivery) -> None:
        """To another bus: the event keeps the account and region it comes from."""
        assert delivery.event is not None
        self._targets.require_role(delivery.sender)
        _, _, _, region, account, resource = delivery.arn.split(":", 5)
        buses = events_backends[account][region].event_buses
        name = resource.removeprefix("event-bus/")
        if name not in buses:
            raise DeliveryFailed("NO_RESOURCE", f"there is no event bus {delivery.arn}")
        sender = delivery.sender.source_arn.split(":")[4]
        if sender != account:
            context = {"aws:PrincipalOrgID": self._organization_of(sender)}
            if not resource_policy.allows(buses[name].policy, sender, "events:PutEvents", context):
                raise DeliveryFailed("NO_PERMISSIONS", f"{delivery.arn} does not let account {sender} put events")
        self._put(delivery.event, account, region, name)

    @staticmethod
    def _organization_of(account: str) -> str:
        from moto.organizations.models import organizations_backends  # a table that only this question needs

        master, partition = organizations_backends.master_accounts.get(account, (account, "aws"))
        organization = organizations_backends[master][partition].org
        return organization.id if organization else ""

    def _bury(self, delivery: Delivery, dead_letters: str | None, failure: DeliveryFailed, attempts: int) -> None:
        why = f"{delivery.what}: {failure}"
        if not dead_letters:
            self._lost(f"{why}; it has no dead-letter queue")
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
            self._lost(f"{why}; its dead-letter queue took it no more than the target: {error}")


def _put_events(original: Callable[..., Any], backend: Any, events: list[dict[str, Any]]) -> Any:
    """Sources that begin with `aws.` are AWS's own, which moto does not mind."""
    mine = f":{backend.region_name}:{backend.account_id}:"
    if any(":" in (name := event.get("EventBusName") or "") and mine not in name for event in events):
        raise NotImplementedError("PutEvents on a bus of another account or region")
    refused = {
        "ErrorCode": "NotAuthorizedForSourceException",
        "ErrorMessage": "Not authorized for the source.",
    }
    answers = iter(original(backend, [event for event in events if not _is_aws(event)]))
    return [refused if _is_aws(event) else next(answers) for event in events]


def _is_aws(event: Mapping[str, Any]) -> bool:
    return str(event.get("Source", "")).startswith("aws.")


def _as_aws_sends_it(event: Mapping[str, Any]) -> dict[str, Any]:
    """moto's event with the time as text, and without its own additions."""
    sent = {key: value for key, value in event.items() if key != "ingestion-time"}
    moment = sent.get("time")
    if not isinstance(moment, str):
        sent["time"] = datetime.fromtimestamp(float(moment or 0), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return sent
