"""The rate limiter: no faster than the quota in any window, no slower than it must be; time is virtual."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgsync.contact_sync.config import AWS_QUOTAS, Pace
from orgsync.contact_sync.names import Operation
from orgsync.sandbox.contact_sync.simulation import VirtualClock, run
from orgsync.shared.rate_limiter import RateLimiter, TokenBucket

RECOVERY = 20.0
"""Seconds without a 429 after which the configured rate is back."""

SLOWEST = 0.1
"""Part of the configured rate below which no 429 lowers it."""

FARTHEST = 10
"""Multiple of the configured rate that no bucket exceeds."""

PACES = st.builds(Pace, rate=st.floats(0.1, 50), burst=st.floats(1, 50))
Step = tuple[float, str]
STEPS = st.lists(st.tuples(st.floats(0, 30), st.sampled_from(["take", "take", "take", "429"])), min_size=1, max_size=60)


def token_bucket(pace: Pace) -> TokenBucket:
    """Make a token bucket of a configured pace."""
    return TokenBucket(pace.rate, pace.burst)


def times_of(pace: Pace, steps: Sequence[Step]) -> list[float]:
    """Return the times at which calls were let through, waiting as the bucket asks for, with 429s in between."""
    bucket, now = token_bucket(pace), 0.0
    sent: list[float] = []
    for pause, step in steps:
        now += pause
        if step == "429":
            bucket.throttled(sent[-1] if sent else now, now)
            continue
        while wait := bucket.take(now):
            now += wait
        sent.append(now)
    return sent


@given(pace=PACES, steps=STEPS)
def test_no_window_holds_more_than_the_quota(pace: Pace, steps: list[Step]) -> None:
    """Between any two calls there are never more than the burst and what the rate gives in that time."""
    sent = times_of(pace, steps)
    for first in range(len(sent)):
        for last in range(first, len(sent)):
            assert last - first + 1 <= pace.burst + pace.rate * (sent[last] - sent[first]) + 1e-6


@given(pace=PACES, count=st.integers(1, 80))
def test_no_slower_than_the_quota(pace: Pace, count: int) -> None:
    """A caller that always asks gets a call as soon as the quota allows: the quota is used up."""
    sent = times_of(pace, [(0, "take")] * count)
    assert sent[-1] <= max(count - int(pace.burst), 0) / pace.rate + count * 1e-5


@given(pace=PACES, waits=st.lists(st.floats(0, 10), max_size=20))
def test_the_rate_stays_within_its_bounds(pace: Pace, waits: list[float]) -> None:
    """For any number of 429s the rate stays between a tenth of the configured one and the configured one."""
    bucket, now = token_bucket(pace), 0.0
    for wait in waits:
        now += wait
        bucket.throttled(now, now)
        assert pace.rate * SLOWEST <= bucket.rate <= pace.rate


def test_a_429_slows_down_and_empties_the_bucket() -> None:
    """After a 429 the next call waits, and the rate is lower than before."""
    bucket = TokenBucket(10, 15)
    assert bucket.take(0) == 0
    bucket.throttled(0, 0.5)
    assert bucket.rate < 10
    assert bucket.take(0.5) > 0


def test_calls_under_way_cut_the_rate_once() -> None:
    """Fifteen calls sent together and all answered with 429 say one thing, not fifteen."""
    bucket = TokenBucket(10, 15)
    for _ in range(15):
        bucket.take(0)
    bucket.throttled(0, 0.2)
    rate = bucket.rate
    for _ in range(14):
        bucket.throttled(0, 0.2)
    assert bucket.rate == rate
    bucket.throttled(0.3, 0.3)
    assert bucket.rate < rate


@given(pace=PACES, cuts=st.integers(1, 40))
def test_silence_brings_the_pace_back(pace: Pace, cuts: int) -> None:
    """After the silence of RECOVERY seconds the configured rate is reached again, whatever was before."""
    bucket = token_bucket(pace)
    for number in range(cuts):
        bucket.throttled(number * 0.01 + 0.01, number * 0.01 + 0.01)
    assert bucket.take(cuts * 0.01 + RECOVERY) == 0
    assert bucket.rate == pytest.approx(pace.rate)


@given(pace=PACES, idle=st.floats(300, 10**6))
def test_429s_of_an_earlier_run_are_no_silence(pace: Pace, idle: float) -> None:
    """A warm function whose last call was throttled long ago waits as long as a cold one before it gives up."""
    bucket = token_bucket(pace)
    bucket.take(0)
    bucket.throttled(0, 0)
    assert bucket.silence(50) == 50
    assert bucket.silence(idle) == 0
    while wait := bucket.take(idle):
        idle += wait
    bucket.throttled(idle, idle)
    assert bucket.silence(idle + 10) == pytest.approx(10)


@given(pace=PACES, results=st.lists(st.booleans(), max_size=300))
def test_the_rate_keeps_its_bounds_whatever_is_answered(pace: Pace, results: list[bool]) -> None:
    """Answers raise the rate and 429s lower it, between a tenth of the configured rate and all of it."""
    bucket, now = token_bucket(pace), 0.0
    for throttled in results:
        while wait := bucket.take(now):
            now += wait
        (bucket.throttled if throttled else bucket.answered)(now, now + 0.1)
        now += 0.1
        assert pace.rate * SLOWEST <= bucket.rate <= pace.rate


@given(pace=PACES, results=st.lists(st.integers(1, 200), min_size=1, max_size=20))
def test_a_bucket_that_explores_climbs_while_nothing_is_throttled(pace: Pace, results: list[int]) -> None:
    """Answers raise its rate beyond the configured one, a 429 takes it back to that at once, and never further up.

    Args:
        results: how many calls were let through before each 429.
    """
    bucket, now = TokenBucket(pace.rate, pace.burst, explore=True), 0.0
    for number, count in enumerate(results):
        began = bucket.rate
        for _ in range(count):
            while wait := bucket.take(now):
                now += wait
            bucket.answered(now, now)
            assert bucket.rate >= min(began, pace.rate)
            assert bucket.rate <= pace.rate * FARTHEST
        if not number:
            assert bucket.rate > pace.rate
        beyond = bucket.rate
        now += 0.01
        bucket.throttled(now, now)
        assert bucket.rate == pace.rate if beyond > pace.rate else bucket.rate <= beyond


@given(pace=PACES, count=st.integers(50, 400))
def test_the_rate_at_which_a_429_came_is_remembered(pace: Pace, count: int) -> None:
    """For a while a bucket that explores stays below it; after a pause it begins at the configured rate again."""
    bucket, now = TokenBucket(pace.rate, pace.burst, explore=True), 0.0
    for _ in range(count):
        while wait := bucket.take(now):
            now += wait
        bucket.answered(now, now)
    reached = bucket.rate
    bucket.throttled(now, now + 0.01)
    now += 0.01
    ended = now + 100
    while now < ended:
        while wait := bucket.take(now):
            now += wait
        bucket.answered(now, now)
        assert bucket.rate < max(reached, pace.rate * 1.001)
        now += 0.5
    assert bucket.take(now + 10_000) == 0
    assert bucket.rate == pytest.approx(pace.rate)


def test_a_warm_bucket_takes_any_clock() -> None:
    """The first caller's clock may show anything: a bucket begins full."""
    for now in (0.0, 1e9, -5.0):
        assert token_bucket(AWS_QUOTAS[Operation.GET_PRIMARY]).take(now) == 0


def test_operations_do_not_wait_for_each_other() -> None:
    """An exhausted operation holds up no other."""

    async def both() -> float:
        clock = VirtualClock()
        limiter = RateLimiter({operation: TokenBucket(1, 1) for operation in Operation}, clock)
        slow = [asyncio.ensure_future(limiter.acquire(Operation.DELETE_ALTERNATE)) for _ in range(10)]
        assert await limiter.acquire(Operation.GET_PRIMARY) == 0
        await asyncio.gather(*slow)
        return clock.monotonic()

    assert run(both()) == pytest.approx(9, abs=0.01)


def test_calls_go_through_in_order() -> None:
    """First come, first served: nobody starves."""

    async def queue() -> list[int]:
        limiter = RateLimiter({Operation.PUT_PRIMARY: TokenBucket(2, 1)}, VirtualClock())
        order: list[int] = []

        async def one(number: int) -> None:
            await limiter.acquire(Operation.PUT_PRIMARY)
            order.append(number)

        await asyncio.gather(*(one(number) for number in range(20)))
        return order

    assert run(queue()) == list(range(20))
