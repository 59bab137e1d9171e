"""Deaths of a function's process, at a call of one of its stores."""

from typing import Any

import pytest


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
