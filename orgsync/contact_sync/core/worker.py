"""The worker: accounts of one batch side by side, until all are done, time is short, or the circuit opens."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from orgsync.contact_sync.core.account_sync import AccountSync, SyncContext
from orgsync.contact_sync.core.accounts import Target
from orgsync.contact_sync.core.receipts import Receipt, Status


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
        emit: takes the receipts of one account as soon as they are known.
        apply: whether to write; without it the receipts say what would be written.
        concurrency: accounts under way at once; the default is enough that pauses and retries never leave a
            token bucket idle.
        begin: called with each account as it is begun.
        stop: says when no further account may be begun (time is short).
        patience: seconds after which accounts still under way are let go without a
            receipt (doing them again is harmless); None waits for all of them.

    Raises:
        Exception: whatever `emit` or recording an intent raises: what cannot be persisted ends the work.
    """
    waiting = list(reversed(list(enumerate(targets))))
    finished = 0

    async def worker_task() -> None:
        nonlocal finished
        while waiting and not stop():
            position, target = waiting.pop()
            begin(target)
            account = AccountSync(target.account, context)
            changes = await account.plan(target.kinds)
            if apply:
                await account.apply(changes)
            receipts = account.receipts()
            failure = next((receipt.error for receipt in receipts if receipt.status is Status.FAILED), None)
            tried = any(receipt.status is not Status.SKIPPED for receipt in receipts)
            context.breaker.record(position, failure, tried=tried)
            await emit(receipts)
            finished += 1

    tasks = [asyncio.ensure_future(worker_task()) for _ in range(min(concurrency, len(targets)))]
    try:
        if tasks:
            await asyncio.wait(tasks, timeout=patience, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome
    return finished == len(targets)
