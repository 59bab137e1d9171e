"""The directions between the rooms, and that breaking one is seen."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("handlers", "components", "orgsync")


def look(folder):
    """import-linter on the rooms as they stand in a folder."""
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", program, "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def rooms(tmp_path):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_rooms_keep_their_directions(rooms):
    """No room imports one that it must not know."""
    seen = look(rooms)
    assert seen.returncode == 0, seen.stdout + seen.stderr


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("orgsync/contact_sync/names.py", "import boto3", "Only adapters and the shared clients speak to AWS"),
        ("orgsync/contact_sync/finalize.py", "import boto3", "Only adapters and the shared clients speak to AWS"),
        (
            "orgsync/contact_sync/finalize.py",
            "import orgsync.handlers.contact_sync.plan",
            "A function's code looks down only",
        ),
        ("orgsync/contact_sync/finalize.py", "import crhelper", "Only the initial sync knows crhelper"),
        ("orgsync/contact_sync/names.py", "import pulumi", "What is zipped never imports Pulumi"),
        ("orgsync/contact_sync/config.py", "import orgsync.components.shared.stack_context", "The command on top"),
        (
            "components/shared/stack_context.py",
            "import orgsync.contact_sync.services",
            "Components know of the library only",
        ),
        (
            "components/shared/stack_context.py",
            "import orgsync.contact_sync.finalize",
            "Components know of the library only",
        ),
        ("components/shared/stack_context.py", "import orgsync.sandbox", "The command on top"),
    ],
)
def test_a_wrong_direction_is_seen(rooms, file, line, contract):
    """One import against an arrow breaks the contract that holds it."""
    with (rooms / file).open("a") as end:
        end.write(f"\n{line}\n")
    seen = look(rooms)
    assert seen.returncode != 0
    broken = " ".join(seen.stdout.split())
    assert f"{contract}" in broken.split("Broken contracts")[1], seen.stdout + seen.stderr


def test_every_child_belongs_to_its_component() -> None:
    """What depends on a component waits for its children, but not for theirs: a child's parent is `self`."""
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
