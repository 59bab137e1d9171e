"""Benchmarks, as ratios in one run: `make bench` (docs/bench.md says what each row means).

python -m bench                     tables for people
python -m bench --json              one document for programs
python -m bench --sizes 1000        another size or two than 1,000, 10,000 and 50,000 accounts
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import processes, runs, starts
from tests.loopback import served

VERSION = 1
"""Version of the document that `--json` prints."""

SMALLEST_FUNCTION = 256
"""MiB that the smallest function of a stack has: dev's."""

_CALLS = (100, 600)
"""Accounts whose contacts are read for the CPU of a call: what a start costs is the same for both."""

Row = Mapping[str, Any]

TITLES = {
    "runs": "A run from trigger to report: seconds that AWS's quotas force ÷ ours",
    "explored": "A server that allows three times the documented quotas",
    "compared": "Beside the way of other tools: one function an account, all at once, the SDK's retries",
    "memory": f"Memory of a function as a whole process, MiB; {SMALLEST_FUNCTION} is the smallest",
    "cpu": "CPU of a call, ours ÷ a bare boto3 loop of the same calls",
    "starts": "Starts of processes: CPU and memory ÷ the least that any such process needs",
}


def memory(sizes: Sequence[int]) -> list[Row]:
    """Return a row for each function and size."""
    rows: list[Row] = []
    for size in sizes:
        for function in ("plan", "process", "report"):
            used = processes.measured(function, str(size))
            row = {"function": function, "accounts": size, "mib": round(used.memory), "cpu_s": round(used.seconds, 1)}
            rows.append({**row, "share_of_smallest": round(used.memory / SMALLEST_FUNCTION, 2)})
    return rows


def cpu() -> list[Row]:
    """Return the one row of the CPU that a call takes, ours beside a bare loop's."""

    def answer(path: str, _headers: object, document: Any) -> Any:
        contacts = processes.Contacts()
        if path.endswith("ContactInformation"):
            return 200, {}, contacts.get_contact_information()
        return 200, {}, contacts.get_alternate_contact(document["AlternateContactType"])

    with served(answer) as address:
        os.environ["AWS_ENDPOINT_URL_ACCOUNT"] = address
        seconds = {
            (part, size): min(processes.measured(part, str(size)).seconds for _ in range(3))
            for size in _CALLS
            for part in ("ours", "bare")
        }
        del os.environ["AWS_ENDPOINT_URL_ACCOUNT"]
    few, many = _CALLS
    ours, bare = (seconds[part, many] - seconds[part, few] for part in ("ours", "bare"))
    calls = (many - few) * len(processes.KINDS)
    return [
        {
            "calls": calls,
            "ours_ms": round(1000 * ours / calls, 2),
            "bare_ms": round(1000 * bare / calls, 2),
            "ours_over_bare": round(ours / bare, 2),
        }
    ]


def busy() -> float:
    """Return how many processes want each of this machine's cores: beyond one, starts and CPU are less clean."""
    return round(os.getloadavg()[0] / (os.cpu_count() or 1), 2)


def measure(sizes: Sequence[int]) -> dict[str, Any]:
    """Measure everything; progress goes to stderr."""
    document: dict[str, Any] = {"version": VERSION, "busy_before": busy()}
    for name, part in (
        ("runs", lambda: runs.runs(sizes)),
        ("explored", runs.explored),
        ("compared", runs.compared),
        ("memory", lambda: memory(sizes)),
        ("cpu", cpu),
        ("starts", starts.measure),
    ):
        print(f"{TITLES[name]} …", file=sys.stderr, flush=True)
        document[name] = part()
    return {**document, "busy_after": busy()}


def show(document: Mapping[str, Any]) -> None:
    """Print a table for each part."""
    console = Console()
    for name, title in TITLES.items():
        rows: list[Row] = document[name]
        table = Table(*(key.replace("_", " ") for key in rows[0]), title=title, title_justify="left")
        for row in rows:
            table.add_row(*map(_shown, row.values()))
        console.print(table)
    if max(document["busy_before"], document["busy_after"]) > 1:
        console.print("The machine was busy: runs are in virtual time and stand; starts and CPU may be off by a tenth.")


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the arguments name, and print it."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="one document instead of tables")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(runs.SIZES), metavar="N", help="accounts")
    asked = parser.parse_args(arguments)
    document = measure(asked.sizes)
    if asked.json:
        print(json.dumps(document, indent=2))
    else:
        show(document)


if __name__ == "__main__":
    main()
