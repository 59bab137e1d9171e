"""Protocols of the stores and services that entry points use: adapters meet them with AWS, fakes in memory."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
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
            ConfigurationUnreadable: it was edited by hand, or written by another release, into something that is not
                valid here.
        """

    def at(self, version: int) -> ContactSyncConfig:
        """Return one version, as a run that has started keeps it.

        Raises:
            ConfigurationUnreadable: there is no such version, or it is not valid.
        """

    def before(self, author: str) -> ContactSyncConfig | None:
        """Return the newest version that another than this author wrote; None where there is none.

        Raises:
            ConfigurationUnreadable: it is not valid.
        """

    def authors(self) -> Iterator[str]:
        """Yield who wrote each version, the newest first; versions that do not say so are passed over."""

    def write(self, document: Mapping[str, Any], *, at: str, by: str) -> int:
        """Add a version, unless the newest says the same; return the version's number.

        Raises:
            ConfigurationRefused: the document is not valid; nothing was written.
            ConfigurationUnreadable: the newest version has no number that another could follow; nothing was written.
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

    def save_run(self, run: Run) -> Run:
        """Write a header over the one whose revision it carries; return it with its new revision.

        Revision 0 says that there is none yet. A header whose number was made unreadable by hand (-1) is written over
        as it stands, once.

        Raises:
            RunConflict: another wrote first, so that this header says what is no longer so; nothing was written.
        """

    def is_stopped(self, run_id: str) -> bool:
        """Return whether the run may write no more."""

    def notes(self, run_id: str, about: str) -> Mapping[str, str]:
        """Return what the run's worker noted about something; nothing where it noted nothing, or a hand damaged it."""

    def save_notes(
        self, run_id: str, about: str, notes: Mapping[str, str], over: Mapping[str, str] | None = None
    ) -> Mapping[str, str]:
        """Note something for the run's next batches, or for the next life of its worker; return what it stands over.

        Both happen in one step, so that of two who note something one sees the other's. With `over` it is noted only
        where just that stands; nothing is returned where it does not.

        Notes stand beside the header, not in it, and are of use to their own run alone.
        """

    def runs_of(self, day: str) -> Iterator[Run]:
        """Yield the runs that started on a day (UTC, YYYY-MM-DD), oldest first; merged events are none."""

    def save_receipts(self, receipts: Iterable[Receipt], run_id: str, in_progress: bool = False) -> None:
        """Write receipts; writing one again changes nothing but its time.

        Args:
            in_progress: whether to write only while the run is in progress, in transactions as of `record_intents`.

        Raises:
            RunConflict: the run is not in progress, and was to be; no account's receipts were written in part.
        """

    def receipts(self, run_id: str, between: tuple[str, str] | None = None) -> Iterator[Receipt]:
        """Yield a run's receipts, by account; `between` bounds the account ids, both included."""

    def record_intents(
        self,
        account: str,
        fields: Mapping[Kind, Iterable[str]],
        deletions: Collection[Kind],
        run_id: str,
        at: str,
    ) -> None:
        """Note which fields of an account are about to be written, and which kinds deleted, in one transaction.

        The transaction sees that the run is in progress. A worker that finds no receipt of the account learns from the
        notes what an earlier one may have written. A conflict with another transaction is no answer: it is asked again
        a few times (`Run.CONFLICT_WAITS`).

        Raises:
            RunConflict: the run is not in progress; nothing was noted, and nothing may be written.
        """

    def intents(
        self, run_id: str, between: tuple[str, str] | None = None
    ) -> Mapping[tuple[str, Kind], tuple[str, ...]]:
        """Return what a run's workers began to write, by account and kind; bounds as of `receipts`."""


class RunStore(Protocol):
    """Batches and reports of runs, and configurations: what is too large, or too private, for a payload.

    Raises:
        StoreFailed: the store did not answer, or refused; from every method.
    """

    name: str
    """Name of the bucket, for the state machine."""

    def configuration(self, key: str, version: str) -> Any:
        """Return the document that a deployment handed over, not validated yet.

        Raises:
            ConfigurationRefused: it is no JSON.
        """

    def manifest(self, run_id: str, attempt: int = 1) -> str:
        """Return the key of a run's list of batches, which the state machine reads."""

    def write_batches(self, run_id: str, batches: Sequence[Sequence[Target]], attempt: int = 1) -> None:
        """Write every batch and then the list of them.

        Args:
            attempt: which plan of the run they are of (`Run.attempt`): a plan that another one has overtaken must not
                write over the other's; here and in the methods below.
        """

    def batch(self, run_id: str, number: int, attempt: int = 1) -> tuple[Target, ...]:
        """Return the targets of one batch.

        Raises:
            BatchUnreadable: it is gone, or not what a plan wrote; no target of it is known.
        """

    def write_skipped(self, run_id: str, receipts: Sequence[Receipt], attempt: int = 1) -> None:
        """Write the receipts that a plan decided; they are saved once the plan's header says that it is final."""

    def skipped(self, run_id: str, attempt: int = 1) -> Sequence[Receipt]:
        """Return the receipts that a run's plan decided; none where it wrote none."""

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

    def publish(self, subject: str, body: str, chat: str, sms: str, attributes: Mapping[str, str]) -> None:
        """Publish one notification wherever it belongs.

        Args:
            sms: the same as one short text message.
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
