"""Fixtures of programs that use the package: an organization, and the command where the engine looks for it."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orgsync import components
from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.engines.opener import find_cli
from orgsync.sandbox.model.organization import make

COMMAND = "pulumi-resource-orgsync"


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with Cloud(make(seed=4, count=3)) as opened:
        yield opened


@pytest.fixture
def cli() -> Path:
    """The Pulumi CLI; without one the test is skipped."""
    found = find_cli()
    if found is None:
        pytest.skip("no Pulumi CLI on PATH or at .engine/pulumi: make engine")
    return found


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package's command where the engine looks for it, as an installation puts it there."""
    command = tmp_path / "bin" / COMMAND
    command.parent.mkdir()
    command.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{Path(components.__file__).parent}' \"$@\"\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(command.parent), os.environ["PATH"]]))
