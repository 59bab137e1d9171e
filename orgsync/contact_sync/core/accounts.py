"""Accounts, as AWS Organizations lists them and as a batch names them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
    """One account to compare, and its kinds.

    Attributes:
        deletions: those of its kinds whose contact is to be deleted, because the plan said so.
    """

    account: str
    kinds: tuple[Kind, ...]
    deletions: frozenset[Kind] = frozenset()

    def to_json(self) -> dict[str, Any]:
        """Return the target as a JSON document."""
        return {"account": self.account, "kinds": list(self.kinds), "deletions": sorted(self.deletions)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Target":
        """Read back what `to_json` wrote; what the document does not say is not deleted.

        Kinds of another release are left out.

        Raises:
            KeyError, TypeError, AttributeError: the document is no target.
        """
        kinds = tuple(Kind(kind) for kind in document["kinds"] if kind in set(Kind))
        return cls(document["account"], kinds, frozenset(kinds).intersection(document.get("deletions") or ()))
