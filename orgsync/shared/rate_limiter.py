"""A rate limiter with one token bucket for each operation: no faster than AWS allows, no slower than it must be.

AWS's quota belongs to the calling account, so other tools use it too. A 429 is how we learn of them: it lowers the
rate at once, each call that is let through raises it a little, and a time without any 429 raises it back within
`_RECOVERY` seconds. So the rate settles where what it asks for is a little more than what it gets: beside a tool that
uses half of the quota at the other half, and under 429s that come whatever the rate is, at a part of it.

AWS's documents do not say whose quota it is. A bucket that explores climbs beyond the configured rate as long as no 429
comes, and falls back to it at the first; for a time it then stays below the rate at which that one came.
"""

import asyncio
import logging
import math
from collections.abc import Mapping

from orgsync.shared.clock import Clock

_log = logging.getLogger(__name__)

# A 429 multiplies the rate by this; a call that is let through adds this part of the configured rate. In balance two
# calls of five are throttled beside a greedy tool, and three quarters of the rate stay where every second call is.
_SLOWER = 0.85
_FASTER = 0.1125

# Part of the configured rate below which no 429 lowers it.
_SLOWEST = 0.1

# Seconds after a 429 in which a rate climbs to its configured value if no other comes, and after which it begins to.
_RECOVERY = 20.0
_QUIET = 2.0

# Seconds between two calls of an operation that has been throttled for longer than its callers wait.
_ASK_AGAIN = 10.0

# Seconds without any call after which earlier 429s say nothing of how long an operation has been throttled.
_IDLE = 60.0

# A call that is let through beyond the configured rate adds this part of it, up to so many times the rate.
_CLIMBS = 0.02
_FARTHEST = 10.0

# Part of the rate at which a 429 came that is kept to, and the seconds after which a rate beyond it is tried again.
_BELOW = 0.9
_REMEMBERS = 120.0

# Calls of one operation that are under way at once: whoever was let through is sent and does not queue again.
_SLOTS = 32


class TokenBucket:
    """The tokens of one operation; time is passed in, nothing waits here.

    Args:
        rate: calls per second in the long run.
        burst: calls that may come at once.
        explore: whether the rate may climb beyond `rate` while no call is throttled.
    """

    def __init__(self, rate: float, burst: float, *, explore: bool = False) -> None:
        self._configured = rate
        self._farthest = rate * _FARTHEST if explore else rate
        self._highest, self._highest_until = self._farthest, float("-inf")
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = float("-inf")  # full since ever, whichever clock the first caller brings
        self._cut_at = float("-inf")
        self._sent_at = float("-inf")
        self._throttled_since: float | None = None

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
        if self._is_idle(now):
            self._throttled_since = None
            # Whoever uses the quota may be another by now.
            self._rate = min(self._rate, self._configured)
        self._sent_at = now
        return 0.0

    def throttled(self, sent: float, now: float) -> None:
        """Lower the rate: a call sent at `sent` was answered with 429.

        Calls that were already under way when the rate was cut say nothing of the new one.
        """
        self._advance(now)
        if self._throttled_since is None:
            self._throttled_since = now
        if sent <= self._cut_at:
            return
        if self._rate > self._configured:
            self._highest = max(self._rate * _BELOW, self._configured)
            self._highest_until = now + _REMEMBERS
            self._rate = self._configured
        else:
            self._rate = max(self._rate * _SLOWER, self._configured * _SLOWEST)
        self._tokens = min(self._tokens, 0.0)
        self._cut_at = now

    def answered(self, sent: float, now: float) -> None:
        """Raise the rate a little: a call sent at `sent` was let through."""
        self._advance(now)
        self._throttled_since = None
        if sent <= self._cut_at:
            return
        if self._rate < self._configured:
            self._rate = min(self._rate + self._configured * _FASTER, self._configured)
        else:
            highest = self._highest if now < self._highest_until else self._farthest
            self._rate = min(self._rate + self._configured * _CLIMBS, max(highest, self._rate))

    def silence(self, now: float) -> float:
        """Return the seconds for which every call has been throttled; 0 since one was let through, or none was sent."""
        return 0.0 if self._throttled_since is None or self._is_idle(now) else now - self._throttled_since

    def is_vain(self, patience: float, now: float) -> bool:
        """Return whether a call is in vain: all were throttled for so long, and the last of them only just now."""
        return self.silence(now) >= patience and now - self._sent_at < _ASK_AGAIN

    def _is_idle(self, now: float) -> bool:
        return now - self._sent_at > _IDLE + 2 / self._rate

    def _advance(self, now: float) -> None:
        elapsed = max(now - self._at, 0.0)
        quiet = max(now - max(self._at, self._cut_at + _QUIET), 0.0)
        self._at = now
        recovered = min(self._rate + self._configured * quiet / (_RECOVERY - _QUIET), self._configured)
        self._rate = max(self._rate, recovered)
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
        self._slots = {operation: asyncio.Semaphore(_SLOTS) for operation in buckets}

    async def acquire(self, operation: str, patience: float = math.inf) -> float | None:
        """Wait until a call may be sent; return the monotonic second of it, for `throttled` and `answered`.

        The call is sent at once, and `release` is called when it has ended. Where all calls were throttled for
        `patience` seconds only one now and then is sent, and None returned for the others.
        """
        bucket = self._buckets[operation]
        if bucket.is_vain(patience, self._clock.monotonic()):
            return None
        async with self._queues[operation]:
            await self._slots[operation].acquire()
            try:
                while wait := bucket.take(self._clock.monotonic()):
                    if bucket.is_vain(patience, self._clock.monotonic()):
                        self.release(operation)
                        return None
                    await self._clock.sleep(wait)
            except BaseException:
                self.release(operation)
                raise
            return self._clock.monotonic()

    def release(self, operation: str) -> None:
        """Note that a call has ended."""
        self._slots[operation].release()

    def throttled(self, operation: str, sent: float) -> None:
        """Note that the call that was sent at `sent` came back as 429."""
        self._buckets[operation].throttled(sent, self._clock.monotonic())
        _log.debug("call throttled", extra={"operation": operation, "rate": round(self._buckets[operation].rate, 3)})

    def answered(self, operation: str, sent: float) -> None:
        """Note that the call that was sent at `sent` was let through."""
        self._buckets[operation].answered(sent, self._clock.monotonic())

    def silence(self, operation: str) -> float:
        """Return the seconds for which every call of an operation has been throttled."""
        return self._buckets[operation].silence(self._clock.monotonic())
