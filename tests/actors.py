"""Actors: functions that run side by side, each of whose calls of a store waits until the test lets it be made."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from orgsync.contact_sync.core.bounds import WorkerBounds
from orgsync.contact_sync.services import Services
from tests.world import World

_PATIENCE = 20.0
"""Seconds after which an actor that comes to no step hangs."""


class Killed(BaseException):
    """The actor's process was killed: no further call of it takes effect."""


class Actor:
    """One invocation of a function, in a thread of its own.

    Attributes:
        waits: the call that waits to be made, as `part.method`; None when the actor has ended.
        answer: what the function returned; None before, and where it was killed or raised.
        error: what it raised.
    """

    def __init__(self, name: str, world: World, invoke: Callable[[Services], Any]) -> None:
        self.name = name
        self.waits: str | None = "start"
        self.answer: Any = None
        self.error: BaseException | None = None
        self._killed = False
        self._arrived, self._released = threading.Event(), threading.Event()
        services = replace(
            world.services,
            clock=_Clock(world, self),
            contacts=_Contacts(world.services.contacts, self),
            states=_Part("states", world.states, self),
            bucket=_Part("bucket", world.bucket, self),
            publisher=_Part("publisher", world.publisher, self),
        )

        def run() -> None:
            try:
                self.step("start")
                self.answer = invoke(services)
            except BaseException as error:  # the test looks at it
                self.error = error
            finally:
                self.waits = None
                self._arrived.set()

        self._thread = threading.Thread(target=run, name=name, daemon=True)
        self._thread.start()
        self._await_arrival()

    @property
    def ended(self) -> bool:
        """Return whether it will make no further call."""
        return self.waits is None

    def step(self, call: str) -> None:
        """Wait until the call may be made; called by the actor itself."""
        if not self._killed:
            self.waits = call
            self._arrived.set()
            assert self._released.wait(_PATIENCE), f"{self.name} was given up at {call}"
            self._released.clear()
        if self._killed:
            raise Killed

    def advance(self) -> None:
        """Let the call be made that waits, and come to the next one or to the end; nothing after the end."""
        if self.ended:
            return
        self._arrived.clear()
        self._released.set()
        self._await_arrival()

    def kill(self) -> None:
        """Let the process die before the call that waits."""
        self._killed = True
        self._released.set()
        self._thread.join(_PATIENCE)
        assert not self._thread.is_alive(), f"{self.name} hangs"
        self.waits = None

    def finish(self) -> Any:
        """Let it make all its calls; return its answer."""
        while not self.ended:
            self.advance()
        self._thread.join(_PATIENCE)
        return self.answer

    def _await_arrival(self) -> None:
        assert self._arrived.wait(_PATIENCE), f"{self.name} hangs after {self.waits}"


class _Part:
    """A store whose calls are steps; the look for a stop is none, because it is made beside the work."""

    def __init__(self, name: str, part: Any, actor: Actor) -> None:
        self._name, self._part, self._actor = name, part, actor

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._part, method)
        if not callable(found) or method in ("is_stopped", "manifest"):
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            self._actor.step(f"{self._name}.{method}")
            answer = found(*arguments, **named)
            # What a store yields is read at once: a step in the middle of it would be another's.
            return list(answer) if isinstance(answer, Iterator) else answer

        return call


class _Contacts:
    """The Account API, whose writes are steps."""

    def __init__(self, contacts: Any, actor: Actor) -> None:
        self._contacts, self._actor = contacts, actor

    async def read(self, *arguments: Any) -> Any:
        """See `Contacts.read`."""
        return await self._contacts.read(*arguments)

    async def write(self, *arguments: Any) -> None:
        """See `Contacts.write`."""
        self._actor.step("contacts.write")
        await self._contacts.write(*arguments)

    async def delete(self, *arguments: Any) -> None:
        """See `Contacts.delete`."""
        self._actor.step("contacts.delete")
        await self._contacts.delete(*arguments)


class _Clock:
    """The world's clock; a closer's waits are steps, and a worker never looks twice whether its run was stopped.

    No time passes for a worker between two of its steps, however long the machine takes for the others'.
    """

    def __init__(self, world: World, actor: Actor) -> None:
        self._world, self._actor = world, actor

    def now(self) -> datetime:
        """See `Clock.now`."""
        return self._world.clock.now()

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return 0.0

    async def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`."""
        if seconds == WorkerBounds.LOOK:
            await asyncio.Event().wait()
        elif seconds > WorkerBounds.LOOK:
            self._actor.step("clock.sleep")
