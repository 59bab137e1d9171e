"""No faster than the quota in any window, no slower than it must be; time is virtual."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgsync.contact_sync.config import AWS_QUOTAS, Pace
from orgsync.contact_sync.names import Operation
from orgsync.sandbox.simulation import VirtualClock, run
from orgsync.shared.rate_limiter import (
    RECOVERY,
    SLOWEST,
    RateLimiter,
    TokenBucket,
)

PACES = st.builds(Pace, rate=st.floats(0.1, 50), burst=st.floats(1, 50))
STEPS = st.lists(st.tuples(st.floats(0, 30), st.sampled_from(["take", "take", "take", "429"])), min_size=1, max_size=60)


def times_of(pace, steps):
    """When calls were let through, with waits as the bucket asks for and 429s in between."""
    bucket, now, sent = TokenBucket(pace), 0.0, []
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
def test_no_window_holds_more_than_the_quota(pace, steps):
    """Between any two calls there are never more than the burst and what the rate gives in that time."""
    sent = times_of(pace, steps)
    for first in range(len(sent)):
        for last in range(first, len(sent)):
            assert last - first + 1 <= pace.burst + pace.rate * (sent[last] - sent[first]) + 1e-6


@given(pace=PACES, count=st.integers(1, 80))
def test_no_slower_than_the_quota(pace, count):
    """Whoever always asks gets a call as soon as the quota allows: the quota is used up."""
    sent = times_of(pace, [(0, "take")] * count)
    assert sent[-1] <= max(count - int(pace.burst), 0) / pace.rate + count * 1e-5


@given(pace=PACES, waits=st.lists(st.floats(0, 10), max_size=20))
def test_the_rate_stays_within_its_bounds(pace, waits):
    """However many 429s come: never below a tenth, never above what was configured."""
    bucket, now = TokenBucket(pace), 0.0
    for wait in waits:
        now += wait
        bucket.throttled(now, now)
        assert pace.rate * SLOWEST <= bucket.rate <= pace.rate


def test_a_429_slows_down_and_empties_the_bucket():
    """After a 429 the next call waits, and the rate is lower than before."""
    bucket = TokenBucket(Pace(rate=10, burst=15))
    assert bucket.take(0) == 0
    bucket.throttled(0, 0.5)
    assert bucket.rate < 10
    assert bucket.take(0.5) > 0


def test_calls_under_way_cut_the_rate_once():
    """Fifteen calls sent together and all answered with 429 say one thing, not fifteen."""
    bucket = TokenBucket(Pace(rate=10, burst=15))
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
def test_silence_brings_the_pace_back(pace, cuts):
    """After the silence of RECOVERY seconds the configured rate is reached again, whatever was before."""
    bucket = TokenBucket(pace)
    for number in range(cuts):
        bucket.throttled(number * 0.01 + 0.01, number * 0.01 + 0.01)
    while wait := bucket.take(cuts * 0.01 + RECOVERY):
        raise AssertionError(wait)
    assert bucket.rate == pytest.approx(pace.rate)


def test_a_warm_bucket_takes_any_clock():
    """The first caller's clock may show anything: a bucket begins full."""
    for now in (0.0, 1e9, -5.0):
        assert TokenBucket(AWS_QUOTAS[Operation.GET_PRIMARY]).take(now) == 0


def test_operations_do_not_wait_for_each_other():
    """An exhausted operation holds up no other."""

    async def both():
        clock = VirtualClock()
        pacer = RateLimiter({operation: TokenBucket(Pace(rate=1, burst=1)) for operation in Operation}, clock)
        slow = [asyncio.ensure_future(pacer.turn(Operation.DELETE_ALTERNATE)) for _ in range(10)]
        assert await pacer.turn(Operation.GET_PRIMARY) == 0
        await asyncio.gather(*slow)
        return clock.monotonic()

    assert run(both()) == pytest.approx(9, abs=0.01)


def test_turns_come_in_order():
    """First come, first served: nobody starves."""

    async def queue():
        pacer = RateLimiter({Operation.PUT_PRIMARY: TokenBucket(Pace(rate=2, burst=1))}, VirtualClock())
        order = []

        async def one(number):
            await pacer.turn(Operation.PUT_PRIMARY)
            order.append(number)

        await asyncio.gather(*(one(number) for number in range(20)))
        return order

    assert run(queue()) == list(range(20))
