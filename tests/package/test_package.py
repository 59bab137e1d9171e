"""ContactSync as a Pulumi package: the part of it that other programs see."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pulumi.errors import InputPropertiesError

import orgsync
from orgsync.components.__main__ import SCHEMA, Package, schema
from orgsync.components.contact_sync.arguments import written
from orgsync.components.contact_sync.deployment import Deployment
from orgsync.components.shared.arguments import PACKAGE
from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.names import FailOn, Operation
from orgsync.shared.configuration import ConfigurationRefused, validate
from tests.package.pulumi_cli import run_cli

ROOT = Path(__file__).parents[2]
COMPONENT = "orgsync:index:ContactSync"


def types() -> dict[str, Any]:
    """Return the published types by their own names."""
    return {name.rpartition(":")[2]: value for name, value in schema()["types"].items()}


def described(value: dict[str, Any]) -> bool:
    return bool(value.get("description", "").strip())


def descriptions(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every description in a part of the schema, with its place."""
    if isinstance(value, dict):
        if isinstance(value.get("description"), str):
            yield path, value["description"]
        for key, item in value.items():
            yield from descriptions(item, f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from descriptions(item, f"{path}.{index}")


def test_the_committed_schema_is_current() -> None:
    """The published file says the same as the code; `make schema` writes it anew."""
    assert json.loads(SCHEMA.read_text()) == schema()


def test_the_version_stands_in_one_place() -> None:
    """Package, project and code are of one version."""
    assert schema()["version"] == orgsync.__version__


def test_the_package_describes_itself() -> None:
    """The registry and generated SDKs show whose it is and where it comes from, as the project's metadata does."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    published = schema()
    assert published["description"] == project["description"]
    assert published["repository"] == project["urls"]["Repository"]
    assert published["pluginDownloadURL"] == f"git://{published['repository'].removeprefix('https://')}/components"
    assert published["publisher"]
    assert {"kind/component", "category/infrastructure", "aws"} <= set(published["keywords"])
    # The owner's decision: an absent licence is better than a wrong one.
    assert "license" not in published


def test_everything_is_described() -> None:
    """Nobody has to read the code to know what goes in, what comes out, and what each choice means."""
    component = schema()["resources"][COMPONENT]
    assert described(component)
    properties = {**component["inputProperties"], **component["properties"]}
    assert not [name for name, value in properties.items() if not described(value)]
    for name, value in types().items():
        assert described(value), name
        assert not [f"{name}.{key}" for key, item in value.get("properties", {}).items() if not described(item)]
        assert not [f"{name}.{member['name']}" for member in value.get("enum", []) if not described(member)]


def test_nothing_is_of_any_type() -> None:
    """A map of anything would let misspelt keys and values through to the deployment."""
    assert "pulumi.json#/Any" not in json.dumps(schema())


def test_descriptions_spell_keys_as_the_package_does() -> None:
    """Python's own spelling is no key in any other language."""
    ours = {key for key in written(PACKAGE).spelled_keys() if "_" in key}
    found = [place for place, text in descriptions(schema()) for code in re.findall(r"`(\w+)", text) if code in ours]
    assert found == []


def test_descriptions_are_paragraphs() -> None:
    """Lines of the source and their indentation are no part of them; an example keeps its lines."""
    texts = [text.partition("## Example Usage")[0] for _, text in descriptions(schema())]
    assert [text for text in texts if re.search(r"(?<!\n)\n(?!\n)|  ", text)] == []


@pytest.mark.parametrize(
    ("kind", "key", "said"),
    [
        ("ContactSyncOptions", "schedule", "Default: `rate(1 day)`."),
        ("ContactSyncOptions", "contactTypes", "Default: `primary`, `billing`, `operations`, `security`."),
        ("ContactSyncOptions", "excludedAccounts", "Default: none."),
        ("ContactSyncOptions", "paused", "Default: `false`."),
        ("RetryOptions", "maxAttempts", "From 0 to 10. Default: `3`."),
        ("PaceOptions", "rate", "Above 0, up to 1000."),
        ("MemoryOptions", "process", "From 128 to 10240. Default: `1024`."),
        ("InitialSyncOptions", "failOn", "Default: `failed`."),
    ],
)
def test_defaults_and_bounds_are_those_of_the_models(kind: str, key: str, said: str) -> None:
    """They are written once, where they are validated."""
    assert types()[kind]["properties"][key]["description"].endswith(f" {said}")


def test_what_the_schema_cannot_say_is_described() -> None:
    """Days are numbers: their description names every one that there is. Operations have a property each."""
    assert types()["PacingOptions"]["properties"].keys() == {"explore", *Operation}
    days = types()["DeploymentOptions"]["properties"]["logRetentionDays"]["description"]
    listed = re.search(r"takes: ([\d, ]+)\.", days)
    assert listed
    accepted = {int(number) for number in listed[1].split(", ")}
    assert accepted == {number for number in range(1, 4000) if _is_retention(number)}


def _is_retention(days: int) -> bool:
    try:
        validate(Deployment, {"log_retention_days": days})
    except ConfigurationRefused:
        return False
    return True


def test_closed_sets_are_enums() -> None:
    """A choice is named in every language; its members are the models' own."""
    fail_on = types()["FailOn"]
    assert [member["value"] for member in fail_on["enum"]] == list(FailOn)
    enums = {name for name, value in types().items() if "enum" in value}
    assert enums == {
        *("ContactType", "OnSourceDelete", "Severity", "SubscriptionProtocol", "DeliveryChannel", "RunScenario"),
        *("LogLevel", "InitialSyncWait", "FailOn", "InitialSyncOutcome"),
    }
    assert types()["ContactType"]["enum"][0]["value"] == ContactSyncConfig().contact_types[0]


def test_the_initial_sync_is_an_output_with_types() -> None:
    """Its counts are numbers, its status is one of a few."""
    properties = types()["InitialSyncResult"]["properties"]
    assert {properties[count]["type"] for count in ("succeeded", "skipped", "failed")} == {"integer"}
    assert properties["status"]["$ref"] == "#/types/orgsync:index:InitialSyncOutcome"


def test_only_what_is_passed_on_may_come_later() -> None:
    """In a language with types an Output where it is refused does not compile."""
    later = {
        f"{name}.{key}"
        for name, value in types().items()
        for key, item in value.get("properties", {}).items()
        if name.endswith("Options") and not item.get("plain")
    }
    assert later == {
        *("NotificationOptions.fallbackSnsTopic", "SubscriptionOptions.endpoint", "EmailContactOptions.address"),
        *("SlackChannelOptions.workspace", "SlackChannelOptions.channel"),
        *("TeamsChannelOptions.tenant", "TeamsChannelOptions.team", "TeamsChannelOptions.channel"),
    }


def test_what_is_wrong_is_refused_before_pulumi_drops_it() -> None:
    """Every mistake at once, each at its property's path."""
    given = {"contactSink": {}, "contactSync": {"excludedUnit": ["/Sandbox"], "contactTypes": ["biling"]}}
    with pytest.raises(InputPropertiesError) as refused:
        Package().construct("contacts", COMPONENT, given)
    found = {error["property_path"]: error["reason"] for error in refused.value.errors or []}
    assert found.pop("contactSync.excludedUnit").startswith("is not a key here; allowed: contactTypes, excludedAcc")
    assert found == {
        "contactSink": "is not an argument here; allowed: contactSync, deployment",
        "contactSync.contactTypes[0]": "must be primary, billing, operations or security",
    }


def test_an_address_is_not_repeated() -> None:
    """The engine prints the value of a property that an error names: an address, perhaps with a password in it."""
    endpoint = "https//name:password@example.com"
    given = {"notificationSettings": {"subscriptions": [{"protocol": "https", "endpoint": endpoint}]}, "paused": 1}
    with pytest.raises(InputPropertiesError) as refused:
        Package().construct("contacts", COMPONENT, {"contactSync": given})
    assert [error["property_path"] for error in refused.value.errors or []] == ["contactSync.paused"]
    line = "- property contactSync.notificationSettings.subscriptions[0] has a problem: endpoint of https must be"
    assert line in refused.value.message
    assert "password" not in refused.value.message


def test_nothing_has_to_be_given() -> None:
    """Every argument has a default."""
    assert schema()["resources"][COMPONENT]["requiredInputs"] == []


def test_an_enum_in_an_output_keeps_its_value() -> None:
    """Pulumi's own mapping of nested outputs makes an empty mapping of it."""
    package = Package()
    kind = package._type_defs["InitialSyncResult"]
    given = {"status": "paused", "succeeded": 0, "skipped": 0, "failed": 0}
    assert package.map_complex_output(given, kind) == given


@pytest.mark.engine
def test_pulumi_accepts_the_schema(cli: Path) -> None:
    """The engine's own check fails on a schema from which no SDK can be made."""
    assert run_cli(cli, ["schema", "check", str(SCHEMA)]) == ""
