"""Protocols of all that the core needs from outside: adapters meet them with AWS, fakes in memory."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.accounts import LAST_ACCOUNT, Account, Target
from orgsync.contact_sync.core.contacts import Contact
from orgsync.contact_sync.core.lease import Lease
from orgsync.contact_sync.core.receipts import Receipt
from orgsync.contact_sync.core.run import Run
from orgsync.contact_sync.names import Kind

Answer = TypeVar("Answer")


class Contacts(Protocol):
    """The Account Management API: one call a method, never retried inside.

    `account` None means the management account itself, which is read and never written.

    Raises:
        CallError: every failure, as one of its classes.
    """

    async def read(self, account: str | None, kind: Kind) -> Contact | None:
        """Return the contact as AWS holds it now, or None where it has none."""

    async def write(self, account: str, contact: Contact) -> None:
        """Replace the account's contact of this kind."""

    async def delete(self, account: str, kind: Kind) -> None:
        """Remove an alternate contact; one that is already gone is no error."""


class Organization(Protocol):
    """AWS Organizations: who the members are, where they stand, how they are tagged.

    Raises:
        OrganizationUnreadable: AWS refused; from every method of a run's planning (not `tags`, not `state`).
        CallError: AWS did not answer, or not now; from every method.
    """

    def check_management(self) -> None:
        """See that this account manages an organization.

        Raises:
            NotManagementAccount: it does not.
        """

    def accounts(self) -> Iterable[Account]:
        """Return every account, the management account too, in every state."""

    def account(self, account: str) -> Account | None:
        """Return one account; None when it is no member."""

    def accounts_below(self, units: Iterable[str], named: Collection[str] = ()) -> Collection[str]:
        """Return ids of the accounts in any of these units or below; of `named`, where only those matter.

        Raises:
            UnknownUnit: a unit does not exist, so what it excludes cannot be told.
        """

    async def tags(self, account: str) -> Mapping[str, str]:
        """Return one account's tags, as the worker asks for them."""

    async def state(self, account: str) -> str | None:
        """Return one account's state (ACTIVE, SUSPENDED, …), as the worker asks for it; None when it is no member."""


class ConfigStore(Protocol):
    """Versions of the configuration; none is ever changed, the newest is current.

    Raises:
        StoreFailed: the store did not answer, or refused; from every method.
    """

    def current(self) -> tuple[int, ContactSyncConfig] | None:
        """Return the newest version's number and content; None before the first deployment.

        Raises:
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

    def update_lease(self, decide: Callable[[Lease], tuple[Lease, Answer]]) -> Answer:
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

    def receipts(self, run_id: str, first: str = "", last: str = LAST_ACCOUNT) -> Iterator[Receipt]:
        """Yield a run's receipts, by account; `first` and `last` bound the account ids, both included."""

    def record_intent(self, account: str, kind: Kind, fields: Iterable[str], run_id: str, at: str) -> None:
        """Note which fields are about to be written, for a worker that finds them written and no receipt."""

    def intents(
        self, run_id: str, first: str = "", last: str = LAST_ACCOUNT
    ) -> Mapping[tuple[str, Kind], tuple[str, ...]]:
        """Return what a run's workers began to write, by account and kind; bounds as of `receipts`."""


class RunStore(Protocol):
    """Batches and reports of runs: what is too large for the state machine's payload.

    Raises:
        StoreFailed: the store did not answer, or refused; from every method.
    """

    name: str
    """Name of the bucket, for the state machine."""

    def write_batches(self, run_id: str, batches: Sequence[Sequence[Target]]) -> None:
        """Write every batch and then the list of them."""

    def batch(self, run_id: str, number: int) -> tuple[Target, ...]:
        """Return the targets of one batch, by account id."""

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
