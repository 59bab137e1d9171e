"""The tasks that still run: all background work of the cloud is run, or at least registered, here.

A task that leads to another starts the other before it ends itself, so that
`settled` never sees a gap between the two.
"""

import heapq
import itertools
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Condition, Thread
from typing import Any

from orgsync.sandbox.cloud.clock import SandboxClock
from orgsync.sandbox.errors import SettleTimeout

log = logging.getLogger(__name__)

# Deliveries and asynchronous invocations wait for processes; more at once than this wait for a thread.
_THREADS = 32


class TaskTracker:
    """Threads for tasks that run now or after a delay, and the list of all tasks that have not ended.

    Args:
        clock: of AWS's seconds, in which delays are given.
    """

    def __init__(self, clock: SandboxClock | None = None) -> None:
        self._aws = clock or SandboxClock()
        self._running: dict[int, str] = {}
        self._numbers = itertools.count()
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._changed = Condition()
        self._closed = False
        self._held = False
        self._waiting = 0
        self._in_wait = 0
        self._waits_held = False
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="sandbox-work")
        self._clock = Thread(target=self._hand_out, name="sandbox-clock", daemon=True)
        self._clock.start()

    def begin(self, what: str) -> int:
        """Register a task that runs elsewhere; returns the number for `end`."""
        with self._changed:
            number = next(self._numbers)
            self._running[number] = what
            return number

    def end(self, number: int) -> None:
        """End a task that `begin` registered."""
        with self._changed:
            self._running.pop(number, None)
            self._changed.notify_all()

    @contextmanager
    def running(self, what: str) -> Iterator[None]:
        """Register a task for as long as the block takes."""
        number = self.begin(what)
        try:
            yield
        finally:
            self.end(number)

    def names(self) -> set[str]:
        """List the names of the tasks that run now."""
        with self._changed:
            return set(self._running.values())

    def submit(
        self, what: str, do: Callable[..., Any], *args: Any, delay: float = 0.0, scale: float | None = None
    ) -> None:
        """Run a task in a thread of its own, after `delay` of AWS's seconds; for `settled` it runs from now on.

        Args:
            scale: the seconds here for one of these seconds; the clock's own if it is not given.
        """
        number = self.begin(what)
        due = self._aws() + delay

        def job() -> None:
            try:
                if delay:
                    self._aws.reach(due)
                do(*args)
            except Exception:
                if not self._closed:
                    log.exception("%s failed inside the sandbox", what)
            finally:
                self.end(number)

        with self._changed:
            heapq.heappush(self._later, (time.monotonic() + self._aws.shortened(delay, scale), number, job))
            self._changed.notify_all()

    @contextmanager
    def in_wait(self) -> Iterator[None]:
        """Let time pass, as a running task; it goes on only when waits are not held (see `settled`)."""
        with self._changed:
            self._in_wait += 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or not self._waits_held)
                self._in_wait -= 1

    def settled(self, timeout: float, *, hold_waits: bool = False) -> None:
        """Wait until no task runs.

        Args:
            hold_waits: whether tasks that only let time pass count as ended, and are held there until the next call.

        Raises:
            SettleTimeout: after `timeout` seconds, naming what still runs.
        """
        with self._changed:
            self._waits_held = hold_waits
            self._changed.notify_all()
            if not self._changed.wait_for(lambda: len(self._running) <= (self._in_wait if hold_waits else 0), timeout):
                still = ", ".join(sorted(set(self._running.values())))
                raise SettleTimeout(f"after {timeout:g} s there still runs: {still}")

    @contextmanager
    def overlapping(self, timeout: float) -> Iterator[None]:
        """Let no task go beyond a checkpoint before everything that the block sets off waits at one, or has ended.

        However slow the machine is, no task is over before the last one has begun.

        Raises:
            SettleTimeout: something else still runs after `timeout` seconds; by then the tasks go on.
        """
        self._held = True
        try:
            yield
            with self._changed:
                if not self._changed.wait_for(lambda: len(self._running) <= self._waiting, timeout):
                    still = ", ".join(sorted(set(self._running.values())))
                    raise SettleTimeout(f"after {timeout:g} s not everything had begun; there runs: {still}")
        finally:
            with self._changed:
                self._held = False
                self._changed.notify_all()

    def checkpoint(self) -> None:
        """Wait, as a running task, while an `overlapping` block asks for it."""
        with self._changed:
            self._waiting += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._closed or not self._held)
            self._waiting -= 1

    def close(self) -> None:
        """Drop the tasks that wait for their time; running ones end by themselves."""
        with self._changed:
            self._closed = True
            self._later.clear()
            self._running.clear()
            self._changed.notify_all()
        self._clock.join()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _hand_out(self) -> None:
        with self._changed:
            while not self._closed:
                if not self._later:
                    self._changed.wait()
                elif (wait := self._later[0][0] - time.monotonic()) > 0:
                    self._changed.wait(wait)
                else:
                    self._pool.submit(heapq.heappop(self._later)[2])
