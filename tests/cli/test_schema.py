"""`orgsync sandbox schema`: a JSON Schema that accepts what the loader accepts, and describes every key."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from orgsync.cli.sandbox import sandbox
from orgsync.sandbox.contact_sync.demo import demo
from orgsync.sandbox.rehearsal.load import ScenarioInvalid, validate
from orgsync.shared.configuration import read_yaml

SCENARIOS = sorted((Path(__file__).parents[1] / "scenarios").glob("*.yaml"))

DESK = "{Name: Desk, Title: Security, EmailAddress: desk@example.com, PhoneNumber: '555 0100'}"
SMALL = {
    "counts": "organization: {accounts: 25, seed: 7}\nsteps: [{deploy: {}, expect_runs: 1}]",
    "quotas of AWS": "quotas: aws\norganization: {accounts: 1}\nsteps: [{deploy: {}}]",
    "no quotas": "quotas: off\norganization: {accounts: 1}\nsteps: [{deploy: {}}]",
    "own quotas": "quotas: {PutAlternateContact: {rate: 50, burst: 80}}\norganization: {accounts: 1}\n"
    "steps: [{schedule: {}}]",
    "accounts": "organization: {accounts: [{id: '200000000001', name: web, ou: /Workloads/Prod, state: ACTIVE,"
    f" tags: {{team: web}}, contacts: {{security: {DESK}, primary: {{}}}}}}]}}\nsteps: [{{deploy: {{}}}}]",
    "source": f"source: {{security: {DESK}, billing: null}}\norganization: {{accounts: 0}}\nsteps: [{{deploy: {{}}}}]",
    "faults": "organization: {accounts: 1}\nfaults:\n- {operation: '*', error: InternalServerException, rate: 0.05}\n"
    "- {operation: GetAlternateContact, error: TooManyRequestsException, times: 3}\n"
    "- {function: process, crash: before, times: 1}\nsteps: [{fault: {function: plan, crash: after}},"
    " {clear_faults: {}}]",
    "steps": "organization: {accounts: 3}\nexpect: any\nsettle_s: 60\nsteps:\n- {preview: {stack: dev, config: {}}}\n"
    f"- {{edit_source: {{security: {DESK}, billing: null, via: console, casing: pascal}}, note: an edit}}\n"
    "- {edit_member: {account: '200000000001', billing: null, via: management}, expect_runs: 0}\n"
    "- {create_account: {name: a}}\n- {join_account: {name: b, ou: /Workloads}}\n- {close_account: '200000000002'}\n"
    "- {move_account: {account: '200000000001', ou: /}}\n- {tag_account: {account: '200000000001', tags: {a: b}}}\n"
    "- {event: {source: x, detail-type: y, detail: [1], times: 2, bus_region: eu-west-1}}\n"
    "- {command: orgsync status, settle_s: 5}\n- {refresh: {}}\n- {destroy: {stack: dev}}\n",
    "at once": "organization: {accounts: 3}\nsteps:\n- at_once: [{schedule: {}}, {schedule: {}}]\n"
    "  expect_runs: {at_least: 1, at_most: 2}\n  expect_writes: {at_most: 0}\n",
}
"""A small document for each part of the contract."""

WRONG = [
    ("stepz: []", "stepz"),
    ("expect: maybe", "expect"),
    ("quotas: some", "quotas"),
    ("latency_ms: quick", "latency_ms"),
    ("settle_s: 0", "settle_s"),
    ("organization: {accounts: many}", "organization"),
    ("organization: {accounts: [{id: 200000000001}]}", "organization"),
    ("organization: {accounts: [{id: '1'}]}", "organization"),
    ("organization: {accounts: [{id: '200000000001', ou: Prod}]}", "organization"),
    ("source: {sales: {}}", "source"),
    ("source: {primary: null}", "source"),
    ("steps: []", "steps"),
    ("steps: [{}]", "steps"),
    ("steps: [{fly: {}}]", "steps"),
    ("steps: [{schedule: {}, refresh: {}}]", "steps"),
    ("steps: [{schedule: null}]", "steps"),
    ("steps: [{schedule: {now: true}}]", "steps"),
    ("steps: [{edit_source: {security: null, via: phone}}]", "steps"),
    ("steps: [{edit_source: {via: api}}]", "steps"),
    ("steps: [{schedule: {}, expect_runs: {}}]", "steps"),
    ("steps: [{schedule: {}, expect_runs: -1}]", "steps"),
    ("steps: [{deploy: {stack: a stack}}]", "steps"),
    ("steps: [{at_once: [{at_once: [{schedule: {}}]}]}]", "steps"),
]
"""A line that replaces one of a right document, and the key where it is wrong."""


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The schema as it is printed."""
    printed = CliRunner().invoke(sandbox, ["schema"])
    assert printed.exit_code == 0
    document: dict[str, Any] = json.loads(printed.stdout)
    return document


@pytest.fixture(scope="module")
def validator(schema: dict[str, Any]) -> Draft202012Validator:
    """A validator of its own draft, which the schema itself passes."""
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def mistakes(validator: Draft202012Validator, document: Any) -> list[str]:
    """The paths of a document at which the schema refuses it."""
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.stem)
def test_every_scenario_of_ours_passes(validator: Draft202012Validator, file: Path) -> None:
    """As it passes the loader."""
    assert mistakes(validator, read_yaml(file.read_text())) == []


@pytest.mark.parametrize("text", SMALL.values(), ids=SMALL)
def test_every_part_of_the_contract_passes_both(validator: Draft202012Validator, text: str) -> None:
    """The loader and the schema agree on what is right."""
    document = read_yaml(f"name: small\n{text}")
    validate(document)
    assert mistakes(validator, document) == []


def test_the_demo_passes(validator: Draft202012Validator) -> None:
    """It is a rehearsal like any other."""
    document = demo(3).model_dump(mode="json", by_alias=True, exclude_unset=True)
    assert mistakes(validator, document) == []


@pytest.mark.parametrize(("line", "key"), WRONG)
def test_a_mistake_is_marked_by_both(validator: Draft202012Validator, line: str, key: str) -> None:
    """The loader and the schema agree on what is wrong, and where."""
    right = {"name": "small", "organization": {"accounts": 1}, "steps": [{"deploy": {}}]}
    document = {**right, **read_yaml(line)}
    with pytest.raises(ScenarioInvalid) as refused:
        validate(document)
    assert str(refused.value).startswith(key)
    assert any(key in mistake for mistake in mistakes(validator, document))


def properties(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every key that a file may have: its model, its name and its schema."""
    for model, described in {"Scenario": schema, **schema["$defs"]}.items():
        for key, value in described.get("properties", {}).items():
            yield model, key, value


def test_every_key_is_described_in_a_sentence(schema: dict[str, Any]) -> None:
    """An editor shows it beside the key."""
    for model, key, described in properties(schema):
        assert described.get("description", "").endswith("."), f"{model}.{key}"


def test_no_name_of_ours_is_shown(schema: dict[str, Any]) -> None:
    """The whole has a title; its parts are known by their keys, and a key is not offered as null without a reason."""
    assert schema["title"] == "A rehearsal of orgsync"
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert not any("title" in described for described in schema["$defs"].values())
    nullable = {key for _, key, described in properties(schema) if {"type": "null"} in described.get("anyOf", [])}
    assert nullable == {"billing", "operations", "security"}


def test_the_help_teaches_how_to_use_it() -> None:
    """The line for an editor stands there to be copied."""
    printed = CliRunner().invoke(sandbox, ["schema", "--help"]).stdout
    assert "# yaml-language-server: $schema=" in printed
    assert "orgsync sandbox schema > " in printed
