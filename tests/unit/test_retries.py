"""Retries of one call: as many as configured, throttles counted apart."""

import asyncio
import contextlib
import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgsync.contact_sync.core.errors import ContactRefused, NotSynced, SyncReason
from orgsync.contact_sync.names import Operation
from orgsync.sandbox.contact_sync.simulation import VirtualClock, run
from orgsync.shared.breaker import CircuitBreakers
from orgsync.shared.errors import AccessDenied, CallError, Conflicted, NetworkFailed, ServiceFailed, Throttled
from orgsync.shared.rate_limiter import RateLimiter, TokenBucket
from orgsync.shared.retries import RetryingCaller

QUARTER = 15 * 60.0
"""Seconds for which all calls of an operation may be throttled, by default."""

DELAYS = (2.0, 4.0, 8.0)
TEMPORARY = [ServiceFailed, NetworkFailed, Conflicted]
FAST = (1000.0, 2000.0)
"""Rate and burst that hold up no call."""

Answer = str | type[CallError]


class Script:
    """Answers of AWS in order, and when each call was made; the last one is repeated."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.at: list[float] = []
        self.clock = VirtualClock()

    async def __call__(self) -> str:
        self.at.append(self.clock.monotonic())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, type):
            raise answer("200000000001: no")
        return answer

    @property
    def pauses(self) -> list[float]:
        return [round(later - before, 3) for before, later in itertools.pairwise(self.at)]


def call(
    script: Script, *, delays: tuple[float, ...] = DELAYS, pace: tuple[float, float] = FAST
) -> tuple[str | CallError, int, int]:
    """Return the call's answer or failure, the number of retries, and the throttles counted."""
    throttles: Counter[str] = Counter()

    async def main() -> tuple[str | CallError, int]:
        clock = VirtualClock()
        limiter = RateLimiter({Operation.GET_PRIMARY: TokenBucket(*pace)}, clock)
        caller = RetryingCaller(limiter, clock, delays, throttles)
        try:
            return await caller.call(Operation.GET_PRIMARY, script), caller.retries
        except CallError as error:
            return error, caller.retries

    answer, retries = run(main())
    return answer, retries, throttles[Operation.GET_PRIMARY]


@pytest.mark.parametrize("failure", TEMPORARY)
def test_a_temporary_failure_is_tried_exactly_three_times_again(failure: type[CallError]) -> None:
    """Four calls in all, 2, 4 and 8 seconds apart, then the failure stands."""
    script = Script(failure)
    answer, retries, _ = call(script)
    assert isinstance(answer, failure)
    assert script.pauses == [2, 4, 8]
    assert retries == 3


@given(failures=st.integers(0, 6), delays=st.lists(st.floats(0, 60), max_size=5).map(tuple))
def test_an_answer_ends_the_retries(failures: int, delays: tuple[float, ...]) -> None:
    """As many retries as failures, as long as delays remain; the answer is the call's own."""
    script = Script(*[ServiceFailed] * failures, "answer")
    answer, retries, _ = call(script, delays=delays)
    if failures <= len(delays):
        assert (answer, retries) == ("answer", failures)
    else:
        assert (type(answer), retries) == (ServiceFailed, len(delays))


@pytest.mark.parametrize("failure", [AccessDenied, ContactRefused])
def test_a_permanent_failure_is_not_tried_again(failure: type[CallError]) -> None:
    """A failure that will not pass is an answer at once."""
    script = Script(failure)
    answer, retries, _ = call(script)
    assert (type(answer), retries, len(script.at)) == (failure, 0, 1)


@pytest.mark.parametrize("kept_back", [1, 4, 5, 30])
def test_a_call_that_was_kept_back_says_nothing_of_aws(kept_back: int) -> None:
    """No breaker opens by it, however many accounts it concerns, and no retry is spent; the next call is made."""
    breakers = CircuitBreakers()
    clock = VirtualClock()

    async def keep_back() -> str:
        raise NotSynced(SyncReason.HANDED_OVER, "before the write")

    async def main() -> str:
        limiter = RateLimiter({Operation.PUT_PRIMARY: TokenBucket(*FAST)}, clock)
        for number in range(kept_back):
            caller = RetryingCaller(limiter, clock, DELAYS, Counter(), account=f"{number:012d}", breakers=breakers)
            with pytest.raises(NotSynced, match="before the write"):
                await caller.call(Operation.PUT_PRIMARY, keep_back)
            assert caller.retries == 0
        caller = RetryingCaller(limiter, clock, DELAYS, Counter(), account="2" * 12, breakers=breakers)
        return await caller.call(Operation.PUT_PRIMARY, Script("answer"))

    assert run(main()) == "answer"
    assert breakers.opened == {}


@given(throttles=st.integers(0, 200))
def test_a_429_is_no_retry(throttles: int) -> None:
    """Throttles do not use up the retries: after any number of them all three delays are still there."""
    script = Script(*[Throttled] * throttles, ServiceFailed, ServiceFailed, ServiceFailed, "answer")
    assert call(script) == ("answer", 3, throttles)


def test_a_call_that_is_always_throttled_gives_up_after_a_quarter_of_an_hour() -> None:
    """As long as that the call queues, ever more slowly; then it failed as throttled, without a retry."""
    script = Script(Throttled)
    answer, retries, _ = call(script, pace=(10, 15))
    assert isinstance(answer, Throttled)
    assert retries == 0
    assert QUARTER <= script.at[-1] <= QUARTER + 2
    assert len(script.at) <= QUARTER * 10 * 0.2, "it does not hammer"


@given(pauses=st.lists(st.floats(1, 0.99 * QUARTER), min_size=1, max_size=6))
def test_a_call_queues_as_long_as_its_operation_succeeds_now_and_then(pauses: list[float]) -> None:
    """Another account's success within each quarter of an hour keeps a call waiting, for hours if need be."""
    until = sum(pauses)

    async def main() -> str:
        clock = VirtualClock()
        limiter = RateLimiter({Operation.GET_PRIMARY: TokenBucket(10, 15)}, clock)

        async def throttled() -> str:
            if clock.monotonic() < until:
                raise Throttled("200000000001: no")
            return "answer"

        async def others() -> None:
            for pause in pauses:
                await clock.sleep(pause)
                await RetryingCaller(limiter, clock, DELAYS, Counter()).call(Operation.GET_PRIMARY, Script("answer"))

        beside = asyncio.ensure_future(others())
        answer = await RetryingCaller(limiter, clock, DELAYS, Counter()).call(Operation.GET_PRIMARY, throttled)
        await beside
        return answer

    assert run(main()) == "answer"


@given(failures=st.lists(st.integers(0, 3), min_size=1, max_size=6))
def test_the_retries_are_one_budget_for_all_calls(failures: list[int]) -> None:
    """Read, write and verification share three retries, 2, 4 and 8 seconds after the failures, in that order."""
    scripts = [Script(*[ServiceFailed] * count, "answer") for count in failures]

    async def main() -> int:
        clock = VirtualClock()
        limiter = RateLimiter({Operation.GET_PRIMARY: TokenBucket(*FAST)}, clock)
        caller = RetryingCaller(limiter, clock, DELAYS, Counter())
        with contextlib.suppress(ServiceFailed):
            for script in scripts:
                await caller.call(Operation.GET_PRIMARY, script)
        return caller.retries

    assert run(main()) == min(sum(failures), len(DELAYS))
    pauses = [pause for script in scripts for pause in script.pauses]
    assert pauses == list(DELAYS[: len(pauses)])


def test_a_429_slows_the_next_calls_down() -> None:
    """A call that was sent back queues again behind a lower rate."""
    script = Script(Throttled, Throttled, Throttled, "answer")
    call(script, pace=(1, 1))
    assert script.pauses == sorted(script.pauses)
    assert script.pauses[0] >= 1
