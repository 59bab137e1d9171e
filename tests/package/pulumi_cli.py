"""The plain Pulumi CLI over a program in YAML, with the sandbox as its AWS provider."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.engines.provider import serve_provider
from orgsync.sandbox.resources.context import ProviderContext

LANGUAGE_HOST = "pulumi-language-yaml"


class CommandFailed(Exception):
    """A command of the CLI that failed; the message is what it printed."""


def run_cli(
    cli: Path, arguments: Sequence[str], folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> str:
    """Run a command of the CLI; return what it printed.

    Raises:
        CommandFailed: it did not end well.
    """
    command = [str(cli), *arguments, "--non-interactive", "--color", "never"]
    settings = {"PULUMI_SKIP_UPDATE_CHECK": "true", **(environment or os.environ)}
    done = subprocess.run(command, cwd=folder, env=settings, text=True, capture_output=True, timeout=600, check=False)
    if done.returncode:
        raise CommandFailed(done.stdout + done.stderr)
    return done.stdout


@dataclass(frozen=True)
class PulumiCli:
    """One stack of one program, which stands in a folder of its own."""

    cli: Path
    folder: Path
    environment: Mapping[str, str]

    @classmethod
    @contextmanager
    def opened(cls, cli: Path, language_host: Path, program: Path, cloud: Cloud, folder: Path) -> Iterator["PulumiCli"]:
        """Open a stack `dev` of a copy of the program; the provider serves as long as the block lasts."""
        for name in ("home", "state"):
            (folder / name).mkdir()
        shutil.copytree(program, folder / "program")
        with serve_provider(ProviderContext(cloud, folder / "program")) as port:
            environment = {
                **os.environ,
                "PATH": os.pathsep.join([str(language_host.parent), os.environ["PATH"]]),
                "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
                "PULUMI_CONFIG_PASSPHRASE": "sandbox",
                "PULUMI_DEBUG_PROVIDERS": f"aws:{port}",
                "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
                "PULUMI_HOME": str(folder / "home"),
                "PULUMI_SKIP_UPDATE_CHECK": "true",
            }
            opened = cls(cli, folder / "program", environment)
            opened.run("stack", "init", "dev")
            yield opened

    def run(self, *arguments: str) -> str:
        """Run a command; return what it printed.

        Raises:
            CommandFailed: it did not end well.
        """
        return run_cli(self.cli, arguments, self.folder, self.environment)

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs."""
        found: dict[str, Any] = json.loads(self.run("stack", "output", "--json"))
        return found

    def edit(self, old: str, new: str) -> None:
        """Edit the program's text, in which the old text stands once."""
        file = self.folder / "Pulumi.yaml"
        text = file.read_text()
        assert text.count(old) == 1, old
        file.write_text(text.replace(old, new))
