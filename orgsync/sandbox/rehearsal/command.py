"""A command line, run as by an operator whose shell has the sandbox's credentials."""

import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

LIBRARY = Path(__file__).parents[3]
"""The folder that `orgsync` is imported from: a checkout, or site-packages."""


class CommandTimeout(TimeoutError):
    """The command line did not end in time, and was killed with everything it had started."""


@dataclass(frozen=True)
class CommandResult:
    """The result of a command line: its exit code and its text on stdout and stderr."""

    exit: int
    output: str
    errors: str


def run(line: str, environment: Mapping[str, str], timeout_s: float) -> CommandResult:
    """Run a command line in a shell in which `orgsync` is this very installation.

    Raises:
        CommandTimeout: after `timeout_s` seconds.
    """
    with tempfile.TemporaryDirectory(prefix="orgsync-command-") as bin_folder:
        _put_orgsync(Path(bin_folder))
        started = subprocess.Popen(
            ["sh", "-c", line],
            env=_environment(environment, bin_folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            output, errors = started.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            os.killpg(started.pid, signal.SIGKILL)
            started.communicate()
            raise CommandTimeout(f"`{line}` did not end within {timeout_s:g} s") from error
    return CommandResult(started.returncode, output, errors)


def _environment(cloud: Mapping[str, str], first_on_path: str) -> dict[str, str]:
    """The operator's own environment, without any AWS account that is configured in it."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    return {**own, **cloud, "PATH": f"{first_on_path}:{os.environ.get('PATH', os.defpath)}", "NO_COLOR": "1"}


def _put_orgsync(folder: Path) -> None:
    script = folder / "orgsync"
    start = 'from orgsync.cli.main import main; main(prog_name="orgsync")'
    main = f"import sys; sys.path.insert(0, {str(LIBRARY)!r}); {start}"
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c {shlex.quote(main)} "$@"\n')
    script.chmod(0o755)
