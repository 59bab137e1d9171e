"""Laws of every scenario: it ends as it says, and what must always hold does."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

Report = dict[str, Any]

NAMES = sorted(path.stem for path in (Path(__file__).parents[1] / "scenarios").glob("*.yaml"))
STEPS_THAT_FAIL = {
    "refused_first_source": ["deploy"],
    "wrong_config": ["deploy", "schedule"],
}
"""Scenarios that are about a step which cannot do what it says."""
CHANGE_SIDES = {"closing_account", "exclusions", "life_of_a_stack", "member_events", "newcomers"}
"""Scenarios in which accounts that were kept in sync are skipped in the end."""

pytestmark = [
    pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in NAMES]),
    pytest.mark.slow,
]


@pytest.fixture
def report(name: str, rehearsed: Callable[[str], Report]) -> Report:
    return rehearsed(name)


def test_it_ends_as_it_says(name: str, report: Report) -> None:
    """Every step does what it says, but for those that are about one that cannot; the end is the expected one."""
    failed = [(step["step"], step["error"]) for step in report["steps"] if not step["ok"]]
    assert [step for step, _ in failed] == STEPS_THAT_FAIL.get(name, []), failed
    assert ("converged" if report["converged"] else "diverged") == report["expect"]


def test_only_members_that_are_not_skipped_are_written(name: str, report: Report) -> None:
    """The management account never; an account that is excluded or not ACTIVE to the end, never."""
    written = {write["account"] for write in report["writes"]}
    assert written <= set(report["accounts"])
    if name not in CHANGE_SIDES:
        assert not {account for account in written if report["accounts"][account]["skipped"]}


def test_every_run_ends(report: Report) -> None:
    """None is left in progress, whatever died on the way."""
    assert {run["status"] for run in report["runs"]} <= {"completed", "failed"}
    assert all(run["ended"] for run in report["runs"])


def test_one_run_at_a_time(report: Report) -> None:
    """No account is written before the run that held the lease before has ended."""
    worked = [run for run in report["runs"] if any(receipt["changed"] for receipt in run["receipts"])]
    worked.sort(key=lambda run: str(run["ended"]))
    for one, other in pairwise(worked):
        assert one["ended"] <= min(receipt["at"] for receipt in other["receipts"] if receipt["changed"])


def test_one_receipt_per_account_and_kind(report: Report) -> None:
    """And the run's counts are those of its receipts."""
    for run in report["runs"]:
        pairs = [(receipt["account"], receipt["kind"]) for receipt in run["receipts"]]
        assert len(pairs) == len(set(pairs))
        counted = dict.fromkeys(("success", "skipped", "failed"), 0)
        for receipt in run["receipts"]:
            counted[receipt["status"]] += 1
        assert counted == {**dict.fromkeys(counted, 0), **run["counts"]}


def test_no_event_is_lost(name: str, report: Report) -> None:
    """Nothing ends in a dead-letter queue."""
    assert not {queue: messages for queue, messages in report["dead_letters"].items() if messages}
