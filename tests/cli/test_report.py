"""The report of a rehearsal for people."""

import io
import re
from typing import Any

import pytest
from rich.console import Console

from orgsync.cli.tables import show

CALLS = {
    "GetAlternateContact": {"made": 1204, "throttled": 3, "failed": 0},
    "PutAlternateContact": {"made": 80, "throttled": 0, "failed": 1},
}
KINDS = ["primary", "billing", "operations", "security"]


def account(**changes: Any) -> dict[str, Any]:
    """An account that was brought in sync."""
    return {"name": "web [prod]", "unit": "/Workloads", "skipped": None, "before": ["billing"], "after": [], **changes}


def step(**changes: Any) -> dict[str, Any]:
    """A step that did what it says."""
    return {"step": "deploy", "title": "deploy: stack dev", "ok": True, "error": None, **changes}


def run(**changes: Any) -> dict[str, Any]:
    """A run that wrote one of two contacts."""
    receipts = [{"account": "200000000001", "changed": ["Name"]}, {"account": "200000000002", "changed": []}]
    outcome = {"status": "completed", "severity": "low", "scenario": "success_completion"}
    return {"cause": "source_changed", **outcome, "counts": {"success": 2}, "receipts": receipts, **changes}


def report(**changes: Any) -> dict[str, Any]:
    """A report of a rehearsal in which something of everything happened."""
    return {
        "engine": "inline",
        "converged": True,
        "expect": "converged",
        "as_expected": True,
        "promises": [],
        "steps": [step()],
        "runs": [run()],
        "refused": [{"reason": "ForeignEvent", "source": "aws.account"}] * 2,
        "kinds": KINDS,
        "accounts": {"200000000001": account(), "200000000002": account(skipped="is SUSPENDED")},
        "calls": CALLS,
        "minimum": {"reads": 1200, "writes": 80},
        "notifications": [{"channel": "sns", "severity": "high", "subject": "[orgsync] something"}] * 3,
        "dead_letters": {"failed-events": 2, "empty": 0},
        "undelivered": [],
        "leftovers": [],
        **changes,
    }


def shown(document: dict[str, Any], width: int = 120, terminal: bool = False) -> list[str]:
    """The lines of the page, without colours."""
    page = io.StringIO()
    show(document, Console(file=page, width=width, force_terminal=terminal, color_system=None))
    return page.getvalue().splitlines()


def line_of(word: str, lines: list[str]) -> str:
    """The only line with a word in it."""
    (line,) = [line for line in lines if word in line]
    return line.strip()


LONG_REASON = "the contacts of this account belong to another team; " * 4
LONG_SUBJECT = "[orgsync dev] MEDIUM: contact sync, the configuration or the source needs a correction by its owner"
BUSY: dict[str, Any] = {
    "as_expected": False,
    "steps": [
        step(),
        step(step="schedule", title="the daily pass", ok=False, error=f"NoSchedule: {LONG_REASON}"),
    ],
    "runs": [
        run(),
        run(cause="account_created", scenario="partial_failure", severity="medium", counts={"success": 9, "failed": 3}),
        run(
            status="failed",
            scenario="configuration_errors",
            severity="medium",
            counts={"success": 1204, "failed": 1300, "skipped": 12},
        ),
    ],
    "accounts": {
        f"2000000000{number:02d}": account(
            name=f"a team with a long name, number {number:02d} of its department"[:50],
            unit=f"/Workloads/Production/Region {number % 4}",
            before=None if number == 5 else KINDS,
            after=KINDS[: number % 5],
            skipped=LONG_REASON if number == 7 else None,
        )
        for number in range(1, 42)
    },
    "notifications": [{"channel": "user_notifications", "severity": "medium", "subject": LONG_SUBJECT}],
    "undelivered": [
        "orgsync-dev-contact-sync-source-changed: an event that came from another bus goes to no third one"
    ],
    "leftovers": ["stack set orgsync-dev-contact-sync-event-forwarding of the management account 100000000001"],
}
"""A rehearsal with texts that are longer than a line."""


@pytest.mark.parametrize("width", [80, 100, 60])
def test_no_word_is_broken(width: int) -> None:
    """A terminal shows the same words in the same order as a pipe, and no line that it would have to break."""
    whole, wrapped = shown(report(**BUSY)), shown(report(**BUSY), width, terminal=True)
    assert " ".join(wrapped).split() == " ".join(whole).split()
    assert max(len(line) for line in wrapped) <= width
    assert not any(line.endswith(" ") for line in wrapped)


def test_a_word_that_fits_nowhere_stays_whole() -> None:
    """It has a line of its own, for the terminal to break."""
    name = "arn:aws:sqs:us-east-1:100000000001:" + "x" * 100
    lines = shown(report(undelivered=[f"a message for {name} got lost"]), 80, terminal=True)
    assert line_of("arn:", lines) == name


def test_a_pipe_gets_every_line_whole() -> None:
    """Nothing is wrapped or cut, however narrow the console claims to be."""
    assert shown(report(**BUSY), 40) == shown(report(**BUSY), 400)


@pytest.mark.parametrize(
    ("changes", "mark", "verdict"),
    [
        ({}, "✓", "converged (expected: converged); every step did what it says"),
        ({"converged": False, "expect": "any"}, "✓", "diverged; every step did what it says"),
        (
            {"converged": False, "as_expected": False},
            "✗",
            "diverged (expected: converged); every step did what it says",
        ),
        (
            {"steps": [step(ok=False), step(), step(ok=False)], "as_expected": False},
            "✗",
            "converged (expected: converged); steps 1, 3 did not do what they say",
        ),
        (
            {"steps": [step(), step(ok=False)], "as_expected": False},
            "✗",
            "converged (expected: converged); step 2 did not do what it says",
        ),
    ],
)
def test_the_verdict_stands_first(changes: dict[str, Any], mark: str, verdict: str) -> None:
    """And beside it that this was a sandbox, and which engine deployed."""
    first, second, *rest = shown(report(**changes))
    assert first.startswith(f"{mark} The rehearsal ")
    assert second.strip() == verdict
    assert "  sandbox, engine: inline" in rest


def test_kept_expectations_are_counted() -> None:
    """Those that are not kept are errors of their steps besides."""
    promises = [{"step": 0, "promise": "no run", "found": found, "kept": not found} for found in (0, 0, 1)]
    assert "  expectations of the steps: 2 of 3 kept" in shown(report(promises=promises))


def test_accounts_stand_below_their_units_with_a_mark_for_each_kind() -> None:
    """A line each: the letter of a kind that is in sync, `-` for one that is not, a name as it stands."""
    accounts = {
        "200000000001": account(),
        "200000000002": account(before=KINDS, after=["operations"], unit="/Sandbox"),
        "200000000003": account(before=None),
        "200000000004": account(skipped="excluded by id"),
    }
    lines = shown(report(accounts=accounts))
    begin = lines.index("Accounts")
    assert lines[begin + 2 : begin + 8] == [
        "  /Sandbox",
        "    200000000002  ---- → PB-S  web [prod]",
        "  /Workloads",
        "    200000000001  P-OS → PBOS  web [prod]",
        "    200000000003  new  → PBOS  web [prod]",
        "    200000000004  skipped      web [prod]: excluded by id",
    ]
    assert "  accounts: 0 in sync before, 2 of 3 after; 1 skipped" in lines


def test_a_kind_that_is_not_managed_has_no_letter() -> None:
    """It is neither in sync nor not."""
    lines = shown(report(kinds=["billing", "security"]))
    assert line_of("200000000001", lines) == "200000000001  .-.S → .B.S  web [prod]"
    assert ". not managed" in line_of("before → after", lines)


def test_forty_one_accounts_take_a_line_each() -> None:
    """On a terminal of 80 columns too."""
    accounts = {f"2000000000{number:02d}": account(before=KINDS) for number in range(41)}
    lines = shown(report(accounts=accounts), 80, terminal=True)
    assert sum(1 for line in lines if re.match(r" +2000000000\d\d", line)) == 41
    assert len(lines) < 41 + 25


def many() -> dict[str, Any]:
    """More accounts than anybody reads."""
    kept = {f"2000000{number:05d}": account(unit=f"/Unit {number % 3}") for number in range(150)}
    skipped = {f"3000000{number:05d}": account(skipped="excluded by tag team") for number in range(25)}
    return kept | skipped | {"400000000001": account(after=["security"]), "400000000002": account(skipped="is CLOSED")}


def test_many_accounts_are_counted_for_each_unit() -> None:
    """And those that are not in sync are listed all the same."""
    lines = shown(report(accounts=many()))
    assert "  accounts: 0 in sync before, 150 of 151 after; 26 skipped" in lines
    assert "  /Unit 0: 0 in sync before, 50 of 50 after" in lines
    assert "  /Workloads: 0 in sync before, 0 of 1 after; 26 skipped" in lines
    assert "    400000000001  P-OS → PBO-  web [prod]" in lines
    assert not any(line.strip().startswith("2000000") for line in lines)


def test_many_skipped_accounts_are_named_by_their_reason() -> None:
    """Their number, the first ids, and how many more there are."""
    lines = shown(report(accounts=many()))
    ids = ", ".join(f"3000000{number:05d}" for number in range(10))
    assert f"  skipped, excluded by tag team: 25: {ids} and 15 more" in lines
    assert "  skipped, is CLOSED: 1: 400000000002" in lines


def test_a_run_is_one_line_of_plain_words() -> None:
    """Its cause and its numbers; of one that did not go well, why and how severe that is."""
    runs = [
        run(),
        run(cause="deploy", counts={"success": 1204, "skipped": 4}, receipts=[]),
        run(cause="schedule", scenario="partial_failure", severity="medium", counts={"success": 9, "failed": 3}),
        run(status="failed", scenario="configuration_errors", severity="medium", counts={"skipped": 13}, receipts=[]),
        run(status="failed", scenario="service_failures", severity="high", counts=None, receipts=[]),
    ]
    lines = shown(report(runs=runs), 80, terminal=True)
    begin = lines.index("Runs, and the contacts that they compared")
    assert lines[begin + 1 : begin + 6] == [
        "  ✓ 1. source changed: 2 in sync, 1 written",
        "  ✓ 2. deploy: 1,204 in sync, none written, 4 skipped",
        "  ! 3. schedule: partial failure (medium); 9 in sync, 1 written, 3 failed",
        "  ✗ 4. source changed: configuration errors (medium); 13 skipped",
        "  ✗ 5. source changed: service failures (high); none compared",
    ]


def test_calls_stand_beside_what_was_needed() -> None:
    """Reads and writes that were made, and the fewest with which the same end is reached."""
    lines = shown(report())
    assert line_of("reads ", lines) == "reads  1,204 made, 1,200 needed, 3 throttled, 0 failed"
    assert line_of("writes ", lines) == "writes 80 made, 80 needed, 0 throttled, 1 failed"


def test_the_same_refusals_and_notifications_are_counted() -> None:
    """A flood of one kind is one line."""
    lines = shown(report())
    assert line_of("ForeignEvent", lines) == "ForeignEvent from aws.account (2 times)"
    assert line_of("something", lines) == "sns, high: [orgsync] something (3 times)"


def test_a_step_that_failed_is_named_with_its_reason() -> None:
    """With the title that it had in the progress output."""
    lines = shown(report(steps=[step(), step(title="the [daily] pass", ok=False, error="one\ntwo")]))
    begin = lines.index("Steps that did not do what they say")
    assert lines[begin + 1 : begin + 4] == ["  ✗ 2. the [daily] pass", "      one", "      two"]


def test_the_output_of_commands_is_shown() -> None:
    """All of it as it stands: both streams, of a command at once, and of one that did not end in time."""
    line = "x" * 200 + " [not markup]"
    ended = {"step": "command", "title": "command: orgsync status", "exit": 0, "output": f"{line}\nb\n", "stderr": ""}
    killed = {"step": "command", "title": "command: sleep 9", "exit": None, "output": "begun\n", "stderr": "waits\n"}
    steps = [step(), step(**ended), step(step="at_once", steps=[step(), step(**killed)])]
    lines = shown(report(steps=steps), 80, terminal=True)
    begin = lines.index("Output of commands")
    assert lines[begin + 1 : begin + 7] == [
        "  2. command: orgsync status: exit code 0",
        f"      {line}",
        "      b",
        "  3. command: sleep 9: did not end in time",
        "      begun",
        "      waits",
    ]


def test_what_must_not_be_there_is_said() -> None:
    """Dead letters, events delivered to nobody, and what a destroy left; an empty queue is no news."""
    lines = shown(report(undelivered=["rule x"], leftovers=["table y"]))
    begin = lines.index("Problems")
    assert lines[begin + 1 : begin + 4] == [
        "  dead letters in failed-events: 2",
        "  delivered to nobody: rule x",
        "  not deleted by destroy: table y",
    ]
    assert "empty" not in "".join(lines)
