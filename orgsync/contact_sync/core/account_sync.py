"""One account in one run: plan (read, decide), then apply (record, write, verify). Every end is a receipt."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.contacts import Change, Contact, decide
from orgsync.contact_sync.core.errors import (
    CircuitOpen,
    Excluded,
    ExclusionUnknown,
    NotActive,
    NotVerified,
    Skip,
)
from orgsync.contact_sync.core.protocols import Contacts, Organization
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.names import Kind, Operation
from orgsync.shared.breaker import CircuitBreaker
from orgsync.shared.clock import Clock, timestamp
from orgsync.shared.errors import CallError, OrgsyncError, RefusedCall, UnexpectedAnswer
from orgsync.shared.rate_limiter import RateLimiter
from orgsync.shared.retries import RetryingCaller

_Answer = TypeVar("_Answer")
_Fields = tuple[str, ...]


async def _record_nothing(account: str, fields: Mapping[Kind, _Fields]) -> None:
    """Record no intent, where no other worker ever comes after this one."""


@dataclass(frozen=True)
class SyncContext:
    """Everything that the accounts of a run have in common.

    Attributes:
        source: the source's contacts as the run read them; a kind it lacks is absent.
        config: the configuration version that the run keeps to its end.
        record_intents: called with an account and the fields of its kinds just before they are written.
        breaker: opens when it is plain that calling does not help.
        throttles: 429 answers by operation.
        intents: what an earlier worker of this run recorded, and left no receipt of: it died in between.
    """

    contacts: Contacts
    organization: Organization
    source: Mapping[Kind, Contact]
    config: ContactSyncConfig
    limiter: RateLimiter
    clock: Clock
    record_intents: Callable[[str, Mapping[Kind, _Fields]], Awaitable[None]] = _record_nothing
    intents: Mapping[tuple[str, Kind], _Fields] = field(default_factory=dict)
    breaker: CircuitBreaker = field(default_factory=CircuitBreaker)
    throttles: Counter[str] = field(default_factory=Counter)


@dataclass
class _KindState:
    """Progress of one kind: the fields that differ, why it went no further, and how often a call was retried."""

    fields: _Fields = ()
    error: OrgsyncError | None = None
    retries: int = 0

    def retried(self) -> None:
        self.retries += 1


class AccountSync:
    """One account's kinds, with its own retries and its own count of throttles.

    `plan`, then `apply` what it found, then `receipts`. Without `apply` the receipts say what would be written.
    """

    def __init__(self, account: str, context: SyncContext) -> None:
        self._account = account
        self._context = context
        self._state_lookup: asyncio.Future[str | None] | None = None
        self._caller = RetryingCaller(
            context.limiter, context.clock, context.config.retry_config.delays(), context.throttles
        )
        self._kinds: dict[Kind, _KindState] = {}

    async def plan(self, kinds: Sequence[Kind]) -> list[Change]:
        """Read the kinds side by side and decide; return what must be written."""
        self._kinds = {kind: _KindState() for kind in kinds}
        try:
            await self._check_exclusion()
        except OrgsyncError as error:
            for state in self._kinds.values():
                state.error = error
            return []
        changes = await asyncio.gather(*(self._guarded(kind, self._decide(kind)) for kind in kinds))
        return [change for change in changes if change is not None]

    async def apply(self, changes: Sequence[Change]) -> None:
        """Record, write and verify changes side by side.

        Raises:
            Exception: whatever `record_intents` raises; nothing was written, because to work on would be to work blind.
        """
        if changes and not self._context.breaker.open:
            await self._context.record_intents(self._account, {change.kind: change.fields for change in changes})
        await asyncio.gather(*(self._guarded(change.kind, self._write(change)) for change in changes))

    def receipts(self) -> list[Receipt]:
        """Return one receipt for each kind, in the order of `plan`."""
        at = timestamp(self._context.clock.now())
        return [self._receipt(kind, state, at) for kind, state in self._kinds.items()]

    async def _check_exclusion(self) -> None:
        """See that no tag excludes the account, before anything is read; unknown tags exclude it too."""
        if not self._context.config.excluded_tags:
            return
        self._check_circuit()
        try:
            tags = await self._tags()
        except CallError as error:
            failure = await self._unless_inactive(error) if isinstance(error, RefusedCall) else error
            if isinstance(failure, NotActive):
                raise failure from error
            raise ExclusionUnknown("the account's tags cannot be read") from error
        if self._context.config.excludes(tags):
            raise Excluded("by tag")

    async def _tags(self) -> Mapping[str, str]:
        tags: dict[str, str] = {}
        read = partial(self._context.organization.tags, self._account)
        while True:
            found, page = await self._caller.call(Operation.LIST_TAGS, read)
            tags |= found
            if page is None:
                return tags
            read = partial(self._context.organization.tags, self._account, page)

    async def _decide(self, kind: Kind) -> Change | None:
        self._check_circuit()
        change = decide(kind, self._context.source.get(kind), await self._read(kind))
        # In sync by the hand of a worker that died: its write stands in this receipt.
        self._kinds[kind].fields = change.fields if change else self._context.intents.get((self._account, kind), ())
        return change

    async def _write(self, change: Change) -> None:
        state, kind, desired = self._kinds[change.kind], change.kind, change.desired
        state.fields = ()
        self._check_circuit()
        contacts = self._context.contacts
        if desired is None:
            await self._call(kind, Operation.DELETE_ALTERNATE, lambda: contacts.delete(self._account, kind))
        else:
            await self._call(kind, Operation.put(kind), lambda: contacts.write(self._account, desired))
        state.fields = change.fields
        await self._verify(change)

    async def _verify(self, change: Change) -> None:
        """Read back until AWS shows what was written.

        Account Management is eventually consistent (the Terraform provider polls too): one
        look right after a write proves nothing, in either direction.
        """
        for pause in self._context.config.verify_config.delays():
            await self._context.clock.sleep(pause)
            if decide(change.kind, change.desired, await self._read(change.kind)) is None:
                return
        raise NotVerified("reading back kept showing something else")

    async def _read(self, kind: Kind) -> Contact | None:
        return await self._call(kind, Operation.get(kind), lambda: self._context.contacts.read(self._account, kind))

    async def _call(self, kind: Kind, operation: Operation, perform: Callable[[], Awaitable[_Answer]]) -> _Answer:
        return await self._caller.call(operation, perform, on_retry=self._kinds[kind].retried)

    async def _guarded(self, kind: Kind, step: Coroutine[Any, Any, _Answer]) -> _Answer | None:
        """Await one kind's step; its failure is the kind's own, and the other kinds go on."""
        try:
            return await step
        except RefusedCall as error:
            self._kinds[kind].error = await self._unless_inactive(error)
        except OrgsyncError as error:
            self._kinds[kind].error = error
        except Exception as error:  # whatever one account's answer brings up, the others finish
            self._kinds[kind].error = UnexpectedAnswer(type(error).__name__)
        return None

    def _check_circuit(self) -> None:
        if self._context.breaker.open:
            raise CircuitOpen(f"after {self._context.breaker.cause}")

    async def _unless_inactive(self, error: CallError) -> OrgsyncError:
        """Return the error, unless the account is no longer ACTIVE.

        AWS refuses calls on an account that was closed meanwhile in more than one way, so Organizations is asked.
        """
        if self._state_lookup is None:  # once, however many kinds were refused
            self._state_lookup = asyncio.ensure_future(self._context.organization.state(self._account))
        try:
            state = await self._state_lookup
        except CallError:
            return error
        return error if state == "ACTIVE" else NotActive("the account closed or left during the run")

    def _receipt(self, kind: Kind, state: _KindState, at: str) -> Receipt:
        error = state.error
        status = Status.SUCCESS if error is None else Status.SKIPPED if isinstance(error, Skip) else Status.FAILED
        return Receipt(self._account, kind, status, at, state.fields, error.code if error else None, state.retries)
