"""Deaths of a function's process, at a call of one of its stores."""

import threading
from collections.abc import Callable, Mapping
from typing import Any, Self

import pytest

from tests.world import World


class Crash(Exception):
    """The function's process was killed."""


def crash_once(
    monkeypatch: pytest.MonkeyPatch, owner: object, method: str, *, after: bool = False, call: int = 1
) -> None:
    """Let the process die at the so-many-th call of a method, before or after it took effect."""
    original = getattr(owner, method)
    calls = 0

    def dying(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call and not after:
            raise Crash(method)
        answer = original(*args, **kwargs)
        if calls == call:
            raise Crash(method)
        return answer

    monkeypatch.setattr(owner, method, dying)


class Crashes:
    """Deaths at any calls of the stores: the number of the call, and whether it took effect before.

    Attributes:
        count: how many there were.
    """

    _CALLS = (
        ("states", ("run", "save_run", "update_lease", "save_receipts", "record_intents", "save_notes")),
        ("bucket", ("write_batches", "write_skipped", "batch", "skipped", "write_report")),
        ("publisher", ("publish",)),
        ("executions", ("start",)),
    )

    def __init__(self, world: World, crashes: Mapping[int, bool]) -> None:
        self._world, self._crashes = world, crashes
        self._patch = pytest.MonkeyPatch()
        self._calls = 0
        self._lock = threading.Lock()
        self.count = 0

    def __enter__(self) -> Self:
        for part, methods in self._CALLS:
            owner = getattr(self._world, part)
            for method in methods:
                self._patch.setattr(owner, method, self._dying(method, getattr(owner, method)))
        return self

    def __exit__(self, *_: object) -> None:
        self._patch.undo()

    def _dying(self, method: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            with self._lock:
                after = self._crashes.get(self._calls)
                self._calls += 1
                self.count += int(after is not None)
            if after is False:
                raise Crash(method)
            answer = original(*args, **kwargs)
            if after:
                raise Crash(method)
            return answer

        return call
