"""Virtual time for several functions at once: one of them works at a time, until it waits.

Each function is a thread that holds the baton while it works. Who waits names the moment at which it goes on, the
scheduler lets whatever is due next happen, and no second of a machine decides anything: the same calls in the same
order give the same history.
"""

import asyncio
import heapq
import itertools
import math
import selectors
import threading
from collections.abc import Callable, Coroutine
from typing import Any

Beside = Callable[[asyncio.AbstractEventLoop, Callable[[], Any]], Any]

_here = threading.local()
"""The process whose thread this is."""


class Killed(BaseException):
    """The function's process was killed: it makes no further call."""


class Scheduler:
    """The order of what happens, by virtual seconds.

    Attributes:
        now: seconds so far.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self._queue: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = itertools.count()
        self._until = math.inf

    def at(self, moment: float, happens: Callable[[], object]) -> None:
        """Let something happen at a moment; what has the same moment happens in the order in which it was asked for."""
        heapq.heappush(self._queue, (max(moment, self.now), next(self._numbers), happens))

    def after(self, seconds: float, happens: Callable[[], object]) -> None:
        """Let something happen after so many seconds."""
        self.at(self.now + seconds, happens)

    def run(self, until: float = math.inf) -> bool:
        """Let everything happen that is due by a moment; return whether nothing is left."""
        self._until = until
        while self._queue and self._queue[0][0] <= until:
            self.now, _, happens = heapq.heappop(self._queue)
            happens()
        return not self._queue

    def skip_to(self, moment: float) -> bool:
        """Let time pass up to a moment if nothing else is due by then; return whether it did."""
        if moment > self._until or (self._queue and self._queue[0][0] <= moment):
            return False
        self.now = moment
        return True


class Process:
    """A function's process: it works in a thread of its own and waits in virtual time.

    Args:
        work: what it does; it may wait, and run coroutines by `run_coroutine`.
        ended: called in the scheduler's thread when it has ended, or was killed.
        beside: does what a loop hands to a thread, and returns the future of its answer.

    Attributes:
        answer: what the work returned.
        error: what it raised.
        killed: whether it was killed.
    """

    def __init__(
        self, scheduler: Scheduler, work: Callable[[], object], ended: Callable[["Process"], None], beside: Beside
    ) -> None:
        self.error: BaseException | None = None
        self.answer: object = None
        self.killed = False
        self.beside = beside
        self._scheduler, self._work, self._ended = scheduler, work, ended
        self._mine, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._waits_for: object = None
        self._over = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Let it begin, and work until it first waits; called in the scheduler's thread."""
        self._thread.start()
        self._back.acquire()
        self._after_step()

    def kill(self) -> None:
        """Let it end where it waits; called in the scheduler's thread."""
        if not self._over:
            self.killed = True
            self._go_on()

    def wake(self) -> None:
        """Let it go on now, before the moment that it waits for; called in the scheduler's thread."""
        if not self._over and self._waits_for is not None:
            self._go_on()

    def wait(self, seconds: float | None) -> None:
        """Let virtual time pass, up to so many seconds or until it is woken; called in the process's own thread.

        Raises:
            Killed: it was killed meanwhile.
        """
        self.check()
        if seconds is None or not self._scheduler.skip_to(self._scheduler.now + seconds):
            token = self._waits_for = object()
            if seconds is not None:
                self._scheduler.after(seconds, lambda: self._go_on() if self._waits_for is token else None)
            self._back.release()
            self._mine.acquire()
        self.check()

    def check(self) -> None:
        """See that it lives.

        Raises:
            Killed: it does not.
        """
        if self.killed:
            raise Killed

    def seconds(self) -> float:
        """Return the virtual seconds so far."""
        return self._scheduler.now

    def _go_on(self) -> None:
        self._waits_for = None
        self._mine.release()
        self._back.acquire()
        self._after_step()

    def _after_step(self) -> None:
        if self._over:
            self._thread.join()
            self._ended(self)

    def _run(self) -> None:
        _here.process = self
        try:
            self.answer = self._work()
        except BaseException as error:  # whoever called the function gets it
            self.error = error
        finally:
            self._over = True
            self._back.release()


class _Selector(selectors.SelectSelector):
    """A selector that lets the process wait; nothing is ever read from a socket."""

    def __init__(self, process: Process) -> None:
        super().__init__()
        self._process = process
        self._died = False
        self.lost = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if self._died:
            # Its loop is being closed: whatever it waits for is over at once, and does nothing any more.
            self.lost += timeout or 0.0
        elif timeout is None or timeout > 0:
            try:
                self._process.wait(timeout)
            except Killed:
                self._died = True
                raise
        elif self._process.killed:
            self._died = True
            raise Killed
        return []


class ProcessLoop(asyncio.SelectorEventLoop):
    """An event loop in a process's virtual time."""

    def __init__(self, process: Process) -> None:
        self._selects = _Selector(process)
        self._virtual_process = process
        super().__init__(self._selects)
        self.set_exception_handler(lambda *_: None)  # a killed process leaves tasks behind

    def time(self) -> float:
        """Return the virtual seconds so far."""
        return self._virtual_process.seconds() + self._selects.lost

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        """Let the work be done beside the loop."""
        return self._virtual_process.beside(self, lambda: func(*args))


def run_coroutine(main: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine as `asyncio.run` does, in the virtual time of the process whose thread this is."""
    process: Process = _here.process
    with asyncio.Runner(loop_factory=lambda: ProcessLoop(process)) as runner:
        return runner.run(main)
