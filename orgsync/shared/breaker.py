"""Circuit breakers, one for each operation: no call is made where the answers say that calls help nobody.

What one account answers is its own; a breaker opens on what speaks of the operation as a whole. The policy, and what it
costs when everything is refused, stand in docs/decisions/0048.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from orgsync.shared.clock import Clock
from orgsync.shared.errors import Conflicted, Temporary, Throttled, error_class

_log = logging.getLogger(__name__)

# Different accounts that must refuse, before any success, to open a breaker: no more of them are asked at once.
_REFUSALS = 5

# Further accounts that are asked, one after the other while the rest wait, until an operation counts as out of order.
_PROBES = 7

# From there on the accounts are put off that are not asked, and asked after all when one succeeds: the first few are
# asked, which is everybody in a small organization, and then one in so many.
_FEW = 8
_SPARSE = 20

# Accounts that were asked last, and how many of them must have met a failure of AWS (5xx, no answer) to open a breaker.
_WINDOW = 20
_FAILURES = 16

# Seconds before each of the probes that follow failures of AWS: time mends these.
_PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0)


class CallWithheld(Exception):
    """A breaker kept a call from being made; whoever wanted it decides what that means."""

    def __init__(self, operation: str, cause: str | None) -> None:
        super().__init__(f"{operation}: {cause}")
        self.operation, self.cause = operation, cause


@dataclass(frozen=True, eq=False)
class _Attempt:
    """A call that a breaker let through; it is to be settled, or released when its answer says nothing."""

    account: str
    probe: bool


class _Circuit:
    """The breaker of one operation.

    Args:
        saved: what an earlier batch of the run has learned: nothing (None), a success (""), or the code that opened it.
    """

    def __init__(self, saved: str | None = None) -> None:
        self.succeeded = saved == ""
        self.cause = saved or None
        self.closings = 0
        self._temporary = saved is not None and issubclass(error_class(saved), Temporary)
        self._refused: set[str] = set()
        self._window: dict[str, bool] = {}
        self._under_way: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()
        self._probe: _Attempt | None = None
        self._reserved: _Attempt | None = None
        self._probed = _PROBES
        self._met: set[str] = set()
        self._met_probed = 0
        self._few = _FEW if saved is None else 0
        self._changed = asyncio.Event()

    async def admit(self, account: str, clock: Clock) -> _Attempt | None:
        """Let a call through at once, or after those that decide about it have been answered; None withholds it."""
        self._waiting[account] += 1
        try:
            while (attempt := self._verdict(account)) is None:
                await self._changed.wait()
        finally:
            self._waiting -= Counter((account,))
        if attempt is False:
            return None
        if attempt.probe and self._temporary and self._probed < _PROBES:
            try:
                await clock.sleep(_PAUSES[self._probed])
            except BaseException:
                self.release(attempt)
                raise
        return attempt

    def promises(self, account: str) -> bool:
        """Return whether a call about an account would be let through, now or after those that decide about it."""
        if self.cause is None or self._probed < _PROBES:
            return True
        return self._probe is None and account not in self._refused and (self._owes_probe or account not in self._met)

    def reserve(self, attempt: _Attempt) -> bool:
        """Let no other account be asked until this attempt is settled, unless another one holds this already."""
        if self._reserved is None:
            self._reserved = attempt
        return self._reserved is attempt

    def release(self, attempt: _Attempt) -> None:
        """End an attempt that says nothing of the operation."""
        self._under_way -= Counter((attempt.account,))
        self._probe = None if self._probe is attempt else self._probe
        self._reserved = None if self._reserved is attempt else self._reserved
        self._changed.set()
        self._changed = asyncio.Event()

    def settle(self, attempt: _Attempt, error: Exception | None, *, first: bool = True, telling: bool = True) -> None:
        """End an attempt with its answer.

        Args:
            error: the failure; None for a success.
            first: whether it was the first attempt at its call: a retry says nothing new of the whole.
            telling: whether a failure says anything at all.
        """
        if error is not None and not telling:
            self.release(attempt)
            return
        failed = isinstance(error, Temporary) and not isinstance(error, Conflicted)
        if first and not isinstance(error, Throttled):
            self._note(attempt.account, failed)
        if error is None:
            self.succeeded = True
            self._refused.clear()
            self._close()
        elif failed:
            self._failed(attempt, error)
        elif not isinstance(error, Conflicted | Throttled):
            self._refuse(attempt, error)
        self.release(attempt)

    def _verdict(self, account: str) -> _Attempt | Literal[False] | None:
        """Return an attempt, False where the call is withheld, or None where it waits."""
        if self.cause is None:
            return self._begin(account) if self.succeeded or self._has_room(account) else None
        if self._probed < _PROBES:
            return self._begin(account, probe=True) if self._probe is None and self._is_next(account) else None
        if account in self._refused:
            return False
        self._met.add(account)
        if self._probe is not None or not self._owes_probe:
            return False
        self._met_probed += 1
        return self._begin(account, probe=True)

    def _begin(self, account: str, *, probe: bool = False) -> _Attempt:
        attempt = _Attempt(account, probe)
        self._under_way[account] += 1
        if probe:
            self._probe = attempt
        return attempt

    def _has_room(self, account: str) -> bool:
        """Return whether an account may be asked while nothing is known: few at once, each with one call."""
        if self._reserved is not None or account in self._under_way:
            return False
        if account in self._refused:
            return self._is_next(account)
        return len(self._under_way) < _REFUSALS

    def _is_next(self, account: str) -> bool:
        """Return whether it is this account's call that decides next: one that refused already only if no other can."""
        if account not in self._refused:
            return True
        return not self._under_way and self._refused.issuperset(self._waiting)

    @property
    def _owes_probe(self) -> bool:
        few = min(len(self._met), self._few)
        return (self._met_probed - few) * _SPARSE < len(self._met) - few

    def _refuse(self, attempt: _Attempt, error: Exception) -> None:
        if self._temporary:
            self._close()  # AWS answers again
        if self.succeeded:
            return  # the account's own
        new = attempt.account not in self._refused
        self._refused.add(attempt.account)
        if self.cause is None and len(self._refused) >= _REFUSALS:
            self._open(type(error).__name__, temporary=False)
        elif new:
            self._probed += 1

    def _failed(self, attempt: _Attempt, error: Exception) -> None:
        if self.cause is None and sum(self._window.values()) >= _FAILURES:
            self._open(type(error).__name__, temporary=True)
        elif attempt.probe:
            self._probed += 1

    def _note(self, account: str, failed: bool) -> None:
        self._window.pop(account, None)
        self._window[account] = failed
        if len(self._window) > _WINDOW:
            del self._window[next(iter(self._window))]

    def _open(self, cause: str, *, temporary: bool) -> None:
        self.cause, self._temporary = cause, temporary
        self._probed = self._met_probed = 0
        self._met.clear()
        _log.warning("circuit opened", extra={"error": cause, "accounts": len(self._refused)})

    def _close(self) -> None:
        if self.cause is not None:
            _log.info("circuit closed", extra={"error": self.cause})
            self.cause, self._temporary = None, False
            self.closings += 1
            self._window.clear()


class CircuitBreakers:
    """The breakers of one run.

    Args:
        saved: what earlier batches of the run gave back by `saved`.
    """

    def __init__(self, saved: Mapping[str, str] | None = None) -> None:
        self._circuits = {operation: _Circuit(known) for operation, known in (saved or {}).items()}

    def of(self, operation: str) -> _Circuit:
        """Return the breaker of one operation."""
        if operation not in self._circuits:
            self._circuits[operation] = _Circuit()
        return self._circuits[operation]

    def saved(self) -> dict[str, str]:
        """Return what the run's next batch should know, by operation: what opened it, or "" where it succeeded."""
        known = self._circuits.items()
        return {operation: one.cause or "" for operation, one in known if one.cause or one.succeeded}

    @property
    def opened(self) -> dict[str, str]:
        """Return the operations whose breaker is open now, each with the code of what opened it."""
        return {operation: one.cause for operation, one in self._circuits.items() if one.cause}

    @property
    def closings(self) -> int:
        """Return how often a breaker has closed again: what was withheld may be tried once more."""
        return sum(one.closings for one in self._circuits.values())
