"""ContactSync as a Pulumi package: what other programs see of it, and what it does for them."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pulumi.errors import InputPropertyError
from pydantic import BaseModel

import orgsync
from orgsync import components
from orgsync.components.__main__ import SCHEMA, Package, schema
from orgsync.components.contact_sync.deployment import Deployment
from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.engines.opener import find_cli, open_engine
from orgsync.sandbox.engines.protocol import DeployFailed, Engine
from orgsync.sandbox.model.organization import make

PROGRAM = Path(__file__).parent / "program"
IMPORTING = Path(__file__).parent / "imported"
COMMAND = "pulumi-resource-orgsync"


def described(value: dict[str, Any]) -> bool:
    return bool(value.get("description", "").strip())


def test_the_committed_schema_is_current() -> None:
    """What is published is what the code says; `make schema` writes it anew."""
    assert json.loads(SCHEMA.read_text()) == schema()


def test_the_version_stands_in_one_place() -> None:
    """Package, project and code are of one version."""
    assert schema()["version"] == orgsync.__version__


def test_every_argument_and_output_is_described() -> None:
    """Nobody has to read the code to know what goes in and what comes out."""
    (component,) = schema()["resources"].values()
    properties = {**component["inputProperties"], **component["properties"]}
    assert described(component)
    assert not [name for name, value in properties.items() if not described(value)]


@pytest.mark.parametrize(("argument", "model"), [("contactSync", ContactSyncConfig), ("deployment", Deployment)])
def test_every_key_of_a_document_is_named(argument: str, model: type[BaseModel]) -> None:
    """An argument is a whole document: what it may hold stands in its description."""
    (component,) = schema()["resources"].values()
    description = component["inputProperties"][argument]["description"]
    assert [key for key in model.model_fields if f"`{key}`" not in description] == []


def test_an_argument_that_is_none_is_refused() -> None:
    """Pulumi would drop it, and with it an exclusion."""
    with pytest.raises(InputPropertyError, match="contactSink: is not an argument; allowed: contactSync, deployment"):
        Package().construct("contacts", "orgsync:index:ContactSync", {"contactSink": {"excluded_units": ["/Sandbox"]}})


def test_nothing_has_to_be_given() -> None:
    """Every argument has a default."""
    (component,) = schema()["resources"].values()
    assert component["requiredInputs"] == []


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package's command where the engine looks for it, as an installation puts it there."""
    command = tmp_path / COMMAND
    command.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{Path(components.__file__).parent}' \"$@\"\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), os.environ["PATH"]]))


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with Cloud(make(seed=4, count=3)) as opened:
        yield opened


@pytest.mark.slow
def test_a_program_in_python_imports_it_as_often_as_it_likes(cloud: Cloud) -> None:
    """Two systems in one stack, each with its own names; nothing given is everything."""
    with open_engine("inline", cloud, IMPORTING) as engine:
        outputs = engine.up().outputs
        assert (outputs["whole"]["status"], outputs["whole"]["succeeded"]) == ("completed", 12)
        assert (outputs["billing"]["status"], outputs["billing"]["skipped"]) == ("completed", 1)
        assert len(set(outputs["parameters"])) == 2
        engine.destroy()
    assert cloud.leftovers() == []


@pytest.fixture
def engine(cloud: Cloud, on_path: None) -> Iterator[Engine]:
    if find_cli() is None:
        pytest.skip("no Pulumi CLI on PATH or at .engine/pulumi: make engine")
    with open_engine("pulumi", cloud, PROGRAM) as opened:
        yield opened


@pytest.mark.engine
@pytest.mark.slow
def test_another_program_keeps_its_contacts_in_step(engine: Engine, cloud: Cloud) -> None:
    """A remote component from first `up` to `destroy`: it converges, changes nothing unasked, leaves nothing."""
    deployed = engine.up()
    cloud.settle()
    assert deployed.outputs["initial_sync"]["status"] == "completed"
    assert deployed.outputs["initial_sync"]["succeeded"] == 6
    contacts = cloud.account.contacts()
    source = contacts.pop(cloud.organization.management)
    for held in contacts.values():
        assert (held["billing"], held["security"]) == (source["billing"], source["security"])

    again = engine.up()
    assert again.changes == 0, again.resources
    assert len(cloud.executions()) == len({run["name"] for run in cloud.executions()}) == 1

    engine.destroy()
    assert cloud.leftovers() == []


@pytest.mark.engine
@pytest.mark.slow
def test_another_program_is_told_what_is_wrong(engine: Engine, cloud: Cloud) -> None:
    """A mistake in the arguments fails the preview with its path and its remedy, as in a stack file of ours."""
    with pytest.raises(DeployFailed, match=r"excluded_accounts\.0: must be an account id of 12 digits"):
        engine.preview(config={"excluded_accounts": ["12"]})
    assert cloud.leftovers() == []
