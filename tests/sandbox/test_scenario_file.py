"""A scenario file is validated before anything is started; every error has its path in the file."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from orgsync.sandbox.contact_sync.rehearse import rehearse
from orgsync.sandbox.rehearsal.load import ScenarioInvalid, load, validate

EVERYTHING: dict[str, Any] = {
    "name": "everything a file may say",
    "organization": {
        "management": "100000000009",
        "seed": 7,
        "trusted_access": False,
        "features": "consolidated_billing",
        "delegated_administrators": ["200000000002"],
        "accounts": [
            {"id": "200000000001", "name": "web", "ou": "/Workloads/Prod", "state": "ACTIVE", "tags": {"team": "web"}},
            {
                "id": "200000000002",
                "contacts": {"security": {"Name": "S"}, "primary": {"City": "Oslo"}, "billing": None},
            },
        ],
    },
    "source": {"security": {"Name": "Desk"}, "billing": None},
    "config": {"paused": True, "anything": ["the product judges"]},
    "quotas": {"PutAlternateContact": {"rate": 50, "burst": 80}},
    "latency_ms": 5,
    "lag_s": 2.5,
    "faults": [
        {"operation": "PutAlternateContact", "account": "200000000001", "error": "AccessDeniedException"},
        {"operation": "*", "error": "InternalServerException", "rate": 0.05},
        {"operation": "GetAlternateContact", "error": "TooManyRequestsException", "times": 3},
        {"function": "process", "crash": "after", "times": 1, "for_s": 5},
        {"operation": "PutAlternateContact", "error": "InternalServerException", "written": True, "times": 1},
        {"operation": "*", "account": "source", "error": "AccessDeniedException", "for_s": 120, "times": 3},
        {"operation": "StartExecution", "error": "ServiceUnavailable", "written": True},
    ],
    "expect": "any",
    "settle_s": 60,
    "steps": [
        {
            "deploy": {"stack": "dev", "config": {"paused": False}, "deployment": {"protect": False}},
            "note": "first",
            "settle_s": 5,
        },
        {"edit_source": {"security": {"Name": "x"}, "billing": None, "via": "console", "casing": "pascal"}},
        {"edit_member": {"account": "200000000001", "billing": {"Name": "x"}, "via": "management"}},
        {"close_account": "200000000002"},
        {"reopen_account": "200000000002"},
        {"rename_unit": {"ou": "/Workloads", "name": "Work"}},
        {"create_account": {"name": "new", "ou": "/Workloads", "moved_after_s": 30}},
        {"move_account": {"account": "200000000001", "ou": "/Sandbox"}},
        {"tag_account": {"account": "200000000001", "tags": {"a": "b", "c": None}}},
        {
            "event": {
                "source": "aws.account",
                "detail-type": "x",
                "detail": {"any": [1]},
                "times": 2,
                "bus_region": "eu-west-1",
            }
        },
        {"schedule": {}},
        {"at_once": [{"create_account": {"name": "a"}}, {"join_account": {"name": "b", "ou": "/Workloads"}}]},
        {"fault": {"function": "plan", "crash": "before"}},
        {"clear_faults": {}},
        {"command": "orgsync plan --json"},
        {
            "command": {
                "run": "orgsync status",
                "exit": 2,
                "timeout_s": 300,
                "as": "reader",
                "account": "200000000001",
            }
        },
        {"wait": {"seconds": 5}},
        {"leave_organization": "200000000002"},
        {"preview": {}},
        {"refresh": {}},
        {"destroy": {"stack": "dev"}},
    ],
}

SMALL: dict[str, Any] = {"name": "small", "organization": {"accounts": 2}, "steps": [{"deploy": {}}]}


def refusals(document: Any) -> list[str]:
    with pytest.raises(ScenarioInvalid) as refused:
        validate(document)
    return str(refused.value).splitlines()


def with_step(step: Any) -> dict[str, Any]:
    return SMALL | {"steps": [{"deploy": {}}, step]}


def test_every_key_of_the_contract_is_understood() -> None:
    """Everything that docs/scenario.md names is accepted."""
    scenario = validate(EVERYTHING)
    assert [step.named for step in scenario.steps] == [
        next(key for key in step if key not in ("note", "settle_s")) for step in EVERYTHING["steps"]
    ]


def test_contacts_that_are_null_and_contacts_that_are_not_mentioned_differ() -> None:
    """A kind with null shall not exist; a kind that is not mentioned is made or left as it is."""
    scenario = validate(EVERYTHING)
    assert scenario.source.given() == {"security": {"Name": "Desk"}, "billing": None}
    assert scenario.steps[1].body.given() == {"security": {"Name": "x"}, "billing": None}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"stepz": []}, "stepz: is not a key here; allowed: config, expect, faults, lag_s, latency_ms, "),
        ({"expect": "maybe"}, "expect: must be converged, diverged or any"),
        ({"quotas": "some"}, "quotas: must be off or aws"),
        (
            {"quotas": {"PutEverything": {"rate": 1, "burst": 1}}},
            "quotas.PutEverything: must be GetContactInformation",
        ),
        (
            {"quotas": {"PutAlternateContact": {"rate": 0, "burst": 1}}},
            "quotas.PutAlternateContact.rate: must be greater than 0",
        ),
        ({"config": ["paused"]}, "config: must be a mapping"),
        ({"steps": []}, "steps: must have at least 1 entry"),
        ({"organization": {}}, "organization.accounts: is missing"),
        (
            {"organization": {"accounts": "many"}},
            "organization.accounts: must be a number of accounts, or a list of them",
        ),
        (
            {"organization": {"accounts": [{"id": "1"}]}},
            "organization.accounts.0.id: must be an account id of 12 digits",
        ),
        (
            {"organization": {"accounts": [{"id": 200000000001}]}},
            "organization.accounts.0.id: must be text: put it in quotes",
        ),
        (
            {"organization": {"accounts": [{"id": "2" * 12}] * 2}},
            "organization.accounts: each id belongs to one account",
        ),
        (
            {"organization": {"accounts": [{"id": "1" * 12, "ou": "Prod"}]}},
            "organization.accounts.0.ou: must be a path ",
        ),
        ({"organization": {"accounts": [{"id": "1" * 12, "ou": "ou-ab12-34cd56ef"}]}}, "organization.accounts.0.ou: "),
        ({"organization": {"management": "1", "accounts": 1}}, "organization.management: must be an account id of 12"),
        ({"organization": {"accounts": 3000}}, "organization.accounts: must be at most 2000"),
        (
            {"organization": {"accounts": [{"id": "1" * 12, "state": "GONE"}]}},
            "organization.accounts.0.state: must be ",
        ),
        (
            {"organization": {"management": "1" * 12, "accounts": [{"id": "1" * 12}]}},
            "organization: the management account",
        ),
        ({"source": {"primary": None}}, "source.primary: every account has a primary contact"),
        ({"source": {"sales": {}}}, "source.sales: is not a key here; allowed: billing, operations, primary, security"),
        (
            {"source": {"security": {"Email": "x"}}},
            "source.security.Email: is not a key here; allowed: EmailAddress, Name,",
        ),
        (
            {"source": {"security": {"PhoneNumber": 15550100}}},
            "source.security.PhoneNumber: must be text: put it in quotes",
        ),
        ({"faults": [{"operation": "PutEverything", "error": "X"}]}, "faults.0: the sandbox knows no operation"),
        ({"faults": [{"operation": "*", "error": "Nonsense"}]}, "faults.0: error must be one of ValidationException"),
        ({"faults": [{"function": "plan", "crash": "during"}]}, "faults.0.crash: must be before or after"),
        ({"faults": [{"operation": "*", "error": "ConflictException", "times": 0}]}, "faults.0.times: "),
        (
            {"faults": [{"operation": "*", "error": "ConflictException", "account": "9" * 12}]},
            "faults.0.account: 999999999999 is no account of this organization",
        ),
        (
            {"faults": [{"operation": "*", "error": "ConflictException", "account": "sources"}]},
            "faults.0.account: must be an account id of 12 digits",
        ),
        ({"faults": [{"operation": "*", "error": "ConflictException", "for_s": 0}]}, "faults.0.for_s: must be greater"),
        ({"faults": [{"function": "plan", "crash": "after", "for_s": -1}]}, "faults.0.for_s: must be greater"),
        ({"faults": [{"function": "plan", "crash": "after", "written": True}]}, "faults.0.written: is not a key here"),
        (
            {"faults": [{"operation": "GetAlternateContact", "error": "ConflictException", "written": True}]},
            "faults.0: written belongs to operations that write, not to GetAlternateContact",
        ),
        (
            {"faults": [{"operation": "ListAccounts", "error": "ServiceException", "written": True}]},
            "faults.0: written belongs to operations that write, not to ListAccounts",
        ),
        ({"lag_s": -1}, "lag_s: must be at least 0"),
        ({"organization": {"accounts": 1, "trusted_access": "no"}}, "organization.trusted_access: must be true or"),
        ({"organization": {"accounts": 1, "features": "some"}}, "organization.features: must be all or consolidated_"),
        (
            {"organization": {"accounts": 1, "delegated_administrators": ["1"]}},
            "organization.delegated_administrators.0: must be an account id of 12",
        ),
        (
            {"organization": {"accounts": 1, "delegated_administrators": ["200000000001", "200000000002"]}},
            "organization.delegated_administrators.1: 200000000002 is no member account",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(change: dict[str, Any], line: str) -> None:
    """The one line that refuses a file begins with the path of the error and says what is allowed."""
    (report,) = refusals(SMALL | change)
    assert report.startswith(line)


@pytest.mark.parametrize(
    ("step", "line"),
    [
        ({"fly": {}}, "steps.1.fly: is not a key here; allowed: at_once, clear_faults,"),
        ("schedule", "steps.1: must be a mapping"),
        ({}, "steps.1: a step is exactly one of deploy,"),
        ({"schedule": {}, "refresh": {}}, "steps.1: a step is exactly one of deploy,"),
        ({"schedule": None}, "steps.1: schedule needs a value; write {}"),
        ({"schedule": {"now": True}}, "steps.1.schedule.now: is not a key here"),
        ({"schedule": {}, "settle_s": 0}, "steps.1.settle_s: must be greater than 0"),
        ({"schedule": {}, "expect_runs": -1}, "steps.1.expect_runs: must be at least 0"),
        ({"schedule": {}, "expect_runs": "two"}, "steps.1.expect_runs: must be a whole number"),
        ({"schedule": {}, "expect_runs": {}}, "steps.1.expect_runs: give at_least, at_most or both"),
        ({"schedule": {}, "expect_runs": {"most": 2}}, "steps.1.expect_runs.most: is not a key here; allowed: at_"),
        ({"schedule": {}, "expect_writes": {"at_least": 2, "at_most": 1}}, "steps.1.expect_writes: at_most must not"),
        ({"deploy": {"stack": "a stack"}}, "steps.1.deploy.stack: must be the name of a stack"),
        ({"close_account": "2"}, "steps.1.close_account: must be an account id of 12 digits"),
        ({"edit_source": {"security": None, "via": "phone"}}, "steps.1.edit_source.via: must be api or console"),
        ({"edit_source": {"security": None, "casing": "kebab"}}, "steps.1.edit_source.casing: must be camel or pascal"),
        ({"edit_source": {"via": "api"}}, "steps.1.edit_source: name at least one kind"),
        ({"edit_source": {"primary": None}}, "steps.1.edit_source.primary: every account has a primary contact"),
        ({"edit_member": {"billing": None}}, "steps.1.edit_member.account: is missing"),
        ({"close_account": "200000000003"}, "steps.1.close_account: 200000000003 is no member account"),
        ({"close_account": "100000000001"}, "steps.1.close_account: 100000000001 is no member account"),
        ({"reopen_account": "200000000003"}, "steps.1.reopen_account: 200000000003 is no member account"),
        ({"leave_organization": "200000000003"}, "steps.1.leave_organization: 200000000003 is no member account"),
        ({"rename_unit": {"ou": "/Nowhere", "name": "x"}}, "steps.1.rename_unit.ou: there is no unit /Nowhere"),
        ({"rename_unit": {"ou": "/", "name": "x"}}, "steps.1.rename_unit: the root has no name"),
        ({"rename_unit": {"ou": "/Sandbox", "name": "a/b"}}, "steps.1.rename_unit.name: must be the name of a unit"),
        (
            {"create_account": {"name": "x", "moved_after_s": 5}},
            "steps.1.create_account: moved_after_s needs ou",
        ),
        (
            {"join_account": {"name": "x", "ou": "/A", "moved_after_s": -5}},
            "steps.1.join_account.moved_after_s: must be at least 0",
        ),
        (
            {"tag_account": {"account": "200000000001", "tags": {"a": 1}}},
            "steps.1.tag_account.tags.a: must be text",
        ),
        ({"wait": {}}, "steps.1.wait.seconds: is missing"),
        ({"wait": {"seconds": 0}}, "steps.1.wait.seconds: must be greater than 0"),
        ({"command": {"exit": 2}}, "steps.1.command.run: is missing"),
        ({"command": {"run": "x", "exit": 256}}, "steps.1.command.exit: must be at most 255"),
        ({"command": {"run": "x", "as": "root"}}, "steps.1.command.as: must be operator or reader"),
        ({"command": {"run": "x", "rights": "reader"}}, "steps.1.command.rights: is not a key here; allowed: account,"),
        ({"command": {"run": "x", "timeout_s": 0}}, "steps.1.command.timeout_s: must be greater than 0"),
        ({"command": {"run": "x", "account": "9" * 12}}, "steps.1.command.account: 999999999999 is no account"),
        ({"command": 3}, "steps.1.command: must be text"),
        ({"deploy": {"deployment": []}}, "steps.1.deploy.deployment: must be a mapping"),
        ({"deploy": {"system": "event_forwarding"}}, "steps.1.deploy.system: is not a key here"),
        ({"event": {"source": "x", "detail": {}}}, "steps.1.event.detail-type: is missing"),
        (
            {"event": {"source": "x", "detail-type": "y", "detail": {}, "times": 0}},
            "steps.1.event.times: must be at least 1",
        ),
        (
            {"event": {"source": "x", "detail-type": "y", "detail": {}, "bus_region": "moon"}},
            "steps.1.event.bus_region: must be a region",
        ),
        ({"at_once": []}, "steps.1.at_once: must have at least 1 entry"),
        ({"at_once": [{"at_once": [{"schedule": {}}]}]}, "steps.1.at_once.0.at_once: is not a key here"),
        ({"at_once": [{"deploy": {}}, {"destroy": {}}]}, "steps.1: the engine does one thing at a time"),
        (
            {"at_once": [{"schedule": {}}, {"tag_account": {"account": "200000000003", "tags": {}}}]},
            "steps.1.at_once.1.tag_account.account: 200000000003 is no member account",
        ),
    ],
)
def test_a_wrong_step_is_told_with_its_place(step: Any, line: str) -> None:
    """Steps are counted from 0, as in the file's own lists."""
    (report,) = refusals(with_step(step))
    assert report.startswith(line)


WRONG: list[Any] = [None, True, -1, 1.5, "", "x y", [], ["x"], {}, {"x": 1}]
"""A value of every type, which few places accept."""


def places(document: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of everything in a document."""
    inside = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [path for key, value in inside for path in [(*above, key), *places(value, (*above, key))]]


def replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The document with another value at a path."""
    if not path:
        return value
    changed = dict(document) if isinstance(document, dict) else list(document)
    changed[path[0]] = replaced(document[path[0]], path[1:], value)
    return changed


@pytest.mark.parametrize("value", WRONG, ids=repr)
def test_no_message_shows_our_tools(value: Any) -> None:
    """Whatever stands wherever, a mistake is described without pydantic's words, its types or a regular expression."""
    for path in places(EVERYTHING):
        try:
            validate(replaced(EVERYTHING, path, value))
        except ScenarioInvalid as refusal:
            for line in str(refusal).splitlines():
                assert not re.search(r"pydantic|Input |[Vv]alue error|dict|\bstr\b|\^|\\d|\[key\]|~|NoneType", line), (
                    line
                )


def test_every_mistake_is_told_at_once() -> None:
    """Nobody has to run a file five times to find five errors."""
    assert len(refusals(SMALL | {"quotas": "some", "expect": "maybe", "latency_ms": -1})) == 3


def test_ids_of_accounts_yet_to_come_are_not_judged() -> None:
    """An unknown id is accepted in a scenario where accounts are created or join."""
    steps = [{"join_account": {"name": "new"}}, {"close_account": "200000000003"}]
    assert validate(SMALL | {"steps": steps})


def test_a_stack_that_has_no_file_is_refused_before_anything_is_started() -> None:
    """An engine would deploy it with an empty configuration."""
    steps = [{"deploy": {"stack": "nowhere"}}, {"at_once": [{"schedule": {}}, {"destroy": {"stack": "gone"}}]}]
    with pytest.raises(ScenarioInvalid) as refused:
        rehearse(validate(SMALL | {"steps": steps}))
    first, second = str(refused.value).splitlines()
    assert first.startswith("steps.0.deploy.stack: there is no file Pulumi.nowhere.yaml; stacks here: dev, prod")
    assert second.startswith("steps.1.at_once.1.destroy.stack: there is no file Pulumi.gone.yaml")


@pytest.mark.parametrize("document", [None, [], "text", 3])
def test_what_is_no_mapping_is_no_scenario(document: Any) -> None:
    """The file as a whole is validated as well."""
    assert refusals(document)[0].startswith("the file: must be a mapping")


def test_yaml_is_read_as_it_is_meant(tmp_path: Path) -> None:
    """`off` without quotes is off, and a date in an event stays text."""
    event = "{source: a, detail-type: b, detail: {eventTime: 2026-01-02}}"
    file = tmp_path / "scenario.yaml"
    file.write_text(f"name: x\nquotas: off\norganization: {{accounts: 1}}\nsteps:\n  - event: {event}\n")
    scenario = load(file)
    assert scenario.quotas == "off"
    assert scenario.steps[0].body.detail == {"eventTime": "2026-01-02"}


def test_json_is_read_by_its_name(tmp_path: Path) -> None:
    """A file whose name ends in .json is JSON."""
    file = tmp_path / "scenario.json"
    file.write_text(json.dumps(EVERYTHING))
    assert load(file) == validate(EVERYTHING)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.yaml", "name: x\nquotas: off\nquotas: aws\n", "'quotas' stands twice"),
        ("a.json", '{"name": "x", "name": "y"}', "'name' stands twice"),
        ("a.yaml", "name: [x\n", "is not readable YAML"),
        ("a.json", "{", "is not readable JSON"),
        ("a.yaml", "name: \x00", "is not readable YAML"),
        ("a.yaml", "name: &name [*name]", "is nested too deeply"),
    ],
)
def test_an_unreadable_file_is_refused(tmp_path: Path, name: str, text: str, said: str) -> None:
    """Wrong syntax and a key that would silently hide another are errors in the file."""
    (tmp_path / name).write_text(text)
    with pytest.raises(ScenarioInvalid, match=said):
        load(tmp_path / name)


def test_a_fault_in_an_unknown_function_is_refused() -> None:
    """Before anything is started, with its path: at the top, and in a step."""
    fault = {"function": "proces", "crash": "before"}
    scenario = validate(SMALL | {"faults": [fault], "steps": [{"deploy": {}}, {"fault": fault}]})
    with pytest.raises(ScenarioInvalid) as refusal:
        rehearse(scenario, engine="inline")
    allowed = "must be plan, process, report or initial_sync"
    assert str(refusal.value).splitlines() == [f"{path}.function: {allowed}" for path in ("faults.0", "steps.1.fault")]


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """A missing file is an error like any other."""
    with pytest.raises(ScenarioInvalid, match="cannot be read"):
        load(tmp_path / "nowhere.yaml")
