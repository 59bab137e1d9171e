"""Imports at run time: the packages that a module loads, seen from a fresh interpreter."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PURE = [
    "orgsync.sandbox.contact_sync.simulation",
    *(f"orgsync.sandbox.model.{path.stem}" for path in sorted((ROOT / "orgsync/sandbox/model").glob("[!_]*.py"))),
]


def loaded_by(module: str) -> set[str]:
    """The top-level packages that are loaded once a module is imported."""
    code = f"import json, sys, {module}; print(json.dumps(sorted(name.partition('.')[0] for name in sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_loads_no_moto(module: str) -> None:
    """A test in virtual time does not wait for 500 modules of an emulator that it does not use."""
    assert not {"moto", "flask", "werkzeug"} & loaded_by(module)


def test_a_load_of_moto_is_seen() -> None:
    """The cloud itself loads it."""
    assert "moto" in loaded_by("orgsync.sandbox.cloud.cloud")
