"""The directions between the rooms, and that each contract fails when an import breaks it."""

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("handlers", "components", "orgsync")

LAYERS = "The command on top"
FUNCTION_CODE = "A function's code looks down only"
COMPONENTS = "Components know of the library only"
SHARED = "What is shared knows no system"
CLIENTS = "Only adapters and the shared clients speak to AWS"
DECIDING = "Deciding needs the standard library and pydantic only"
CRHELPER = "Only the initial sync knows crhelper"
ZIPPED = "What is zipped never imports Pulumi"
MODEL = "The sandbox's model and the simulation import no moto"

SANDBOX = "The sandbox looks down only"
EMULATOR = "The emulator and its engines know no system"
CIRCLE = "The sandbox has no circle at any depth"

BREACHES = [
    ("orgsync/contact_sync/config.py", "import orgsync.components.shared.stack_context", LAYERS),
    ("components/shared/stack_context.py", "import orgsync.sandbox", LAYERS),
    ("components/contact_sync/functions.py", "import orgsync.handlers.contact_sync.plan", LAYERS),
    ("handlers/contact_sync/plan.py", "import orgsync.components.shared.packaging", LAYERS),
    ("orgsync/sandbox/errors.py", "import orgsync.cli.main", LAYERS),
    ("orgsync/contact_sync/finalize.py", "import orgsync.handlers.contact_sync.plan", FUNCTION_CODE),
    ("orgsync/contact_sync/core/lease.py", "import orgsync.contact_sync.adapters.state_table", FUNCTION_CODE),
    ("components/shared/stack_context.py", "import orgsync.contact_sync.services", COMPONENTS),
    ("components/shared/stack_context.py", "import orgsync.contact_sync.finalize", COMPONENTS),
    ("components/contact_sync/stores.py", "import orgsync.contact_sync.core.run", COMPONENTS),
    ("components/contact_sync/stores.py", "import orgsync.shared.aws", COMPONENTS),
    ("orgsync/shared/errors.py", "import orgsync.contact_sync.names", SHARED),
    ("components/shared/function.py", "import orgsync.contact_sync.names", SHARED),
    ("components/shared/function.py", "import orgsync.components.contact_sync.stores", SHARED),
    ("orgsync/contact_sync/names.py", "import boto3", CLIENTS),
    ("orgsync/contact_sync/finalize.py", "import boto3", CLIENTS),
    ("handlers/contact_sync/report.py", "import botocore", CLIENTS),
    ("orgsync/contact_sync/core/worker.py", "import aws_lambda_powertools", DECIDING),
    ("orgsync/shared/schedule.py", "import yaml", DECIDING),
    ("orgsync/contact_sync/config.py", "import orgsync.shared.aws", DECIDING),
    ("orgsync/contact_sync/finalize.py", "import crhelper", CRHELPER),
    ("handlers/contact_sync/plan.py", "import crhelper", CRHELPER),
    ("orgsync/contact_sync/names.py", "import pulumi", ZIPPED),
    ("orgsync/shared/clock.py", "import pulumi_aws", ZIPPED),
    ("orgsync/sandbox/model/quotas.py", "import moto.core", MODEL),
    ("orgsync/sandbox/model/quotas.py", "import orgsync.sandbox.cloud.cloud", SANDBOX),
    ("orgsync/sandbox/resources/steps.py", "import orgsync.sandbox.engines.program", SANDBOX),
    ("orgsync/sandbox/engines/program.py", "import orgsync.sandbox.cloud.cloud", SANDBOX),
    ("orgsync/sandbox/rehearsal/runner.py", "import orgsync.sandbox.contact_sync.policy", SANDBOX),
    ("orgsync/sandbox/rehearsal/runner.py", "import orgsync.contact_sync.names", EMULATOR),
    ("orgsync/sandbox/engines/protocol.py", "import orgsync.sandbox.engines.opener", CIRCLE),
]
"""An import, the file that it is added to, and the beginning of the name of the contract that it breaks."""


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the rooms as they stand in a folder."""
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", program, "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def rooms(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_rooms_keep_their_directions(rooms: Path) -> None:
    """No room imports one that it must not know."""
    linted = lint(rooms)
    assert linted.returncode == 0, linted.stdout + linted.stderr


@pytest.mark.parametrize(("file", "line", "contract"), BREACHES)
def test_a_wrong_direction_is_seen(rooms: Path, file: str, line: str, contract: str) -> None:
    """One import in the wrong direction breaks the contract that forbids it."""
    with (rooms / file).open("a") as end:
        end.write(f"\n{line}\n")
    linted = lint(rooms)
    assert linted.returncode != 0
    broken = " ".join(linted.stdout.split())
    assert contract in broken.split("Broken contracts")[1], linted.stdout + linted.stderr


def test_every_contract_is_seen_to_fail() -> None:
    """A contract that no import is known to break may hold nothing at all."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    names = [contract["name"] for contract in config["contracts"]]
    assert [name for name in names if not any(name.startswith(contract) for *_, contract in BREACHES)] == []


def test_the_rooms_are_imported_under_one_name() -> None:
    """`components` and `handlers` alone are never in `sys.modules`: a program's own folders have these names."""
    program = (
        "import sys, orgsync.components.contact_sync, orgsync.handlers.contact_sync.plan\n"
        "assert 'orgsync.components.contact_sync' in sys.modules\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('components', 'handlers')])"
    )
    environment = {**os.environ, "AWS_DEFAULT_REGION": "us-east-1"}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_every_child_belongs_to_its_component() -> None:
    """A component's dependents wait for its children, but not for theirs: a child's parent is `self`."""
    parents = [
        f"{file.name}:{word.value.lineno} {ast.unparse(word.value)}"
        for file in sorted((ROOT / "components").rglob("*.py"))
        for call in ast.walk(ast.parse(file.read_text()))
        if isinstance(call, ast.Call)
        for word in call.keywords
        if word.arg == "parent"
    ]
    assert len(parents) > 20
    assert [parent for parent in parents if not parent.endswith(" self")] == []
