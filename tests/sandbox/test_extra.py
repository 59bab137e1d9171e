"""The sandbox as an extra: the other commands work without it, its own say what to install."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from orgsync.sandbox.extra import INSTALL, PACKAGES, missing_packages

ROOT = Path(__file__).parents[2]
WITHOUT = ("awslambdaric", "cfnlint", "flask", "moto", "trustme", "werkzeug")


def orgsync(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in an interpreter in which importing a package of the extra fails."""
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({WITHOUT!r}));"
        "from orgsync.cli.main import main; main(prog_name='orgsync')"
    )
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_extra_is_installed_here() -> None:
    """A check that finds nothing anywhere would pass for one that works."""
    assert missing_packages() == []


@pytest.mark.parametrize("arguments", [("--help",), ("status", "--help"), ("sync", "--help"), ("plan", "--help")])
def test_the_command_works_without_the_extra(arguments: tuple[str, ...]) -> None:
    """Whoever only operates a stack installs no emulator."""
    done = orgsync(*arguments)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("arguments", [("demo",), ("run", "x.yaml")])
def test_the_sandbox_without_the_extra_says_what_to_install(arguments: tuple[str, ...]) -> None:
    """In one line, with the exit code of a wrong command line."""
    done = orgsync("sandbox", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = [line for line in done.stderr.splitlines() if INSTALL in line]
    assert "moto" in line


def test_the_extra_is_no_dependency_of_the_rest() -> None:
    """The packages that the check looks for are those of the extra, flask through moto's own extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extra = " ".join(project["optional-dependencies"]["sandbox"])
    assert all(package in extra for package in set(PACKAGES) - {"flask"})
    assert "moto[server]" in extra
    assert not [dependency for dependency in project["dependencies"] if dependency.startswith(PACKAGES)]
