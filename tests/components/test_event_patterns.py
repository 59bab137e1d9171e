"""Event patterns: the events that start a run, and the fields of them that are passed on."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from moto.events.models import EventPattern

from orgsync.components.contact_sync.event_rules import run_died
from orgsync.components.contact_sync.resource_names import state_machine_arn
from orgsync.components.shared.stack_context import StackContext
from orgsync.contact_sync.names import OrganizationCall
from tests.event_bus import RULES, Event, matches, transformed

CANARY = "canary@values.example"

PICKING = sorted(name for name, rule in RULES.items() if rule.paths)


def event(
    name: str,
    *,
    source: str = "aws.account",
    detail_type: str = "AWS API Call via CloudTrail",
    service: str = "account",
    **detail: Any,
) -> Event:
    """Return an event of CloudTrail's as it stands on the default bus."""
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


@pytest.mark.parametrize("name", ["PutContactInformation", "PutAlternateContact", "DeleteAlternateContact"])
def test_a_change_of_the_source_starts_a_run(name: str) -> None:
    """Each call that changes a contact starts a run when it names no member, whatever else it carries."""
    assert matches("source-changed", event(name, requestParameters={"alternateContactType": "SECURITY"}))
    assert matches("source-changed", event(name, requestParameters=None))


@pytest.mark.parametrize("key", ["accountId", "AccountId"])
def test_a_write_to_a_member_starts_no_run(key: str) -> None:
    """A call about a member, our own writes among them, starts no run: neither casing of its id."""
    assert not matches("source-changed", event("PutAlternateContact", requestParameters={key: "200000000001"}))


def test_a_refused_call_starts_no_run() -> None:
    """A call that AWS refused changed nothing."""
    assert not matches("source-changed", event("PutAlternateContact", errorCode="AccessDenied", requestParameters={}))


@pytest.mark.parametrize("name", ["SetContactAddress", "SetAdditionalContacts"])
@pytest.mark.parametrize("source", ["aws.billingconsole", "aws.signin"])
def test_an_edit_in_the_console_starts_a_run_whatever_its_source(name: str, source: str) -> None:
    """The console's edits start a run by what is documented of them: their service and their names."""
    sent = event(name, source=source, detail_type="AWS Console Action via CloudTrail", service="billingconsole")
    assert matches("console-edited", sent)
    assert not matches("source-changed", sent)


def test_a_new_account_starts_a_run() -> None:
    """A created account starts a run with its result, a joined one under any detail-type."""
    created = event("CreateAccountResult", source="aws.organizations", detail_type="AWS Service Event via CloudTrail")
    assert matches("account-created", created)
    joined = event("AccountJoinedOrganization", source="aws.organizations", detail_type="Something New")
    assert matches("account-joined", joined)
    assert not matches("account-joined", created)
    named_by_type = event("SomethingElse", source="aws.organizations", detail_type="Account Joined Organization")
    assert matches("account-joined", named_by_type)


@pytest.mark.parametrize("call", OrganizationCall)
def test_a_change_of_the_organization_starts_a_run(call: OrganizationCall) -> None:
    """Units and tags of accounts decide what they should hold; a refused call changed nothing."""
    parameters = dict.fromkeys(call.subject, "200000000001")
    sent = event(call, source="aws.organizations", service="organizations", requestParameters=parameters)
    assert matches("organization-changed", sent)
    for rule in RULES.keys() - {"organization-changed"}:
        assert not matches(rule, sent)
    sent["detail"]["errorCode"] = "AccessDeniedException"
    assert not matches("organization-changed", sent)


@pytest.mark.parametrize("service", ["account", "billingconsole"])
@pytest.mark.parametrize("detail_type", ["AWS API Call via CloudTrail", "AWS Console Action via CloudTrail"])
@pytest.mark.parametrize("source", ["aws.account", "aws.billingconsole", "aws.signin"])
def test_a_members_own_edit_is_forwarded_whatever_made_it(service: str, detail_type: str, source: str) -> None:
    """By API or console; only AWS has sources of its own prefix, so nobody else can make such an event up."""
    name = "PutAlternateContact" if service == "account" else "SetAdditionalContacts"
    sent = event(name, source=source, detail_type=detail_type, service=service) | {"account": "200000000001"}
    assert matches("member-changed", sent)
    assert not matches("member-changed", sent | {"source": "com.example"})


def test_a_run_that_died_is_distinguished_from_its_batches(context: StackContext) -> None:
    """The machine's own failures are matched; a child of its Distributed Map and another machine are not."""
    pattern = EventPattern.load(json.dumps(run_died(context)))

    def died(machine: str, status: str = "FAILED") -> bool:
        detail = {"stateMachineArn": machine, "status": status}
        sent: Any = {"source": "aws.states", "detail-type": "Step Functions Execution Status Change", "detail": detail}
        return bool(pattern.matches_event(sent))

    machine = state_machine_arn(context)

    assert died(machine)
    assert died(machine, "ABORTED")
    assert not died(machine, "SUCCEEDED")
    assert not died(f"{machine}/batches")
    assert not died(context.arn("states", "stateMachine:another"))


@pytest.mark.parametrize("rule", ["source-changed", "console-edited", "member-changed"])
@pytest.mark.parametrize("casing", [str, lambda key: key[0].upper() + key[1:]])
def test_no_contact_value_becomes_an_input(rule: str, casing: Callable[[str], str]) -> None:
    """Of a contact event its kind and its caller pass; no value does, in either casing, at any depth."""
    fields: dict[str, Any] = {
        casing(key): CANARY for key in ("emailAddress", "name", "phoneNumber", "title", "newValue")
    }
    fields |= {casing("contactInformation"): {"fullName": CANARY}, casing("alternateContactType"): "SECURITY"}
    sent = event(
        "PutAlternateContact",
        requestParameters=fields,
        responseElements={"echo": CANARY},
        userIdentity={"arn": "arn:aws:iam::100000000001:user/ann", "userName": CANARY},
        additionalEventData=CANARY,
    )
    passed = transformed(rule, sent)
    assert CANARY not in json.dumps(passed)
    assert passed["detail"]["requestParameters"][casing("alternateContactType")] == "SECURITY"
    assert passed["detail"]["userIdentity"]["arn"] == "arn:aws:iam::100000000001:user/ann"


@pytest.mark.parametrize("rule", PICKING)
def test_what_is_passed_on_is_an_event_again(rule: str) -> None:
    """The input has an event's envelope, also when the event had next to nothing in it."""
    passed = transformed(rule, {"source": "aws.account", "detail-type": "t", "detail": {"eventName": "n"}})
    assert set(passed) == {"id", "source", "detail-type", "account", "time", "region", "detail"}
    assert passed["detail"]["eventName"] == "n"
    assert passed["id"] == ""


@pytest.mark.parametrize("rule", PICKING)
def test_every_placeholder_stands_in_quotes(rule: str) -> None:
    """A missing path leaves nothing where it stood: only in quotes does the JSON stay whole."""
    shape = RULES[rule]
    placeholders = re.findall(r"<\w+>", shape.template)
    assert len(placeholders) == len(shape.paths)
    assert all(f'"{placeholder}"' in shape.template for placeholder in placeholders)


def test_the_new_account_passes() -> None:
    """A created account's id, state and reason reach the plan."""
    status = {"state": "SUCCEEDED", "accountId": "200000000009", "accountName": "****"}
    passed = transformed(
        "account-created", event("CreateAccountResult", serviceEventDetails={"createAccountStatus": status})
    )
    assert passed["detail"]["serviceEventDetails"]["createAccountStatus"] == {
        "state": "SUCCEEDED",
        "accountId": "200000000009",
        "failureReason": "",
    }


def test_only_an_event_without_contacts_passes_whole() -> None:
    """Every rule picks fields but that of joined accounts, whose event has no known shape and no contact in it."""
    assert [name for name, rule in RULES.items() if rule.input_transformer is None] == ["account-joined"]
