"""`orgsync sync` and `orgsync status`: ask a deployed stack for a run, and look at what runs did."""

import re
import sys
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from orgsync.cli.document import print_document
from orgsync.cli.errors import UsageError
from orgsync.cli.stack import DeployedStack, find
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.core.run import Run, RunStatus
from orgsync.contact_sync.names import Kind, OwnEvent
from orgsync.shared.errors import error_class

LOOK_SECONDS = 2.0
DAYS = 7
WIDTH = 200
KINDS = [kind.value for kind in Kind]

stack_option = click.option("--stack", help="Which, where several are deployed: its Pulumi stack or its prefix.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
account_option = click.option(
    "--account", "accounts", multiple=True, metavar="ID", help="Only this account; may be repeated."
)
kind_option = click.option(
    "--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Only this kind; may be repeated."
)


def checked(accounts: tuple[str, ...]) -> tuple[str, ...]:
    """The account ids that were given.

    Raises:
        UsageError: one of them is none.
    """
    for account in accounts:
        if not re.fullmatch("[0-9]{12}", account):
            raise UsageError(f"--account {account}: an account id has 12 digits")
    return accounts


@click.command()
@account_option
@kind_option
@click.option("--wait/--no-wait", default=True, help="Wait for the run's end (default), or only ask for it.")
@stack_option
@json_option
def sync(accounts: tuple[str, ...], kinds: tuple[str, ...], wait: bool, stack: str | None, as_json: bool) -> None:
    """Compare accounts with the source now, and write what differs.

    Without options every account and every configured kind. While another run is under
    way yours waits and joins whatever else was asked for. Exit code 0: every account is in
    sync or skipped on purpose; 1: something failed.
    """
    found = find(stack)
    run_id = f"operator-{uuid.uuid4()}"
    detail = {"initiator": found.operator, "accounts": list(checked(accounts)), "kinds": list(kinds)}
    found.executions.start(run_id, OwnEvent.OPERATOR.document(detail))
    if not wait:
        if as_json:
            print_document({"run_id": run_id})
        else:
            click.echo(f"asked for: orgsync status {run_id} --stack {found.name}")
        return
    run = _wait_for(run_id, found)
    _show(run, list(found.states.receipts(run.run_id)), as_json)
    raise SystemExit(int(run.status is not RunStatus.COMPLETED or run.counts.get(Status.FAILED, 0) > 0))


@click.command()
@click.argument("run_id", required=False)
@stack_option
@json_option
def status(run_id: str | None, stack: str | None, as_json: bool) -> None:
    """Show one run with its receipts, or the runs of the last days.

    For every account that failed it says what the failure means and what to do.
    """
    found = find(stack)
    if run_id:
        run = _follow(run_id, found)
        if run is None:
            raise UsageError(f"no run {run_id} in stack {found.name}: runs are kept as long as its receipts")
        _show(run, list(found.states.receipts(run.run_id)), as_json)
        return
    today = datetime.now(UTC).date()
    days = [(today - timedelta(days=back)).isoformat() for back in reversed(range(DAYS))]
    runs = [run for day in days for run in found.states.runs_of(day)]
    if as_json:
        print_document({"runs": [_document(run) for run in runs]})
        return
    rows = table("run", "started", "cause", "status", "severity", "in sync", "failed", "skipped")
    for run in runs:
        counts = [str(run.counts.get(status, 0)) for status in (Status.SUCCESS, Status.FAILED, Status.SKIPPED)]
        rows.add_row(run.run_id, run.started[:19], run.cause, run.status, run.severity or "", *counts)
    console().print(rows if runs else f"No run in the last {DAYS} days.")


def _wait_for(run_id: str, stack: DeployedStack) -> Run:
    """The run that answers ours, when it has ended; progress goes to stderr."""
    with Console(stderr=True).status("waiting for the run"):
        while True:
            run = _follow(run_id, stack)
            if run and run.closed:
                return run
            status, answer = stack.executions.outcome(run_id)
            if run is None and status not in (None, "RUNNING"):
                refused = answer.get("refusal", {}).get("reason", "SystemFailure")
                raise click.ClickException(f"{refused}: {error_class(refused).meaning()} {error_class(refused).remedy}")
            time.sleep(LOOK_SECONDS)


def _follow(run_id: str, stack: DeployedStack) -> Run | None:
    run = stack.states.run(run_id)
    while run and run.status is RunStatus.MERGED and run.into:
        run = stack.states.run(run.into) or None
    return run


def _document(run: Run) -> dict[str, Any]:
    left_out = {"source", "planned", "attempt", "notified", "reported", "revision"}
    return {name: value for name, value in run.to_json().items() if name not in left_out}


def _show(run: Run, receipts: list[Receipt], as_json: bool) -> None:
    if as_json:
        print_document({**_document(run), "receipts": [receipt.to_json() for receipt in receipts]})
        return
    out = console()
    out.print(f"{run.run_id}: {run.status}, {run.scenario or 'not ended yet'}, asked for by {run.cause}")
    out.print(", ".join(f"{count} {status}" for status, count in run.counts.items()))
    codes = sorted({receipt.error for receipt in receipts if receipt.error} | ({run.error} if run.error else set()))
    rows = table("account", "kind", "status", "why", "retries")
    for receipt in receipts:
        if receipt.status is Status.FAILED:
            rows.add_row(receipt.account, receipt.kind, receipt.status, receipt.error, str(receipt.retries))
    if rows.row_count:
        out.print(rows)
    for code in codes:
        out.print(f"{code}: {error_class(code).meaning()}\n  {error_class(code).remedy}")
    if run.error and run.detail:
        out.print(f"Named by the run: {run.detail}")


def table(*columns: str) -> Table:
    made = Table(header_style="dim", box=None, pad_edge=False)
    for column in columns:
        made.add_column(column, no_wrap=True)
    return made


def console() -> Console:
    """A run's id must stay whole, to be copied: lines of a file or a pipe are as long as they have to be."""
    return Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
