"""Who watches a rehearsal while it is played."""

from collections.abc import Callable
from typing import Any, Protocol

from orgsync.sandbox.rehearsal.model import Scenario


class ProgressReporter(Protocol):
    """Told of everything as it happens; never decides anything."""

    def opens(self, scenario: Scenario, engine: str, terms: list[str], pulse: Callable[[], str]) -> None:
        """It begins. `engine` as in the report; `terms`: quotas, latency and faults; `pulse`: the traffic so far."""

    def begins(self, number: int, total: int, title: str) -> None:
        """A step begins; `number` counts from 1."""

    def hears(self, line: str) -> None:
        """The engine wrote a line."""

    def ends(self, step: dict[str, Any]) -> None:
        """A step has ended, and so has everything that it set off; `step` as in the report."""


class SilentReporter:
    """An audience that is not there."""

    def opens(self, scenario: Scenario, engine: str, terms: list[str], pulse: Callable[[], str]) -> None:
        pass

    def begins(self, number: int, total: int, title: str) -> None:
        pass

    def hears(self, line: str) -> None:
        pass

    def ends(self, step: dict[str, Any]) -> None:
        pass
