"""Accounts, as AWS Organizations lists them and as a batch names them."""

from dataclasses import dataclass, field

from orgsync.contact_sync.names import Kind


@dataclass(frozen=True)
class Account:
    """An account of the organization.

    Attributes:
        state: Organizations' own word (ACTIVE, SUSPENDED, …).
        joined: when it was created or joined (see `clock.timestamp`); None where that is not known.
    """

    id: str
    state: str
    joined: str | None = field(default=None, compare=False)

    @property
    def active(self) -> bool:
        """Return whether it may be written."""
        return self.state == "ACTIVE"


@dataclass(frozen=True)
class Target:
    """One account to compare, and its kinds."""

    account: str
    kinds: tuple[Kind, ...]
