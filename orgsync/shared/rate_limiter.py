"""No faster than AWS allows, no slower than it must be: a token bucket an operation.

AWS's quota belongs to the calling account, so other tools drink from it too. A 429 is how
we learn of them: it lowers the rate at once, and silence raises it back within
`RECOVERY` seconds.
"""

import asyncio
from collections.abc import Mapping

from orgsync.contact_sync.config import Pace
from orgsync.contact_sync.core.protocols import Clock
from orgsync.contact_sync.names import Operation

SLOWER = 0.7
SLOWEST = 0.1
RECOVERY = 20.0
"""Seconds of silence in which a rate climbs from nothing to the pace that was configured."""


class Bucket:
    """The tokens of one operation; time is passed in, nothing waits here."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._rate = pace.rate
        self._tokens = pace.burst
        self._at = float("-inf")  # full since ever, whichever clock the first caller brings
        self._cut_at = float("-inf")

    @property
    def rate(self) -> float:
        """Calls per second at present."""
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
        """A call sent at `sent` was answered with 429.

        Calls that were already under way when the rate was cut say nothing of the new one.
        """
        self._advance(now)
        if sent <= self._cut_at:
            return
        self._rate = max(self._rate * SLOWER, self._pace.rate * SLOWEST)
        self._tokens = min(self._tokens, 0.0)
        self._cut_at = now

    def _advance(self, now: float) -> None:
        elapsed = max(now - self._at, 0.0)
        self._at = now
        self._rate = min(self._rate + self._pace.rate * elapsed / RECOVERY, self._pace.rate)
        self._tokens = min(self._tokens + elapsed * self._rate, self._pace.burst)


class Pacer:
    """Lets calls through one operation at a time, first come, first served.

    Made for one run of the event loop (its locks belong to it) over buckets that may
    outlive it: a warm function goes on with the rate that it has learned.
    """

    def __init__(self, buckets: Mapping[Operation, Bucket], clock: Clock) -> None:
        self._buckets = buckets
        self._clock = clock
        self._turns = {operation: asyncio.Lock() for operation in buckets}

    async def turn(self, operation: Operation) -> float:
        """Wait for a turn; returns when it came, for `throttled`."""
        async with self._turns[operation]:
            while wait := self._buckets[operation].take(self._clock.monotonic()):
                await self._clock.sleep(wait)
            return self._clock.monotonic()

    def throttled(self, operation: Operation, sent: float) -> None:
        """The call that was sent at `sent` came back as 429."""
        self._buckets[operation].throttled(sent, self._clock.monotonic())
