"""Protocols of the AWS services that the core calls: adapters meet them with AWS, fakes in memory."""

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from orgsync.contact_sync.core.accounts import Account
from orgsync.contact_sync.core.contacts import Contact
from orgsync.contact_sync.names import Kind


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
        """Return every account once, the management account too, in every state.

        A listing that is empty, lacks the management account or lacks an account's state is unreadable: nothing
        is known of an account because an answer does not speak of it.
        """

    def account(self, account: str) -> Account | None:
        """Return one account; None when it is no member."""

    def accounts_below(self, units: Iterable[str], named: Collection[str] = ()) -> Mapping[str, Collection[str]]:
        """Return, for each of these units, ids of the accounts in it or below; of `named`, where only those matter.

        Raises:
            UnknownUnit: a unit does not exist, so what it excludes is unknown.
        """

    async def tags(self, account: str, page: str | None = None) -> tuple[Mapping[str, str], str | None]:
        """Return a page of one account's tags, and the name of the next page: each page is a call to pace."""

    async def state(self, account: str) -> str | None:
        """Return one account's state (ACTIVE, SUSPENDED, …), as the worker asks for it; None when it is no member."""
