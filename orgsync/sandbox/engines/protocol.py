"""The protocol of engines: deploy an unmodified Pulumi program into an emulated cloud."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from orgsync.sandbox.engines.program import Program
from orgsync.sandbox.engines.resource_count import OnCount, uncounted

OnOutput = Callable[[str], None]

KINDS = ("create", "update", "delete", "replace", "same")


def silent(line: str) -> None:
    """Drop a line of output."""


class DeployFailed(Exception):
    """A failed deployment; the message is the reason, for people."""


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

    def up(
        self,
        stack: str = "dev",
        config: Mapping[str, Any] | None = None,
        on_output: OnOutput = silent,
        on_count: OnCount = uncounted,
    ) -> Deployed:
        """Make the cloud what the program declares."""

    def refresh(self, stack: str = "dev", on_output: OnOutput = silent) -> Deployed:
        """Read what the cloud really holds, so that the next `up` repairs it."""

    def destroy(self, stack: str = "dev", on_output: OnOutput = silent) -> Deployed:
        """Remove all that was deployed."""
