"""What a run is asked to do, and how two such requests become one without losing or adding work."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from orgsync.contact_sync.names import Cause, Kind

MOST_BELLS = 100
"""Bell ids that a request remembers; older ones fall out, at the price of one run too many."""

MOST_ACCOUNTS = 1000
"""Accounts that a request names one by one; more of them become everyone, so that the lease
stays far below DynamoDB's 400 KB."""


def instant(text: str | None) -> str | None:
    """A time as all of a run's times are written: ISO 8601 in UTC, milliseconds; None for anything else."""
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True)
class Request:
    """Kinds wanted for every account, and kinds wanted for single accounts.

    Attributes:
        cause: why the first bell rang.
        initiator: ARN of who caused it, where the bell says.
        rung: when the first bell rang (see `instant`); None where it did not say.
        everyone: kinds to compare for all accounts.
        accounts: account id → kinds to compare for it besides `everyone`.
        bells: ids of the bells it answers, so that a duplicate is recognised.
    """

    cause: Cause
    initiator: str | None
    rung: str | None
    everyone: frozenset[Kind] = frozenset()
    accounts: Mapping[str, frozenset[Kind]] = field(default_factory=dict)
    bells: tuple[str, ...] = ()

    def kinds_for(self, account: str) -> frozenset[Kind]:
        """Kinds to compare for one account."""
        return self.everyone | self.accounts.get(account, frozenset())

    def kinds(self) -> frozenset[Kind]:
        """Every kind that any account is compared for."""
        return self.everyone.union(*self.accounts.values())

    def only(self, configured: Iterable[Kind]) -> "Request":
        """The same request without the kinds that the configuration does not keep in step."""
        allowed = frozenset(configured)
        accounts = {account: kinds & allowed for account, kinds in self.accounts.items() if kinds & allowed}
        return Request(self.cause, self.initiator, self.rung, self.everyone & allowed, accounts, self.bells)

    def merged(self, later: "Request") -> "Request":
        """Both requests in one: nothing that either asked for is lost."""
        everyone = self.everyone | later.everyone
        accounts = {
            account: (self.accounts.get(account, frozenset()) | later.accounts.get(account, frozenset())) - everyone
            for account in (*self.accounts, *later.accounts)
        }
        if len(accounts) > MOST_ACCOUNTS:
            everyone, accounts = everyone.union(*accounts.values()), {}
        return Request(
            self.cause,
            self.initiator or later.initiator,
            min(filter(None, (self.rung, later.rung)), default=None),
            everyone,
            {account: kinds for account, kinds in accounts.items() if kinds},
            tuple(dict.fromkeys((*self.bells, *later.bells)))[-MOST_BELLS:],
        )

    def to_json(self) -> dict[str, Any]:
        """A JSON document, for the lease and for the execution that answers a pending request."""
        return {
            "cause": str(self.cause),
            "initiator": self.initiator,
            "rung": self.rung,
            "everyone": sorted(self.everyone),
            "accounts": {account: sorted(kinds) for account, kinds in sorted(self.accounts.items())},
            "bells": list(self.bells),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Request":
        """Read back what `to_json` wrote.

        Raises:
            KeyError, ValueError, TypeError, AttributeError: the document is not such a request.
        """
        initiator = document["initiator"]
        if not isinstance(initiator, str | None):
            raise TypeError("the initiator is a text or nothing")
        return cls(
            cause=Cause(document["cause"]),
            initiator=initiator,
            rung=instant(document["rung"]),
            everyone=frozenset(Kind(kind) for kind in document["everyone"]),
            accounts={
                account: frozenset(Kind(kind) for kind in kinds) for account, kinds in document["accounts"].items()
            },
            bells=tuple(document["bells"]),
        )
