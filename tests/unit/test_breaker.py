"""The circuit breaker: opens when ten accounts in a row failed alike."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from orgsync.shared.breaker import CircuitBreaker

LIMIT = 10
"""Accounts in a row that open a circuit, by default."""

FAILURES = st.lists(st.sampled_from(["A", "A", "A", "A", "A", "A", "B", None]), max_size=60)


@given(failures=FAILURES, draw=st.randoms())
def test_the_circuit_opens_after_ten_alike_in_a_row(failures: list[str | None], draw: Random) -> None:
    """Exactly when ten accounts in a row failed alike, in whatever order they end."""
    breaker = CircuitBreaker()
    for position in draw.sample(range(len(failures)), len(failures)):
        breaker.record(position, failures[position])
    rows = [failures[start : start + LIMIT] for start in range(len(failures) - LIMIT + 1)]
    alike = [row[0] for row in rows if row[0] and set(row) == {row[0]}]
    assert breaker.open == bool(alike)
    assert breaker.cause == (alike[0] if alike else None)


@given(failures=FAILURES)
def test_an_open_circuit_stays_open(failures: list[str | None]) -> None:
    """Nothing that ends later closes it, and its cause stays the first."""
    breaker = CircuitBreaker()
    opened: str | None = None
    for position, failure in enumerate(failures):
        breaker.record(position, failure)
        opened = opened or breaker.cause
        assert breaker.cause == opened


def test_a_circuit_that_was_opened_earlier_is_open() -> None:
    """The next batch of a run begins with what the one before has learned."""
    breaker = CircuitBreaker(cause="AccessDenied")
    breaker.record(0, None)
    assert (breaker.open, breaker.cause) == (True, "AccessDenied")


def test_an_unfinished_account_holds_the_count() -> None:
    """While an earlier account is under way it may yet go well: later ones alone open nothing."""
    breaker = CircuitBreaker()
    for position in range(1, 3 * LIMIT):
        breaker.record(position, "A")
    opened_early = breaker.open
    breaker.record(0, None)
    assert (opened_early, breaker.open) == (False, True)
