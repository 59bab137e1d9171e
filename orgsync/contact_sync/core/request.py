"""Requests: the kinds and accounts that a run is asked for, and how two of them become one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from orgsync.contact_sync.names import Cause, Kind
from orgsync.shared.clock import as_timestamp


@dataclass(frozen=True)
class Request:
    """Kinds wanted for every account, and kinds wanted for single accounts.

    Attributes:
        cause: why the first event asked for a run.
        initiator: ARN of who caused it, where the event says.
        triggered_at: when the first event happened (see `clock.timestamp`); None where it did not say.
        everyone: kinds to compare for all accounts.
        accounts: account id to the kinds to compare for it besides `everyone`.
        event_ids: ids of the events that it answers, so that a duplicate is recognised.
        source_changed_at: when the last event that it answers said that the source changed; None where none did.
    """

    cause: Cause
    initiator: str | None
    triggered_at: str | None
    everyone: frozenset[Kind] = frozenset()
    accounts: Mapping[str, frozenset[Kind]] = field(default_factory=dict)
    event_ids: tuple[str, ...] = ()
    source_changed_at: str | None = None

    # Older ids fall out, at the price of one run too many.
    MAX_EVENT_IDS: ClassVar[int] = 100
    # More accounts become everyone, so that the lease stays far below DynamoDB's 400 KB.
    MAX_ACCOUNTS: ClassVar[int] = 1000

    def kinds_for(self, account: str) -> frozenset[Kind]:
        """Return the kinds to compare for one account."""
        return self.everyone | self.accounts.get(account, frozenset())

    def kinds(self) -> frozenset[Kind]:
        """Return every kind that any account is compared for."""
        return self.everyone.union(*self.accounts.values())

    def at(self, moment: str) -> "Request":
        """Return the same request with the moment at which it was made, where its event did not say."""
        if self.triggered_at:
            return self
        changed_at = moment if self.cause is Cause.SOURCE_CHANGED else self.source_changed_at
        return replace(self, triggered_at=moment, source_changed_at=changed_at)

    def only(self, configured: Iterable[Kind]) -> "Request":
        """Return the same request without the kinds that the configuration does not keep in sync."""
        allowed = frozenset(configured)
        accounts = {account: kinds & allowed for account, kinds in self.accounts.items() if kinds & allowed}
        return replace(self, everyone=self.everyone & allowed, accounts=accounts)

    def merged(self, later: "Request") -> "Request":
        """Return both requests in one: nothing that either asked for is lost."""
        everyone = self.everyone | later.everyone
        accounts = {
            account: (self.accounts.get(account, frozenset()) | later.accounts.get(account, frozenset())) - everyone
            for account in (*self.accounts, *later.accounts)
        }
        if len(accounts) > self.MAX_ACCOUNTS:
            everyone, accounts = everyone.union(*accounts.values()), {}
        return Request(
            self.cause,
            self.initiator or later.initiator,
            min(filter(None, (self.triggered_at, later.triggered_at)), default=None),
            everyone,
            {account: kinds for account, kinds in accounts.items() if kinds},
            tuple(dict.fromkeys((*self.event_ids, *later.event_ids)))[-self.MAX_EVENT_IDS :],
            max(filter(None, (self.source_changed_at, later.source_changed_at)), default=None),
        )

    def to_json(self) -> dict[str, Any]:
        """Return a JSON document, for the lease and for the execution that answers a pending request."""
        return {
            "cause": str(self.cause),
            "initiator": self.initiator,
            "triggered_at": self.triggered_at,
            "everyone": sorted(self.everyone),
            "accounts": {account: sorted(kinds) for account, kinds in sorted(self.accounts.items())},
            "event_ids": list(self.event_ids),
            "source_changed_at": self.source_changed_at,
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
            triggered_at=as_timestamp(document["triggered_at"]),
            everyone=frozenset(Kind(kind) for kind in document["everyone"]),
            accounts={
                account: frozenset(Kind(kind) for kind in kinds) for account, kinds in document["accounts"].items()
            },
            event_ids=tuple(document["event_ids"]),
            source_changed_at=as_timestamp(document.get("source_changed_at")),
        )
