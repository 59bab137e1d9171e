"""`orgsync sandbox`: exit codes, what goes to stdout, and the demo's story."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from orgsync.cli.sandbox import sandbox

REPOSITORY = Path(__file__).parents[2]
SCENARIOS = REPOSITORY / "tests" / "scenarios"


def orgsync(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "orgsync.cli", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=300)


def test_help_teaches() -> None:
    """The help says what the command is for and what to begin with."""
    done = orgsync("--help")
    assert done.returncode == 0
    assert "orgsync sandbox demo" in done.stdout


def test_a_wrong_file_ends_with_2_and_its_place(tmp_path: Path) -> None:
    """Nothing was started, nothing stands on stdout."""
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("name: x\norganization: {accounts: 1}\nsteps: [{edit_source: {security: null, via: phone}}]\n")
    done = orgsync("sandbox", "run", str(wrong))
    assert (done.returncode, done.stdout) == (2, "")
    assert "steps.0.edit_source.via: must be api or console" in done.stderr


@pytest.mark.parametrize(
    "arguments", [("run",), ("run", "x.yaml", "--engine", "magic"), ("demo", "--accounts", "0"), ("fly",)]
)
def test_a_wrong_command_line_ends_with_2(arguments: tuple[str, ...]) -> None:
    """An unusable argument is refused as a wrong file is."""
    assert orgsync("sandbox", *arguments).returncode == 2


@pytest.mark.slow
def test_json_is_one_document_on_stdout() -> None:
    """Progress goes to stderr, and says that this is a sandbox and which engine deploys."""
    done = orgsync("sandbox", "run", str(SCENARIOS / "one_account.yaml"), "--engine", "inline", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["version"], document["scenario"]) == (1, "one account")
    assert "sandbox" in done.stderr
    assert "engine: inline" in done.stderr


@pytest.mark.slow
def test_a_rehearsal_that_does_not_end_as_expected_ends_with_1(tmp_path: Path) -> None:
    """An end that the scenario did not expect is a failure, however well every step went."""
    file = tmp_path / "expects.yaml"
    denied = "faults: [{operation: PutAlternateContact, error: AccessDeniedException}]\n"
    file.write_text(f"name: denied\norganization: {{accounts: 1}}\n{denied}steps: [{{deploy: {{}}}}]\n")
    done = orgsync("sandbox", "run", str(file), "--engine", "inline")
    assert done.returncode == 1, done.stderr
    assert "diverged (expected: converged)" in done.stdout


@pytest.mark.slow
def test_the_demo_shows_the_story() -> None:
    """Ten edits become at most two runs, a refused source changes nothing, and the end is convergence."""
    done = orgsync("sandbox", "demo", "--accounts", "5", "--engine", "inline", "--json")
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    runs = {run["run_id"]: run for run in report["runs"]}
    first, edited, burst, drift, daily, newcomer, refused, mended = (
        [runs[run_id] for run_id in step["runs"]] for step in report["steps"]
    )
    assert [len(step) for step in (first, edited, drift, daily, newcomer, refused, mended)] == [1, 1, 0, 1, 1, 1, 1]
    assert len(burst) <= 2
    assert [receipt["account"] for receipt in daily[0]["receipts"] if receipt["changed"]] == ["200000000001"]
    assert refused[0]["scenario"] == "configuration_errors"
    assert len(report["accounts"]) == 6


@pytest.mark.parametrize(("runs", "code"), [(0, 0), (2, 0), (3, 1)])
def test_the_demo_fails_if_the_burst_took_more_runs_than_it_says(
    monkeypatch: pytest.MonkeyPatch, runs: int, code: int
) -> None:
    """However well every account ended, a promise that was not kept is a failure."""
    steps = [{"step": "deploy", "runs": ["0"]}, {"step": "at_once", "runs": [str(run) for run in range(runs)]}]
    report = {"as_expected": True, "steps": steps}
    monkeypatch.setattr("orgsync.sandbox.contact_sync.rehearse.rehearse", lambda *_, **__: report)
    done = CliRunner().invoke(sandbox, ["demo", "--json"])
    assert (done.exit_code, json.loads(done.stdout)) == (code, {"version": 1, **report})
    assert ("set off 3 runs, not at most 2" in done.stderr) == bool(code)
