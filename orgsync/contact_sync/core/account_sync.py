"""One account in one run: plan (read, decide), then apply (record, write, verify). Every end is a receipt."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TypeVar

from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.accounts import Target
from orgsync.contact_sync.core.bounds import WorkerBounds
from orgsync.contact_sync.core.contacts import Change, Contact, decide
from orgsync.contact_sync.core.errors import NotSynced, SyncReason
from orgsync.contact_sync.core.protocols import Contacts, Organization
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.names import Kind, Operation
from orgsync.shared.breaker import CallWithheld, CircuitBreakers
from orgsync.shared.clock import Clock, timestamp
from orgsync.shared.errors import CallError, OrgsyncError, RefusedCall, Throttled, UnexpectedAnswer
from orgsync.shared.rate_limiter import RateLimiter
from orgsync.shared.retries import RetryingCaller

_PATIENCE = 15 * 60.0
"""Seconds for which all calls of an operation may be throttled before a kind fails."""

_LOOKUP_PATIENCE = 60.0
"""Seconds for which the question whether an account is still ACTIVE may be throttled; a refusal stands without it."""

_FOLLOWING = frozenset[str]({SyncReason.EXCLUSION_UNKNOWN, SyncReason.CIRCUIT_OPEN, SyncReason.NOT_YET})
"""Reasons that follow from a failed call; their detail is its code."""

_Answer = TypeVar("_Answer")
_Fields = tuple[str, ...]


async def _record_nothing(account: str, fields: Mapping[Kind, _Fields], deletions: frozenset[Kind]) -> None:
    """Record no intent, where no other worker ever comes after this one."""


@dataclass(frozen=True)
class SyncContext:
    """Everything that the accounts of a run have in common.

    Attributes:
        source: the source's contacts as the run read them; a kind it lacks is absent.
        config: the configuration version that the run keeps to its end.
        record_intents: called with an account, the fields of its kinds and those kinds that are deleted, just before
            the first of them is written, and again for the rest where that comes too long after.
        intents: what an earlier worker of this run recorded, and left no receipt of: it died in between.
        breakers: what the answers say of each operation.
        throttles: 429 answers by operation.
        not_yet: new accounts, of which a refusal says that they are not ready yet, and nothing else.
        fresh_until: until then a refusal may only say that permissions are not in force yet.
        deletions: kinds that the plan decided to delete.
        retries: those that each account and kind has spent, also by a worker that let go of it before; kept up to date.
    """

    contacts: Contacts
    organization: Organization
    source: Mapping[Kind, Contact]
    config: ContactSyncConfig
    limiter: RateLimiter
    clock: Clock
    record_intents: Callable[[str, Mapping[Kind, _Fields], frozenset[Kind]], Awaitable[None]] = _record_nothing
    intents: Mapping[tuple[str, Kind], _Fields] = field(default_factory=dict)
    breakers: CircuitBreakers = field(default_factory=CircuitBreakers)
    throttles: Counter[str] = field(default_factory=Counter)
    not_yet: frozenset[str] = frozenset()
    fresh_until: datetime | None = None
    deletions: frozenset[Kind] = frozenset()
    retries: dict[tuple[str, Kind], int] = field(default_factory=dict)


@dataclass
class _KindState:
    """Progress of one kind: what differs, what was written, why it went no further, and who makes its calls."""

    caller: RetryingCaller
    fields: _Fields = ()
    written: _Fields = ()
    differs: bool = False
    error: OrgsyncError | None = None
    withheld: Operation | None = None


def _operation(change: Change) -> Operation:
    return Operation.DELETE_ALTERNATE if change.desired is None else Operation.put(change.kind)


class AccountSync:
    """One account's kinds, each with its own retries.

    `plan`, then `apply` what it found, then `receipts`. Without `apply` the receipts say what would be written. What
    is `postponed` may be planned and applied again later; its retries go on where they were.

    Args:
        permits: one for each kind under way in the whole batch. `plan` is called with those of its kinds and returns
            them; `apply` takes its own. A kind that only lets time pass has none, so that others go on.
    """

    def __init__(self, target: Target, context: SyncContext, permits: asyncio.Semaphore | None = None) -> None:
        self._account, self._deletions = target.account, target.deletions & context.deletions
        self._context = context
        self._permits = permits
        self._patience = _PATIENCE
        self._state_lookup: asyncio.Future[str | None] | None = None
        self._tag_caller: RetryingCaller | None = None
        if context.config.excluded_tags:
            # It keeps the permits of its kinds while it waits: who gave one back would wait for it with the others
            # in hand, as all accounts beside it might.
            self._tag_caller = self._new_caller(context.config.retry_config.delays(), context.clock.sleep)
        self._states: dict[Kind, _KindState] = {}
        self._planned: tuple[Kind, ...] = ()
        self._unsent: dict[Kind, Change] = {}
        self._intending = asyncio.Lock()
        self._intended: frozenset[Kind] = frozenset()
        self._intended_at = float("-inf")
        self._fatal: Exception | None = None

    async def plan(self, kinds: Iterable[Kind], patience: float | None = None) -> list[Change]:
        """Read the kinds side by side and decide; return what must be written.

        Args:
            patience: seconds for which all calls of an operation may be throttled before a kind is postponed; None:
                it is not, and fails after a quarter of an hour.
        """
        self._planned, self._patience = tuple(kinds), _PATIENCE if patience is None else patience
        for kind in self._planned:
            self._states.setdefault(kind, _KindState(self._kind_caller(kind))).caller.patience = self._patience
        try:
            await self._check_exclusion()
        except Exception as error:
            for _ in self._planned:
                self._give_permit()
            failure = await self._unless_unknown(error)
            for kind in self._planned:
                await self._end(kind, failure)
            return []
        steps = (self._guarded(kind, partial(self._decide, kind), permitted=True) for kind in self._planned)
        return [change for change in await asyncio.gather(*steps) if change is not None]

    async def apply(self, changes: Sequence[Change]) -> None:
        """Write and verify changes side by side, the intent of them all recorded before the first is sent.

        Raises:
            Exception: whatever `record_intents` raises; nothing more is written, because to work on would be to work
                blind.
        """
        self._unsent, self._intended = {change.kind: change for change in changes}, frozenset()
        try:
            async with asyncio.TaskGroup() as group:
                for change in changes:
                    group.create_task(self._guarded(change.kind, partial(self._write, change)))
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None

    def receipts(self) -> list[Receipt]:
        """Return one receipt for each kind, in the order of `plan`."""
        at = timestamp(self._context.clock.now())
        return [self._receipt(kind, self._states[kind], at) for kind in self._planned]

    def postponed(self) -> tuple[Kind, ...]:
        """Return the kinds that came to no end of their own: a breaker withheld a call, or all calls were throttled."""
        return tuple(kind for kind in self._planned if self._states[kind].withheld or self._is_throttled(kind))

    def throttled(self) -> bool:
        """Return whether a kind was postponed because all calls were throttled, and has waited less than it may."""
        return any(map(self._is_throttled, self._planned))

    def promising(self) -> bool:
        """Return whether a call that was withheld would be let through by now."""
        return any(map(self._may_resume, self.postponed()))

    async def _check_exclusion(self) -> None:
        """See that no tag excludes the account, before anything is read."""
        if self._tag_caller is None:
            return
        self._tag_caller.patience = self._patience
        tags = await self._tags(self._tag_caller)
        if rules := self._context.config.exclusions(tags=tags):
            raise NotSynced(SyncReason.EXCLUDED, *rules)
        self._count_tag_retries(self._tag_caller)
        self._tag_caller = None

    async def _unless_unknown(self, error: Exception) -> Exception:
        """Return why an account's tags were not read to their end: unknown tags exclude it too."""
        if not isinstance(error, CallError) or self._tag_caller is None or self._not_ready(error):
            return error
        if isinstance(error, Throttled) and self._patience < _PATIENCE:
            return error
        self._count_tag_retries(self._tag_caller)
        failure = await self._unless_inactive(error) if isinstance(error, RefusedCall) else error
        if failure.code == SyncReason.NOT_ACTIVE:
            return failure
        return NotSynced(SyncReason.EXCLUSION_UNKNOWN, failure.code)

    def _count_tag_retries(self, caller: RetryingCaller) -> None:
        for kind in self._planned:
            self._states[kind].caller.spend(caller.retries)

    async def _tags(self, caller: RetryingCaller) -> Mapping[str, str]:
        tags: dict[str, str] = {}
        read = partial(self._context.organization.tags, self._account)
        while True:
            found, page = await caller.call(Operation.LIST_TAGS, read)
            tags |= found
            if page is None:
                return tags
            read = partial(self._context.organization.tags, self._account, page)

    async def _decide(self, kind: Kind) -> Change | None:
        state = self._states[kind]
        if not self._may_resume(kind):
            return None
        state.error = state.withheld = None
        desired = self._context.source.get(kind)
        if desired is None and (kind is Kind.PRIMARY or kind not in self._deletions):
            raise NotSynced(SyncReason.DESIRED_UNKNOWN, kind)
        change = decide(kind, desired, await self._read(kind))
        state.differs = change is not None
        # In sync by this worker's hand, or by that of one that died: its write stands in this receipt.
        earlier = state.written or self._context.intents.get((self._account, kind), ())
        state.fields = change.fields if change else earlier
        return change

    async def _write(self, change: Change) -> None:
        state, kind, desired = self._states[change.kind], change.kind, change.desired
        state.fields = ()
        if desired is None:
            write = partial(self._context.contacts.delete, self._account, kind)
        else:
            write = partial(self._context.contacts.write, self._account, desired)
        await state.caller.call(_operation(change), write, partial(self._intend, kind))
        del self._unsent[kind]
        state.fields = state.written = change.fields
        await self._verify(change)

    async def _intend(self, kind: Kind) -> None:
        """Record what is about to be written, of all kinds that are not withheld, unless that was done a moment ago.

        A call waits for its token before, but never after it; so it is sent well within `WorkerBounds.SEND`.
        """
        clock = self._context.clock
        async with self._intending:
            while kind not in self._intended or clock.monotonic() - self._intended_at > WorkerBounds.SEND / 2:
                at = clock.monotonic()
                intended = {
                    one: change for one, change in self._unsent.items() if one is kind or self._may_call(change)
                }
                deletions = frozenset(one for one, change in intended.items() if change.desired is None)
                fields = {one: change.fields for one, change in intended.items()}
                try:
                    await self._context.record_intents(self._account, fields, deletions)
                except Exception as error:
                    self._fatal = error
                    raise
                self._intended, self._intended_at = frozenset(intended), at

    def _may_call(self, change: Change) -> bool:
        return self._context.breakers.of(_operation(change)).promises(self._account)

    async def _verify(self, change: Change) -> None:
        """Read back until AWS shows what was written.

        Account Management is eventually consistent (the Terraform provider polls too): one
        look right after a write proves nothing, in either direction.
        """
        for pause in self._context.config.verify_config.delays():
            await self._rest(pause)
            if decide(change.kind, change.desired, await self._read(change.kind)) is None:
                return
        raise NotSynced(SyncReason.NOT_VERIFIED, "reading back kept showing something else")

    async def _read(self, kind: Kind) -> Contact | None:
        read = partial(self._context.contacts.read, self._account, kind)
        return await self._states[kind].caller.call(Operation.get(kind), read)

    async def _guarded(
        self, kind: Kind, step: Callable[[], Awaitable[_Answer]], *, permitted: bool = False
    ) -> _Answer | None:
        """Await one kind's step under a permit; its failure is the kind's own, and the other kinds go on."""
        if not permitted:
            await self._take_permit()
        try:
            return await step()
        except Exception as error:  # whatever one account's answer brings up, the others finish
            if error is self._fatal:
                raise
            failure = error
        finally:
            self._give_permit()
        await self._end(kind, failure)
        return None

    async def _rest(self, seconds: float) -> None:
        self._give_permit()
        await self._context.clock.sleep(seconds)
        await self._take_permit()

    async def _take_permit(self) -> None:
        if self._permits:
            await self._permits.acquire()

    def _give_permit(self) -> None:
        if self._permits:
            self._permits.release()

    async def _end(self, kind: Kind, error: Exception) -> None:
        """Note why a kind goes no further; that may take a question to Organizations, for which it holds no permit."""
        state = self._states[kind]
        self._unsent.pop(kind, None)
        if isinstance(error, CallWithheld):
            state.withheld = Operation(error.operation)
            own, tags = error.__cause__, state.withheld is Operation.LIST_TAGS
            if not isinstance(own, OrgsyncError):
                # Whoever may not read tags needs another right than whoever may not read a contact.
                opened_by = SyncReason.EXCLUSION_UNKNOWN if tags else error.cause or ""
                state.error = NotSynced(SyncReason.CIRCUIT_OPEN, opened_by)
            else:
                state.error = NotSynced(SyncReason.EXCLUSION_UNKNOWN, own.code) if tags else own
            return
        failure = error if isinstance(error, OrgsyncError) else UnexpectedAnswer(type(error).__name__)
        if self._not_ready(failure):
            failure = NotSynced(SyncReason.NOT_YET, failure.code)
        elif isinstance(failure, RefusedCall):
            failure = await self._unless_inactive(failure)
        state.error = failure

    def _not_ready(self, error: OrgsyncError) -> bool:
        return self._account in self._context.not_yet and isinstance(error, RefusedCall | UnexpectedAnswer)

    def _not_open(self, error: OrgsyncError) -> bool:
        return self._account in self._context.not_yet and error.code == SyncReason.NOT_ACTIVE

    def _may_resume(self, kind: Kind) -> bool:
        withheld = self._states[kind].withheld
        return withheld is None or self._context.breakers.of(withheld).promises(self._account)

    def _is_throttled(self, kind: Kind) -> bool:
        state = self._states[kind]
        return self._patience < _PATIENCE and not state.withheld and isinstance(state.error, Throttled)

    async def _unless_inactive(self, error: CallError) -> OrgsyncError:
        """Return the error, unless the account is no longer ACTIVE.

        AWS refuses calls on an account that was closed meanwhile in more than one way, so Organizations is asked.
        """
        if self._state_lookup is None:  # once, however many kinds were refused
            look_up = partial(self._context.organization.state, self._account)
            caller = self._new_caller((), self._context.clock.sleep, _LOOKUP_PATIENCE)
            self._state_lookup = asyncio.ensure_future(caller.call(Operation.DESCRIBE_ACCOUNT, look_up))
        try:
            state = await self._state_lookup
        except Exception:  # whatever kept it from being answered, the refusal is what was seen
            return error
        if state == "ACTIVE":
            return error
        return NotSynced(SyncReason.NOT_ACTIVE, "the account closed or left during the run")

    def _kind_caller(self, kind: Kind) -> RetryingCaller:
        """Make the caller of one kind, with what is left of its retries: they are counted for the whole run."""
        spent, own = self._context.retries, (self._account, kind)

        async def pause(seconds: float) -> None:
            spent[own] = caller.retries
            await self._rest(seconds)

        caller = self._new_caller(self._context.config.retry_config.delays(), pause)
        caller.spend(spent.get(own, 0))
        return caller

    def _new_caller(
        self, delays: Iterable[float], pause: Callable[[float], Awaitable[None]], patience: float = _PATIENCE
    ) -> RetryingCaller:
        context = self._context
        return RetryingCaller(
            context.limiter,
            context.clock,
            delays,
            context.throttles,
            patience,
            account=self._account,
            breakers=context.breakers,
            fresh_until=context.fresh_until,
            telling=self._account not in context.not_yet,
            pause=pause,
        )

    def _receipt(self, kind: Kind, state: _KindState, at: str) -> Receipt:
        error = state.error
        if error and (self._not_ready(error) or self._not_open(error)):
            error = NotSynced(SyncReason.NOT_YET, error.code)
        status = Status.SUCCESS if error is None else Status.SKIPPED if error.skips else Status.FAILED
        code = error.code if error else None
        details = error.args if isinstance(error, NotSynced) else ()
        return Receipt(
            self._account,
            kind,
            status,
            at,
            state.fields,
            code,
            state.caller.retries,
            excluded_by=details if code == SyncReason.EXCLUDED else (),
            differs=state.differs and status is not Status.SUCCESS,
            call_error=str(details[0]) if code in _FOLLOWING else None,
        )
