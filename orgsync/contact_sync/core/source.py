"""The source of truth: the management account's contacts, read until two reads agree, and checked kind by kind.

AWS shows an edit late. How late it may be is what `verify_config` says for the worker's own writes, and the same
waits hold here: reads are as far apart as the looks of a verification, and the last read of a run that an edit
triggered comes no earlier than all of them together after the edit.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import accumulate

from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.contacts import Contact
from orgsync.contact_sync.core.errors import SourceUnreadable
from orgsync.contact_sync.core.protocols import Contacts
from orgsync.contact_sync.core.run import Run
from orgsync.contact_sync.names import Kind, Operation
from orgsync.shared.clock import Clock
from orgsync.shared.errors import CallError, Throttled
from orgsync.shared.rate_limiter import RateLimiter
from orgsync.shared.retries import RetryingCaller

# Seconds for which the source may be throttled in all, and while one function lives (beside `_LONGEST`). A plan that
# was throttled is made again; in a warm function the pace knows how long that has lasted.
_PATIENCE = 15 * 60
_PATIENCE_OF_A_FUNCTION = 500.0

# Seconds that a single read may be throttled, however late in a plan it comes: two kinds that share a quota meet its
# 429s within moments, and one of them alone says nothing.
_SHORTEST = 30.0

# Seconds between two reads at least, and how often they may differ, whatever the owner says of verification: a
# deletion rests on both reads, and an edit while they are made is no fault of the source.
_APART = 0.5
_TRIES = 3

# Seconds that reading may wait in all: a function lives for 15 minutes, and the lease is held meanwhile.
_LONGEST = 300


@dataclass(frozen=True)
class Source:
    """The source, kind by kind: every kind that was asked for is in exactly one of the four.

    Attributes:
        contacts: what two reads agreed on, and AWS would write to a member.
        flawed: what AWS would refuse: the fields with their rules, no values.
        unreadable: what could not be read, or of which no two reads agreed.
        missing: alternate contacts that do not exist, as two reads said.
    """

    contacts: Mapping[Kind, Contact] = field(default_factory=dict)
    flawed: Mapping[Kind, str] = field(default_factory=dict)
    unreadable: Mapping[Kind, SourceUnreadable] = field(default_factory=dict)
    missing: frozenset[Kind] = frozenset()

    @classmethod
    async def read(
        cls,
        kinds: Iterable[Kind],
        contacts: Contacts,
        config: ContactSyncConfig,
        limiter: RateLimiter,
        clock: Clock,
        changed_at: str | None = None,
        until: float | None = None,
    ) -> "Source":
        """Read the kinds side by side, each until two reads agree, with the run's own pace and retries.

        Args:
            until: the monotonic second after which nothing that is throttled is waited for; see `patience_ends`.
            changed_at: when the source was last changed, where an event said so: the first read waits a little.
        """
        reader = _Reader(contacts, config, limiter, clock, until)
        await _wait_since(changed_at, reader.pauses[0], clock)
        ordered = sorted(set(kinds))
        found = await asyncio.gather(*map(reader.agreed, ordered))
        return cls._of(dict(zip(ordered, found, strict=True)))

    @staticmethod
    def patience_ends(clock: Clock) -> float:
        """Return the monotonic second after which a function no longer waits for a throttled source."""
        return clock.monotonic() + _PATIENCE_OF_A_FUNCTION

    @classmethod
    def seen_by(cls, run: Run, kinds: Iterable[Kind]) -> "Source":
        """Return what a run saw of these kinds, from its header."""
        known = {*run.source, *run.flawed, *run.unreadable}
        unreadable = {kind: SourceUnreadable(reason) for kind, reason in run.unreadable.items()}
        return cls(run.source, run.flawed, unreadable, frozenset(kinds) - known)

    def noted_in(self, run: Run) -> Run:
        """Return a run's header with what it saw; `detail` names what stops a kind: kinds, fields and rules."""
        said = [*self.flawed.values(), *map(str, self.unreadable.values())]
        return replace(
            run,
            source=self.contacts,
            flawed=self.flawed,
            unreadable={kind: str(error) for kind, error in self.unreadable.items()},
            detail="; ".join(said) or None,
        )

    async def changed_since(
        self,
        contacts: Contacts,
        config: ContactSyncConfig,
        limiter: RateLimiter,
        clock: Clock,
        changed_at: str | None = None,
    ) -> frozenset[Kind]:
        """Read every kind once more; return those that now are something else. What cannot be read says nothing.

        Args:
            changed_at: when the source was last changed, where an event said so: an edit may show late, so the
                read waits until it must be there.
        """
        reader = _Reader(contacts, config, limiter, clock)
        await _wait_since(changed_at, sum(reader.pauses), clock)
        ordered = sorted({*self.contacts, *self.flawed, *self.unreadable, *self.missing})
        found = await asyncio.gather(*map(reader.once, ordered))
        return frozenset(
            kind
            for kind, now in zip(ordered, found, strict=True)
            if not isinstance(now, SourceUnreadable) and not self._agrees(kind, now)
        )

    def confirmed_by(self, now: "Source", kinds: Iterable[Kind]) -> frozenset[Kind]:
        """Return the kinds of which both readings say the same: one contact, one flaw, or that there is none."""
        same = {kind for kind, contact in self.contacts.items() if now.contacts.get(kind) == contact}
        same |= {kind for kind, flaw in self.flawed.items() if now.flawed.get(kind) == flaw}
        return frozenset(kinds) & (same | (self.missing & now.missing))

    def only(self, kinds: Collection[Kind]) -> "Source":
        """Return what is known of some kinds."""
        return Source(
            {kind: contact for kind, contact in self.contacts.items() if kind in kinds},
            {kind: flaw for kind, flaw in self.flawed.items() if kind in kinds},
            {kind: error for kind, error in self.unreadable.items() if kind in kinds},
            self.missing.intersection(kinds),
        )

    def _agrees(self, kind: Kind, now: Contact | None) -> bool:
        read = self._of({kind: now})
        return (
            self.contacts.get(kind) == read.contacts.get(kind)
            and self.flawed.get(kind) == read.flawed.get(kind)
            and (kind in self.missing) == (kind in read.missing)
        )

    @classmethod
    def _of(cls, found: Mapping[Kind, Contact | SourceUnreadable | None]) -> "Source":
        contacts: dict[Kind, Contact] = {}
        flawed: dict[Kind, str] = {}
        unreadable: dict[Kind, SourceUnreadable] = {}
        missing: set[Kind] = set()
        for kind, one in found.items():
            if isinstance(one, SourceUnreadable):
                unreadable[kind] = one
            elif one is None and kind is not Kind.PRIMARY:
                missing.add(kind)
            elif errors := (one or Contact(kind, {})).field_errors():
                # Every account has a primary contact, so none is one without its fields.
                flawed[kind] = "; ".join(errors)
            elif one is not None:
                contacts[kind] = one
        return cls(contacts, flawed, unreadable, frozenset(missing))


class _Reader:
    """Reads of the source's contacts; a failure is an answer, because it is one kind's own."""

    def __init__(
        self,
        contacts: Contacts,
        config: ContactSyncConfig,
        limiter: RateLimiter,
        clock: Clock,
        until: float | None = None,
    ) -> None:
        self._until = Source.patience_ends(clock) if until is None else until
        looks = [min(max(pause, _APART), _LONGEST / _TRIES) for pause in config.verify_config.delays()]
        looks += looks[-1:] * (_TRIES - len(looks))
        self.pauses = tuple(look for look, total in zip(looks, accumulate(looks), strict=True) if total <= _LONGEST)
        self._contacts, self._limiter, self._clock = contacts, limiter, clock
        self._delays = config.retry_config.delays()

    async def once(self, kind: Kind) -> Contact | SourceUnreadable | None:
        # A caller for each read: its retries are one read's.
        operation = Operation.get(kind)
        left = max(self._until - self._clock.monotonic(), _SHORTEST)
        patience = min(self._limiter.silence(operation) + left, _PATIENCE)
        caller = RetryingCaller(self._limiter, self._clock, self._delays, Counter(), patience)
        try:
            return await caller.call(operation, lambda: self._contacts.read(None, kind))
        except CallError as error:
            return SourceUnreadable(f"{kind}: {error.code}", throttled=isinstance(error, Throttled))
        except Exception as error:  # whatever one kind's answer brings up, the others are read and the run ends
            return SourceUnreadable(f"{kind}: {type(error).__name__}")

    async def agreed(self, kind: Kind) -> Contact | SourceUnreadable | None:
        before = await self.once(kind)
        for pause in self.pauses:
            if isinstance(before, SourceUnreadable):
                return before
            await self._clock.sleep(pause)
            now = await self.once(kind)
            if now == before:
                return now
            before = now
        return before if isinstance(before, SourceUnreadable) else SourceUnreadable(f"{kind}: no two reads agreed")


async def _wait_since(moment: str | None, seconds: float, clock: Clock) -> None:
    """Wait until so many seconds after a moment; never longer than that, whatever clock the moment is from."""
    if moment is not None:
        passed = (clock.now() - datetime.fromisoformat(moment)).total_seconds()
        await clock.sleep(min(max(seconds - passed, 0.0), seconds))
