"""The Account API's quotas: one token bucket for each operation of each calling account."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock

from orgsync.sandbox.errors import InvalidFault, UnknownOperation


@dataclass(frozen=True)
class Quota:
    """A quota: requests a second in the long run, and the number that may come at once."""

    rate: float
    burst: float


# AWS: Account Management quotas, commercial partition. They are "per account", read as: per
# calling account, so that every tool in the management account shares them.
AWS: Mapping[str, Quota] = {
    "GetContactInformation": Quota(10, 15),
    "GetAlternateContact": Quota(10, 15),
    "PutContactInformation": Quota(5, 8),
    "PutAlternateContact": Quota(5, 8),
    "DeleteAlternateContact": Quota(1, 6),
}

Quotas = str | Mapping[str, Mapping[str, float]]
"""`off`, `aws`, or operation to `{rate, burst}`; an operation not named has no quota."""


def parse(quotas: Quotas) -> Mapping[str, Quota]:
    """Read the quotas of a scenario's `quotas`.

    Raises:
        UnknownOperation: for an operation that has no quota at AWS.
        InvalidFault: for anything else that is not `off`, `aws` or operation to `{rate, burst}`.
    """
    if quotas == "off":
        return {}
    if quotas == "aws":
        return AWS
    if isinstance(quotas, str):
        raise InvalidFault(f"quotas: {quotas!r} is not known; write off, aws or operation: {{rate, burst}}")
    for operation, quota in quotas.items():
        if operation not in AWS:
            raise UnknownOperation(f"quotas.{operation}: no such Account API operation; known: {', '.join(AWS)}")
        if set(quota) != {"rate", "burst"} or min(quota.values()) <= 0:
            raise InvalidFault(f"quotas.{operation}: write {{rate: 5, burst: 8}}, both above zero")
    return {operation: Quota(**quota) for operation, quota in quotas.items()}


class QuotaLimiter:
    """Token buckets that fill with the clock's seconds; thread-safe."""

    def __init__(self, quotas: Mapping[str, Quota], clock: Callable[[], float]) -> None:
        self._quotas = quotas
        self._clock = clock
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}
        self._lock = Lock()

    def allows(self, caller: str, operation: str) -> bool:
        """Take one token of the caller's bucket for the operation, if there is one."""
        quota = self._quotas.get(operation)
        if quota is None:
            return True
        with self._lock:
            now = self._clock()
            tokens, filled = self._buckets.get((caller, operation), (quota.burst, now))
            tokens = min(quota.burst, tokens + (now - filled) * quota.rate)
            self._buckets[caller, operation] = (tokens - 1 if tokens >= 1 else tokens, now)
            return tokens >= 1
