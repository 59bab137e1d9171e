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
