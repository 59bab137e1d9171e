"""The report for people, and the description of a scenario."""

import io
from typing import Any

import pytest
from rich.console import Console

from orgsync.cli.progress import Progress
from orgsync.cli.tables import show
from orgsync.sandbox.contact_sync.configuration import describe_pace
from orgsync.sandbox.rehearsal.descriptions import describe_calls, describe_conditions, describe_step
from orgsync.sandbox.rehearsal.load import validate

CALLS = {
    "GetAlternateContact": {"made": 1204, "throttled": 3, "failed": 0},
    "PutAlternateContact": {"made": 80, "throttled": 0, "failed": 1},
}


def account(**changes: Any) -> dict[str, Any]:
    return {
        "name": "web [prod]",
        "unit": "/Workloads",
        "skipped": None,
        "before": ["billing"],
        "after": [],
        **changes,
    }


def report(**changes: Any) -> dict[str, Any]:
    receipts = [{"account": "200000000001", "changed": ["Name"]}, {"account": "200000000002", "changed": []}]
    run = {"cause": "deploy", "status": "completed", "severity": "low", "scenario": "success_completion"}
    return {
        "engine": "inline",
        "converged": True,
        "expect": "converged",
        "as_expected": True,
        "steps": [{"step": "deploy", "ok": True}],
        "runs": [{**run, "counts": {"success": 2}, "receipts": receipts}],
        "refused": [{"reason": "ForeignBell", "source": "aws.account"}] * 2,
        "accounts": {"200000000001": account(), "200000000002": account(skipped="is SUSPENDED")},
        "calls": CALLS,
        "minimum": {"reads": 1200, "writes": 80},
        "notifications": [{"channel": "sns", "severity": "high", "subject": "[orgsync] something"}],
        "dead_letters": {"dead-bells": 2, "empty": 0},
        "undelivered": [],
        "leftovers": [],
        **changes,
    }


def shown(document: dict[str, Any]) -> str:
    page = io.StringIO()
    show(document, Console(file=page, width=120))
    return page.getvalue()


def words_of(line_with: str, page: str) -> list[str]:
    (line,) = [line for line in page.splitlines() if line_with in line]
    return line.split()


def test_calls_stand_beside_what_was_needed() -> None:
    """Reads and writes that were made, and the least that the same outcome takes."""
    page = shown(report())
    assert words_of("reads", page) == ["reads", "1,204", "1,200", "3", "0"]
    assert words_of("writes", page) == ["writes", "80", "80", "0", "1"]


def test_every_account_stands_there_before_and_after() -> None:
    """With its name as it stands, whatever brackets it has, or the reason why it is skipped."""
    page = shown(report())
    assert "web [prod]" in page
    assert words_of("200000000001", page)[-6:] == ["not", "in", "sync:", "billing", "in", "sync"]
    assert "skipped: is SUSPENDED" in page


def test_of_many_accounts_only_those_are_listed_that_are_not_in_sync() -> None:
    """Nobody reads two hundred lines of accounts in which all is well."""
    many = {f"{number:012d}": account() for number in range(1, 201)} | {"300000000001": account(after=["security"])}
    page = shown(report(accounts=many))
    assert "Accounts in sync: 0 before, 200 of 201 after" in page
    assert "300000000001" in page
    assert "000000000001 " not in page.replace("300000000001", "")


def test_the_same_refusals_are_counted() -> None:
    """A flood of one kind is one line."""
    assert words_of("ForeignBell", shown(report())) == ["ForeignBell", "aws.account", "2"]


def test_what_must_not_be_there_is_said() -> None:
    """Dead letters, events delivered to nobody and leftovers; an empty queue is no news."""
    page = shown(report(undelivered=["rule x"], leftovers=["table y"]))
    assert "dead letters in dead-bells: 2" in page
    assert "delivered to nobody: rule x" in page
    assert "left over after destroy: table y" in page
    assert "empty" not in page


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "converged (expected: converged); every step did what it says."),
        ({"converged": False, "expect": "any"}, "diverged; every step did what it says."),
        ({"steps": [{"step": "deploy", "ok": False}]}, "did not do what they say: deploy."),
    ],
)
def test_the_last_line_says_how_it_went(changes: dict[str, Any], verdict: str) -> None:
    """And that this was a sandbox, and which engine deployed."""
    last = shown(report(**changes)).splitlines()[-1]
    assert verdict in last
    assert last.endswith("Sandbox, engine: inline")


def test_progress_says_what_it_is_and_why_a_step_failed() -> None:
    """Plain lines without a terminal."""
    page = io.StringIO()
    scenario = validate({"name": "a [b]", "organization": {"accounts": 1}, "steps": [{"schedule": {}}]})
    step = {"ok": False, "seconds": 1.23, "resources": {"create": 61, "same": 0}, "runs": ["r"], "error": "one\ntwo"}
    with Progress(Console(file=page, width=120)) as progress:
        progress.scenario_started(scenario, "inline", ["organization: 1 member account"], lambda: "")
        progress.step_started(1, 2, "schedule")
        progress.step_finished(step)
    lines = page.getvalue().splitlines()
    assert lines[0] == "a [b]"
    assert "nothing reaches AWS" in lines[1]
    assert lines[2].startswith("  engine: inline (")
    assert lines[-4:] == ["▸ 1/2 schedule", "✗ 1/2 schedule 1.2 s · 61 create · 1 run", "    one", "    two"]


def test_traffic_is_reads_and_writes() -> None:
    """Throttled calls are named where there are some."""
    assert describe_calls(CALLS) == "1,204 reads, 80 writes, 3 throttled"
    assert describe_calls({}) == "0 reads, 0 writes"


def test_terms_and_titles_are_words_without_values() -> None:
    """A contact's value is never shown, neither of the source nor of an edit."""
    step = {"edit_source": {"security": {"Name": "Canary"}, "billing": None, "via": "console"}}
    faults = [
        {"operation": "*", "error": "InternalServerException", "rate": 0.05},
        {"function": "process", "crash": "after", "times": 1},
    ]
    scenario = validate(
        {"name": "x", "organization": {"accounts": 1}, "source": {"billing": {"Name": "Canary"}}, "faults": faults}
        | {"quotas": "aws", "latency_ms": 5, "steps": [step]}
    )
    assert describe_conditions(scenario, describe_pace(scenario)) == [
        "organization: 1 member account",
        "quotas: as AWS has them; the stack keeps its own pace",
        "latency: 5 ms a call",
        "fault: every call answers InternalServerException, 5% of the time",
        "fault: process dies after its work, 1 time",
    ]
    assert describe_step(scenario.steps[0]) == "edit_source: billing deleted, security via console"
