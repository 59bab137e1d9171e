"""`orgsync sync` and `orgsync status`, as an operator runs them against a deployed stack."""

import json
from pathlib import Path
from typing import Any

import pytest

from orgsync.sandbox.contact_sync.rehearse import rehearse
from orgsync.sandbox.rehearsal.load import load

STORY = """
name: an operator at work
organization: {accounts: 3, seed: 5}
expect: any
steps:
  - command: orgsync status
  - deploy: {}
  - edit_member:
      account: "200000000002"
      billing: {Name: X, Title: Y, EmailAddress: x@example.com, PhoneNumber: "555"}
      via: management
  - command: orgsync plan --json
  - command: orgsync sync --account 200000000002 --kind billing --json
  - command: orgsync status
  - command: orgsync status --json
  - fault: {operation: GetAlternateContact, account: "200000000001", error: AccessDeniedException}
  - command: orgsync sync
  - command: orgsync sync --account 12
  - command: orgsync status no-such-run
  - fault: {operation: Query, error: AccessDeniedException}
  - command: orgsync status
  - command: orgsync plan
"""

ASKED = """
name: an operator asks for what is not there, and while a run is under way
organization:
  accounts:
    - {id: "200000000001", name: web, ou: /Workloads, tags: {contacts: own}}
    - {id: "200000000002", name: data, ou: /Workloads}
    - {id: "200000000003", name: play, ou: /Sandbox}
  seed: 5
config: {excluded_tags: {Contacts: own}, excluded_units: [/Sandbox], notification_settings: {notify_on_success: true}}
latency_ms: 200
expect: any
steps:
  - deploy: {}
  - command: orgsync sync --account 100000000001 --account 999999999999
  - command: orgsync plan --account 100000000001 --account 999999999999
  - command: orgsync plan
  - command: orgsync sync --account 200000000003
  - at_once:
      - edit_source: {security: {Name: N, Title: T, EmailAddress: new@example.com, PhoneNumber: "555"}}
      - command: orgsync sync
      - command: orgsync sync --json
"""


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the report of the second story."""
    file: Path = tmp_path_factory.mktemp("asked") / "story.yaml"
    file.write_text(ASKED)
    return rehearse(load(file), engine="inline")


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Return the command steps of the story, as the report has them."""
    file: Path = tmp_path_factory.mktemp("operate") / "story.yaml"
    file.write_text(STORY)
    report = rehearse(load(file), engine="inline")
    return [step for step in report["steps"] if step["step"] == "command"]


def test_without_a_stack_it_says_so(commands: list[dict[str, Any]]) -> None:
    """Nothing deployed is a wrong call, and the message says what is missing."""
    assert commands[0]["exit"] == 2
    assert "no stack is deployed" in commands[0]["error"]


def test_plan_shows_what_differs_and_writes_nothing(commands: list[dict[str, Any]]) -> None:
    """Account, kind and fields of the one drifted contact; sync finds it as it was."""
    plan = json.loads(commands[1]["output"])
    assert [(one["account"], one["kind"]) for one in plan["would_write"]] == [("200000000002", "billing")]
    assert plan["would_write"][0]["fields"] == json.loads(commands[2]["output"])["receipts"][0]["changed"]
    assert (plan["in_sync"], plan["unknown"]) == (11, [])


def test_sync_concerns_what_was_named_and_waits_for_its_end(commands: list[dict[str, Any]]) -> None:
    """One account and kind: one receipt, written, by the operator's own ARN."""
    run = json.loads(commands[2]["output"])
    assert commands[2]["exit"] == 0
    assert [(r["account"], r["kind"], r["status"]) for r in run["receipts"]] == [("200000000002", "billing", "success")]
    assert run["receipts"][0]["changed"]
    assert (run["cause"], run["status"]) == ("operator", "completed")
    assert run["initiator"].startswith("arn:aws:sts::")


def test_status_lists_the_runs_with_their_whole_ids(commands: list[dict[str, Any]]) -> None:
    """An id can be copied into the next command."""
    run = json.loads(commands[2]["output"])["run_id"]
    assert run in commands[3]["output"]
    assert "initial-sync-" in commands[3]["output"]


def test_every_json_document_names_its_version(commands: list[dict[str, Any]]) -> None:
    """A list of runs is a document too, with the runs under a key."""
    documents = [json.loads(commands[number]["output"]) for number in (1, 2, 4)]
    assert [document["version"] for document in documents] == [1, 1, 1]
    assert documents[1]["run_id"] in {run["run_id"] for run in documents[2]["runs"]}


def test_a_failed_account_ends_with_1_and_with_what_to_do(commands: list[dict[str, Any]]) -> None:
    """The account, the class and its remedy."""
    assert commands[5]["exit"] == 1
    for said in ("200000000001", "AccessDenied", "trusted access"):
        assert said in commands[5]["output"]


def test_a_wrong_call_starts_nothing(commands: list[dict[str, Any]]) -> None:
    """A wrong id and an unknown run end with 2 and name what is wrong."""
    assert [command["exit"] for command in commands[6:8]] == [2, 2]
    assert "12 digits" in commands[6]["error"]
    assert "no-such-run" in commands[7]["error"]


def test_what_the_operator_may_not_read_is_named(commands: list[dict[str, Any]]) -> None:
    """The call, AWS's word for it and what to do; no traceback."""
    for command in commands[-2:]:
        assert command["exit"] == 1
        assert "StoreFailed: Query: AccessDeniedException. Check the permissions" in command["error"]
        assert "Traceback" not in command["error"]


def test_an_id_that_is_no_member_starts_no_run(asked: dict[str, Any]) -> None:
    """The source's own id and a stranger's: both named with what is wrong, exit code 2, by sync and plan alike."""
    for command in asked["steps"][1:3]:
        assert command["exit"] == 2
        assert "100000000001 is the management account" in command["error"]
        assert "999999999999 is no member of this organization" in command["error"]
        assert command["runs"] == []


def test_exclusions_are_counted_where_they_can_be_known(asked: dict[str, Any]) -> None:
    """By plan and by the run's message: a unit that excludes one account, and a tag that matches nobody."""
    shown = asked["steps"][3]["output"]
    (message,) = [one["body"] for one in asked["notifications"] if "deploy" in (one["body"] or "")][:1]
    for said in ("unit /Sandbox: 1 account excluded", "tag Contacts=own: matches no account whose tags were read"):
        assert said in shown
        assert said in message
    assert "Accounts: 3 asked for: 0 to write, 2 in sync, 0 not compared in full, 1 skipped (Excluded)." in shown


def test_an_excluded_account_that_was_asked_for_is_no_success(asked: dict[str, Any]) -> None:
    """Nothing was compared: the command says so and exits with 1, and nobody else is told of it."""
    command = asked["steps"][4]
    assert command["exit"] == 1
    assert "no contact compared, 1 account left alone" in command["output"]
    (run,) = [run for run in asked["runs"] if run["run_id"] in command["runs"]]
    assert (run["scenario"], run["severity"]) == (None, "none")


def test_a_request_is_done_with_the_run_that_answers_it(asked: dict[str, Any]) -> None:
    """Asked for while a run is under way: both commands wait for the run that answers them, and exit with 0."""
    _, shown, document = asked["steps"][5]["steps"]
    assert (shown["exit"], document["exit"]) == (0, 0)
    answering = json.loads(document["output"])
    assert answering["status"] == "completed"
    assert {receipt["account"] for receipt in answering["receipts"] if receipt["status"] == "success"} == {
        "200000000001",
        "200000000002",
    }
    assert "8 of 8 contacts in sync, 1 account left alone" in shown["output"]
