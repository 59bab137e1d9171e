"""The worker: accounts of one batch side by side, until all are done, time is short, or the circuit opens."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from orgsync.contact_sync.core.account_sync import AccountSync, SyncContext
from orgsync.contact_sync.core.accounts import Target
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.shared.breaker import CircuitBreaker


@dataclass(frozen=True)
class BatchProgress:
    """Progress of a batch.

    Attributes:
        done: every target has its receipts; else the batch must be handed in again.
        circuit: code of the failure that opened the circuit, or None.
        throttles: 429 answers by operation.
    """

    done: bool
    circuit: str | None
    throttles: Mapping[str, int]


async def process_batch(
    targets: Sequence[Target],
    context: SyncContext,
    emit: Callable[[Sequence[Receipt]], Awaitable[None]],
    *,
    apply: bool = True,
    concurrency: int = 64,
    circuit: str | None = None,
    stop: Callable[[], bool] = lambda: False,
    patience: float | None = None,
) -> BatchProgress:
    """Compare every target and write what differs, or stop early and say so.

    Args:
        emit: takes the receipts of one account as soon as they are known.
        apply: whether to write; without it the receipts say what would be written.
        concurrency: accounts under way at once; the default is enough that pauses and retries never leave a
            token bucket idle.
        circuit: code of the failure that opened the circuit earlier in this run, or None.
        stop: says when no further account may be begun (time is short).
        patience: seconds after which accounts still under way are let go without a
            receipt (doing them again is harmless); None waits for all of them.

    Raises:
        Exception: whatever `emit` raises, or `PersistFailed`: a receipt that cannot be saved ends the work.
    """
    breaker = CircuitBreaker(cause=circuit)
    throttles: Counter[str] = Counter()
    waiting = list(reversed(list(enumerate(targets))))
    finished = 0

    async def worker_task() -> None:
        nonlocal finished
        while waiting and not stop():
            position, target = waiting.pop()
            account = AccountSync(target.account, context, breaker, throttles)
            changes = await account.plan(target.kinds)
            if apply:
                await account.apply(changes)
            receipts = account.receipts()
            failure = next((receipt.error for receipt in receipts if receipt.status is Status.FAILED), None)
            tried = any(receipt.status is not Status.SKIPPED for receipt in receipts)
            breaker.record(position, failure, tried=tried)
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
    return BatchProgress(finished == len(targets), breaker.cause, dict(throttles))
