"""Each scenario file is played once in a session, whoever looks at its report."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.scenario import Scenario, load, play

SCENARIOS = Path(__file__).parents[1] / "scenarios"

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
