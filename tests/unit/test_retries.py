"""Retries of one call: as many as configured, throttles counted apart."""

import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgsync.contact_sync.core.errors import ContactRefused
from orgsync.contact_sync.names import Operation
from orgsync.sandbox.contact_sync.simulation import VirtualClock, run
from orgsync.shared.errors import AccessDenied, CallError, Conflicted, NetworkFailed, ServiceFailed, Throttled
from orgsync.shared.rate_limiter import RateLimiter, TokenBucket
from orgsync.shared.retries import RetryingCaller

MAX_THROTTLES = 10
"""429 answers that one account may meet, by default."""

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
    """Return the call's answer or failure, the number of retries announced, and the throttles counted."""
    throttles: Counter[str] = Counter()
    retries: list[int] = []

    async def main() -> str | CallError:
        clock = VirtualClock()
        limiter = RateLimiter({Operation.GET_PRIMARY: TokenBucket(*pace)}, clock)
        caller = RetryingCaller(limiter, clock, delays, throttles)
        try:
            return await caller.call(Operation.GET_PRIMARY, script, on_retry=lambda: retries.append(1))
        except CallError as error:
            return error

    return run(main()), len(retries), throttles[Operation.GET_PRIMARY]


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


def test_a_429_is_no_retry() -> None:
    """Throttles do not use up the retries: after ten of them all three delays are still there."""
    script = Script(*[Throttled] * MAX_THROTTLES, ServiceFailed, ServiceFailed, ServiceFailed, "answer")
    answer, retries, throttles = call(script)
    assert (answer, retries, throttles) == ("answer", 3, MAX_THROTTLES)


def test_the_eleventh_429_is_the_accounts_failure() -> None:
    """Ten times a call may be sent back for one account; the next time it failed as throttled."""
    script = Script(Throttled)
    answer, retries, throttles = call(script)
    assert isinstance(answer, Throttled)
    assert (retries, len(script.at), throttles) == (0, MAX_THROTTLES + 1, MAX_THROTTLES + 1)


def test_throttles_are_counted_over_all_calls_of_an_account() -> None:
    """Ten is the account's allowance, not each call's."""

    async def two_calls() -> None:
        clock = VirtualClock()
        limiter = RateLimiter({Operation.GET_PRIMARY: TokenBucket(*FAST)}, clock)
        caller = RetryingCaller(limiter, clock, DELAYS, Counter())
        await caller.call(Operation.GET_PRIMARY, Script(*[Throttled] * 6, "answer"))
        with pytest.raises(Throttled):
            await caller.call(Operation.GET_PRIMARY, Script(*[Throttled] * 5, "answer"))

    run(two_calls())


def test_a_429_slows_the_next_calls_down() -> None:
    """A call that was sent back queues again behind a lower rate."""
    script = Script(Throttled, Throttled, Throttled, "answer")
    call(script, pace=(1, 1))
    assert script.pauses == sorted(script.pauses)
    assert script.pauses[0] >= 1
