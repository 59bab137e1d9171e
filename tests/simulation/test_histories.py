"""Histories of the whole product, drawn from seeds: every law holds in each; one that breaks a law can be read."""

import hashlib
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.simulation.cloud import Played, play
from tests.simulation.history import VERSION, History, HistoryRefused
from tools.simulate import main, shrink, soak

ROOT = Path(__file__).parents[2]
HISTORIES, GROUP = 240, 20
"""Seeds that `make test` plays; `make soak` plays any number."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "first",
    [pytest.param(first, marks=pytest.mark.xdist_group(f"histories {first}")) for first in range(0, HISTORIES, GROUP)],
)
def test_every_law_holds_in_every_history(first: int) -> None:
    """Whatever fails, dies, comes late or is changed in between; `python -m tools.simulate` shrinks what does not."""
    broken = {
        seed: played.broken for seed in range(first, first + GROUP) if (played := play(History.draw(seed))).broken
    }
    assert not broken, f"python -m tools.simulate --shrink --seed {next(iter(broken))}"


def test_one_seed_is_one_history_in_every_process() -> None:
    """Two processes with other hash seeds write the same bytes."""

    def digest(seed: str) -> str:
        command = [sys.executable, "-m", "tools.simulate", "--seed", seed]
        found = [
            subprocess.run(
                command, cwd=ROOT, capture_output=True, check=True, env={**os.environ, "PYTHONHASHSEED": hashes}
            ).stdout
            for hashes in ("1", "2")
        ]
        assert found[0] == found[1]
        assert len(found[0].splitlines()) > 50
        return hashlib.sha256(found[0]).hexdigest()

    assert digest("4") != digest("0")


def test_the_seeds_draw_everything_that_can_happen() -> None:
    """Every step, every fault and every kind of configuration is among the histories that are played."""
    drawn = [History.draw(seed) for seed in range(HISTORIES)]
    steps = Counter(step["do"] for history in drawn for step in history.steps)
    faults = Counter(fault["what"] for history in drawn for fault in history.faults)
    keys = Counter(key for history in drawn for key in history.config)
    assert min(steps.values()) >= 20, steps
    assert len(steps) == 14, steps
    assert min(faults.values()) >= 20, faults
    assert len(faults) == 10, faults
    assert keys.keys() == {
        *("on_source_delete", "contact_types", "paused"),
        *("excluded_accounts", "excluded_units", "excluded_tags"),
    }
    assert sum(history.smooth for history in drawn) > HISTORIES / 4
    # Beyond the breaker's window, the accounts that are under way at once, and a batch.
    assert max(history.accounts for history in drawn) > 200


def test_histories_reach_the_ends_that_a_run_can_have() -> None:
    """The ends that laws judge really happen: deletions, refusals, handed over accounts, runs that died."""
    seen = Counter[str]()
    for seed in range(40):
        text = play(History.draw(seed)).text()
        for word in ("DeleteAlternateContact", "completed", "failed", "killed", "lost", "not-ready", "aborted"):
            seen[word] += word in text
    assert min(seen.values()) > 0, seen


def breaks_when_an_account_closes(history: History) -> Played:
    """Play nothing: a law is broken where an account is closed after a source was edited."""
    verbs = [step["do"] for step in history.steps]
    closed = "close account" in verbs and "edit source" in verbs[: verbs.index("close account")]
    return Played(history, broken=["a law: what breaks it"] if closed else [])


def test_a_failing_history_shrinks_to_what_it_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing else is left of it, and the file that is written plays the same history again."""
    seed = next(seed for seed in range(1000) if breaks_when_an_account_closes(History.draw(seed)).broken)
    smallest = shrink(History.draw(seed), breaks_when_an_account_closes).history
    assert [step["do"] for step in smallest.steps] == ["edit source", "close account"]
    assert (smallest.faults, smallest.accounts, smallest.config, smallest.lag) == ((), 1, {}, 0.0)
    assert soak([seed], 60, breaks_when_an_account_closes, tmp_path) == 1
    shown, file = capsys.readouterr().out, tmp_path / f"history-{seed}.json"
    assert f"--history {file}" in shown
    assert History.of_text(file.read_text()) == smallest
    assert main(["--history", str(file)], breaks_when_an_account_closes) == 1


def test_a_history_of_another_version_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its seed and its steps would mean something else here: the message says so, and nothing is played."""
    text = History.draw(3).to_text()
    assert History.of_text(text) == History.draw(3)
    for other in (
        text.replace(f'"version": {VERSION}', '"version": 99'),
        "[]",
        "no JSON",
        text.replace("steps", "acts"),
    ):
        with pytest.raises(HistoryRefused):
            History.of_text(other)
    file = tmp_path / "old.json"
    file.write_text(text.replace(f'"version": {VERSION}', '"version": 99'))
    assert main(["--history", str(file)]) == 2
    assert "version 99" in capsys.readouterr().err


def test_soaking_ends_after_its_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """However many seeds there are."""
    assert soak(iter(int, 1), 0.01, lambda history: Played(history), tmp_path) == 0
    assert "every law held" in capsys.readouterr().out
