"""How the command refuses."""

import click


class Wrong(click.ClickException):
    """What was given cannot be used, and nothing was started."""

    exit_code = 2
