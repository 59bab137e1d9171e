"""What the core needs from outside, as protocols: adapters meet them with AWS, tests with fakes."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Protocol

from orgsync.contact_sync.core.contacts import Contact
from orgsync.contact_sync.core.targets import Account
from orgsync.contact_sync.names import Kind


class Clock(Protocol):
    """Time, passed in: the wall clock in a function, virtual time in a simulation."""

    def now(self) -> datetime:
        """The time of day, in UTC."""

    def monotonic(self) -> float:
        """Seconds that never go backwards."""

    async def sleep(self, seconds: float) -> None:
        """Let that many seconds pass."""


class Contacts(Protocol):
    """The Account Management API: one call a method, never retried inside.

    `account` None means the management account itself, which is read and never written.

    Raises:
        AccountError: every failure, as one of its classes.
    """

    async def read(self, account: str | None, kind: Kind) -> Contact | None:
        """The contact as AWS holds it now, or None where it has none."""

    async def write(self, account: str, contact: Contact) -> None:
        """Replace the account's contact of this kind."""

    async def delete(self, account: str, kind: Kind) -> None:
        """Remove an alternate contact; one that is already gone is no error."""


class Directory(Protocol):
    """Who is in the organization, and where; see the adapter for how it fails."""

    def accounts(self) -> Iterable[Account]:
        """Every account, the management account too, in every state."""

    def account(self, account: str) -> Account | None:
        """One account; None when it is no member."""

    def accounts_below(self, units: Iterable[str], named: Collection[str] = ()) -> Collection[str]:
        """Ids of the accounts in any of these units or below; of `named`, where only those matter."""


class Membership(Protocol):
    """What the worker asks the organization about one account.

    Raises:
        AccountError: every failure, as one of its classes.
    """

    async def tags(self, account: str) -> Mapping[str, str]:
        """The account's tags."""

    async def state(self, account: str) -> str | None:
        """The account's state (ACTIVE, SUSPENDED, …); None when it is no member."""
