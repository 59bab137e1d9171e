"""Accounts, as AWS Organizations lists them and as a batch names them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orgsync.contact_sync.names import Kind

_ACCOUNT_ID = re.compile(r"[0-9]{12}")


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
            KeyError, ValueError, TypeError, AttributeError: the document is no target.
        """
        account, named, deleted = document["account"], document["kinds"], document.get("deletions") or []
        if not isinstance(account, str) or not _ACCOUNT_ID.fullmatch(account):
            raise ValueError("an account id has 12 digits")
        if not all(isinstance(one, list) and all(isinstance(kind, str) for kind in one) for one in (named, deleted)):
            raise TypeError("kinds are a list of names")
        kinds = tuple(Kind(kind) for kind in dict.fromkeys(named) if kind in set(Kind))
        return cls(account, kinds, frozenset(kinds).intersection(deleted))
