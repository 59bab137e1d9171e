"""Requests: the kinds and accounts that a run is asked for, and how two of them become one."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any, ClassVar

from orgsync.contact_sync.core.errors import Refusal, RefusalReason
from orgsync.contact_sync.names import Cause, Kind
from orgsync.shared.clock import as_timestamp


@dataclass(frozen=True)
class Request:
    """Kinds wanted for every account, and kinds wanted for single accounts.

    Attributes:
        cause: why the first event asked for a run.
        initiator: ARN of who caused it, where the event says.
        initiators: ARNs of everybody who asked for a part of it, in their order; the first `MAX_INITIATORS`.
        triggered_at: when the first event happened (see `clock.timestamp`); None where it did not say.
        everyone: kinds to compare for all accounts.
        accounts: account id to the kinds to compare for it besides `everyone`.
        event_ids: ids of the events that it answers, so that a duplicate is recognised.
        source_changed_at: when the last event that it answers said that the source changed; None where none did.
        urgent: the source or the configuration changed, so a run under way makes way for it.
        fresh: a stack's first initial sync asked for it, whose permissions may not be in force yet.
        new_accounts: accounts that may not be ready yet, with the time of the first event about each.
        named: ids that operators asked for: one that is no member's is said, whatever else the run is asked for.
        rest: id of the run that made way; what it has not compared is compared first.
        unconfirmed: kinds of which that run has not had its last look at the source: what it wrote may be late.
    """

    cause: Cause
    initiator: str | None
    triggered_at: str | None
    everyone: frozenset[Kind] = frozenset()
    accounts: Mapping[str, frozenset[Kind]] = field(default_factory=dict)
    event_ids: tuple[str, ...] = ()
    source_changed_at: str | None = None
    initiators: tuple[str, ...] = ()
    urgent: bool = False
    fresh: bool = False
    new_accounts: Mapping[str, str] = field(default_factory=dict)
    named: frozenset[str] = frozenset()
    rest: str | None = None
    unconfirmed: frozenset[Kind] = frozenset()

    # Older ids fall out, at the price of one run too many.
    MAX_EVENT_IDS: ClassVar[int] = 100
    # More accounts become everyone, so that the lease stays far below DynamoDB's 400 KB.
    MAX_ACCOUNTS: ClassVar[int] = 1000
    # More ids of operators are refused: without them nobody could say which of them are no members.
    MAX_NAMED: ClassVar[int] = 3000
    # Of a like size for the same reason; the header of each merged event names its own initiator in any case.
    MAX_INITIATORS: ClassVar[int] = 100
    # Bytes of all ids of events, and of all initiators: a hundred of AWS's own ids or ARNs need less.
    MAX_TEXTS: ClassVar[int] = 25_000
    # Of more new accounts the older ones count as ready: they have had the most time.
    MAX_NEW_ACCOUNTS: ClassVar[int] = 500
    # Bytes of one id or ARN. No id of AWS is nearly as long; a made-up one must not fill the lease.
    MAX_TEXT: ClassVar[int] = 512

    def __post_init__(self) -> None:
        known = dict.fromkeys(filter(None, (self.initiator, *self.initiators)))
        object.__setattr__(self, "initiators", self._fitting(known, self.MAX_INITIATORS))

    def kinds_for(self, account: str) -> frozenset[Kind]:
        """Return the kinds to compare for one account."""
        return self.everyone | self.accounts.get(account, frozenset())

    def kinds(self) -> frozenset[Kind]:
        """Return every kind that any account is compared for."""
        return self.everyone.union(*self.accounts.values())

    def taking_up(self, rest: str, before: "Request", *, itself: bool) -> "Request":
        """Return the same request with what another leaves to it.

        Args:
            rest: id of the run whose rest this one takes up.
            before: the request of the run that ended.
            itself: the rest is that run's own, so that its last look at the source is left as well.
        """
        looked = before.unconfirmed | (before.kinds() if itself else frozenset())
        changed_at = max(filter(None, (self.source_changed_at, before.source_changed_at)), default=None)
        return replace(
            self,
            rest=rest,
            unconfirmed=self.unconfirmed | looked,
            source_changed_at=changed_at,
            initiators=(*self.initiators, *before.initiators),
            # Permissions come into force when they do, whoever asks.
            fresh=self.fresh or before.fresh,
        )

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
        everyone = self.everyone & allowed
        named = self.named if everyone else self.named & accounts.keys()
        return replace(self, everyone=everyone, accounts=accounts, named=named, unconfirmed=self.unconfirmed & allowed)

    def bounded(self) -> "Request":
        """Return the same request in a size that the lease can hold: too many single accounts become everyone.

        Raises:
            Refusal: operators have named too many ids.
        """
        if len(self.named) > self.MAX_NAMED:
            raise Refusal(RefusalReason.TOO_MANY_ACCOUNTS, f"{len(self.named)} ids are named, {self.MAX_NAMED} at most")
        everyone, accounts, new = self.everyone, self.accounts, self.new_accounts
        if len(accounts) > self.MAX_ACCOUNTS:
            everyone, accounts = self.kinds(), {}
        if len(new) > self.MAX_NEW_ACCOUNTS:
            new = dict(sorted(new.items(), key=lambda item: item[1])[-self.MAX_NEW_ACCOUNTS :])
        newest = self._fitting(reversed(dict.fromkeys(self.event_ids)), self.MAX_EVENT_IDS)
        event_ids = tuple(reversed(newest))
        return replace(self, everyone=everyone, accounts=accounts, new_accounts=new, event_ids=event_ids)

    def merged(self, later: "Request") -> "Request":
        """Return both requests in one: nothing that either asked for is lost.

        Raises:
            Refusal: operators have named too many ids, see `bounded`.
        """
        everyone = self.everyone | later.everyone
        accounts = {
            account: (self.accounts.get(account, frozenset()) | later.accounts.get(account, frozenset())) - everyone
            for account in (*self.accounts, *later.accounts)
        }
        first_heard = {
            account: min(filter(None, (self.new_accounts.get(account), later.new_accounts.get(account))))
            for account in (*self.new_accounts, *later.new_accounts)
        }
        return Request(
            self.cause,
            self.initiator or later.initiator,
            min(filter(None, (self.triggered_at, later.triggered_at)), default=None),
            everyone,
            {account: kinds for account, kinds in accounts.items() if kinds},
            (*self.event_ids, *later.event_ids),
            max(filter(None, (self.source_changed_at, later.source_changed_at)), default=None),
            (*self.initiators, *later.initiators),
            urgent=self.urgent or later.urgent,
            fresh=self.fresh or later.fresh,
            new_accounts=first_heard,
            named=self.named | later.named,
            rest=self.rest or later.rest,
            unconfirmed=self.unconfirmed | later.unconfirmed,
        ).bounded()

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
            "initiators": list(self.initiators),
            "urgent": self.urgent,
            "fresh": self.fresh,
            "new_accounts": dict(sorted(self.new_accounts.items())),
            "named": sorted(self.named),
            "rest": self.rest,
            "unconfirmed": sorted(self.unconfirmed),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Request":
        """Read back what `to_json` wrote; in a document of an earlier release the later fields may be absent.

        Raises:
            KeyError, ValueError: the document is not such a request.
        """
        accounts, new_accounts = document["accounts"], document.get("new_accounts", {})
        if not isinstance(accounts, Mapping) or not isinstance(new_accounts, Mapping):
            raise ValueError("accounts are a mapping of ids")
        return cls(
            cause=Cause(cls.text(document["cause"])),
            initiator=None if document["initiator"] is None else cls.text(document["initiator"]),
            triggered_at=None if document["triggered_at"] is None else as_timestamp(cls.text(document["triggered_at"])),
            everyone=cls.kinds_of(document["everyone"]),
            accounts={cls.account_id(account): cls.kinds_of(named) for account, named in accounts.items()},
            event_ids=tuple(cls.text(one) for one in cls.listed(document["event_ids"])),
            source_changed_at=as_timestamp(document.get("source_changed_at")),
            initiators=tuple(cls.text(one) for one in cls.listed(document.get("initiators", []))),
            urgent=document.get("urgent") is True,
            fresh=document.get("fresh") is True,
            new_accounts={cls.account_id(account): cls._moment(time) for account, time in new_accounts.items()},
            named=frozenset(cls.account_id(one) for one in cls.listed(document.get("named", []))),
            rest=None if document.get("rest") is None else cls.text(document["rest"]),
            unconfirmed=cls.kinds_of(document.get("unconfirmed", [])),
        )

    @classmethod
    def _fitting(cls, texts: Iterable[str], most: int) -> tuple[str, ...]:
        """Return the first texts, as many as the lease has room for."""
        known = list(texts)[:most]
        ends = accumulate(len(one.encode()) for one in known)
        return tuple(one for one, end in zip(known, ends, strict=True) if end <= cls.MAX_TEXTS)

    @staticmethod
    def text(value: Any) -> str:
        """Return a text that any store can hold, as short as ids and ARNs are.

        Raises:
            ValueError: it is no text, empty, too long, or holds half of a character.
        """
        if not isinstance(value, str) or not 0 < len(value.encode()) <= Request.MAX_TEXT:
            raise ValueError("a short text was expected")
        return value

    @staticmethod
    def listed(values: Any) -> Iterable[Any]:
        """Return a list, and nothing else that can be iterated.

        Raises:
            ValueError: it is none.
        """
        if not isinstance(values, list | tuple):
            raise ValueError("a list was expected")
        return values

    @classmethod
    def account_id(cls, value: Any) -> str:
        """Return an account's id.

        Raises:
            ValueError: it is none.
        """
        if not re.fullmatch(r"[0-9]{12}", cls.text(value)):
            raise ValueError("an account id has 12 digits")
        return str(value)

    @classmethod
    def kinds_of(cls, values: Any) -> frozenset[Kind]:
        """Return the kinds that a list names.

        Raises:
            ValueError: it is no list, or names something else.
        """
        return frozenset(Kind(cls.text(value)) for value in cls.listed(values))

    @classmethod
    def _moment(cls, value: Any) -> str:
        moment = as_timestamp(cls.text(value))
        if moment is None:
            raise ValueError("a time was expected")
        return moment
