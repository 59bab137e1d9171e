"""Imports at run time: the packages that a module loads, seen from a fresh interpreter."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from orgsync.contact_sync.names import Env

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


FUNCTIONS = [f"orgsync.handlers.contact_sync.{name}" for name in ("plan", "process", "report", "initial_sync")]


@pytest.mark.parametrize("module", FUNCTIONS)
def test_a_function_loads_what_it_needs(module: str) -> None:
    """A cold start waits for nothing of the command, the deployment or traces; CloudFormation's helper is for one."""
    loaded = loaded_by(module)
    assert not {"aws_xray_sdk", "wrapt", "click", "rich", "yaml", "pulumi", "moto", "requests"} & loaded
    assert ("crhelper" in loaded) is module.endswith("initial_sync")


def test_a_function_makes_a_client_when_it_first_uses_it() -> None:
    """Naming the services of an environment makes no session, and so no client: each loads a description of its own."""
    texts = dict.fromkeys(Env, "arn:aws:states:us-east-1:100000000001:stateMachine:any") | {
        Env.RECEIPT_RETENTION_DAYS: "90",
        Env.CHAT_TOPIC_ARNS: "",
    }
    code = (
        "from orgsync.contact_sync.services import Services; from orgsync.shared import aws; "
        "Services.of_environment(); print(aws.session.cache_info().currsize)"
    )
    environment = {**os.environ, **{str(name): text for name, text in texts.items()}}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "0\n"
