"""A system in another region than the one where account events happen."""

import json

import pytest

from orgsync.components.contact_sync.event_patterns import event_rules
from tests.components.program import Declare, Program

HOME = "eu-west-1"


@pytest.fixture(scope="module")
def abroad(declare: Declare) -> Program:
    return declare("dev", region=HOME)


def test_only_rules_and_their_dead_letters_stand_abroad(abroad: Program) -> None:
    """Every store, function and notification is in the stack's own region."""
    kinds = {resource.type.rsplit(":", 1)[-1] for resource in abroad if "region" in resource.inputs}
    assert kinds == {"EventRule", "EventTarget", "Queue", "Key", "MetricAlarm"}
    assert {resource.inputs["region"] for resource in abroad if "region" in resource.inputs} == {"us-east-1"}


def test_every_account_event_is_forwarded_to_rules_that_match_it(abroad: Program) -> None:
    """An event that starts a run is matched by the same pattern where it happens, and put on the stack's own bus."""
    rules = [rule.inputs for rule in abroad.of("EventRule")]
    there = {rule["name"]: rule["eventPattern"] for rule in rules if "region" in rule}
    here = {rule["name"]: rule["eventPattern"] for rule in rules if "region" not in rule}
    for part in event_rules():
        name = f"orgsync-dev-contact-sync-{part}"
        assert json.loads(there[name]) == json.loads(here[name])
    buses = {target.inputs["arn"] for target in abroad.of("EventTarget") if "region" in target.inputs}
    assert buses == {f"arn:aws:events:{HOME}:100000000001:event-bus/default"}


def test_every_alarm_abroad_is_known_at_home(abroad: Program) -> None:
    """By a rule on its change of state, whose sentence is the alarm's own, in the queue over which an alarm stands."""
    alarms = [alarm.inputs for alarm in abroad.of("MetricAlarm") if "region" in alarm.inputs]
    assert len(alarms) == 1 + len(event_rules())
    (home,) = [
        rule.inputs
        for rule in abroad.of("EventRule")
        if "aws.cloudwatch" in rule.inputs["eventPattern"] and "region" not in rule.inputs
    ]
    assert json.loads(home["eventPattern"])["detail"]["alarmName"] == sorted(alarm["name"] for alarm in alarms)
    targets = [target.inputs for target in abroad.of("EventTarget") if target.inputs["rule"] == home["name"]]
    (target,) = [target for target in targets if "region" not in target]
    assert target["arn"] == "arn:aws:any:us-east-1:100000000001:contact-sync-failed-events"
    assert "<description>" in json.loads(target["inputTransformer"]["inputTemplate"])
    for alarm in alarms:
        # They stand inside a JSON string, into which EventBridge puts them as they are.
        assert not set('"\\\n') & set(alarm["alarmDescription"])
        assert "orgsync sync --stack dev" in alarm["alarmDescription"]


def test_nothing_is_forwarded_where_the_events_happen(declare: Declare) -> None:
    """A stack in the region of account events needs no second set of rules."""
    assert not [resource for resource in declare("dev") if "region" in resource.inputs]
