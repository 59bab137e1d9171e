"""Outcomes: a run's receipts become one scenario, one severity, and whether anyone is notified."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgsync.contact_sync.config import parse
from orgsync.contact_sync.core import errors
from orgsync.contact_sync.core.outcome import RunOutcome, RunSummary, classify
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.names import Kind
from orgsync.shared.errors import error_class
from orgsync.shared.notification_settings import Severity
from tests.error_codes import RUN_ERRORS

AT = "2026-11-01T10:00:00.000+00:00"
SCENARIOS = [
    "complete_failure",
    "permission_errors",
    "system_errors",
    "partial_failure",
    "configuration_errors",
    "success_completion",
]


def receipt(
    number: int = 1,
    status: Status = Status.SUCCESS,
    error: str | None = None,
    kind: Kind = Kind.BILLING,
    changed: tuple[str, ...] = (),
) -> Receipt:
    """Return a receipt of the account of a number."""
    return Receipt(f"{number:012d}", kind, status, AT, changed, error)


def failed(error: str, *numbers: int) -> list[Receipt]:
    """Return receipts of accounts that failed."""
    return [receipt(number, Status.FAILED, error) for number in numbers]


def skipped(error: str, *numbers: int) -> list[Receipt]:
    """Return receipts of accounts that were skipped."""
    return [receipt(number, Status.SKIPPED, error) for number in numbers]


def outcome(
    receipts: Sequence[Receipt], error: str | None = None, *, everyone: bool = True, **config: Any
) -> RunOutcome:
    """Return the outcome of a run under a configuration, by default of one over the whole organization."""
    return classify(RunSummary.of(receipts, everyone=everyone), error, parse(config))


# Receipts, the run's own error, and the spec's scenario, severity and status.
TABLE: dict[str, tuple[list[Receipt], str | None, str, str, str]] = {
    "all well": ([receipt(1), receipt(2)], None, "success_completion", "low", "completed"),
    "no member": ([], None, "success_completion", "low", "completed"),
    "some skipped": ([receipt(1), *skipped("Excluded", 2)], None, "success_completion", "low", "completed"),
    "all skipped": (
        skipped("Excluded", 1) + skipped("NotActive", 2),
        None,
        "configuration_errors",
        "medium",
        "completed",
    ),
    "an id that is no member": (
        [receipt(1), *skipped("NotAMember", 2)],
        None,
        "configuration_errors",
        "medium",
        "completed",
    ),
    "an id that is no member, as a failure": (
        [receipt(1), *failed("NotAMember", 2)],
        None,
        "configuration_errors",
        "medium",
        "completed",
    ),
    "one kind unwritable": (
        [receipt(1), *skipped("SourceUnwritable", 1)],
        None,
        "configuration_errors",
        "medium",
        "completed",
    ),
    "every kind unwritable": (skipped("SourceUnwritable", 1, 2), None, "configuration_errors", "medium", "completed"),
    "some failed": ([receipt(1), *failed("ServiceFailed", 2)], None, "partial_failure", "medium", "completed"),
    "some throttled": ([receipt(1), *failed("Throttled", 2)], None, "partial_failure", "medium", "completed"),
    "one denied": (
        [receipt(1), *failed("AccessDenied", 2), *failed("ServiceFailed", 3)],
        None,
        "permission_errors",
        "high",
        "completed",
    ),
    "a worker died": ([receipt(1), *failed("WorkerDied", 2)], None, "system_errors", "high", "completed"),
    "all failed": (failed("ServiceFailed", 1, 2), None, "complete_failure", "high", "failed"),
    "all denied": (failed("AccessDenied", 1, 2), None, "complete_failure", "high", "failed"),
    "all failed but the excluded": (
        failed("ServiceFailed", 1) + skipped("Excluded", 2),
        None,
        "complete_failure",
        "high",
        "failed",
    ),
    "an open circuit after some": (
        [receipt(99), *failed("ServiceFailed", *range(10)), *skipped("CircuitOpen", 20)],
        None,
        "system_errors",
        "high",
        "completed",
    ),
    "an open circuit for permissions": (
        [receipt(99), *failed("AccessDenied", *range(10)), *skipped("CircuitOpen", 20)],
        None,
        "permission_errors",
        "high",
        "completed",
    ),
    "an open circuit and nothing done": (
        [*failed("ServiceFailed", *range(10)), *skipped("CircuitOpen", 20)],
        None,
        "complete_failure",
        "high",
        "failed",
    ),
    "an alternate missing at the source": (
        [receipt(1), *skipped("SourceMissing", 1)],
        None,
        "configuration_errors",
        "medium",
        "completed",
    ),
    "missing, and some failed": (
        [receipt(1), *skipped("SourceMissing", 1), *failed("ServiceFailed", 2)],
        None,
        "partial_failure",
        "medium",
        "completed",
    ),
    "a source of which one kind is unwritable": (
        [receipt(1), *skipped("SourceUnwritable", 1, 2)],
        None,
        "configuration_errors",
        "medium",
        "completed",
    ),
    "a source of which no kind is writable": (
        skipped("SourceUnwritable", 1, 2),
        None,
        "configuration_errors",
        "medium",
        "completed",
    ),
    "unwritable, and some failed": (
        [receipt(1), *skipped("SourceUnwritable", 1), *failed("ServiceFailed", 2)],
        None,
        "partial_failure",
        "medium",
        "completed",
    ),
    "a source that cannot be read": (
        skipped("SourceUnreadable", 1, 2),
        "SourceUnreadable",
        "system_errors",
        "high",
        "failed",
    ),
    "a run that died": ([receipt(1)], "SystemFailure", "system_errors", "high", "failed"),
    "a code of another version": ([], "GoneSince", "system_errors", "high", "failed"),
}


@pytest.mark.parametrize("case", sorted(TABLE))
def test_the_scenario_of_a_run(case: str) -> None:
    """Each end of a run is one of the spec's six scenarios, with the spec's severity."""
    receipts, error, scenario, severity, status = TABLE[case]
    found = outcome(receipts, error)
    assert (found.scenario, found.severity_name, found.status) == (scenario, severity, status)


@pytest.mark.parametrize("error", RUN_ERRORS)
def test_an_error_that_ends_a_run_is_the_owners_or_ours(error: str) -> None:
    """A mistake of the configuration or the source is medium; anything else that ends a run is high."""
    found = outcome([], error)
    ours = issubclass(error_class(error), errors.ConfigurationError)
    assert found.severity is (Severity.MEDIUM if ours else Severity.HIGH)
    assert found.status == "failed"


@pytest.mark.parametrize(
    ("policy", "scenario"), [("ignore", "success_completion"), ("propagate", "success_completion")]
)
def test_a_missing_source_contact_alarms_only_when_asked(policy: str, scenario: str) -> None:
    """An owner who ignores or propagates a missing contact decided so: that is no mistake."""
    alone = outcome(skipped("SourceMissing", 1, 2), everyone=True, on_source_delete="ignore")
    assert (alone.scenario, alone.severity, alone.notify) == (None, None, False)
    found = outcome([receipt(1), *skipped("SourceMissing", 1)], on_source_delete=policy)
    assert found.scenario == scenario


@pytest.mark.parametrize("case", sorted(TABLE))
def test_by_default_success_is_silent_and_all_else_is_notified(case: str) -> None:
    """The spec's defaults: nobody is notified of success, somebody of everything else."""
    receipts, error, scenario, *_ = TABLE[case]
    assert outcome(receipts, error).notify is (scenario != "success_completion")


@pytest.mark.parametrize("case", sorted(TABLE))
@pytest.mark.parametrize("flag", ["notify_on_failure", "notify_on_success", "notify_on_partial_failure"])
def test_each_flag_decides_over_its_own_scenarios(case: str, flag: str) -> None:
    """One flag for success, one for partial failure, one for every other scenario."""
    receipts, error, scenario, *_ = TABLE[case]
    decides = {"success_completion": "notify_on_success", "partial_failure": "notify_on_partial_failure"}
    for value in (True, False):
        settings = {"notify_on_failure": False, "notify_on_success": False, "notify_on_partial_failure": False}
        found = outcome(receipts, error, notification_settings=settings | {flag: value})
        assert found.notify is (value and decides.get(scenario, "notify_on_failure") == flag)


@given(count=st.integers(1, 12), threshold=st.integers(1, 12))
def test_the_threshold_counts_failed_accounts(count: int, threshold: int) -> None:
    """Some failed accounts are news from as many of them on as the owner says; kinds do not count twice."""
    receipts = [receipt(99)]
    receipts += [receipt(n, Status.FAILED, "ServiceFailed", kind) for n in range(count) for kind in Kind]
    found = outcome(receipts, notification_settings={"failure_threshold": threshold})
    assert found.notify is (count >= threshold)


@pytest.mark.parametrize(
    "case", [name for name, row in sorted(TABLE.items()) if row[4] == "failed" or "open circuit" in name]
)
def test_no_threshold_silences_a_run_that_failed_as_a_whole(case: str) -> None:
    """The number of failed accounts does not matter where the run failed, or no longer made a call for anybody."""
    receipts, error, *_ = TABLE[case]
    assert outcome(receipts, error, notification_settings={"failure_threshold": 1000}).notify


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("priority", ["high", "medium", "low", None])
def test_the_owners_rules_decide_the_severity(scenario: str, priority: str | None) -> None:
    """A scenario is as grave as the list in which the owner put it, and `none` in no list."""
    rules: dict[str, list[str]] = {"high_priority": [], "medium_priority": [], "low_priority": []}
    if priority:
        rules[f"{priority}_priority"] = [scenario]
    receipts, error = next((row[0], row[1]) for row in TABLE.values() if row[2] == scenario)
    found = outcome(receipts, error, notification_settings={"user_notifications_config": {"notification_rules": rules}})
    assert found.severity == (Severity(priority) if priority else None)
    assert found.severity_name == (priority or "none")


RECEIPTS = st.lists(
    st.builds(
        receipt,
        st.integers(1, 6),
        st.sampled_from(list(Status)),
        st.sampled_from([None, "AccessDenied", "Excluded", "CircuitOpen"]),
        st.sampled_from(list(Kind)),
        st.sampled_from([(), ("City",)]),
    ),
    max_size=30,
)


DRAWN = [
    *(receipt(number, kind=kind) for number in range(40) for kind in Kind),
    *(
        one
        for number in range(40)
        for code in ("Throttled", "AccessDenied", "ServiceFailed")
        for one in failed(code, number)
    ),
    *(
        one
        for number in range(60)
        for code in ("Excluded", "NotActive", "SourceMissing", "CircuitOpen", "NotAMember", "NotYet")
        for one in skipped(code, number)
    ),
]


@given(receipts=st.lists(st.sampled_from(DRAWN), max_size=300), everyone=st.booleans())
def test_what_was_asked_for_and_not_done_is_no_success(receipts: list[Receipt], everyone: bool) -> None:
    """Success: all that was not skipped on purpose is in sync, and of accounts that were asked for some is compared."""
    on_purpose = {"Excluded", "NotActive", "SourceMissing"}
    found = outcome(receipts, everyone=everyone, on_source_delete="ignore")
    compared = any(one.status is Status.SUCCESS for one in receipts)
    undone = any(one.status is not Status.SUCCESS and one.error not in on_purpose for one in receipts)
    nobody = everyone and not receipts
    assert (found.scenario == "success_completion") is (nobody or (compared and not undone))
    assert RunSummary.of(receipts, everyone=everyone).all_done() is (nobody or (compared and not undone))


@given(receipts=st.lists(st.sampled_from(DRAWN), max_size=300), everyone=st.booleans())
def test_a_complete_failure_is_that_of_all_member_accounts(receipts: list[Receipt], everyone: bool) -> None:
    """Of a run over everyone: something failed, nothing came in sync, nothing is left; named accounts are never all."""
    failed = any(one.status is Status.FAILED or one.error == "CircuitOpen" for one in receipts)
    succeeded = any(one.status is Status.SUCCESS for one in receipts)
    later = any(one.error in ("HandedOver", "NotYet") for one in receipts)
    found = outcome(receipts, everyone=everyone)
    assert (found.scenario == "complete_failure") is (everyone and failed and not succeeded and not later)


@pytest.mark.parametrize(
    ("error", "scenario", "severity"),
    [("ServiceFailed", "partial_failure", "medium"), ("AccessDenied", "permission_errors", "high")],
)
def test_one_named_account_that_fails_is_not_all_of_them(error: str, scenario: str, severity: str) -> None:
    """Medium as a partial failure; what AWS denies is high for one account too, as the specification says."""
    found = outcome(failed(error, 1), everyone=False)
    assert (found.scenario, found.severity_name, found.status) == (scenario, severity, "completed")


@pytest.mark.parametrize("code", ["Excluded", "NotActive", "NotYet"])
def test_a_named_account_that_is_skipped_is_neither_success_nor_news(code: str) -> None:
    """None of the six scenarios is true of it, and nobody is notified: events about excluded accounts are common."""
    found = outcome(skipped(code, 1), everyone=False, notification_settings={"notify_on_success": True})
    assert (found.scenario, found.severity, found.notify, found.status) == (None, None, False, "completed")


@given(receipts=st.lists(st.sampled_from(DRAWN), max_size=300))
def test_every_account_is_counted_once(receipts: list[Receipt]) -> None:
    """Tried accounts and those that were skipped whole, by one reason each, are all accounts of the run."""
    summary = RunSummary.of(receipts)
    everyone = {one.account for one in receipts}
    assert summary.accounts() == everyone
    assert len(summary.tried_accounts()) + sum(summary.skipped_whole().values()) == len(everyone)
    assert set(summary.skipped_on_purpose()) <= {"Excluded", "NotActive", "SourceMissing"}


@given(receipts=st.lists(st.sampled_from(DRAWN), max_size=300))
def test_the_main_cause_is_the_most_frequent_one(receipts: list[Receipt]) -> None:
    """No contact failed or was skipped by a code that is met more often, save on purpose or for a run to come."""
    cause = RunSummary.of(receipts).main_cause()
    times = Counter(one.error for one in receipts if one.error)
    met = times.keys() - {"Excluded", "NotActive", "SourceMissing"}
    if judged := met - {"NotYet"}:
        assert cause in judged
        assert times[cause] == max(times[code] for code in judged)
    elif met:
        assert cause == "NotYet"
    else:
        assert cause == ("SourceMissing" if times["SourceMissing"] else None)


@given(denied=st.integers(1, 30), kept_back=st.integers(0, 500), others=st.integers(1, 300), cause=st.booleans())
def test_what_a_circuit_kept_back_counts_for_what_opened_it(
    denied: int, kept_back: int, others: int, cause: bool
) -> None:
    """A circuit follows from something else: its contacts are that failure's, where the receipts say which."""
    receipts = [receipt(number, Status.FAILED, "AccessDenied") for number in range(denied)]
    receipts += [receipt(number, Status.SKIPPED, "SourceUnwritable", Kind.PRIMARY) for number in range(others)]
    receipts += [
        replace(one, call_error="AccessDenied" if cause else None)
        for one in (receipt(1000 + number, Status.SKIPPED, "CircuitOpen") for number in range(kept_back))
    ]
    found = RunSummary.of(receipts).main_cause()
    weights = {"AccessDenied": denied + kept_back * cause, "SourceUnwritable": others}
    weights |= {} if cause else {"CircuitOpen": kept_back}
    assert weights[str(found)] == max(weights.values())


@given(receipts=RECEIPTS, draw=st.randoms())
def test_the_order_of_receipts_does_not_count(receipts: list[Receipt], draw: Random) -> None:
    """Receipts stream by in any order: the outcome and the counts are the same."""
    shuffled = draw.sample(receipts, len(receipts))
    assert RunSummary.of(receipts) == RunSummary.of(shuffled)
    assert outcome(receipts) == outcome(shuffled)
    assert sum(RunSummary.of(receipts).counts().values()) == len(receipts)


@given(receipts=RECEIPTS)
def test_an_account_in_sync_failed_in_nothing(receipts: list[Receipt]) -> None:
    """An account counts as in sync if something of it succeeded and nothing failed."""
    summary = RunSummary.of(receipts)
    for account in {receipt.account for receipt in receipts}:
        statuses = {receipt.status for receipt in receipts if receipt.account == account}
        assert (account in summary.in_sync_accounts()) is (Status.SUCCESS in statuses and Status.FAILED not in statuses)
