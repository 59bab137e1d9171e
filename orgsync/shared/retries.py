"""Retries of one call to AWS: paced, repeated as the owner says, counted."""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TypeVar

from orgsync.shared.clock import Clock
from orgsync.shared.errors import Temporary, Throttled
from orgsync.shared.rate_limiter import RateLimiter

_log = logging.getLogger(__name__)

_Answer = TypeVar("_Answer")


class RetryingCaller:
    """Makes calls for one account.

    A temporary failure says something of the account's call: it is tried again after each
    of `delays`. A 429 says something of the pace: the call queues again,
    until the caller has met `max_throttles` of them.

    Args:
        delays: seconds before each retry of a temporary failure.
        throttles: counts 429 answers by operation, for the whole batch.
        max_throttles: 429 answers that one account may meet in a run.
    """

    def __init__(
        self,
        limiter: RateLimiter,
        clock: Clock,
        delays: tuple[float, ...],
        throttles: Counter[str],
        max_throttles: int = 10,
    ) -> None:
        self._limiter = limiter
        self._clock = clock
        self._delays = delays
        self._throttles = throttles
        self._max_throttles = max_throttles
        self._throttled = 0

    async def call(
        self,
        operation: str,
        perform: Callable[[], Awaitable[_Answer]],
        on_retry: Callable[[], None] = lambda: None,
    ) -> _Answer:
        """Perform a call until it is answered.

        Args:
            on_retry: called before each retry of a temporary failure.

        Raises:
            CallError: the last failure, when no attempt is left.
        """
        delays = iter(self._delays)
        while True:
            sent = await self._limiter.acquire(operation)
            try:
                return await perform()
            except Throttled:
                self._limiter.throttled(operation, sent)
                self._throttles[operation] += 1
                self._throttled += 1
                if self._throttled > self._max_throttles:
                    raise
            except Temporary:
                delay = next(delays, None)
                if delay is None:
                    raise
                _log.debug("call retried", extra={"operation": operation, "delay_seconds": delay})
                on_retry()
                await self._clock.sleep(delay)
