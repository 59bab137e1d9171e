"""`orgsync sync` and `orgsync status`: ask a deployed stack for a run, and look at what runs did."""

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
from orgsync.contact_sync.answering_run import answering_receipts, answering_run, answering_runs, refusal
from orgsync.contact_sync.core.errors import ConfigurationUnreadable
from orgsync.contact_sync.core.notification import Notification
from orgsync.contact_sync.core.outcome import RunSummary
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.core.run import Run, RunStatus
from orgsync.contact_sync.names import Kind, OwnEvent
from orgsync.shared.errors import explain

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


@click.command()
@account_option
@kind_option
@click.option("--wait/--no-wait", default=True, help="Wait for the run's end (default), or only ask for it.")
@stack_option
@json_option
def sync(accounts: tuple[str, ...], kinds: tuple[str, ...], wait: bool, stack: str | None, as_json: bool) -> None:
    """Compare accounts with the source now, and write what differs.

    Without options every account and every configured kind. While another run is under
    way yours waits and joins whatever else was asked for. Exit code 0: everything that you asked
    for is in sync, or of a whole organization skipped as the configuration says; 1: something
    was not done, be it that an account that you named is excluded; 2: an id is no member of the
    organization, or the management account's own.
    """
    found = find(stack)
    found.check_accounts(accounts)
    run_id = f"operator-{uuid.uuid4()}"
    detail = {"initiator": found.operator, "accounts": list(dict.fromkeys(accounts)), "kinds": list(kinds)}
    found.executions.start(run_id, OwnEvent.OPERATOR.document(detail))
    if not wait:
        if as_json:
            print_document({"run_id": run_id})
        else:
            click.echo(f"asked for: orgsync status {run_id} --stack {found.name}")
        return
    runs = _wait_for(run_id, found)
    run, receipts = runs[-1], list(answering_receipts(runs, found.states))
    _show(run, receipts, found, as_json)
    # A run that answers others too may have failed elsewhere.
    asked = [one for one in receipts if one.account in (accounts or (one.account,)) and one.kind in (kinds or KINDS)]
    summary = RunSummary.of(asked, everyone=not accounts)
    each = summary.tried_accounts() >= set(accounts)
    done = summary.all_done() and (each if accounts else run.status is RunStatus.COMPLETED)
    raise SystemExit(0 if done else 1)


@click.command()
@click.argument("run_id", required=False)
@stack_option
@json_option
def status(run_id: str | None, stack: str | None, as_json: bool) -> None:
    """Show one run with its receipts, or the runs of the last days.

    For every account that failed it says what the failure means and what to do. Of a request
    that was merged it shows the run that answers it.
    """
    found = find(stack)
    if run_id:
        answering, run = answering_run(run_id, found.states)
        if run is None:
            code = refusal(answering, found.executions)
            if code:
                raise click.ClickException(f"{run_id} started no run. {_meaning(code)}")
            if answering != run_id:
                raise click.ClickException(f"{run_id} waits for the run {answering}, which has not begun")
            raise UsageError(f"no run {run_id} in stack {found.name}: runs are kept as long as its receipts")
        if answering != run_id:
            click.echo(f"{run_id} is answered by the run {answering}", err=True)
        _show(run, list(found.states.receipts(run.run_id)), found, as_json)
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


def _wait_for(run_id: str, stack: DeployedStack) -> list[Run]:
    """The runs that answer ours, when the last of them has ended; progress goes to stderr."""
    with Console(stderr=True).status("waiting for the run"):
        while True:
            runs, to_come = answering_runs(run_id, stack.states)
            if to_come is None and runs[-1].closed:
                return runs
            # Its header may have been written between the two looks.
            if to_come and (code := refusal(to_come, stack.executions)) and stack.states.run(to_come) is None:
                raise click.ClickException(_meaning(code))
            time.sleep(LOOK_SECONDS)


def _meaning(code: str) -> str:
    return f"{code}: {explain(code).meaning} {explain(code).remedy}"


def _document(run: Run) -> dict[str, Any]:
    left_out = {"source", "planned", "attempt", "notified", "reported", "revision"}
    return {name: value for name, value in run.to_json().items() if name not in left_out}


def _exclusions(run: Run, stack: DeployedStack) -> tuple[str, ...]:
    """Return the exclusions of the configuration that a run kept; none where it kept none that can be read."""
    try:
        return stack.configs.at(run.config_version).exclusions() if run.config_version and not run.error else ()
    except ConfigurationUnreadable:
        return ()


def _show(run: Run, receipts: list[Receipt], stack: DeployedStack, as_json: bool) -> None:
    if as_json:
        print_document({**_document(run), "receipts": [receipt.to_json() for receipt in receipts]})
        return
    out = console()
    # While a run goes on, nobody knows whom an exclusion will match.
    summary = RunSummary.of(receipts, everyone=run.everyone, exclusions=_exclusions(run, stack) if run.closed else ())
    scenario = run.scenario or ("no scenario" if run.closed else "not ended yet")
    out.print(f"{run.run_id}: {run.status}, {scenario}, asked for by {run.cause}")
    out.print(f"{Notification.headline(run, summary)}.")
    if run.preempted and run.into:
        out.print(f"It made way for a change. What it left was taken up by the run {run.into}.")
    for line in Notification.exclusions(summary):
        out.print(line)
    # What is unfinished first, the most frequent before the others; then what was skipped on purpose.
    codes = dict.fromkeys([*([run.error] if run.error else []), *summary.unfinished(), *sorted(summary.errors)])
    rows = table("account", "kind", "status", "why", "retries")
    for receipt in receipts:
        if receipt.status is Status.FAILED:
            rows.add_row(receipt.account, receipt.kind, receipt.status, receipt.why, str(receipt.retries))
    if rows.row_count:
        out.print(rows)
    for code in codes:
        meaning, remedy = summary.explain(code)
        out.print(f"{code}: {meaning}\n  {remedy}")
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
