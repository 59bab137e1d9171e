"""The unmodified Pulumi program, deployed into an emulated cloud.

Two engines do it: the real Pulumi CLI, where there is one, with the sandbox as its AWS provider;
else one inside this process. Both work through `orgsync.sandbox.resources`, and each says which it is.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from orgsync.sandbox.engines.program import Program
from orgsync.sandbox.resources.context import CloudServices

Choice = Literal["auto", "pulumi", "inline"]
OnOutput = Callable[[str], None]

KINDS = ("create", "update", "delete", "replace", "same")


def silent(line: str) -> None:
    """Drop a line of output."""


class DeployFailed(Exception):
    """A failed deployment; the message is the reason, for people."""


class EngineMissing(Exception):
    """The real engine was chosen and cannot be found."""


@dataclass(frozen=True)
class Deployed:
    """The result of an operation: resources by what happened to them (all of `KINDS`), and the stack's outputs.

    Components and the stack itself count as resources, as they do for Pulumi.
    """

    resources: dict[str, int]
    outputs: dict[str, Any] = field(default_factory=dict)

    @property
    def changes(self) -> int:
        """The number of resources that did not stay the same."""
        return sum(count for kind, count in self.resources.items() if kind != "same")


class Engine(Protocol):
    """An engine. Every operation raises `DeployFailed`; `config` is laid over the system's own."""

    name: str
    """`pulumi 3.259.0` or `inline`."""

    program: Program
    """The deployed program; another clone of it may replace it between operations."""

    def preview(
        self, stack: str = "dev", config: Mapping[str, Any] | None = None, on_output: OnOutput = silent
    ) -> Deployed:
        """Show what an `up` would do, without doing it."""

    def up(self, stack: str = "dev", config: Mapping[str, Any] | None = None, on_output: OnOutput = silent) -> Deployed:
        """Make the cloud what the program declares."""

    def refresh(self, stack: str = "dev", on_output: OnOutput = silent) -> Deployed:
        """Read what the cloud really holds, so that the next `up` repairs it."""

    def destroy(self, stack: str = "dev", on_output: OnOutput = silent) -> Deployed:
        """Remove all that was deployed."""


@contextmanager
def open_engine(choice: Choice, cloud: CloudServices, program: Path) -> Iterator[Engine]:
    """Open an engine for a program (the directory of its `Pulumi.yaml`); its state lives as long as the block.

    `auto` is the real engine where a CLI is found (`find_cli`), else the inline one.

    Raises:
        EngineMissing: for `pulumi` without a CLI.
    """
    # Imported here: `import pulumi` takes a second, which reading a scenario alone need not wait for.
    from orgsync.sandbox.engines.automation import PulumiEngine
    from orgsync.sandbox.engines.inline import InlineEngine

    source = Program(program.resolve())
    cli = find_cli() if choice != "inline" else None
    if choice == "pulumi" and cli is None:
        raise EngineMissing("no Pulumi CLI on PATH or at .engine/pulumi: run `make engine`, or choose --engine inline")
    opened = PulumiEngine.opened(cli, source, cloud) if cli else InlineEngine.opened(source, cloud)
    with opened as engine:
        yield engine


def find_cli() -> Path | None:
    """Find the Pulumi CLI: on PATH, or where `make engine` puts it in this checkout."""
    on_path = shutil.which("pulumi")
    if on_path:
        return Path(on_path)
    built = Path(__file__).parents[3] / ".engine" / "pulumi"
    return built if built.exists() else None
