"""One account's turn: read, decide, write the difference, read again. Every end is a receipt."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.contacts import Contact, difference
from orgsync.contact_sync.core.errors import (
    AccessDenied,
    AccountError,
    AccountNotFound,
    CircuitOpen,
    ContactNotFound,
    ContactRefused,
    Excluded,
    ExclusionUnknown,
    NotActive,
    NotVerified,
    OrgsyncError,
    Skip,
    UnexpectedAnswer,
)
from orgsync.contact_sync.core.protocols import Clock, Contacts, Membership
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.core.targets import ACTIVE, excluded_by_tag
from orgsync.contact_sync.names import Kind, Operation
from orgsync.shared.breaker import Breaker
from orgsync.shared.rate_limiter import Pacer
from orgsync.shared.retries import Caller

Answer = TypeVar("Answer")
Fields = tuple[str, ...]


class NotKept(Exception):
    """What a run must know could not be kept: to work on would be to work blind."""


async def _nobody_takes_over(account: str, kind: Kind, fields: Fields) -> None:
    """Where no other worker ever comes after this one."""


@dataclass(frozen=True)
class Means:
    """What every turn of a run works with.

    Attributes:
        source: the source's contacts as the run read them; a kind it lacks is absent.
        config: the configuration version that the run keeps to its end.
        begin: told of the fields of an account and kind just before they are written.
        begun: what an earlier worker of this run began, and left no receipt of: it died in between.
    """

    contacts: Contacts
    membership: Membership
    source: Mapping[Kind, Contact]
    config: ContactSyncConfig
    pacer: Pacer
    clock: Clock
    begin: Callable[[str, Kind, Fields], Awaitable[None]] = _nobody_takes_over
    begun: Mapping[tuple[str, Kind], Fields] = field(default_factory=dict)


class Turn:
    """One account's turn, with its own retries and its own count of throttles."""

    def __init__(self, account: str, means: Means, breaker: Breaker, throttles: Counter[Operation]) -> None:
        self._account = account
        self._means = means
        self._breaker = breaker
        self._asked: asyncio.Future[str | None] | None = None
        self._caller = Caller(means.pacer, means.clock, means.config.retry_config.delays(), throttles)

    async def receipts(self, kinds: Sequence[Kind]) -> list[Receipt]:
        """Bring the account's kinds into step side by side; one receipt each, in their order."""
        try:
            await self._check_exclusion()
        except OrgsyncError as error:
            receipts = [self._receipt(kind, error=error) for kind in kinds]
        else:
            receipts = list(await asyncio.gather(*(self._bring_into_step(kind) for kind in kinds)))
        return receipts

    async def _check_exclusion(self) -> None:
        """Tags decide before anything is read; what they say must be known (failing closed)."""
        excluded = self._means.config.excluded_tags
        if not excluded:
            return
        self._stop_if_open()
        try:
            tags = await self._caller.call(Operation.LIST_TAGS, lambda: self._means.membership.tags(self._account))
        except AccountNotFound as error:
            raise NotActive("the account has left the organization") from error
        except AccountError as error:
            raise ExclusionUnknown("the account's tags cannot be read") from error
        if excluded_by_tag(tags, excluded):
            raise Excluded("by tag")

    async def _bring_into_step(self, kind: Kind) -> Receipt:
        wanted = self._means.source.get(kind)
        attempt = _Attempt(self._account, kind, self._means, self._caller)
        written: Fields = ()
        failure: OrgsyncError
        try:
            self._stop_if_open()
            changed = difference(wanted, await attempt.read())
            if changed:
                self._stop_if_open()
                await self._begin(kind, changed)
                await attempt.write(wanted)
                written = changed
                await attempt.verify(wanted)
            else:
                written = self._means.begun.get((self._account, kind), ())
            return self._receipt(kind, changed=written, retries=attempt.retries)
        except NotKept:
            raise
        except (AccessDenied, AccountNotFound, ContactNotFound, ContactRefused) as error:
            failure = await self._or_no_longer_active(error)
        except OrgsyncError as error:
            failure = error
        except Exception as error:  # whatever one account's answer brings up, the others finish
            failure = UnexpectedAnswer(type(error).__name__)
        return self._receipt(kind, changed=written, error=failure, retries=attempt.retries)

    async def _begin(self, kind: Kind, fields: Fields) -> None:
        try:
            await self._means.begin(self._account, kind, fields)
        except Exception as error:
            raise NotKept(f"{self._account} {kind}: what was about to be written") from error

    def _stop_if_open(self) -> None:
        if self._breaker.open:
            raise CircuitOpen(f"after {self._breaker.cause}")

    async def _or_no_longer_active(self, error: AccountError) -> OrgsyncError:
        """AWS refuses calls on an account that was closed meanwhile in more than one way: ask what it is."""
        if self._asked is None:  # once, however many kinds were refused
            self._asked = asyncio.ensure_future(self._means.membership.state(self._account))
        try:
            state = await self._asked
        except AccountError:
            return error
        return error if state == ACTIVE else NotActive("the account closed or left during the run")

    def _receipt(
        self, kind: Kind, *, changed: Fields = (), error: OrgsyncError | None = None, retries: int = 0
    ) -> Receipt:
        status = Status.SUCCESS if error is None else Status.SKIPPED if isinstance(error, Skip) else Status.FAILED
        at = self._means.clock.now().isoformat(timespec="milliseconds")
        return Receipt(self._account, kind, status, at, changed, error.code if error else None, retries)


class _Attempt:
    """The calls of one kind, and how often they had to be tried again."""

    def __init__(self, account: str, kind: Kind, means: Means, caller: Caller) -> None:
        self._account = account
        self._kind = kind
        self._means = means
        self._caller = caller
        self.retries = 0

    async def read(self) -> Contact | None:
        """What AWS holds now."""
        operation = Operation.GET_PRIMARY if self._kind is Kind.PRIMARY else Operation.GET_ALTERNATE
        return await self._call(operation, lambda: self._means.contacts.read(self._account, self._kind))

    async def write(self, wanted: Contact | None) -> None:
        """Replace the contact, or delete it where the source has none."""
        contacts = self._means.contacts
        if wanted is None:
            await self._call(Operation.DELETE_ALTERNATE, lambda: contacts.delete(self._account, self._kind))
        else:
            operation = Operation.PUT_PRIMARY if self._kind is Kind.PRIMARY else Operation.PUT_ALTERNATE
            await self._call(operation, lambda: contacts.write(self._account, wanted))

    async def verify(self, wanted: Contact | None) -> None:
        """Read back until AWS shows what was written.

        Account Management is eventually consistent (the Terraform provider polls too): one
        look right after a write proves nothing, in either direction.
        """
        for pause in self._means.config.verify_config.delays():
            await self._means.clock.sleep(pause)
            if not difference(wanted, await self.read()):
                return
        raise NotVerified("reading back kept showing something else")

    async def _call(self, operation: Operation, perform: Callable[[], Awaitable[Answer]]) -> Answer:
        return await self._caller.call(operation, perform, on_retry=self._count)

    def _count(self) -> None:
        self.retries += 1
