"""The `orgsync` command: its subcommands and its exit codes."""

from importlib import import_module
from typing import Any

import click

from orgsync.shared.errors import OrgsyncError

COMMANDS = {
    "plan": ("orgsync.cli.plan", "Show what a run would write now, without writing anything."),
    "sandbox": ("orgsync.cli.sandbox", "Rehearse in a sandbox: an AWS organization that fits in a process."),
    "status": ("orgsync.cli.operate", "Show one run with its receipts, or the runs of the last days."),
    "sync": ("orgsync.cli.operate", "Compare accounts with the source now, and write what differs."),
}
"""Commands by name: the module that has one, which is loaded when it is called, and its line in the help."""

EPILOG = """
\b
Begin with
  orgsync sandbox demo              the whole story, in an organization of 40 accounts
  orgsync sandbox run FILE          your own: what a policy does before it meets your accounts
  orgsync status                    what a deployed stack's runs did

\b
Exit codes
  0  it did what it says
  1  it did not
  2  the command line or a file is wrong; nothing was started
"""


class CommandGroup(click.Group):
    """Commands that are loaded when they are called, and whose named failures end in one line that says what to do."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = getattr(import_module(COMMANDS[cmd_name][0]), cmd_name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except OrgsyncError as error:
            raise click.ClickException(f"{error.code}: {error}. {error.remedy}") from error


@click.group(
    cls=CommandGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="orgsync", prog_name="orgsync")
def main() -> None:
    """Keep the contacts of every account of an AWS organization equal to one source of truth.

    The source is the management account's own contacts: primary, billing, operations and
    security. A deployed stack compares every member account with them when they change,
    when an account joins, once a day and when you ask, and writes only what differs.
    """
