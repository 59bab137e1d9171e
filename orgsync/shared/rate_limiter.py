"""A rate limiter with one token bucket for each operation: no faster than AWS allows, no slower than it must be.

AWS's quota belongs to the calling account, so other tools use it too. A 429 is how
we learn of them: it lowers the rate at once, and a time without any raises it back within
`_RECOVERY` seconds.
"""

import asyncio
import logging
from collections.abc import Mapping

from orgsync.shared.clock import Clock

_log = logging.getLogger(__name__)

_SLOWER = 0.7
_SLOWEST = 0.1

# Seconds without a 429 in which a rate climbs from nothing to its configured value.
_RECOVERY = 20.0


class TokenBucket:
    """The tokens of one operation; time is passed in, nothing waits here.

    Args:
        rate: calls per second in the long run.
        burst: calls that may come at once.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._configured = rate
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = float("-inf")  # full since ever, whichever clock the first caller brings
        self._cut_at = float("-inf")

    @property
    def rate(self) -> float:
        """Return calls per second at present."""
        return self._rate

    def take(self, now: float) -> float:
        """Take a token and return 0, or return the seconds until one may be there."""
        self._advance(now)
        if self._tokens < 1:
            # A hair over, so that rounding cannot make the next look come a hair too early.
            return (1 - self._tokens) / self._rate + 1e-6
        self._tokens -= 1
        return 0.0

    def throttled(self, sent: float, now: float) -> None:
        """Lower the rate: a call sent at `sent` was answered with 429.

        Calls that were already under way when the rate was cut say nothing of the new one.
        """
        self._advance(now)
        if sent <= self._cut_at:
            return
        self._rate = max(self._rate * _SLOWER, self._configured * _SLOWEST)
        self._tokens = min(self._tokens, 0.0)
        self._cut_at = now

    def _advance(self, now: float) -> None:
        elapsed = max(now - self._at, 0.0)
        self._at = now
        self._rate = min(self._rate + self._configured * elapsed / _RECOVERY, self._configured)
        self._tokens = min(self._tokens + elapsed * self._rate, self._burst)


class RateLimiter:
    """Lets calls through one operation at a time, first come, first served.

    Made for one run of the event loop (its locks belong to it) over token buckets that may
    outlive it: a warm function goes on with the rate that it has learned.

    Args:
        buckets: operation to token bucket; an operation that is not among them is an error.
    """

    def __init__(self, buckets: Mapping[str, TokenBucket], clock: Clock) -> None:
        self._buckets = buckets
        self._clock = clock
        self._queues = {operation: asyncio.Lock() for operation in buckets}

    async def acquire(self, operation: str) -> float:
        """Wait until a call may be sent; return the monotonic second of it, for `throttled`."""
        async with self._queues[operation]:
            while wait := self._buckets[operation].take(self._clock.monotonic()):
                await self._clock.sleep(wait)
            return self._clock.monotonic()

    def throttled(self, operation: str, sent: float) -> None:
        """Note that the call that was sent at `sent` came back as 429."""
        self._buckets[operation].throttled(sent, self._clock.monotonic())
        _log.debug("call throttled", extra={"operation": operation, "rate": round(self._buckets[operation].rate, 3)})
