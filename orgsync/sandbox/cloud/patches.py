"""Patches of moto that are applied while a cloud is open, and undone afterwards."""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any


class Patches:
    """Replacements of attributes, undone in reverse order by `close`."""

    def __init__(self) -> None:
        self._undo = ExitStack()

    def replace(self, owner: Any, name: str, new: Any) -> None:
        """Put `new` in the place of `owner.name`."""
        old = vars(owner)[name]
        setattr(owner, name, new)
        self._undo.callback(setattr, owner, name, old)

    def replace_item(self, mapping: Any, key: Any, new: Any) -> None:
        """Put `new` in the place of `mapping[key]`."""
        old = mapping[key]
        mapping[key] = new
        self._undo.callback(mapping.__setitem__, key, old)

    def wrap(self, owner: Any, name: str, around: Callable[..., Any]) -> None:
        """Put a method in the place of `owner.name` that calls `around(original, self, ...)`."""
        original = vars(owner)[name]

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            return around(original, *args, **kwargs)

        self.replace(owner, name, wrapped)

    def wrap_static(self, owner: Any, name: str, around: Callable[..., Any]) -> None:
        """As `wrap`, for a static method."""
        original = getattr(owner, name)

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            return around(original, *args, **kwargs)

        self.replace(owner, name, staticmethod(wrapped))

    def silence(self, logger: str) -> None:
        """Keep a logger of moto's from writing pages about failures that are part of a rehearsal."""
        noisy = logging.getLogger(logger)
        self._undo.callback(noisy.setLevel, noisy.level)
        noisy.setLevel(logging.CRITICAL)

    def close(self) -> None:
        """Put everything back."""
        self._undo.close()
