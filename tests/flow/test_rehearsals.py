"""Laws of every scenario: it ends as it says, and what must always hold does."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.laws import Evidence, broken

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


def test_every_law_holds(name: str, report: Report) -> None:
    """Every law holds, as far as a report shows it; an account that is excluded to the end is never written."""
    seen = Evidence.of_report(report)
    assert broken(seen) == []
    written = {write.account for write in seen.writes}
    assert written <= seen.members.keys()
    if name not in CHANGE_SIDES:
        assert not {account for account in written if seen.members[account].excluded}


def test_one_run_at_a_time(report: Report) -> None:
    """No account is written before the run that held the lease before has ended."""
    worked = [run for run in report["runs"] if any(receipt["changed"] for receipt in run["receipts"])]
    worked.sort(key=lambda run: str(run["ended"]))
    for one, other in pairwise(worked):
        assert one["ended"] <= min(receipt["at"] for receipt in other["receipts"] if receipt["changed"])


def test_no_event_is_lost(name: str, report: Report) -> None:
    """Nothing ends in a dead-letter queue."""
    assert not {queue: messages for queue, messages in report["dead_letters"].items() if messages}
