"""The system that a rehearsal deploys, as the runner knows it: a few facts, and functions."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.rehearsal.model import Scenario
from orgsync.sandbox.rehearsal.snapshot import Snapshot

Document = dict[str, Any]


@dataclass(frozen=True)
class Observed:
    """Runs by their id, each with `run_id` and `started`, and refused events by their execution."""

    runs: dict[str, Document] = field(default_factory=dict)
    refused: dict[str, Document] = field(default_factory=dict)


@dataclass(frozen=True)
class Assessment:
    """The end of a rehearsal: whether all accounts are as they should be, and further keys of the report."""

    converged: bool
    details: Document


@dataclass(frozen=True)
class System:
    """One system of the Pulumi program in the folder `program`."""

    program: Path

    stack_key: str
    """The key of its configuration in a stack file, such as `orgsync:contact_sync`."""

    functions: tuple[str, ...]
    """The names of its functions, which a fault may crash before anything is deployed."""

    overlay: Callable[[Scenario, Mapping[str, Any]], Document]
    """The configuration that is laid over the stack file, for a scenario and one step's own `config`."""

    describe_pace: Callable[[Scenario], str]
    """The pace that the system keeps under the scenario's quotas, in a few words."""

    accepts: Callable[[Document], bool]
    """Whether the system itself accepts a whole configuration."""

    observe: Callable[[Cloud, Iterable[str]], Observed]
    """The runs that these regions hold now, and the refused events of all executions."""

    assess: Callable[[Snapshot, Snapshot, Document | None, list[Document]], Assessment]
    """The assessment of the end: accounts before and after, the last accepted configuration, the runs in order."""
