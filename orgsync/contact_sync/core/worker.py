"""The worker: accounts of one batch side by side, until all are done or time is short."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from orgsync.contact_sync.core.account_sync import AccountSync, SyncContext
from orgsync.contact_sync.core.accounts import Target
from orgsync.contact_sync.core.receipts import Receipt
from orgsync.contact_sync.names import Kind

# Steps of this part of a whole never come close to each other.
_GOLDEN_RATIO = 0.618034

# Seconds for which all calls of an operation may be throttled before what needs it makes way for what does not.
_MAKES_WAY = 60.0


async def process_batch(
    targets: Sequence[Target],
    context: SyncContext,
    emit: Callable[[Sequence[Receipt]], Awaitable[None]],
    *,
    apply: bool = True,
    concurrency: int = 64,
    begin: Callable[[Target], None] = lambda target: None,
    stop: Callable[[], bool] = lambda: False,
    patience: float | None = None,
) -> bool:
    """Compare every target and write what differs; return whether every one has its receipts.

    If not, the batch must be handed in again.

    Args:
        emit: takes the receipts of one account as soon as they are known: all at once, but for kinds that are put off.
        apply: whether to write; without it the receipts say what would be written.
        concurrency: accounts whose kinds are all under way at once, those not counted that only let time pass; the
            default is enough that answers never leave a token bucket idle.
        begin: called with each account as it is begun.
        stop: says when no further account may be begun (time is short).
        patience: seconds after which accounts still under way are let go without a
            receipt (doing them again is harmless); None waits for all of them.

    Raises:
        Exception: whatever `emit` or recording an intent raises: what cannot be persisted ends the work.
    """
    batch = _Batch(targets, context, emit, apply, concurrency, begin, stop)
    time_left = asyncio.timeout(patience)
    try:
        async with time_left:
            await batch.work()
    except TimeoutError:
        if not time_left.expired():
            raise
    return batch.finished == len(targets)


@dataclass(frozen=True)
class _Work:
    """An account to start: for the first time, where it has a target, or with the kinds of it that are put off."""

    account: AccountSync
    patience: float | None = None
    target: Target | None = None


class _Batch:
    """The accounts of a batch: those to begin, those under way, and kinds of them that are put off.

    A kind is put off when a breaker withholds its call, or when its operation has long been throttled. It is resumed
    when a breaker closes, and otherwise when nothing else is left to do: as a probe, or for as long as it may wait.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        context: SyncContext,
        emit: Callable[[Sequence[Receipt]], Awaitable[None]],
        apply: bool,
        concurrency: int,
        begin: Callable[[Target], None],
        stop: Callable[[], bool],
    ) -> None:
        self.finished = 0
        self._new = deque(targets)
        self._resumed: deque[AccountSync] = deque()
        self._postponed: list[AccountSync] = []
        self._spread = 0.0
        self._under_way = self._last = 0
        self._closings = context.breakers.closings
        self._permits = asyncio.Semaphore(concurrency * len(Kind))
        self._ended = asyncio.Event()
        self._context, self._emit, self._apply, self._begin, self._stop = context, emit, apply, begin, stop

    async def work(self) -> None:
        """Work until every account has its receipts, or nothing further may be begun."""
        try:
            async with asyncio.TaskGroup() as group:
                while not self._stop():
                    self._ended.clear()
                    if work := self._next():
                        await self._start(group, work)
                    elif self._under_way:
                        await self._ended.wait()
                    else:
                        break
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        if not self._stop():
            # Nothing that is asked now would be answered: what is still put off ends as what withheld it.
            for account in self._postponed:
                await self._emit([one for one in account.receipts() if one.kind in account.postponed()])
            self.finished += len(self._postponed)

    def _next(self) -> _Work | None:
        """Choose what to start next; None where that depends on what is under way, or nothing is left."""
        if self._context.breakers.closings > self._closings:
            self._closings = self._context.breakers.closings
            self._resumed.extend(self._postponed)
            self._postponed.clear()
        if self._resumed:
            return _Work(self._resumed.popleft(), _MAKES_WAY)
        if self._new:
            target = self._new.popleft()
            return _Work(AccountSync(target, self._context, self._permits), _MAKES_WAY, target)
        # Probes are spread over all that is put off: those that refuse may stand side by side.
        self._spread = (self._spread + _GOLDEN_RATIO) % 1
        start = int(self._spread * len(self._postponed))
        for account in [*self._postponed[start:], *self._postponed[:start]]:
            if (not self._under_way and account.promising()) or (self._under_way == self._last and account.throttled()):
                self._postponed.remove(account)
                return _Work(account)
        return None

    async def _start(self, group: asyncio.TaskGroup, work: _Work) -> None:
        """Start an account as soon as there is a permit for each of its kinds, unless time is short by then."""
        kinds = work.target.kinds if work.target else work.account.postponed()
        for _ in kinds:
            await self._permits.acquire()
        if self._stop():
            for _ in kinds:
                self._permits.release()
            return
        if work.target:
            self._begin(work.target)
        self._under_way += 1
        self._last += work.patience is None
        group.create_task(self._work_on(work.account, kinds, work.patience))

    async def _work_on(self, account: AccountSync, kinds: Sequence[Kind], patience: float | None) -> None:
        changes = await account.plan(kinds, patience)
        if self._apply:
            await account.apply(changes)
        later = account.postponed()
        if ended := [receipt for receipt in account.receipts() if receipt.kind not in later]:
            await self._emit(ended)
        if later:
            self._postponed.append(account)
        else:
            self.finished += 1
        self._under_way -= 1
        self._last -= patience is None
        self._ended.set()
