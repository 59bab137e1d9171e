"""The breakers: open on what speaks of an operation as a whole, and probe while they are open."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgsync.sandbox.contact_sync.simulation import VirtualClock, run
from orgsync.shared.breaker import CircuitBreakers
from orgsync.shared.errors import AccessDenied, CallError, Conflicted, NetworkFailed, ServiceFailed, Throttled

REFUSALS = 5
"""Different accounts whose refusals open a breaker that has seen no success."""

PROBES = 7
"""Further accounts that are asked one after the other."""

ALL_ASKED = REFUSALS + PROBES + 8
"""Accounts that are all asked, however many of them refuse."""

SPARSE = 20
"""Accounts of which one is asked while everything is refused."""

WINDOW = 20
"""Accounts whose last answers are looked at for failures of AWS."""

Answers = Callable[[int], CallError | None]


def asked(
    count: int, answers: Answers, breakers: CircuitBreakers | None = None, side_by_side: int = 64
) -> tuple[CircuitBreakers, list[int], list[int]]:
    """Ask about so many accounts, some side by side; return the breakers, who was asked, and who was withheld."""
    breakers = breakers or CircuitBreakers()
    called: list[int] = []
    withheld: list[int] = []
    waiting = list(range(count))[::-1]

    async def one() -> None:
        while waiting:
            number = waiting.pop()
            circuit = breakers.of("Get")
            attempt = await circuit.admit(str(number), VirtualClock())
            if attempt is None:
                withheld.append(number)
                await asyncio.sleep(0.001)
                continue
            called.append(number)
            await asyncio.sleep(0.1)
            circuit.settle(attempt, answers(number))

    async def main() -> None:
        await asyncio.gather(*(one() for _ in range(side_by_side)))

    run(main())
    return breakers, called, withheld


def refuses(accounts: range | set[int]) -> Answers:
    """Return answers in which these accounts refuse."""
    return lambda number: AccessDenied(str(number)) if number in accounts else None


@given(count=st.integers(1, 1000), side_by_side=st.integers(1, 200))
def test_an_operation_that_everybody_refuses_costs_few_calls(count: int, side_by_side: int) -> None:
    """However many accounts refuse, and however many are under way: twenty accounts, and then one in twenty."""
    breakers, called, withheld = asked(count, refuses(range(count)), side_by_side=side_by_side)
    assert len(called) + len(withheld) == count
    assert len(called) <= ALL_ASKED + max(count - ALL_ASKED, 0) // SPARSE + 1
    assert breakers.opened == ({"Get": "AccessDenied"} if count >= REFUSALS else {})
    assert breakers.closings == 0


@given(refusing=st.integers(0, ALL_ASKED), healthy=st.integers(1, 100))
def test_a_lone_healthy_account_is_found_behind_a_few_that_refuse(refusing: int, healthy: int) -> None:
    """In a small organization nobody is out of reach, whoever refuses; what is withheld meanwhile is resumed."""
    breakers, called, _ = asked(refusing + healthy, refuses(range(refusing)), side_by_side=1)
    assert breakers.saved() == {"Get": ""}
    assert set(range(refusing, refusing + healthy)) & set(called)


@given(refusing=st.integers(0, 300), healthy=st.integers(2 * SPARSE, 300))
def test_a_run_of_healthy_accounts_is_found_behind_any_number_of_refusals(refusing: int, healthy: int) -> None:
    """A breaker that opened on refusals closes at the first success, after which refusals open nothing."""
    count = refusing + healthy
    breakers, called, _ = asked(count + 100, refuses({*range(refusing), *range(count, count + 100)}), side_by_side=1)
    assert breakers.opened == {}
    assert set(range(count, count + 100)) <= set(called), "later refusals are the accounts' own"
    assert breakers.saved() == {"Get": ""}


@given(failing=st.sets(st.integers(0, 299), max_size=12), draw=st.randoms(use_true_random=False))
def test_a_few_accounts_that_fail_open_nothing(failing: set[int], draw: Random) -> None:
    """Up to a dozen accounts may fail, always and wherever they stand: the others are asked all the same."""

    def answers(number: int) -> CallError | None:
        return draw.choice((ServiceFailed, NetworkFailed))(str(number)) if number in failing else None

    _, called, withheld = asked(300, answers)
    assert (sorted(called), withheld) == (list(range(300)), [])


@pytest.mark.parametrize("failure", [ServiceFailed, NetworkFailed])
@pytest.mark.parametrize("before", [0, 300])
def test_an_outage_opens_whatever_succeeded_before(failure: type[CallError], before: int) -> None:
    """The breaker opens when nearly all of the accounts that were asked last met a failure of AWS."""
    breakers, called, withheld = asked(before + 500, lambda number: None if number < before else failure(str(number)))
    assert breakers.opened == {"Get": failure.__name__}
    assert len(called) - before <= WINDOW + 64 + PROBES + 500 // SPARSE
    assert len(withheld) >= 300


def test_an_outage_that_ends_is_noticed() -> None:
    """Probes are some time apart, so that an outage of a minute withholds nothing."""
    loop_time: Callable[[int], CallError | None] = lambda number: (  # noqa: E731
        ServiceFailed(str(number)) if VirtualClock().monotonic() < 60 else None
    )
    breakers, _, withheld = asked(500, loop_time)
    assert (breakers.opened, withheld) == ({}, [])
    assert breakers.closings == 1


@pytest.mark.parametrize("answer", [Throttled, Conflicted])
def test_throttles_and_conflicts_open_nothing(answer: type[CallError]) -> None:
    """They say nothing of whether calls help."""
    breakers, called, _ = asked(300, lambda number: answer(str(number)))
    assert (breakers.opened, len(called)) == ({}, 300)


def test_one_slow_account_holds_nothing_up() -> None:
    """An account in front that is not answered yet keeps no breaker from opening on those behind it."""
    breakers = CircuitBreakers()

    async def main() -> None:
        circuit = breakers.of("Get")
        slow = await circuit.admit("slow", VirtualClock())
        for number in range(100):
            attempt = await circuit.admit(str(number), VirtualClock())
            if attempt:
                circuit.settle(attempt, AccessDenied(str(number)))
        assert circuit.cause == "AccessDenied"
        assert slow
        circuit.settle(slow, None)
        assert circuit.cause is None

    run(main())


def test_a_few_refusing_accounts_wait_for_nobody() -> None:
    """Accounts that have refused are asked for their other kinds if no other account could decide."""
    breakers = CircuitBreakers()

    async def call(account: str) -> bool:
        circuit = breakers.of("Get")
        attempt = await circuit.admit(account, VirtualClock())
        await asyncio.sleep(0.1)
        if attempt:
            circuit.settle(attempt, AccessDenied(account))
        return attempt is not None

    async def main() -> Sequence[bool]:
        return await asyncio.gather(*(call(account) for account in "abc" for _ in range(3)))

    assert all(run(main()))


@given(saved=st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(("", "AccessDenied", "ServiceFailed"))))
def test_what_is_saved_is_given_back(saved: Mapping[str, str]) -> None:
    """The next batch of a run begins with what the one before has learned."""
    breakers = CircuitBreakers(saved)
    assert breakers.saved() == saved
    assert breakers.opened == {operation: code for operation, code in saved.items() if code}


def test_the_next_batch_goes_on_with_one_in_twenty() -> None:
    """A batch that begins with an open breaker asks its first account, and one in twenty of the others."""
    first, _, _ = asked(100, refuses(range(100)))
    _, called, withheld = asked(100, refuses(range(100)), CircuitBreakers(first.saved()), side_by_side=1)
    assert called == list(range(0, 100, SPARSE))
    assert len(withheld) == 95


def test_breakers_do_not_speak_of_each_other() -> None:
    """An operation that is refused says nothing of another."""
    breakers, _, _ = asked(100, refuses(range(100)))

    async def main() -> bool:
        return await breakers.of("Put").admit("1", VirtualClock()) is not None

    assert run(main())
