"""The sandbox's clock: seconds as they would pass at AWS, for whatever counts time (lag, faults)."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

TIME_SCALE = 0.005
"""The seconds here for one second of waiting at AWS: between retries, between polls."""
WAIT_SCALE = 1 / 60
"""The seconds here for one second of a Wait state, and until a new account is moved: a minute passes in a second, so
that what a rehearsal does meanwhile still comes meanwhile."""


class SandboxClock:
    """Seconds since the cloud was opened, as AWS would count them.

    The time in which a function or a command works passes as it is, and a wait that the sandbox shortens passes
    in full. No other time passes: however slowly this machine deploys, starts processes or delivers, what holds
    for so many seconds holds until then.

    Args:
        time_scale: see `TIME_SCALE`.
        machine: the machine's own seconds.
    """

    def __init__(self, time_scale: float = TIME_SCALE, machine: Callable[[], float] = time.monotonic) -> None:
        self._time_scale, self._machine = time_scale, machine
        self._passed = 0.0
        self._working = 0
        self._since = 0.0
        self._lock = Lock()

    def __call__(self) -> float:
        with self._lock:
            return self._now()

    def shortened(self, seconds: float, scale: float | None = None) -> float:
        """Give the seconds here of a wait of AWS's seconds, by the clock's own scale if none is given."""
        return seconds * (self._time_scale if scale is None else scale)

    def reach(self, moment: float) -> None:
        """Let time pass until a moment, if it has not yet: a shortened wait is over."""
        with self._lock:
            self._passed += max(0.0, moment - self._now())

    def pass_time(self, seconds: float) -> None:
        """Let so many seconds pass at once."""
        with self._lock:
            self._passed += seconds

    @contextmanager
    def working(self) -> Iterator[None]:
        """Let time pass as it is for as long as the block takes."""
        with self._lock:
            self._switch(+1)
        try:
            yield
        finally:
            with self._lock:
                self._switch(-1)

    def _switch(self, difference: int) -> None:
        self._passed = self._now()
        self._since = self._machine()
        self._working += difference

    def _now(self) -> float:
        return self._passed + (self._machine() - self._since if self._working else 0.0)
