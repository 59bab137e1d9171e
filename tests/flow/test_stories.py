"""The subject of each scenario, beyond what must hold in all of them."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

Report = dict[str, Any]
Rehearsed = Callable[[str], Report]

pytestmark = pytest.mark.slow

looks_at = pytest.mark.xdist_group
"""The scenario that a test looks at: all that look at one are run by one worker, which runs it once."""


def runs_of(report: Report, step: int) -> list[Report]:
    """Return the runs that a step (counted from 0) set off."""
    ids = report["steps"][step]["runs"]
    return [run for run in report["runs"] if run["run_id"] in ids]


def causes(report: Report) -> list[str]:
    return [run["cause"] for run in report["runs"]]


def changed(run: Report) -> set[tuple[str, str]]:
    """Return account and kind of what a run wrote."""
    return {(receipt["account"], receipt["kind"]) for receipt in run["receipts"] if receipt["changed"]}


def errors(run: Report) -> Counter[str]:
    return Counter(receipt["error"] for receipt in run["receipts"] if receipt["error"])


@looks_at("one_account")
def test_a_second_pass_writes_nothing(rehearsed: Rehearsed) -> None:
    """Reading is all that the daily pass does where everything is in sync."""
    report = rehearsed("one_account")
    assert causes(report) == ["deploy", "schedule"]
    assert changed(report["runs"][0])
    assert not changed(report["runs"][1])


@looks_at("sixty_accounts")
def test_an_edit_concerns_its_own_kind_only(rehearsed: Rehearsed) -> None:
    """A changed operations contact is written to sixty accounts, and nothing else is touched."""
    (run,) = runs_of(rehearsed("sixty_accounts"), 1)
    assert (run["cause"], run["counts"]["success"]) == ("source_changed", 60)
    assert {kind for _, kind in changed(run)} == {"operations"}


@looks_at("casings")
def test_both_casings_start_runs_and_neither_does_for_a_member(rehearsed: Rehearsed) -> None:
    """The source's own edits start a run in either spelling; edits of members from there start nothing in either."""
    report = rehearsed("casings")
    assert causes(report) == ["deploy", "source_changed", "source_changed", "schedule", "member_changed"]
    assert changed(runs_of(report, 5)[0]) == {("200000000001", "security"), ("200000000002", "security")}


@looks_at("console")
def test_console_edits_start_runs(rehearsed: Rehearsed) -> None:
    """The billing console's own events are matched as well."""
    assert causes(rehearsed("console")) == ["deploy", "source_changed", "source_changed"]


@looks_at("disorder")
def test_old_and_repeated_events_write_nothing(rehearsed: Rehearsed) -> None:
    """The source itself is read; an older event cannot bring an older contact back, three times over."""
    report = rehearsed("disorder")
    assert not any(changed(run) for run in runs_of(report, 2))
    assert len(runs_of(report, 3)) <= 2
    assert {contacts["security"]["Name"] for contacts in report["contacts"].values()} == {"Last"}


@looks_at("late_source")
def test_an_edit_that_shows_late_reaches_everybody(rehearsed: Rehearsed) -> None:
    """Events come before AWS shows what they speak of; without a schedule every member holds it, deletions too."""
    report = rehearsed("late_source")
    held = [report["contacts"][account] for account in report["accounts"]]
    assert {contacts["security"]["Name"] for contacts in held} == {"Last"}
    assert not any(contacts["billing"] for contacts in held)
    assert set(causes(report)[1:]) == {"source_changed"}


@looks_at("forged")
def test_forgeries_write_nothing(rehearsed: Rehearsed) -> None:
    """Those that get past the rules are refused by name and counted; a run that starts all the same finds nothing."""
    report = rehearsed("forged")
    assert not any(changed(run) for run in report["runs"][1:])
    reasons = Counter(refusal["reason"] for refusal in report["refused"])
    assert reasons["ForeignEvent"] >= 21
    assert reasons["CallFailed"] >= 1
    assert reasons["MalformedEvent"] >= 1


@looks_at("exclusions")
def test_exclusions_are_followed_as_they_are_now(rehearsed: Rehearsed) -> None:
    """Accounts that came into or out of an excluded unit or tag since the last run are judged anew."""
    report = rehearsed("exclusions")
    first = {account for account, _ in changed(runs_of(report, 0)[0])}
    assert first == {"200000000001", "200000000005", "200000000008"}
    last = {account for account, _ in changed(runs_of(report, 2)[0])}
    assert last == {"200000000003", "200000000005", "200000000007", "200000000008"}


@pytest.mark.parametrize(
    ("policy", "remain"),
    [
        pytest.param("ignore", True, marks=looks_at("source_deletion_ignore")),
        pytest.param("propagate", False, marks=looks_at("source_deletion_propagate")),
        pytest.param("alert", True, marks=looks_at("source_deletion_alert")),
    ],
)
def test_a_deletion_at_the_source(rehearsed: Rehearsed, policy: str, remain: bool) -> None:
    """Members keep theirs unless the policy is `propagate`; only `alert` is a configuration error, and notifies."""
    report = rehearsed(f"source_deletion_{policy}")
    held = [report["contacts"][account]["operations"] for account in report["accounts"]]
    assert all(contact is not None for contact in held) if remain else not any(held)
    notified = {notification["severity"] for notification in report["notifications"]}
    assert ("medium" in notified) == (policy == "alert")


@looks_at("refused_source")
def test_what_aws_would_refuse_stops_its_kind_only(rehearsed: Rehearsed) -> None:
    """Every run on it is completed with a configuration error: the flawed kind is kept, the others are written."""
    report = rehearsed("refused_source")
    for step, flawed in ((1, {"security"}), (2, {"primary"}), (3, {"security", "primary"}), (4, set())):
        (run,) = runs_of(report, step)
        wanted = ("completed", "configuration_errors", "medium")
        assert (run["status"], run["scenario"], run["severity"]) == wanted or not flawed
        skipped = {receipt["kind"] for receipt in run["receipts"] if receipt["error"] == "SourceUnwritable"}
        assert skipped == flawed
        assert {kind for _, kind in changed(run)} == ({"billing"} if step == 4 else set())


@looks_at("refused_first_source")
def test_a_first_deploy_on_such_a_source_fails_where_it_shall_and_says_why(rehearsed: Rehearsed) -> None:
    """The reason names the contact's place, never its value; by default the deployment would not fail."""
    report = rehearsed("refused_first_source")
    error = report["steps"][0]["error"]
    assert "billing" in error
    assert "EmailAddress" in error
    assert "not an address" not in error


@looks_at("closing_account")
def test_an_account_that_closes_stops_nobody(rehearsed: Rehearsed) -> None:
    """Its receipts say what it is; the others have the new contact."""
    report = rehearsed("closing_account")
    contacts = report["contacts"]
    open_accounts = [account for account, one in report["accounts"].items() if one["state"] == "ACTIVE"]
    assert len(open_accounts) == 11
    assert {contacts[account]["security"]["Name"] for account in open_accounts} == {"Desk"}


@looks_at("denied_account")
def test_one_denied_account_is_notified_of_and_stops_nobody(rehearsed: Rehearsed) -> None:
    """A permission error is of high severity; four accounts are in sync, the fifth keeps what it had."""
    report = rehearsed("denied_account")
    (run,) = report["runs"]
    assert (run["scenario"], run["severity"]) == ("permission_errors", "high")
    assert errors(run) == {"AccessDenied": 3}
    assert {account for account, one in report["accounts"].items() if one["after"]} == {"200000000002"}
    assert [n["severity"] for n in report["notifications"]] == ["high"]


@looks_at("throttled")
def test_throttling_is_no_failure(rehearsed: Rehearsed) -> None:
    """A 429 says something of the pace: no retry is spent on it, and no account fails."""
    report = rehearsed("throttled")
    assert report["calls"]["GetAlternateContact"]["throttled"] >= 5
    assert {run["scenario"] for run in report["runs"]} == {"success_completion"}
    assert {receipt["retries"] for run in report["runs"] for receipt in run["receipts"]} == {0}


@looks_at("unreliable")
def test_temporary_failures_are_tried_again(rehearsed: Rehearsed) -> None:
    """With one call in ten failing, most receipts succeed in the first run, some after retries."""
    report = rehearsed("unreliable")
    first = report["runs"][0]
    assert first["counts"]["success"] > 50
    assert any(receipt["retries"] for receipt in first["receipts"] if receipt["status"] == "success")
    assert sum(count["failed"] for count in report["calls"].values()) > 5


@looks_at("crashes")
def test_no_crash_loses_a_change(rehearsed: Rehearsed) -> None:
    """A function dies before or after its work: after each step every account has the source's contact."""
    report = rehearsed("crashes")
    assert all(step["runs"] for step in report["steps"] if step["step"] in ("deploy", "edit_source", "at_once"))
    assert {contacts["security"]["Name"] for contacts in report["contacts"].values()} == {"Desk D"}


@looks_at("crashes")
def test_a_crash_loses_no_request_that_waits(rehearsed: Rehearsed) -> None:
    """The run whose report died hands the lease on: each of the three edits was written by one run or the next."""
    report = rehearsed("crashes")
    (number,) = [number for number, step in enumerate(report["steps"]) if step["step"] == "at_once"]
    runs = runs_of(report, number)
    assert len(runs) == 2
    written = [pair for run in runs for pair in changed(run)]
    assert Counter(kind for _, kind in written) == {"security": 3, "operations": 3, "billing": 3}


@looks_at("crashes_for_good")
def test_a_run_that_dies_for_good_is_closed_and_holds_nobody_up(rehearsed: Rehearsed) -> None:
    """With every retry used up the failure event ends it as failed and frees the lease: the daily pass repairs."""
    report = rehearsed("crashes_for_good")
    (died,) = runs_of(report, 4)
    assert (died["cause"], died["status"], died["scenario"]) == ("account_created", "failed", "system_errors")
    (daily,) = runs_of(report, 5)
    assert (daily["cause"], daily["status"]) == ("schedule", "completed")
    assert died["ended"] < daily["started"]
    new = {("300000000001", kind) for kind in ("billing", "operations", "security")}
    assert changed(daily) == {("200000000001", "billing")} | new


@looks_at("burst")
def test_ten_edits_take_two_runs_at_most(rehearsed: Rehearsed) -> None:
    """The first event starts one, all that come meanwhile are merged into one more."""
    assert 1 <= len(runs_of(rehearsed("burst"), 1)) <= 2


@looks_at("newcomers")
def test_newcomers_are_brought_in_sync_and_leavers_skipped(rehearsed: Rehearsed) -> None:
    """A created and a joined account concern nobody else; a closed one is not written any more."""
    report = rehearsed("newcomers")
    assert causes(report) == ["deploy", "account_created", "account_joined", "source_changed"]
    for step in (1, 2):
        (run,) = runs_of(report, step)
        assert len({receipt["account"] for receipt in run["receipts"]}) == 1
    assert "200000000002" not in {account for account, _ in changed(runs_of(report, 4)[0])}
    assert not any(one["after"] for one in report["accounts"].values())


@looks_at("wrong_config")
def test_a_wrong_configuration_is_refused_with_its_places(rehearsed: Rehearsed) -> None:
    """Nothing is made, so that the schedule has nothing to start; put right, it deploys."""
    report = rehearsed("wrong_config")
    refused, schedule, deployed = report["steps"]
    assert "excluded_accounts.0" in refused["error"]
    assert "on_source_delete" in refused["error"]
    assert schedule["error"].startswith("not run")
    assert deployed["ok"]


@looks_at("one_account")
def test_destroy_leaves_nothing(rehearsed: Rehearsed) -> None:
    """Nothing of what was declared is left, and the runs are still reported."""
    report = rehearsed("one_account")
    assert report["steps"][-1]["resources"]["delete"] > 50
    assert report["leftovers"] == []
    assert report["runs"]


@looks_at("life_of_a_stack")
def test_a_stack_that_has_not_changed_is_not_touched(rehearsed: Rehearsed) -> None:
    """The second deploy sets nothing off; a change of configuration touches its object and the stack that names it."""
    report = rehearsed("life_of_a_stack")
    same, changed = ({k: n for k, n in report["steps"][step]["resources"].items() if n} for step in (2, 3))
    assert list(same) == ["same"]
    assert changed == {"update": 2, "same": same["same"] - 2}
    assert [run["config_version"] for run in report["runs"]] == [1, 2]
    assert report["leftovers"] == []
