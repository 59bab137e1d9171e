"""One call to AWS, made until it has an answer: paced, retried as the owner says, counted."""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TypeVar

from orgsync.contact_sync.core.errors import Temporary, Throttled
from orgsync.contact_sync.core.protocols import Clock
from orgsync.contact_sync.names import Operation
from orgsync.shared.rate_limiter import Pacer

Answer = TypeVar("Answer")

MOST_THROTTLES = 10
"""429 answers that one account may meet in a run."""


class Caller:
    """Makes calls for one account.

    A temporary failure says something of the account's call: it is tried again after each
    of `delays`. A 429 says something of the pace: the call queues again,
    until the caller has met `patience` of them.
    """

    def __init__(
        self,
        pacer: Pacer,
        clock: Clock,
        delays: tuple[float, ...],
        throttles: Counter[Operation],
        patience: int = MOST_THROTTLES,
    ) -> None:
        self._pacer = pacer
        self._clock = clock
        self._delays = delays
        self._throttles = throttles
        self._patience = patience
        self._throttled = 0

    async def call(
        self,
        operation: Operation,
        perform: Callable[[], Awaitable[Answer]],
        on_retry: Callable[[], None] = lambda: None,
    ) -> Answer:
        """Perform until answered.

        Args:
            on_retry: told of each retry of a temporary failure.

        Raises:
            AccountError: the last failure, when no attempt is left.
        """
        left = iter(self._delays)
        while True:
            sent = await self._pacer.turn(operation)
            try:
                return await perform()
            except Throttled:
                self._pacer.throttled(operation, sent)
                self._throttles[operation] += 1
                self._throttled += 1
                if self._throttled > self._patience:
                    raise
            except Temporary:
                delay = next(left, None)
                if delay is None:
                    raise
                on_retry()
                await self._clock.sleep(delay)
