"""The `orgsync` command: its subcommands and its exit codes."""

from typing import Any

import click

from orgsync.cli.operate import status, sync
from orgsync.cli.plan import plan
from orgsync.cli.sandbox import sandbox
from orgsync.shared.errors import OrgsyncError

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
    """Commands whose named failures end in one line that says what to do."""

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


main.add_command(plan)
main.add_command(sync)
main.add_command(status)
main.add_command(sandbox)
