"""Errors of the command line."""

import click


class UsageError(click.ClickException):
    """An argument that cannot be used: nothing was started, and the exit code is 2."""

    exit_code = 2
