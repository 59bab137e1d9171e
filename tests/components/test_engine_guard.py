"""The guard by which CI does not pass without the real engine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[1] / "conftest.py"
DRIVES_IT = (
    "import pytest\n\n\n@pytest.mark.engine\ndef test_engine():\n    {}\n\n\ndef test_other():\n    assert True\n"
)


@pytest.mark.parametrize(
    ("body", "required", "code"),
    [
        ("pytest.skip('no engine')", "1", 1),
        ("pytest.skip('no engine')", "", 0),
        ("assert True", "1", 0),
    ],
)
def test_a_skipped_engine_is_a_failure_where_it_is_required(
    tmp_path: Path, body: str, required: str, code: int
) -> None:
    """With ORGSYNC_REQUIRE_ENGINE=1 a run passes only when a test drove the engine."""
    (tmp_path / "conftest.py").write_text(SHARED.read_text())
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = engine: drives the real engine\n")
    (tmp_path / "test_one.py").write_text(DRIVES_IT.format(body))
    environment = {**os.environ, "ORGSYNC_REQUIRE_ENGINE": required}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == code, ran.stdout


def test_a_run_without_any_engine_test_fails_where_it_is_required(tmp_path: Path) -> None:
    """Tests that were removed or renamed cannot pass for tests that ran."""
    (tmp_path / "conftest.py").write_text(SHARED.read_text())
    (tmp_path / "test_one.py").write_text("def test_other():\n    assert True\n")
    environment = {**os.environ, "ORGSYNC_REQUIRE_ENGINE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 1, ran.stdout
    assert "No test drove the real Pulumi engine" in ran.stdout
