"""A rehearsal's report for people: the verdict first, then accounts by unit, runs, calls and messages.

No line depends on the width of a column. On a terminal a long line is wrapped between words; into a file or a
pipe it goes whole.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import Console
from rich.markup import escape

from orgsync.cli.lines import print_line

Document = dict[str, Any]

MOST_ROWS = 60
"""Above this many accounts they are counted for each unit, and only those are listed that are not in sync."""
MOST_IDS = 10
"""The ids that are named of accounts that were skipped for the same reason."""

MARKS = {"primary": "P", "billing": "B", "operations": "O", "security": "S"}
"""The letter of a kind, which stands where the kind is in sync."""
DIFFERS, UNMANAGED = "-", "."


def show(report: Document, console: Console) -> None:
    """Print the report."""
    page = _Page(console)
    page.add(*_verdict(report))
    page.section("Steps that did not do what they say", _failed_steps(report))
    page.section("Problems", _problems(report))
    page.section("Output of commands", _commands(report), verbatim=True)
    page.section("Accounts", _accounts(report))
    page.section("Runs, and the contacts that they compared", _runs(report))
    page.section("Calls to the members' contacts", _calls(report))
    page.section("Events that started no run", _refused(report))
    page.section("Notifications", _notifications(report))


class _Page:
    """Lines in rich's markup, on a console."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def section(self, title: str, lines: Iterable[str], *, verbatim: bool = False) -> None:
        """Print a title and its lines, indented; nothing at all without lines."""
        lines = list(lines)
        if lines:
            self.add("", f"[bold]{title}[/]")
            self.add(*(f"  {line}" for line in lines), verbatim=verbatim)

    def add(self, *lines: str, verbatim: bool = False) -> None:
        """Print lines."""
        for line in lines:
            print_line(self._console, line, verbatim=verbatim)


def _verdict(report: Document) -> Iterator[str]:
    well = report["as_expected"]
    yield (
        "[bold green]✓ The rehearsal went as expected.[/]"
        if well
        else ("[bold red]✗ The rehearsal did not go as expected.[/]")
    )
    end = "converged" if report["converged"] else "diverged"
    expected = "" if report["expect"] == "any" else f" (expected: {report['expect']})"
    failed = [str(number) for number, step in enumerate(report["steps"], start=1) if not step["ok"]]
    steps = "every step did what it says"
    if failed:
        one = len(failed) == 1
        steps = f"step{'' if one else 's'} {', '.join(failed)} did not do what {'it says' if one else 'they say'}"
    yield f"  {end}{expected}; {steps}"
    promises = report["promises"]
    if promises:
        kept = sum(1 for promise in promises if promise["kept"])
        yield f"  expectations of the steps: {kept} of {len(promises)} kept"
    if report["accounts"]:
        yield f"  accounts: {_in_sync(report['accounts'].values())}"
    yield f"  sandbox, engine: {escape(report['engine'])}"


def _in_sync(accounts: Iterable[Document]) -> str:
    accounts = list(accounts)
    kept = [account for account in accounts if not account["skipped"]]
    before, after = (sum(1 for account in kept if account[when] == []) for when in ("before", "after"))
    skipped = len(accounts) - len(kept)
    return f"{before:,} in sync before, {after:,} of {len(kept):,} after" + (
        f"; {skipped:,} skipped" if skipped else ""
    )


def _failed_steps(report: Document) -> Iterator[str]:
    for number, step in enumerate(report["steps"], start=1):
        if not step["ok"]:
            yield f"[red]✗[/] {number}. {escape(step['title'])}"
            for line in (step["error"] or "").splitlines():
                yield f"    [red]{escape(line)}[/]"


def _commands(report: Document) -> Iterator[str]:
    for number, step in enumerate(report["steps"], start=1):
        for action in step.get("steps", [step]):
            if action["step"] == "command":
                end = "did not end in time" if action["exit"] is None else f"exit code {action['exit']}"
                yield f"{number}. {escape(action['title'])}: {end}"
                for stream in ("output", "stderr"):
                    yield from (f"    {escape(line)}" for line in (action[stream] or "").splitlines())


def _accounts(report: Document) -> Iterator[str]:
    """Describe all accounts: a line each where they are few, else their numbers and those that are not in sync."""
    accounts, kinds = report["accounts"], report["kinds"]
    by_unit: dict[str, Document] = defaultdict(dict)
    for identity, account in accounts.items():
        by_unit[account["unit"]][identity] = account
    if len(accounts) <= MOST_ROWS:
        if accounts:
            yield _legend(kinds)
        for unit, inside in sorted(by_unit.items()):
            yield escape(unit)
            yield from _rows(inside, kinds)
        return
    for unit, inside in sorted(by_unit.items()):
        yield f"{escape(unit)}: {_in_sync(inside.values())}"
    differing = {
        identity: account for identity, account in accounts.items() if account["after"] and not account["skipped"]
    }
    if differing:
        yield f"[yellow]not in sync: {len(differing):,}[/]; {_legend(kinds)}"
        yield from _rows(differing, kinds)
    yield from _skipped(accounts)


def _legend(kinds: list[str]) -> str:
    letters = ", ".join(f"{mark} {kind}" for kind, mark in MARKS.items())
    unmanaged = f", {UNMANAGED} not managed" if set(MARKS) - set(kinds) else ""
    return f"[dim]before → after: {letters}, {DIFFERS} not in sync{unmanaged}[/]"


def _rows(accounts: Document, kinds: list[str]) -> Iterator[str]:
    return (f"  {_account(identity, account, kinds)}" for identity, account in accounts.items())


def _skipped(accounts: Document) -> Iterator[str]:
    reasons: dict[str, list[str]] = defaultdict(list)
    for identity, account in accounts.items():
        if account["skipped"]:
            reasons[account["skipped"]].append(identity)
    for reason, ids in sorted(reasons.items()):
        more = f" and {len(ids) - MOST_IDS:,} more" if len(ids) > MOST_IDS else ""
        yield f"skipped, {escape(reason)}: {len(ids):,}: {', '.join(ids[:MOST_IDS])}{more}"


def _account(identity: str, account: Document, kinds: list[str]) -> str:
    name = escape(account["name"])
    if account["skipped"]:
        return f"[dim]{identity}  skipped      {name}: {escape(account['skipped'])}[/]"
    return f"{identity}  {_marks(account['before'], kinds)} → {_marks(account['after'], kinds)}  {name}"


def _marks(differing: list[str] | None, kinds: list[str]) -> str:
    """Draw the four kinds, clear without colour too; None is an account that was not there."""
    if differing is None:
        return "[dim]new [/]"
    return "".join(_mark(kind, mark, differing, kinds) for kind, mark in MARKS.items())


def _mark(kind: str, mark: str, differing: list[str], kinds: list[str]) -> str:
    if kind not in kinds:
        return f"[dim]{UNMANAGED}[/]"
    return f"[yellow]{DIFFERS}[/]" if kind in differing else f"[green]{mark}[/]"


def _runs(report: Document) -> Iterator[str]:
    for number, run in enumerate(report["runs"], start=1):
        completed = run["status"] == "completed"
        well = completed and run["severity"] in ("none", "low")
        mark = "[green]✓[/]" if well else "[yellow]![/]" if completed else "[red]✗[/]"
        outcome = "" if well else f"{_words(run['scenario'] or run['status'])} ({run['severity']}); "
        yield f"{mark} {number}. {_words(run['cause'])}: {outcome}{_counts(run)}"


def _counts(run: Document) -> str:
    counts = run["counts"] or {}
    written = sum(1 for receipt in run["receipts"] if receipt["changed"])
    parts = []
    if counts.get("success"):
        parts = [f"{counts['success']:,} in sync", f"{written:,} written" if written else "none written"]
    parts += [f"{counts[name]:,} {name}" for name in ("failed", "skipped") if counts.get(name)]
    return ", ".join(parts) or "none compared"


def _words(literal: str | None) -> str:
    return escape(str(literal).replace("_", " "))


def _calls(report: Document) -> Iterator[str]:
    for what, reading in (("reads", True), ("writes", False)):
        counts = [count for name, count in report["calls"].items() if name.startswith("Get") == reading]
        made, throttled, failed = (sum(count[key] for count in counts) for key in ("made", "throttled", "failed"))
        least = report["minimum"][what]
        yield f"{what:6} {made:,} made, {least:,} needed, {throttled:,} throttled, {failed:,} failed"


def _refused(report: Document) -> Iterator[str]:
    found = Counter((str(refusal["reason"]), str(refusal["source"])) for refusal in report["refused"])
    for (reason, source), times in found.items():
        yield f"{escape(reason)} from {escape(source)}{_times(times)}"


def _notifications(report: Document) -> Iterator[str]:
    found = Counter((one["channel"], one["severity"], one["subject"] or "") for one in report["notifications"])
    for (channel, severity, subject), times in found.items():
        yield f"{_words(channel)}, {severity}: {escape(subject)}{_times(times)}"


def _times(times: int) -> str:
    return f" ({times:,} times)" if times > 1 else ""


def _problems(report: Document) -> Iterator[str]:
    for queue, messages in report["dead_letters"].items():
        if messages:
            yield f"[red]dead letters in {escape(queue)}: {messages}[/]"
    for what in report["undelivered"]:
        yield f"[red]delivered to nobody: {escape(what)}[/]"
    for what in report["leftovers"]:
        yield f"[red]not deleted by destroy: {escape(what)}[/]"
