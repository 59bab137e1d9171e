"""Time as it is passed in, and the one form in which moments are written."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Time, passed in: the wall clock in a function, virtual time in a simulation."""

    def now(self) -> datetime:
        """Return the time of day, in UTC."""

    def monotonic(self) -> float:
        """Return seconds that never go backwards."""

    async def sleep(self, seconds: float) -> None:
        """Let that many seconds pass."""


class WallClock:
    """Real time, as a `Clock`."""

    def now(self) -> datetime:
        """See `Clock.now`."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`."""
        await asyncio.sleep(seconds)


def timestamp(moment: datetime) -> str:
    """Write a moment as all of a run's times are written: ISO 8601 in UTC, milliseconds."""
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC).isoformat(timespec="milliseconds")


def as_timestamp(text: str | None) -> str | None:
    """Rewrite any ISO 8601 text as a `timestamp`; None for anything else, also for a time that UTC's calendar lacks."""
    try:
        return timestamp(datetime.fromisoformat(text or ""))
    except (ValueError, OverflowError):
        return None
