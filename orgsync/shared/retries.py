"""Retries of calls to AWS: let through by a breaker, paced, repeated as the owner says, counted."""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from itertools import islice
from typing import TypeVar

from orgsync.shared.breaker import CallWithheld, CircuitBreakers
from orgsync.shared.clock import Clock
from orgsync.shared.errors import AccessDenied, NetworkFailed, OrgsyncError, Temporary, Throttled
from orgsync.shared.rate_limiter import RateLimiter

_log = logging.getLogger(__name__)

_Answer = TypeVar("_Answer")

# Seconds between two questions whether permissions that were just given are in force.
_ASK_AGAIN = 10.0


async def _prepare_nothing() -> None:
    """Prepare nothing before a call is sent."""


def _is_unsent(error: Exception) -> bool:
    """Return whether a call was kept back on purpose: that says nothing of AWS."""
    return isinstance(error, OrgsyncError) and error.skips


class RetryingCaller:
    """Makes calls about one thing, such as one account's contact of one kind, with one budget of retries for all.

    A temporary failure is tried again after the next of `delays`, as long as one remains. A 429 says something of the
    pace: the call queues again, until no call of its operation was let through for `patience` seconds.

    Args:
        delays: seconds before each retry of a temporary failure.
        throttles: counts 429 answers by operation, for the whole batch.
        patience: seconds for which all calls of an operation may be throttled before one gives up.
        account: the account that the calls are about, for the breakers.
        breakers: what the answers of a run say of each operation.
        fresh_until: until then AccessDenied may only say that permissions are not in force yet: it is asked again.
        telling: whether failures say anything of the operation; those of an account that is not ready do not.
        pause: waits between two attempts, by default as the clock does.
    """

    def __init__(
        self,
        limiter: RateLimiter,
        clock: Clock,
        delays: Iterable[float],
        throttles: Counter[str],
        patience: float = 15 * 60,
        *,
        account: str = "",
        breakers: CircuitBreakers | None = None,
        fresh_until: datetime | None = None,
        telling: bool = True,
        pause: Callable[[float], Awaitable[None]] | None = None,
    ) -> None:
        self.patience = patience
        self.retries = 0
        self._limiter = limiter
        self._clock = clock
        self._delays = iter(delays)
        self._throttles = throttles
        self._account = account
        self._breakers = CircuitBreakers() if breakers is None else breakers
        self._fresh_until = fresh_until
        self._telling = telling
        self._pause = clock.sleep if pause is None else pause
        # One account asks soon, because others were let in already, and then when all permissions must be in force.
        self._asking = iter((_ASK_AGAIN,))
        self._unprepared: Exception | None = None

    def spend(self, retries: int) -> None:
        """Count retries that others made for the same thing: its budget is one."""
        self.retries += sum(1 for _ in islice(self._delays, retries))

    async def call(
        self,
        operation: str,
        perform: Callable[[], Awaitable[_Answer]],
        prepare: Callable[[], Awaitable[None]] = _prepare_nothing,
    ) -> _Answer:
        """Perform a call until it is answered.

        Args:
            prepare: called each time just before the call is sent; what it raises ends the call.

        Raises:
            CallError: the last failure, when no attempt is left.
            CallWithheld: a breaker keeps it from being made; its cause is the failure of the attempt before, if any.
        """
        circuit = self._breakers.of(operation)
        attempt = None
        before: Exception | None = None
        try:
            while True:
                if attempt is None:
                    attempt = await circuit.admit(self._account, self._clock)
                if attempt is None:
                    raise CallWithheld(operation, circuit.cause) from before
                error: Exception | None = None
                try:
                    answer = await self._send(operation, perform, prepare)
                except Exception as failure:
                    if failure is self._unprepared or _is_unsent(failure):
                        raise
                    error = failure
                if remaining := self._fresh(error):
                    if not circuit.succeeded and circuit.reserve(attempt):
                        # It asks for all; its permit is kept, because those who wait for it may hold all others.
                        await self._clock.sleep(min(remaining, _ASK_AGAIN))
                        continue
                    pause = next(self._asking, remaining) if circuit.succeeded else 0.0
                    circuit.release(attempt)
                    attempt = None
                    await self._pause(pause)
                    continue
                circuit.settle(attempt, error, first=before is None, telling=self._telling)
                attempt = None
                if error is None:
                    return answer
                delay = next(self._delays, None) if isinstance(error, Temporary) else None
                if delay is None:
                    raise error
                before = error
                _log.debug("call retried", extra={"operation": operation, "delay_seconds": delay})
                self.retries += 1
                await self._pause(delay)
        finally:
            if attempt is not None:
                circuit.release(attempt)

    async def _send(
        self, operation: str, perform: Callable[[], Awaitable[_Answer]], prepare: Callable[[], Awaitable[None]]
    ) -> _Answer:
        """Send a call as soon as its pace allows, and again as long as it is throttled."""
        while True:
            sent = await self._limiter.acquire(operation, self.patience)
            if sent is None:
                raise Throttled(f"{self._account}: {operation}")
            try:
                await self._prepared(prepare)
                answer = await perform()
            except Throttled:
                self._limiter.throttled(operation, sent)
                self._throttles[operation] += 1
                if self._limiter.silence(operation) >= self.patience:
                    raise
            except Exception as error:
                if error is not self._unprepared and not isinstance(error, NetworkFailed) and not _is_unsent(error):
                    self._limiter.answered(operation, sent)
                raise
            else:
                self._limiter.answered(operation, sent)
                return answer
            finally:
                self._limiter.release(operation)

    async def _prepared(self, prepare: Callable[[], Awaitable[None]]) -> None:
        try:
            await prepare()
        except Exception as error:
            self._unprepared = error
            raise

    def _fresh(self, error: Exception | None) -> float:
        """Return the seconds for which a refusal is asked again; 0 where it is judged."""
        if self._fresh_until is None or not self._telling or not isinstance(error, AccessDenied):
            return 0.0
        return max((self._fresh_until - self._clock.now()).total_seconds(), 0.0)
