"""Rehearsals: each scenario file runs once in a session, whichever tests look at its report."""

import functools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from orgsync.sandbox.contact_sync.rehearse import rehearse
from orgsync.sandbox.engines.program import merge_config
from orgsync.sandbox.rehearsal.load import load
from orgsync.sandbox.rehearsal.model import Scenario

ROOT = Path(__file__).parents[2]
SCENARIOS = ROOT / "tests" / "scenarios"

Report = dict[str, Any]


@functools.cache
def _scenario(name: str) -> Scenario:
    return load(SCENARIOS / f"{name}.yaml")


@functools.cache
def _report(name: str) -> Report:
    return rehearse(_scenario(name), engine="inline")


@pytest.fixture(scope="session")
def scenario() -> Callable[[str], Scenario]:
    """Return the function that loads a file of `tests/scenarios`, by its name without the ending."""
    return _scenario


@pytest.fixture(scope="session")
def rehearsed() -> Callable[[str], Report]:
    """Return the function that gives the report of a file of `tests/scenarios`, run with the in-process engine."""
    return _report


@pytest.fixture
def clone(tmp_path: Path) -> Callable[[dict[str, Any]], Path]:
    """Return the function that copies the program with another `dev` stack file: keys of its `config` laid over."""

    def made(keys: dict[str, Any]) -> Path:
        for file in ("__main__.py", "Pulumi.yaml"):
            shutil.copy(ROOT / file, tmp_path)
        document = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text())
        document["config"] = merge_config(document["config"], keys)
        (tmp_path / "Pulumi.dev.yaml").write_text(yaml.safe_dump(document))
        return tmp_path

    return made
