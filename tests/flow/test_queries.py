"""Saved queries, against the lines that the deployed functions really wrote, those of crashes included."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orgsync.components.contact_sync.monitoring import queries
from orgsync.contact_sync.names import FunctionName
from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.contact_sync.configuration import QUICK, STACK_KEY
from orgsync.sandbox.contact_sync.rehearse import CONTACT_SYNC
from orgsync.sandbox.engines.opener import open_engine
from orgsync.sandbox.model.organization import make
from tests.insights import Line, Query, fields

ROOT = Path(__file__).parents[2]
PREFIX = "orgsync-dev-contact-sync"
DESK = {"Name": "Desk", "Title": "Desk", "EmailAddress": "desk@example.com", "PhoneNumber": "+15550100"}

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Rehearsed:
    """The lines of each function, as text; the runs' ids, and the account that was refused."""

    texts: dict[str, list[str]]
    runs: list[str]
    refused_account: str

    @property
    def lines(self) -> list[Line]:
        """Return the fields of every line of every function."""
        return [fields(text) for texts in self.texts.values() for text in texts]

    def found(self, name: str, **instead: str) -> list[Line]:
        """Return what a saved query finds, once its reader has put an id into it."""
        text = queries()[name]
        for word, value in instead.items():
            text = text.replace(f"put the {word} id here", value)
        return Query.of(text).found(self.lines)


@pytest.fixture(scope="module")
def rehearsed() -> Iterator[Rehearsed]:
    """A run that fails for one account, an event that is refused, a function that is killed, one that raises."""
    organization = make(seed=3, count=3)
    refused = organization.accounts[0].id
    with (
        Cloud(organization, functions=CONTACT_SYNC.functions) as cloud,
        open_engine("inline", cloud, ROOT, STACK_KEY) as engine,
    ):
        engine.up("dev", QUICK)
        cloud.faults.add({"operation": "PutAlternateContact", "account": refused, "error": "AccessDeniedException"})
        cloud.edit_source({"security": DESK})
        cloud.settle()
        cloud.faults.clear()
        cloud.client("events").put_events(
            Entries=[{"Source": "orgsync", "DetailType": "Operator", "Detail": "{}", "EventBusName": "default"}]
        )
        machine = f"arn:aws:states:us-east-1:100000000001:stateMachine:{PREFIX}"
        cloud.client("stepfunctions").start_execution(
            stateMachineArn=machine, name="nonsense", input=json.dumps({"source": "nobody"})
        )
        cloud.settle()
        cloud.faults.add({"function": "process", "crash": "before", "times": 1})
        cloud.edit_source({"security": {**DESK, "Name": "Another"}})
        cloud.settle()
        cloud.faults.add({"operation": "PutObject", "error": "AccessDenied", "times": 1})
        cloud.edit_source({"security": {**DESK, "Name": "A third"}})
        cloud.settle()
        yield Rehearsed(
            {function: cloud.logs(f"{PREFIX}-{function}") for function in FunctionName},
            [execution["name"] for execution in cloud.executions() if ":express:" not in execution["arn"]],
            refused,
        )


def own(line: Line) -> bool:
    """Return whether a line is a function's own, and neither a metric's, nor the runtime's, nor Lambda's."""
    return "function_request_id" in line and "message" in line


def test_every_line_is_json(rehearsed: Rehearsed) -> None:
    """Crashes, metrics and Lambda's own lines too."""
    for function, texts in rehearsed.texts.items():
        assert texts
        assert [text for text in texts if text.strip() and not fields(text)] == [], function


def test_every_line_of_a_run_names_it(rehearsed: Rehearsed) -> None:
    """Each own line carries the id of a run that was asked for."""
    lines = [line for line in rehearsed.lines if own(line)]
    assert len(lines) > 20
    assert [line for line in lines if not line.get("run_id")] == []


def test_errors_finds_each_crash_and_nothing_well(rehearsed: Rehearsed) -> None:
    """A raised error is found by the runtime's line and by ours, a killed process by Lambda's report."""
    found = rehearsed.found("errors")
    raised = [line for line in found if "errorType" in line]
    assert {line["errorType"] for line in raised} == {"StoreFailed"}
    assert [line for line in found if own(line) and line["message"] == "invocation failed" and line["run_id"]]
    assert len([line for line in found if line.get("record.status") == "error"]) >= 2
    assert all(
        line.get("level") == "ERROR" or line.get("record.status") == "error" or "errorType" in line for line in found
    )


def test_one_run_finds_what_each_function_wrote_of_it(rehearsed: Rehearsed) -> None:
    """Plan, process and report have lines of the run that failed for an account, and no other run is among them."""
    run = next(line["run_id"] for line in rehearsed.lines if line.get("status") == "failed" and own(line))
    found = rehearsed.found("one-run", run=run)
    assert {line["run_id"] for line in found} == {run}
    functions = {line["function_name"].removeprefix(f"{PREFIX}-") for line in found}
    assert functions == {"plan", "process", "report"}
    assert [line for line in found if line.get("account") == rehearsed.refused_account and line.get("kind")]


def test_one_account_finds_its_calls_and_its_ends(rehearsed: Rehearsed) -> None:
    """The refused call and the receipt, each with the run; a debug line says which call it was."""
    found = rehearsed.found("one-account", account=rehearsed.refused_account)
    assert {line["message"] for line in found} >= {"call failed", "account done"}
    assert [line["operation"] for line in found if line["message"] == "call failed"]
    assert all(line["run_id"] for line in found)


def test_refused_events_finds_them_with_class_and_source(rehearsed: Rehearsed) -> None:
    """Each has what the query groups by."""
    found = rehearsed.found("refused-events")
    assert [line["source"] for line in found] == ["nobody"]
    assert all(line["reason"] for line in found)


def test_slowest_invocations_finds_each_once(rehearsed: Rehearsed) -> None:
    """Lambda reports each invocation once, with how long it took."""
    found = rehearsed.found("slowest-invocations")
    assert len(found) > 10
    assert all(line["record.metrics.durationMs"] > 0 for line in found)


def test_a_query_shows_only_fields_that_a_line_has(rehearsed: Rehearsed) -> None:
    """A field that nobody writes is a column without content; memory in use is Lambda's, which measures it."""
    written = {name for line in rehearsed.lines for name in line} | {"record.metrics.maxMemoryUsedMB"}
    assert {name: sorted(Query.of(text).names - written) for name, text in queries().items()} == {
        name: [] for name in queries()
    }


def test_a_filter_that_finds_no_crash_is_seen() -> None:
    """The evaluator tells a filter by level alone from one that knows the runtime's and Lambda's lines."""
    crash: dict[str, Any] = {"log_level": "ERROR", "errorType": "KeyError"}
    killed = {"type": "platform.report", "record.status": "error"}
    assert Query.of('fields a | filter level in ["ERROR"] or level = "CRITICAL"').found([crash, killed]) == []
    assert Query.of(queries()["errors"]).found([crash, killed, {"level": "INFO"}]) == [crash, killed]
