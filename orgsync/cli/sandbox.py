"""`orgsync sandbox`: rehearsals in an AWS organization that lives in this process and nowhere else."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orgsync.cli.document import print_document
from orgsync.cli.errors import UsageError
from orgsync.sandbox.extra import INSTALL, missing_packages

if TYPE_CHECKING:
    from orgsync.sandbox.engines.opener import Choice
    from orgsync.sandbox.rehearsal.model import Scenario

ENGINES = click.Choice(["auto", "pulumi", "inline"])


def _rehearsal_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that every rehearsal takes."""
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
@_rehearsal_options
def run(file: Path, engine: "Choice", as_json: bool) -> None:
    """Run the rehearsal in FILE and report what every account ended with.

    FILE is YAML, or JSON if its name ends in .json; `orgsync sandbox schema` describes every
    key. Progress goes to stderr, the report to stdout. Exit code 0: every step did what it
    says and what is expected of it, and the end is as the file expects; 1: not so; 2: the file
    is wrong, and nothing was started.
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
@_rehearsal_options
def demo(accounts: int, engine: "Choice", as_json: bool) -> None:
    """Run a prepared rehearsal: deploy, first run, edits, a burst, drift, a new account, a source AWS would refuse.

    The report shows every account before and after, and the calls that it took. Exit code 0
    only if every account ended as the policy wants it, and every step set off as many runs and
    writes as it says.
    """
    from orgsync.sandbox.contact_sync.demo import demo as demo_scenario

    _rehearse(demo_scenario(accounts), engine, as_json)


@sandbox.command()
def schema() -> None:
    """Print the JSON Schema of a rehearsal's file, for editors.

    An editor with a YAML language server then completes keys, shows what they mean and marks
    mistakes. Write the schema beside your files, and name it in the first line of each:

    \b
      orgsync sandbox schema > rehearsal.schema.json
      # yaml-language-server: $schema=rehearsal.schema.json
    """
    from orgsync.sandbox.rehearsal.schema import scenario_schema

    click.echo(json.dumps(scenario_schema(), indent=2))


def _rehearse(scenario: "Scenario", engine: "Choice", as_json: bool) -> None:
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
        show(report, Console())
    raise SystemExit(0 if report["as_expected"] else 1)
