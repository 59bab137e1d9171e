"""One call until it has an answer: retried exactly as configured, throttles not counted."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgsync.contact_sync.config import Pace
from orgsync.contact_sync.core.errors import ContactRefused
from orgsync.contact_sync.names import Operation
from orgsync.sandbox.model.account import AccountError
from orgsync.sandbox.simulation import VirtualClock, run
from orgsync.shared.errors import (
    AccessDenied,
    Conflicted,
    NetworkFailed,
    ServiceFailed,
    Throttled,
)
from orgsync.shared.rate_limiter import RateLimiter, TokenBucket
from orgsync.shared.retries import MAX_THROTTLES, RetryingCaller

DELAYS = (2.0, 4.0, 8.0)
TEMPORARY = [ServiceFailed, NetworkFailed, Conflicted]
FAST = Pace(rate=1000, burst=2000)


class Script:
    """Answers of AWS in order, and when each call was made; the last one is repeated."""

    def __init__(self, *answers):
        self.answers, self.at, self.clock = list(answers), [], VirtualClock()

    async def __call__(self):
        self.at.append(self.clock.monotonic())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, type):
            raise answer("200000000001: no")
        return answer

    @property
    def pauses(self):
        return [round(later - before, 3) for before, later in zip(self.at, self.at[1:], strict=False)]


def call(script, *, delays=DELAYS, pace=FAST):
    """The call's answer or failure, how often a retry was told, and the throttles counted."""
    throttles = Counter()
    told = []

    async def main():
        clock = VirtualClock()
        pacer = RateLimiter({Operation.GET_PRIMARY: TokenBucket(pace)}, clock)
        caller = RetryingCaller(pacer, clock, delays, throttles)
        try:
            return await caller.call(Operation.GET_PRIMARY, script, on_retry=lambda: told.append(1))
        except AccountError as error:
            return error

    return run(main()), len(told), throttles[Operation.GET_PRIMARY]


@pytest.mark.parametrize("failure", TEMPORARY)
def test_a_temporary_failure_is_tried_exactly_three_times_again(failure):
    """Four calls in all, 2, 4 and 8 seconds apart, then the failure stands."""
    script = Script(failure)
    answer, told, _ = call(script)
    assert isinstance(answer, failure)
    assert script.pauses == [2, 4, 8]
    assert told == 3


@given(failures=st.integers(0, 6), delays=st.lists(st.floats(0, 60), max_size=5).map(tuple))
def test_an_answer_ends_the_retries(failures, delays):
    """As many retries as failures, as long as delays are left; the answer is the call's own."""
    script = Script(*[ServiceFailed] * failures, "answer")
    answer, told, _ = call(script, delays=delays)
    if failures <= len(delays):
        assert (answer, told) == ("answer", failures)
    else:
        assert (type(answer), told) == (ServiceFailed, len(delays))


@pytest.mark.parametrize("failure", [AccessDenied, ContactRefused])
def test_a_permanent_failure_is_not_tried_again(failure):
    """What will not pass is an answer at once."""
    script = Script(failure)
    answer, told, _ = call(script)
    assert (type(answer), told, len(script.at)) == (failure, 0, 1)


def test_a_429_is_no_retry():
    """Throttles do not use up the retries: after ten of them all three delays are still there."""
    script = Script(*[Throttled] * MAX_THROTTLES, ServiceFailed, ServiceFailed, ServiceFailed, "answer")
    answer, told, throttles = call(script)
    assert (answer, told, throttles) == ("answer", 3, MAX_THROTTLES)


def test_the_eleventh_429_is_the_accounts_failure():
    """Ten times a call may be sent back for one account; the next time it failed as throttled."""
    script = Script(Throttled)
    answer, told, throttles = call(script)
    assert isinstance(answer, Throttled)
    assert (told, len(script.at), throttles) == (0, MAX_THROTTLES + 1, MAX_THROTTLES + 1)


def test_throttles_are_counted_over_all_calls_of_an_account():
    """Ten is the account's allowance, not each call's."""

    async def two_calls():
        clock = VirtualClock()
        caller = RetryingCaller(
            RateLimiter({Operation.GET_PRIMARY: TokenBucket(FAST)}, clock), clock, DELAYS, Counter()
        )
        await caller.call(Operation.GET_PRIMARY, Script(*[Throttled] * 6, "answer"))
        with pytest.raises(Throttled):
            await caller.call(Operation.GET_PRIMARY, Script(*[Throttled] * 5, "answer"))

    run(two_calls())


def test_a_429_slows_the_next_calls_down():
    """A call that was sent back queues again behind a lower rate."""
    script = Script(Throttled, Throttled, Throttled, "answer")
    call(script, pace=Pace(rate=1, burst=1))
    assert script.pauses == sorted(script.pauses)
    assert script.pauses[0] >= 1
