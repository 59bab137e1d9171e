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


KILLED_S = 5.0
"""Seconds that the output of a killed command may take to end; what it started may hold it open elsewhere."""


@dataclass(frozen=True)
class CommandResult:
    """The result of a command line: its exit code and its text on stdout and stderr.

    Without an exit code it did not end in time, and was killed with everything that it had started.
    """

    exit: int | None
    output: str
    errors: str


def run(line: str, environment: Mapping[str, str], timeout_s: float) -> CommandResult:
    """Run a command line in a shell in which `orgsync` is this very installation, for at most `timeout_s` seconds."""
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
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, signal.SIGKILL)
            return CommandResult(None, *_output_so_far(started))
    return CommandResult(started.returncode, output, errors)


def _output_so_far(killed: subprocess.Popen[str]) -> tuple[str, str]:
    """Collect what a killed command had written to stdout and stderr."""
    try:
        return killed.communicate(timeout=KILLED_S)
    except subprocess.TimeoutExpired as error:
        return _text(error.stdout), _text(error.stderr)


def _text(written: str | bytes | None) -> str:
    """Decode what `TimeoutExpired` has, which is bytes even for streams of text."""
    return written.decode(errors="replace") if isinstance(written, bytes) else written or ""


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
