"""EventBridge as far as our rules use it: which rule an event matches, and what its target gets of the event."""

import json
import re
from typing import Any

from moto.events.models import EventPattern

from orgsync.components.contact_sync.event_patterns import EventRule, event_rules
from orgsync.components.contact_sync.member_patterns import member_rule
from orgsync.components.shared.stack_context import StackContext
from tests.sample_events import MANAGEMENT

CONTEXT = StackContext("orgsync-dev-contact-sync", "dev", "aws", "us-east-1", MANAGEMENT, "o-aaaabbbbcc")
MEMBER_RULE = "member-changed"
RULES: dict[str, EventRule] = {**event_rules(), MEMBER_RULE: member_rule(CONTEXT)}
"""The rules of the default bus, and that of the bus to which members' events are forwarded."""

Event = dict[str, Any]


def matches(rule: str, event: Any) -> bool:
    """Return whether an event matches a rule."""
    return bool(EventPattern.load(json.dumps(RULES[rule].pattern)).matches_event(event))


def matching_rules(event: Any) -> list[str]:
    """Return the rules that an event matches on the bus on which it arrives: a member's is forwarded to its own."""
    forwarded = isinstance(event, dict) and event.get("account") not in (None, MANAGEMENT)
    return [rule for rule in RULES if (rule == MEMBER_RULE) == forwarded and matches(rule, event)]


def transformed(rule: str, event: Event) -> Event:
    """Return what the rule's target gets, as EventBridge makes it: a path that leads nowhere leaves nothing."""
    shape = RULES[rule]
    if shape.input_transformer is None:
        return event

    def value(match: re.Match[str]) -> str:
        found: Any = event
        for step in shape.paths[match[1]].removeprefix("$.").split("."):
            found = found.get(step, {}) if isinstance(found, dict) else {}
        return found if isinstance(found, str) else ""

    made: Event = json.loads(re.sub(r"<(\w+)>", value, shape.template))
    return made
