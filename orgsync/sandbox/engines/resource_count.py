"""The count of a deployment's resources: how many the program has declared, and how many of them stand."""

import threading
from collections.abc import Callable
from typing import Any

from pulumi.runtime import register_stack_transformation

OnCount = Callable[[int, int], None]
"""Receives, whenever one of them grows, the resources that stand and those that the program has declared so far."""


def uncounted(standing: int, declared: int) -> None:
    """Drop a count."""


class ResourceCount:
    """Counts the stack itself, its components and its resources, as Pulumi's own summary does; thread-safe."""

    def __init__(self, on_count: OnCount) -> None:
        self._on_count = on_count
        self._declared = 1
        """The stack is not declared by its program."""
        self._standing: set[str] = set()
        self._lock = threading.Lock()

    def watch_program(self) -> None:
        """Count every resource that the program declares from here on; called where its stack is the root."""
        # A transformation is called for each resource, also inside components; this one changes nothing.
        register_stack_transformation(self._declare)

    def stands(self, urn: str) -> None:
        """Count a resource that was made, changed, or found as it should be; twice is once."""
        with self._lock:
            self._standing.add(urn)
            self._on_count(len(self._standing), max(self._declared, len(self._standing)))

    def _declare(self, _resource: Any) -> None:
        with self._lock:
            self._declared += 1
            self._on_count(len(self._standing), self._declared)
