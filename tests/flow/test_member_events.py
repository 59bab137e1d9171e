"""Members' own changes, from the member to its repair; and a stack whose own region is another."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from orgsync.sandbox.cloud import bus_access
from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.contact_sync.configuration import QUICK, STACK_KEY
from orgsync.sandbox.contact_sync.rehearse import rehearse
from orgsync.sandbox.engines.opener import open_engine
from orgsync.sandbox.model.organization import make
from orgsync.sandbox.rehearsal.model import Scenario

ROOT = Path(__file__).parents[2]
MEMBER, NEWCOMER, STRANGER = "200000000001", "300000000001", "999999999999"
CONTACT = {"Name": "Stray", "Title": "Stray", "EmailAddress": "stray@example.com", "PhoneNumber": "555 0103"}
BUS = "event-bus/orgsync-dev-contact-sync-members"

Report = dict[str, Any]
Clone = Callable[[dict[str, Any]], Path]

pytestmark = pytest.mark.slow


def rehearsal_of(repository: Path, *steps: dict[str, Any]) -> Report:
    document = {"name": "n", "organization": {"accounts": 3, "seed": 5}, "steps": [{"deploy": {}}, *steps]}
    return rehearse(Scenario.model_validate(document), engine="inline", program=repository)


def causes(report: Report) -> list[str]:
    assert report["ok"], [step["error"] for step in report["steps"]]
    return [run["cause"] for run in report["runs"]]


@pytest.mark.xdist_group("member_events")
def test_each_edit_is_put_right_by_its_own_event(rehearsed: Callable[[str], Report]) -> None:
    """One run for each, which concerns that account and that kind and nothing else.

    The newcomer's move comes before it has settled: that run leaves it alone, and asks for another.
    """
    report = rehearsed("member_events")
    joined = ["account_changed", "account_joined", "account_changed"]
    assert causes(report) == ["deploy", *["member_changed"] * 3, *joined, "member_changed"]
    runs = [run for run in report["runs"] if run["cause"] == "member_changed"]
    repaired = [[(one["account"], one["kind"], one["status"]) for one in run["receipts"]] for run in runs]
    assert repaired == [
        [(MEMBER, "security", "success")],
        [("200000000002", "billing", "success")],
        [("200000000003", "operations", "skipped")],
        [(NEWCOMER, "operations", "success")],
    ]
    assert {run["initiator"].split(":")[4] for run in runs} == {one[0][0] for one in repaired}
    assert report["leftovers"] == []


def test_without_it_the_daily_pass_covers(clone: Clone) -> None:
    """Turned off by one key, a member's change starts nothing and is found by the schedule."""
    repository = clone({"orgsync:deployment": {"member_events": False}})
    report = rehearsal_of(repository, {"edit_member": {"account": MEMBER, "security": CONTACT}}, {"schedule": {}})
    assert causes(report) == ["deploy", "schedule"]
    assert report["steps"][1]["runs"] == []
    assert [(w["account"], w["kind"]) for w in report["writes"]][-1] == (MEMBER, "security")
    assert report["converged"]


def test_a_stack_of_another_region_gets_every_event(clone: Clone) -> None:
    """The source's, the organization's and the members' events travel from where they are recorded."""
    report = rehearsal_of(
        clone({"aws:region": "eu-west-1"}),
        {"edit_source": {"security": CONTACT}},
        {"edit_source": {"billing": CONTACT, "via": "console"}},
        {"edit_member": {"account": MEMBER, "security": None}},
        {"create_account": {"name": "new"}},
        {"edit_member": {"account": NEWCOMER, "billing": None}},
        {"schedule": {}},
        {"command": "orgsync status --stack dev"},
        {"destroy": {}},
    )
    assert causes(report) == [
        "deploy",
        "source_changed",
        "source_changed",
        "member_changed",
        "account_created",
        "member_changed",
        "schedule",
    ]
    assert report["converged"]
    assert report["dead_letters"]["orgsync-dev-contact-sync-unforwarded-events"] == 0
    assert report["leftovers"] == []


def test_a_failure_to_forward_raises_an_alarm_at_home(clone: Clone) -> None:
    """The alarm abroad comes home as a failed event: the alarm over those reaches the topic."""
    raised = {"alarmName": "orgsync-dev-contact-sync-unforwarded-events", "state": {"value": "ALARM"}}
    event = {"source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm State Change", "detail": raised}
    report = rehearsal_of(clone({"aws:region": "eu-west-1"}), {"event": event})
    assert causes(report) == ["deploy"]
    assert report["dead_letters"]["orgsync-dev-contact-sync-failed-events"] == 1
    alarms = [sent["subject"] for sent in report["notifications"] if sent["subject"].startswith("ALARM")]
    assert alarms == ['ALARM: "orgsync-dev-contact-sync-failed-events" in eu-west-1']
    assert report["undelivered"] == []


def test_an_unknown_unit_is_refused_before_anything_is_made(clone: Clone) -> None:
    """With its place in the stack file, and where to look."""
    document = {"name": "n", "organization": {"accounts": 1}, "expect": "any", "steps": [{"deploy": {}}]}
    repository = clone({"orgsync:deployment": {"member_units": ["ou-abcd-11111111"]}})
    report = rehearse(Scenario.model_validate(document), engine="inline", program=repository)
    error = report["steps"][0]["error"]
    assert "deployment.member_units.0: " in error
    assert "list-organizational-units-for-parent" in error
    assert report["leftovers"] == []


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    """Deploy the program as it stands."""
    with (
        Cloud(make(seed=5, count=2)) as opened,
        open_engine("inline", opened, ROOT, STACK_KEY) as engine,
    ):
        engine.up("dev", QUICK)
        opened.settle(60)
        yield opened


def put(cloud: Cloud, account: str, source: str) -> Any:
    bus = f"arn:aws:events:us-east-1:{cloud.organization.management}:{BUS}"
    detail = {"eventSource": "account.amazonaws.com", "eventName": "PutAlternateContact"}
    entry = {"EventBusName": bus, "Source": source, "DetailType": "AWS API Call via CloudTrail"}
    return cloud.client("events", account=account).put_events(Entries=[entry | {"Detail": json.dumps(detail)}])


@pytest.mark.parametrize(("account", "source"), [(STRANGER, "aws.account"), (STRANGER, "any"), (MEMBER, "any")])
def test_a_forged_event_is_refused(cloud: Cloud, account: str, source: str) -> None:
    """By the bus's own policy: a stranger whatever it says, a member what AWS has not sent."""
    before = len(cloud.executions())
    with pytest.raises(ClientError, match="AccessDenied"):
        put(cloud, account, source)
    cloud.settle(20)
    assert len(cloud.executions()) == before


def test_a_stranger_cannot_forward_a_true_event(cloud: Cloud) -> None:
    """An account outside the organization is not let in with events that AWS did send there."""
    bus = bus_access.find_bus(f"arn:aws:events:us-east-1:{cloud.organization.management}:{BUS}")
    assert bus
    event = {"source": "aws.account", "detail-type": "AWS API Call via CloudTrail"}
    assert bus_access.allows_event(bus, MEMBER, event, forwarded=True)
    assert not bus_access.allows_event(bus, MEMBER, event, forwarded=False)
    assert not bus_access.allows_event(bus, STRANGER, event, forwarded=True)


def test_what_a_member_cannot_forward_is_seen(cloud: Cloud) -> None:
    """An event that the bus does not let in stays in the queue under an alarm."""
    events = cloud.client("events")
    events.remove_permission(EventBusName=BUS.removeprefix("event-bus/"), RemoveAllPermissions=True)
    cloud.edit_member(MEMBER, {"billing": CONTACT})
    cloud.settle(20)
    assert cloud.dead_letters()["orgsync-dev-contact-sync-failed-events"] == 1
    assert cloud.undelivered == []
