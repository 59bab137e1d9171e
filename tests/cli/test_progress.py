"""Progress of a rehearsal on stderr: plain lines without a terminal, a live line on one."""

import io
import re
import time

import pytest
from rich.console import Console

from orgsync.cli import progress as module
from orgsync.cli.progress import Progress
from orgsync.sandbox.rehearsal.load import validate


def test_progress_says_what_it_is_and_why_a_step_failed() -> None:
    """Plain lines without a terminal."""
    page = io.StringIO()
    scenario = validate({"name": "a [b]", "organization": {"accounts": 1}, "steps": [{"schedule": {}}]})
    step = {"ok": False, "seconds": 1.23, "resources": {"create": 61, "same": 0}, "runs": ["r"], "error": "one\ntwo"}
    with Progress(Console(file=page, width=120)) as progress:
        progress.scenario_started(scenario, "inline", ["organization: 1 member account"], lambda: "")
        progress.step_started(1, 2, "schedule")
        progress.step_finished(step)
    lines = page.getvalue().splitlines()
    assert lines[0] == "a [b]"
    assert "nothing reaches AWS" in lines[1]
    assert lines[2].startswith("  engine: inline (")
    assert lines[-4:] == ["▸ 1/2 schedule", "✗ 1/2 schedule 1.2 s · 61 create · 1 run", "    one", "    two"]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks at the traffic that come at once."""
    monkeypatch.setattr(module, "PLAIN_S", 0.01)
    monkeypatch.setattr(module, "LIVE_S", 0.01)


def wait_for(page: io.StringIO, words: str) -> None:
    """Wait until the page has words; a progress that never says them fails the test."""
    end = time.monotonic() + 10
    while words not in page.getvalue():
        assert time.monotonic() < end, page.getvalue()
        time.sleep(0.01)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("terminal", [False, True])
def test_a_deployment_says_how_many_resources_stand(terminal: bool) -> None:
    """In place of the engine's last line, which may stay the same for half a minute."""
    page = io.StringIO()
    with Progress(Console(file=page, width=120, force_terminal=terminal, color_system=None)) as progress:
        progress.step_started(1, 2, "deploy")
        progress.on_output("the layer is built")
        wait_for(page, "s · the layer is built")
        progress.on_count(12, 98)
        wait_for(page, "s · 12 of 98 resources stand")
        progress.on_count(97, 98)
        wait_for(page, "s · 97 of 98 resources stand")
    assert "the layer is built" not in page.getvalue().rpartition("12 of 98")[2]


def test_no_word_is_broken_on_a_terminal() -> None:
    """Also where a title is longer than a line."""
    page = io.StringIO()
    title = "the source gets a contact that AWS would refuse, which it should not, and everything stays as it was"
    with Progress(Console(file=page, width=80, force_terminal=True, color_system=None)) as progress:
        progress.step_started(7, 8, title)
        progress.step_finished({"ok": True, "seconds": 1.2, "resources": None, "runs": ["r"], "error": None})
    lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line).strip("\r ") for line in page.getvalue().splitlines()]
    begin = next(number for number, line in enumerate(lines) if "✓ 7/8" in line)
    assert " ".join(lines[begin : begin + 2]).endswith(f"✓ 7/8 {title} 1.2 s · 1 run")


@pytest.mark.usefixtures("quick")
def test_the_next_step_begins_without_a_count() -> None:
    """It may be no deployment."""
    page = io.StringIO()
    with Progress(Console(file=page, width=120)) as progress:
        progress.step_started(1, 2, "deploy")
        progress.on_count(98, 98)
        wait_for(page, "98 of 98")
        progress.step_started(2, 2, "schedule")
        wait_for(page, "2/2 schedule\n    0 s\n")
    assert "98" not in page.getvalue().partition("2/2 schedule")[2]
