"""Which events ring, and what of them is passed on."""

import json
import re

import pytest
from moto.events.models import EventPattern

from orgsync.components.contact_sync import event_patterns

CANARY = "canary@values.example"


def event(name, *, source="aws.account", detail_type="AWS API Call via CloudTrail", service="account", **detail):
    return {
        "version": "0",
        "id": "8a0d3c2e-0000-4000-8000-000000000001",
        "source": source,
        "detail-type": detail_type,
        "account": "100000000001",
        "time": "2026-11-01T00:00:00Z",
        "region": "us-east-1",
        "detail": {"eventName": name, "eventSource": f"{service}.amazonaws.com", "eventID": "e-1", **detail},
    }


def rings(rule, sent):
    return EventPattern.load(json.dumps(event_patterns.patterns()[rule])).matches_event(sent)


def rendered(rule, sent):
    """A transformer's output as EventBridge makes it: a path that leads nowhere leaves nothing."""
    shape = event_patterns.transformers()[rule]

    def value(match):
        found = sent
        for step in shape.paths[match[1]].removeprefix("$.").split("."):
            found = found.get(step, {}) if isinstance(found, dict) else {}
        return found if isinstance(found, str) else ""

    return json.loads(re.sub(r"<(\w+)>", value, shape.template))


@pytest.mark.parametrize("name", ["PutContactInformation", "PutAlternateContact", "DeleteAlternateContact"])
def test_a_change_of_the_source_rings(name):
    """Each call that changes a contact rings when it names no member, whatever else it carries."""
    assert rings("source-changed", event(name, requestParameters={"alternateContactType": "SECURITY"}))
    assert rings("source-changed", event(name, requestParameters=None))


@pytest.mark.parametrize("key", ["accountId", "AccountId"])
def test_a_write_to_a_member_never_rings(key):
    """A call about a member, our own writes among them, does not ring: neither casing of its id."""
    assert not rings("source-changed", event("PutAlternateContact", requestParameters={key: "200000000001"}))


def test_a_refused_call_never_rings():
    """A call that AWS refused changed nothing."""
    assert not rings("source-changed", event("PutAlternateContact", errorCode="AccessDenied", requestParameters={}))


@pytest.mark.parametrize("name", ["SetContactAddress", "SetAdditionalContacts"])
@pytest.mark.parametrize("source", ["aws.billingconsole", "aws.signin"])
def test_an_edit_in_the_console_rings_whatever_its_source(name, source):
    """The console's edits ring by what is documented of them: their service and their names."""
    sent = event(name, source=source, detail_type="AWS Console Action via CloudTrail", service="billingconsole")
    assert rings("console-edited", sent)
    assert not rings("source-changed", sent)


def test_a_new_account_rings():
    """A created account rings with its result, a joined one under any detail-type."""
    created = event("CreateAccountResult", source="aws.organizations", detail_type="AWS Service Event via CloudTrail")
    assert rings("account-created", created)
    joined = event("AccountJoinedOrganization", source="aws.organizations", detail_type="Something New")
    assert rings("account-joined", joined)
    assert not rings("account-joined", created)


def test_a_run_that_died_is_told_from_the_batches_of_a_run(context):
    """The machine's own failures are matched; a child of its Distributed Map and another machine are not."""
    pattern = EventPattern.load(json.dumps(event_patterns.run_died(context)))

    def died(machine, status="FAILED"):
        sent = {"source": "aws.states", "detail-type": "Step Functions Execution Status Change"}
        return pattern.matches_event({**sent, "detail": {"stateMachineArn": machine, "status": status}})

    assert died(context.state_machine)
    assert died(context.state_machine, "ABORTED")
    assert not died(context.state_machine, "SUCCEEDED")
    assert not died(f"{context.state_machine}/batches")
    assert not died(context.arn("states", "stateMachine:another"))


@pytest.mark.parametrize("rule", ["source-changed", "console-edited", "member-changed"])
@pytest.mark.parametrize("casing", [str, lambda key: key[0].upper() + key[1:]])
def test_no_contact_value_becomes_an_input(rule, casing):
    """Of a contact event its kind and its caller pass; no value does, in either casing, at any depth."""
    fields = {casing(key): CANARY for key in ("emailAddress", "name", "phoneNumber", "title", "newValue")}
    fields |= {casing("contactInformation"): {"fullName": CANARY}, casing("alternateContactType"): "SECURITY"}
    sent = event(
        "PutAlternateContact",
        requestParameters=fields,
        responseElements={"echo": CANARY},
        userIdentity={"arn": "arn:aws:iam::100000000001:user/ann", "userName": CANARY},
        additionalEventData=CANARY,
    )
    passed = rendered(rule, sent)
    assert CANARY not in json.dumps(passed)
    assert passed["detail"]["requestParameters"][casing("alternateContactType")] == "SECURITY"
    assert passed["detail"]["userIdentity"]["arn"] == "arn:aws:iam::100000000001:user/ann"


@pytest.mark.parametrize("rule", sorted(event_patterns.transformers()))
def test_what_is_passed_on_is_an_event_again(rule):
    """The input has an event's envelope, also when the event had next to nothing in it."""
    passed = rendered(rule, {"source": "aws.account", "detail-type": "t", "detail": {"eventName": "n"}})
    assert set(passed) == {"id", "source", "detail-type", "account", "time", "region", "detail"}
    assert passed["detail"]["eventName"] == "n"
    assert passed["id"] == ""


@pytest.mark.parametrize("rule", sorted(event_patterns.transformers()))
def test_every_placeholder_stands_in_quotes(rule):
    """A missing path leaves nothing where it stood: only in quotes does the JSON stay whole."""
    shape = event_patterns.transformers()[rule]
    placeholders = re.findall(r"<\w+>", shape.template)
    assert len(placeholders) == len(shape.paths)
    assert all(f'"{placeholder}"' in shape.template for placeholder in placeholders)


def test_the_new_account_passes():
    """A created account's id, state and reason reach the plan."""
    status = {"state": "SUCCEEDED", "accountId": "200000000009", "accountName": "****"}
    passed = rendered(
        "account-created", event("CreateAccountResult", serviceEventDetails={"createAccountStatus": status})
    )
    assert passed["detail"]["serviceEventDetails"]["createAccountStatus"] == {
        "state": "SUCCEEDED",
        "accountId": "200000000009",
        "failureReason": "",
    }
