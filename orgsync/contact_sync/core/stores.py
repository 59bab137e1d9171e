"""Protocols of the stores and services that entry points use: adapters meet them with AWS, fakes in memory."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.accounts import Target
from orgsync.contact_sync.core.lease import Lease
from orgsync.contact_sync.core.receipts import Receipt
from orgsync.contact_sync.core.run import Run
from orgsync.contact_sync.names import Kind

_Answer = TypeVar("_Answer")


class ConfigStore(Protocol):
    """Versions of the configuration; none is ever changed, the newest is current.

    Raises:
        StoreFailed: the store did not answer, or refused; from every method.
    """

    def current(self) -> tuple[int, ContactSyncConfig]:
        """Return the newest version's number and content.

        Raises:
            ConfigurationMissing: no version has been written yet.
            ConfigurationUnreadable: it was edited by hand into something that is not valid.
        """

    def at(self, version: int) -> ContactSyncConfig:
        """Return one version, as a run that has started keeps it.

        Raises:
            ConfigurationUnreadable: there is no such version, or it is not valid.
        """

    def author(self) -> str | None:
        """Return who wrote the newest version; None before the first deployment."""

    def write(self, document: Mapping[str, Any], *, at: str, by: str) -> int:
        """Add a version, unless the newest says the same; return the version's number.

        Raises:
            ConfigurationRefused: the document is not valid; nothing was written.
        """


class StateStore(Protocol):
    """The lease, every run's header, its receipts and its intents.

    Raises:
        StoreFailed: the store did not answer, or refused; from every method.
    """

    def update_lease(self, decide: Callable[[Lease], tuple[Lease, _Answer]]) -> _Answer:
        """Change the lease as `decide` says of what is really stored; decide again when another writer came first."""

    def lease(self) -> Lease:
        """Return the lease as it stands."""

    def run(self, run_id: str) -> Run | None:
        """Return a run's header; None when there is none (yet)."""

    def save_run(self, run: Run, *, while_open: bool = False) -> bool:
        """Write a header; with `while_open` only over one that has not ended. Return whether it was written."""

    def open_circuit(self, run_id: str, cause: str) -> None:
        """Note for the run's other batches that calling AWS does not help."""

    def stop(self, run_id: str) -> None:
        """Tell a run's worker, should it still live, to write no more."""

    def is_stopped(self, run_id: str) -> bool:
        """Return whether the run may write no more."""

    def runs_of(self, day: str) -> Iterator[Run]:
        """Yield the runs that started on a day (UTC, YYYY-MM-DD), oldest first; merged events are none."""

    def save_receipts(self, receipts: Iterable[Receipt], run_id: str) -> None:
        """Write receipts; writing one again changes nothing but its time."""

    def receipts(self, run_id: str, between: tuple[str, str] | None = None) -> Iterator[Receipt]:
        """Yield a run's receipts, by account; `between` bounds the account ids, both included."""

    def record_intents(self, account: str, fields: Mapping[Kind, Iterable[str]], run_id: str, at: str) -> None:
        """Note which fields of an account are about to be written, for a worker that finds no receipt of it."""

    def intents(
        self, run_id: str, between: tuple[str, str] | None = None
    ) -> Mapping[tuple[str, Kind], tuple[str, ...]]:
        """Return what a run's workers began to write, by account and kind; bounds as of `receipts`."""


class RunStore(Protocol):
    """Batches and reports of runs: what is too large for the state machine's payload.

    Raises:
        StoreFailed: the store did not answer, or refused; from every method.
    """

    name: str
    """Name of the bucket, for the state machine."""

    def manifest(self, run_id: str) -> str:
        """Return the key of a run's list of batches, which the state machine reads."""

    def write_batches(self, run_id: str, batches: Sequence[Sequence[Target]]) -> None:
        """Write every batch and then the list of them."""

    def batch(self, run_id: str, number: int) -> tuple[Target, ...]:
        """Return the targets of one batch, by account id."""

    def write_skipped(self, run_id: str, receipts: Sequence[Receipt]) -> None:
        """Write the receipts that a plan decided; they are saved once the plan's header says that it is final."""

    def skipped(self, run_id: str) -> Sequence[Receipt]:
        """Return the receipts that a run's plan decided."""

    def write_report(self, run_id: str, lines: Iterable[Any]) -> None:
        """Write a run's report as JSON lines."""


class Executions(Protocol):
    """Executions of the state machine, named by their runs.

    Raises:
        StoreFailed: Step Functions did not answer, or refused; from every method.
    """

    def start(self, run_id: str, event: Mapping[str, Any]) -> None:
        """Start a run; starting it a second time changes nothing."""

    def outcome(self, run_id: str) -> tuple[str | None, dict[str, Any]]:
        """Return an execution's status and, once it succeeded, the state machine's output.

        The status is RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED, …; None when it was never started.
        """


class Publisher(Protocol):
    """Topics that carry a run's outcome to people."""

    def publish(self, subject: str, body: str, chat: str, attributes: Mapping[str, str]) -> None:
        """Publish one notification wherever it belongs.

        Args:
            attributes: `severity` and whatever else subscribers filter by.

        Raises:
            NotificationFailed: a topic did not take it, also where the fallback did.
        """


class Stacks(Protocol):
    """CloudFormation stacks by their ids.

    Raises:
        StoreFailed: CloudFormation did not answer, or refused; from every method.
    """

    def rolls_back(self, stack_id: str) -> bool:
        """Return whether a failed update of this stack is being undone."""
