"""Organizations in which something always refuses: evidence about one thing decides about that thing only."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

Report = dict[str, Any]
Rehearsed = Callable[[str], Report]

pytestmark = pytest.mark.slow

looks_at = pytest.mark.xdist_group


def held(report: Report, kind: str) -> Counter[bool]:
    """Count the accounts that hold, and that do not hold, the source's contact of a kind."""
    (management,) = report["contacts"].keys() - report["accounts"].keys()
    wanted = report["contacts"][management][kind]
    return Counter(report["contacts"][account][kind] == wanted for account in report["accounts"])


@looks_at("refused_operation")
def test_one_operation_that_is_refused_everywhere_keeps_nobody_from_the_others(rehearsed: Rehearsed) -> None:
    """Every other kind is in sync everywhere, and the refused call is made by far fewer accounts than there are."""
    report = rehearsed("refused_operation")
    assert [held(report, kind)[False] for kind in ("billing", "operations", "security")] == [0, 0, 0]
    assert held(report, "primary")[True] == 0
    passes = [run for run in report["runs"] if any(receipt["error"] for receipt in run["receipts"])]
    assert report["calls"]["PutContactInformation"]["failed"] <= len(passes) * 30
    assert {receipt["kind"] for run in passes for receipt in run["receipts"] if receipt["error"]} == {"primary"}


@looks_at("refusing_accounts")
def test_accounts_that_refuse_stop_no_other(rehearsed: Rehearsed) -> None:
    """A third of the accounts refuses, the first by their ids: all others are in sync after one pass."""
    report = rehearsed("refusing_accounts")
    assert held(report, "security") == Counter({True: 47, False: 23})
    (run,) = [run for run in report["runs"] if run["cause"] == "source_changed"]
    assert Counter(receipt["error"] for receipt in run["receipts"]) == Counter({None: 47, "AccessDenied": 23})


@looks_at("moved_accounts")
def test_a_move_and_a_tag_decide_what_an_account_holds(rehearsed: Rehearsed) -> None:
    """An account that is vended into an excluded unit is never written; what leaves an exclusion is, soon."""
    report = rehearsed("moved_accounts")
    assert {write["account"] for write in report["writes"]} == {"200000000001", "200000000002", "200000000003"}
    assert Counter(run["cause"] for run in report["runs"])["account_changed"] == 4


@looks_at("unready_account")
def test_a_new_account_that_refuses_is_tried_again(rehearsed: Rehearsed) -> None:
    """It ends in sync without a pass; nobody is told of a failure, because there was none."""
    report = rehearsed("unready_account")
    errors = {receipt["error"] for run in report["runs"] for receipt in run["receipts"] if receipt["error"]}
    assert errors == {"NotYet"}
    assert {note["severity"] for note in report["notifications"]} == {"low"}


@looks_at("contended")
def test_a_429_is_no_failure(rehearsed: Rehearsed) -> None:
    """Beside a tool that takes half of all calls every receipt is a success, in the first run."""
    report = rehearsed("contended")
    (run,) = report["runs"]
    assert run["counts"] == {"success": 80, "skipped": 0, "failed": 0}


@looks_at("mistyped")
def test_an_id_that_is_no_members_starts_no_run(rehearsed: Rehearsed) -> None:
    """The command names what is wrong with it; the management account's own id is told apart."""
    report = rehearsed("mistyped")
    assert [run["cause"] for run in report["runs"]] == ["deploy"]
    said = [step["stderr"] for step in report["steps"] if step["step"] == "command"]
    assert ["no member" in one for one in said] == [True, True, False]
    assert "the management account" in said[-1]


@looks_at("one_source_kind_unreadable")
def test_a_kind_of_the_source_that_cannot_be_read_stops_that_kind(rehearsed: Rehearsed) -> None:
    """The other kinds are compared, also in a pass over everything."""
    report = rehearsed("one_source_kind_unreadable")
    assert held(report, "security")[False] == 0
    last = report["runs"][-1]["receipts"]
    assert {receipt["kind"] for receipt in last if receipt["error"] == "SourceUnreadable"} == {"primary"}
    assert {receipt["status"] for receipt in last if receipt["kind"] != "primary"} == {"success"}
