"""`orgsync --help`: every command with its own first line, and nothing loaded for it that only a command needs."""

import subprocess
import sys

import click
import pytest

from orgsync.cli.main import COMMANDS, main


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_of_itself_what_the_help_says_of_it(name: str) -> None:
    """The help knows a command's line without loading the command."""
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.name == name
    assert (command.help or "").partition("\n")[0] == COMMANDS[name][1]


def test_the_help_loads_no_command() -> None:
    """Help waits for neither AWS's client nor the models of a configuration, nor for the sandbox."""
    code = "import sys; from orgsync.cli.main import main; main(['--help'], standalone_mode=False); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(name in done.stdout for name in COMMANDS)
    loaded = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert not {"boto3", "botocore", "pydantic", "rich", "moto", "yaml", "pulumi"} & loaded
    assert "orgsync.sandbox" not in done.stdout


def test_a_command_that_does_not_exist_is_refused() -> None:
    """A mistyped name is a mistake of the command line."""
    with pytest.raises(click.UsageError, match="No such command"):
        main(["snyc"], standalone_mode=False)
