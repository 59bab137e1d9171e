"""Progress of a rehearsal while it runs."""

from collections.abc import Callable
from typing import Any, Protocol

from orgsync.sandbox.rehearsal.model import Scenario


class ProgressReporter(Protocol):
    """A receiver of progress; it never decides anything."""

    def scenario_started(self, scenario: Scenario, engine: str, terms: list[str], pulse: Callable[[], str]) -> None:
        """Report the start. `engine` as in the report; `terms`: quotas, latency, faults; `pulse`: the calls so far."""

    def step_started(self, number: int, total: int, title: str) -> None:
        """Report the start of a step; `number` counts from 1."""

    def on_output(self, line: str) -> None:
        """Report a line of the engine's output."""

    def on_count(self, standing: int, declared: int) -> None:
        """Report how many resources stand, of those that the program has declared so far; from any thread."""

    def step_finished(self, step: dict[str, Any]) -> None:
        """Report the end of a step and of everything that it started; `step` as in the report."""


class SilentReporter:
    """A receiver that drops all progress."""

    def scenario_started(self, scenario: Scenario, engine: str, terms: list[str], pulse: Callable[[], str]) -> None:
        pass

    def step_started(self, number: int, total: int, title: str) -> None:
        pass

    def on_output(self, line: str) -> None:
        pass

    def on_count(self, standing: int, declared: int) -> None:
        pass

    def step_finished(self, step: dict[str, Any]) -> None:
        pass
