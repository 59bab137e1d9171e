"""Expectations of steps: they are described, compared, and count into the one verdict."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from orgsync.sandbox.rehearsal.descriptions import describe_count
from orgsync.sandbox.rehearsal.load import validate
from orgsync.sandbox.rehearsal.step_runner import run_step


def step_report(runs: int, writes: int, **expectations: Any) -> dict[str, Any]:
    """The report of a step that set off so many runs and writes."""
    account = SimpleNamespace(writes=[])
    cloud: Any = SimpleNamespace(
        fire_schedules=lambda: account.writes.extend(["write"] * writes) or 1,
        settle=lambda _, hold_waits: None,
        overlapping=lambda _: nullcontext(),
        account=account,
    )
    document = {"name": "x", "organization": {"accounts": 1}, "steps": [{"schedule": {}, **expectations}]}
    scenario = validate(document)
    session: Any = SimpleNamespace(
        scenario=scenario,
        cloud=cloud,
        regions=(),
        nothing_deployed=False,
        writes=lambda: len(account.writes),
    )
    observations: Any = SimpleNamespace(update=lambda _: [str(number) for number in range(runs)])
    return run_step(session, observations, scenario.steps[0], lambda: 0.0)


@pytest.mark.parametrize(
    ("expected", "found", "kept"),
    [
        (2, 2, True),
        (2, 1, False),
        (0, 0, True),
        (0, 1, False),
        ({"at_most": 2}, 2, True),
        ({"at_most": 2}, 3, False),
        ({"at_least": 1}, 0, False),
        ({"at_least": 1}, 500, True),
        ({"at_least": 1, "at_most": 2}, 1, True),
        ({"at_least": 1, "at_most": 2}, 0, False),
    ],
)
@pytest.mark.parametrize("what", ["runs", "writes"])
def test_a_number_is_compared_with_what_is_expected(what: str, expected: Any, found: int, kept: bool) -> None:
    """Exactly so many, or within bounds; a step that breaks it did not do what it says."""
    numbers = {"runs": 0, "writes": 0, what: found}
    report = step_report(**numbers, **{f"expect_{what}": expected})
    (promise,) = report["promises"]
    assert (promise["found"], promise["kept"], report["ok"]) == (found, kept, kept)


def test_a_broken_promise_is_the_steps_error() -> None:
    """It says what was expected and what there was."""
    report = step_report(3, 0, expect_runs={"at_most": 2}, expect_writes={"at_least": 1})
    assert report["error"] == "expected: at most 2 runs, found 3; then expected: at least 1 write, found 0"


def test_a_step_without_expectations_promises_nothing() -> None:
    """Whatever it sets off."""
    report = step_report(5, 9)
    assert (report["ok"], report["promises"]) == (True, [])


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "no run"),
        (1, "exactly 1 run"),
        (3, "exactly 3 runs"),
        ({"at_most": 2}, "at most 2 runs"),
        ({"at_least": 1}, "at least 1 run"),
        ({"at_least": 1, "at_most": 2}, "1 to 2 runs"),
    ],
)
def test_an_expected_number_is_described_in_words(count: Any, words: str) -> None:
    """As a person would say it."""
    document = {"name": "x", "organization": {"accounts": 1}, "steps": [{"schedule": {}, "expect_runs": count}]}
    expected = validate(document).steps[0].expect_runs
    assert expected is not None
    assert describe_count(expected, "run") == words
