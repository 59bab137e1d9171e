"""Observations of a rehearsal: its runs, refused events and dead letters so far, read after every step.

They are kept here because `destroy` deletes the tables and queues with everything else.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.rehearsal.system import Observed

Document = dict[str, Any]


@dataclass
class Observations:
    """Runs by run id, refused events by execution, and the number of dead letters in each queue."""

    cloud: Cloud
    observe: Callable[[Cloud, Iterable[str]], Observed]
    runs: dict[str, Document] = field(default_factory=dict)
    refused: dict[str, Document] = field(default_factory=dict)
    dead_letters: dict[str, int] = field(default_factory=dict)

    def update(self, regions: Iterable[str]) -> list[str]:
        """Read everything again; returns the ids of runs that were not there before, oldest first."""
        before = set(self.runs)
        observed = self.observe(self.cloud, regions)
        self.runs |= observed.runs
        self.refused |= observed.refused
        self.dead_letters |= self.cloud.dead_letters()
        return [run["run_id"] for run in self.runs_by_start() if run["run_id"] not in before]

    def runs_by_start(self) -> list[Document]:
        """List all runs, oldest first."""
        return sorted(self.runs.values(), key=lambda run: (run["started"], run["run_id"]))
