"""A circuit breaker: stop calling when it is plain that calling does not help."""

import logging

_log = logging.getLogger(__name__)


class CircuitBreaker:
    """Opens when `limit` accounts in a row fail alike; it stays open for the rest of the run.

    In a row means in the order of the accounts, not of their ends: an account that is
    refused ends at its first read, one that must be written ends seconds later, so that a
    few scattered refusals always come first.

    Args:
        limit: accounts in a row that fail alike before the circuit opens.
        cause: code of the failure that opened it earlier in the run, or None.
    """

    def __init__(self, limit: int = 10, cause: str | None = None) -> None:
        self._limit = limit
        self._ends: dict[int, tuple[str | None, bool]] = {}
        self._next = 0
        self._last: str | None = None
        self._count = 0
        self.cause = cause
        """Code of the failure that opened it, or None while it is closed."""

    @property
    def open(self) -> bool:
        """Return whether to stop calling."""
        return self.cause is not None

    def record(self, position: int, failure: str | None, *, tried: bool = True) -> None:
        """Note the end of the account at a position: a failure's code, or None when it went well.

        An account that was skipped without a call (`tried` false) says nothing of whether calls help.
        """
        self._ends[position] = (failure, tried)
        while self._next in self._ends:
            failure, tried = self._ends.pop(self._next)
            if tried:
                self._count_in(failure)
            self._next += 1

    def _count_in(self, failure: str | None) -> None:
        if failure is None or failure != self._last:
            self._last, self._count = failure, 0
        if failure is not None:
            self._count += 1
            if self._count >= self._limit and self.cause is None:
                self.cause = failure
                _log.warning("circuit opened", extra={"error": failure, "accounts": self._count})
