"""Work through accounts side by side, until all are done, time is short, or it is plain that nothing helps."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from orgsync.contact_sync.core.account_sync import Means, Turn
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.core.targets import Target
from orgsync.contact_sync.names import Operation
from orgsync.shared.breaker import Breaker

SIDE_BY_SIDE = 64
"""Accounts under way at once: enough that pauses and retries never leave a bucket idle."""

Emit = Callable[[Sequence[Receipt]], Awaitable[None]]


@dataclass(frozen=True)
class Progress:
    """How far a batch came.

    Attributes:
        done: every target has its receipts; else the batch must be handed in again.
        circuit: code of the failure that opened the circuit, or None.
        throttles: 429 answers by operation.
    """

    done: bool
    circuit: str | None
    throttles: Mapping[Operation, int]


async def work(
    targets: Sequence[Target],
    means: Means,
    emit: Emit,
    *,
    circuit: str | None = None,
    stop: Callable[[], bool] = lambda: False,
    patience: float | None = None,
) -> Progress:
    """Bring every target into step, or stop early and say so.

    Args:
        emit: takes the receipts of one account as soon as they are known.
        circuit: code of the failure that opened the circuit earlier in this run, or None.
        stop: says when no further account may be begun (time is short).
        patience: seconds after which accounts still under way are let go without a
            receipt (doing them again is harmless); None waits for all of them.

    Raises:
        Exception: whatever `emit` raises, or `NotKept`: a receipt that cannot be kept ends the work.
    """
    breaker = Breaker(cause=circuit)
    throttles: Counter[Operation] = Counter()
    waiting = list(reversed(list(enumerate(targets))))
    finished = 0

    async def lane() -> None:
        nonlocal finished
        while waiting and not stop():
            position, target = waiting.pop()
            receipts = await Turn(target.account, means, breaker, throttles).receipts(target.kinds)
            failure = next((receipt.error for receipt in receipts if receipt.status is Status.FAILED), None)
            tried = any(receipt.status is not Status.SKIPPED for receipt in receipts)
            breaker.record(position, failure, tried=tried)
            await emit(receipts)
            finished += 1

    lanes = [asyncio.ensure_future(lane()) for _ in range(min(SIDE_BY_SIDE, len(targets)))]
    try:
        if lanes:
            await asyncio.wait(lanes, timeout=patience, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in lanes:
            task.cancel()
    for outcome in await asyncio.gather(*lanes, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome
    return Progress(finished == len(targets), breaker.cause, dict(throttles))
