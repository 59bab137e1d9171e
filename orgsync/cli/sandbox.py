"""`orgsync sandbox`: rehearsals in an AWS organization that lives in this process and nowhere else."""

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orgsync.cli.document import print_document
from orgsync.cli.errors import UsageError
from orgsync.sandbox.extra import INSTALL, missing_packages

if TYPE_CHECKING:
    from orgsync.sandbox.engines.opener import Choice
    from orgsync.sandbox.rehearsal.model import Scenario

WIDTH = 120
"""Columns of a report that goes into a file or a pipe."""

ENGINES = click.Choice(["auto", "pulumi", "inline"])


def _how(command: Callable[..., None]) -> Callable[..., None]:
    """The options that every rehearsal takes."""
    engine = click.option(
        "--engine",
        type=ENGINES,
        default="auto",
        show_default=True,
        help="pulumi: the real engine, from PATH or `make engine`. inline: an engine of our own, in this process. "
        "auto: pulumi where there is one.",
    )
    as_json = click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON document.")
    return engine(as_json(command))


@click.group()
def sandbox() -> None:
    """Rehearse in a sandbox: an AWS organization that fits in a process.

    The unmodified Pulumi program is deployed into it and the real functions run. Nothing
    reaches AWS, and no credentials are read.
    """
    if missing := missing_packages():
        raise UsageError(f"the sandbox needs {', '.join(missing)}, which are not installed: {INSTALL}")


@sandbox.command()
@click.argument("file", type=click.Path(path_type=Path))
@_how
def run(file: Path, engine: "Choice", as_json: bool) -> None:
    """Play the scenario in FILE (YAML, or JSON if it ends in .json) and report what every account ended with.

    Progress goes to stderr, the report to stdout. Exit code 0: every step did what it says
    and the end is as the scenario expects; 1: it did not; 2: the file is wrong, and nothing
    was started.
    """
    from orgsync.sandbox.rehearsal.load import ScenarioInvalid, load

    try:
        scenario = load(file)
    except ScenarioInvalid as refusal:
        raise UsageError(str(refusal)) from refusal
    _rehearse(scenario, engine, as_json)


@sandbox.command()
@click.option(
    "--accounts",
    type=click.IntRange(1, 2000),
    default=40,
    show_default=True,
    help="How many member accounts there are.",
)
@_how
def demo(accounts: int, engine: "Choice", as_json: bool) -> None:
    """Tell the whole story: deploy, reconcile, edits, a burst, drift, a new account, a source AWS would refuse.

    Ends with a table of before and after and the calls it took. Exit code 0 only if every
    account ended as the policy wants it, and the burst took no more runs than the story says.
    """
    from orgsync.sandbox.contact_sync.demo import broken_promises
    from orgsync.sandbox.contact_sync.demo import demo as story

    _rehearse(story(accounts), engine, as_json, broken_promises)


def _nothing_promised(_report: dict[str, Any]) -> list[str]:
    return []


def _rehearse(
    scenario: "Scenario",
    engine: "Choice",
    as_json: bool,
    broken_promises: Callable[[dict[str, Any]], list[str]] = _nothing_promised,
) -> None:
    from rich.console import Console

    from orgsync.cli.progress import Progress
    from orgsync.cli.tables import show
    from orgsync.sandbox.contact_sync.rehearse import rehearse
    from orgsync.sandbox.engines.opener import EngineMissing
    from orgsync.sandbox.rehearsal.load import ScenarioInvalid

    # What the emulator's libraries log of failures that were provoked is no news; what matters is reported.
    logging.getLogger().addHandler(logging.NullHandler())
    with Progress(Console(stderr=True)) as progress:
        try:
            report = rehearse(scenario, engine=engine, progress=progress)
        except (EngineMissing, ScenarioInvalid) as refusal:
            raise UsageError(str(refusal)) from refusal
    if as_json:
        print_document(report)
    else:
        show(report, Console(width=None if sys.stdout.isatty() else WIDTH))
    broken = broken_promises(report)
    for promise in broken:
        click.echo(f"not as told: {promise}", err=True)
    raise SystemExit(0 if report["as_expected"] and not broken else 1)
