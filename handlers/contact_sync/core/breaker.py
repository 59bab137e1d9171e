"""Stop calling when it is plain that calling does not help."""

LIMIT = 10


class Breaker:
    """Opens when `limit` accounts in a row fail alike; it stays open for the rest of the run."""

    def __init__(self, limit: int = LIMIT, cause: str | None = None) -> None:
        self._limit = limit
        self._alike: str | None = None
        self._count = 0
        self.cause = cause
        """Code of the failure that opened it, or None while it is closed."""

    @property
    def open(self) -> bool:
        """Whether to stop."""
        return self.cause is not None

    def record(self, failure: str | None) -> None:
        """An account is done: with a failure's code, or None when it went well."""
        if failure is None or failure != self._alike:
            self._alike, self._count = failure, 0
        if failure is not None:
            self._count += 1
            if self._count >= self._limit and self.cause is None:
                self.cause = failure
