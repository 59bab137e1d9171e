"""Accounts, as AWS Organizations lists them and as a batch names them."""

from dataclasses import dataclass

from orgsync.contact_sync.names import Kind


@dataclass(frozen=True)
class Account:
    """An account of the organization; `state` is Organizations' own word (ACTIVE, SUSPENDED, …)."""

    id: str
    state: str

    @property
    def active(self) -> bool:
        """Return whether it may be written."""
        return self.state == "ACTIVE"


@dataclass(frozen=True)
class Target:
    """One account to compare, and its kinds.

    Attributes:
        deletions: those of its kinds whose contact is to be deleted, because the plan said so.
    """

    account: str
    kinds: tuple[Kind, ...]
    deletions: frozenset[Kind] = frozenset()
