"""Each scenario file is played once in a session, whoever looks at its report."""

import functools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.program import laid_over
from sandbox.scenario import Scenario, load, play

ROOT = Path(__file__).parents[2]
SCENARIOS = ROOT / "tests" / "scenarios"

Report = dict[str, Any]


@functools.cache
def _scenario(name: str) -> Scenario:
    return load(SCENARIOS / f"{name}.yaml")


@functools.cache
def _report(name: str) -> Report:
    return play(_scenario(name), engine="inline")


@pytest.fixture(scope="session")
def scenario() -> Callable[[str], Scenario]:
    """A file of `tests/scenarios`, by its name without the ending."""
    return _scenario


@pytest.fixture(scope="session")
def rehearsed() -> Callable[[str], Report]:
    """The report of a file of `tests/scenarios`, played with the in-process engine."""
    return _report


@pytest.fixture
def clone(tmp_path: Path) -> Callable[[dict[str, Any]], Path]:
    """Makes a checkout of the program whose `dev` stack file has some keys laid over."""

    def made(keys: dict[str, Any]) -> Path:
        root = tmp_path / "clone"
        for room in ("components", "handlers"):
            shutil.copytree(ROOT / room, root / room, ignore=shutil.ignore_patterns("__pycache__"))
        for file in ("__main__.py", "Pulumi.yaml"):
            shutil.copy(ROOT / file, root)
        document = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text())
        document["config"] = laid_over(document["config"], keys)
        (root / "Pulumi.dev.yaml").write_text(yaml.safe_dump(document))
        (root / ".build").symlink_to(ROOT / ".build")
        return root

    return made
