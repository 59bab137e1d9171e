"""A rehearsal's report for people: what ran, what every account ended with, what it took."""

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

Document = dict[str, Any]

MOST_ROWS = 60
"""Above this many accounts only those are listed that are not in sync."""


def show(report: Document, console: Console) -> None:
    """Print the report; it ends with one line that says how it went."""
    for title, table in (
        ("Runs", _runs(report)),
        ("Accounts" if _few(report) else "Accounts that are not in sync", _accounts(report)),
        ("Calls to the members' contacts", _calls(report)),
        ("Refused: events that started no run", _refused(report)),
        ("Notifications", _notifications(report)),
    ):
        if table.row_count:
            console.print(f"[bold]{title}[/]", table, "", sep="\n", highlight=False)
    _strays(report, console)
    console.print(_in_sync(report), _verdict(report), sep="\n", highlight=False)


def _table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    table = Table(header_style="dim", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


def _runs(report: Document) -> Table:
    counted = ("success", "failed", "skipped")
    table = _table("cause", "status", "severity", *counted, "written", "why", right=(*counted, "written"))
    for run in report["runs"]:
        colour = "green" if run["status"] == "completed" else "red"
        counts = [str((run["counts"] or {}).get(name, 0)) for name in counted]
        written = str(sum(1 for receipt in run["receipts"] if receipt["changed"]))
        status = f"[{colour}]{run['status']}[/]"
        table.add_row(run["cause"], status, run["severity"], *counts, written, run["scenario"])
    return table


def _few(report: Document) -> bool:
    return len(report["accounts"]) <= MOST_ROWS


def _accounts(report: Document) -> Table:
    table = _table("account", "name", "unit", "before", "after")
    for account, one in report["accounts"].items():
        if _few(report) or one["after"]:
            table.add_row(account, escape(one["name"]), escape(one["unit"]), *_before_and_after(one))
    return table


def _before_and_after(account: Document) -> tuple[str, str]:
    if account["skipped"]:
        return "", f"[dim]skipped: {escape(account['skipped'])}[/]"
    return _sync_state(account["before"]), _sync_state(account["after"])


def _sync_state(differing: list[str] | None) -> str:
    if differing is None:
        return "[dim]not there yet[/]"
    return f"[yellow]not in sync: {', '.join(differing)}[/]" if differing else "[green]in sync[/]"


def _calls(report: Document) -> Table:
    counted = ("made", "throttled", "failed")
    table = _table("", "made", "needed", "throttled", "failed", right=("made", "needed", "throttled", "failed"))
    for what, reading in (("reads", True), ("writes", False)):
        counts = [count for name, count in report["calls"].items() if name.startswith("Get") == reading]
        made, throttled, failed = (f"{sum(count[key] for count in counts):,}" for key in counted)
        table.add_row(what, made, f"{report['minimum'][what]:,}", throttled, failed)
    return table


def _refused(report: Document) -> Table:
    table = _table("reason", "source", "times", right=("times",))
    found = [(refusal["reason"], refusal["source"]) for refusal in report["refused"]]
    for reason, source in dict.fromkeys(found):
        table.add_row(escape(str(reason)), escape(str(source)), str(found.count((reason, source))))
    return table


def _notifications(report: Document) -> Table:
    table = _table("channel", "severity", "subject")
    for notification in report["notifications"]:
        table.add_row(notification["channel"], notification["severity"], escape(notification["subject"] or ""))
    return table


def _strays(report: Document, console: Console) -> None:
    for queue, messages in report["dead_letters"].items():
        if messages:
            console.print(f"[red]dead letters in {escape(queue)}: {messages}[/]", highlight=False)
    for what in report["undelivered"]:
        console.print(f"[red]delivered to nobody: {escape(what)}[/]", highlight=False)
    for what in report["leftovers"]:
        console.print(f"[red]left over after destroy: {escape(what)}[/]", highlight=False)


def _in_sync(report: Document) -> str:
    kept = [one for one in report["accounts"].values() if not one["skipped"]]
    before, after = (sum(1 for one in kept if one[when] == []) for when in ("before", "after"))
    skipped = len(report["accounts"]) - len(kept)
    return f"Accounts in sync: {before} before, {after} of {len(kept)} after" + (
        f"; {skipped} skipped" if skipped else ""
    )


def _verdict(report: Document) -> str:
    end = "converged" if report["converged"] else "diverged"
    failed = [step["step"] for step in report["steps"] if not step["ok"]]
    steps = f"did not do what they say: {', '.join(failed)}" if failed else "every step did what it says"
    expected = "" if report["expect"] == "any" else f" (expected: {report['expect']})"
    colour = "green" if report["as_expected"] else "red"
    return f"[bold {colour}]{end}[/]{expected}; {steps}. Sandbox, engine: {escape(report['engine'])}"
