"""The source of truth: the management account's contacts, read once by a run and checked before any write."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping

from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.contacts import Contact, FieldError, field_errors
from orgsync.contact_sync.core.errors import SourceUnreadable, SourceUnwritable
from orgsync.contact_sync.core.protocols import Contacts
from orgsync.contact_sync.names import Kind, Operation
from orgsync.shared.clock import Clock
from orgsync.shared.errors import CallError
from orgsync.shared.rate_limiter import RateLimiter
from orgsync.shared.retries import RetryingCaller

# 429 answers that reading the source may meet: an account that gives up is one account, a source ends the run.
_MAX_THROTTLES = 100

Source = Mapping[Kind, Contact | None]
"""The management account's contacts by kind; None where it has none."""


async def read_source(
    contacts: Contacts, kinds: Iterable[Kind], config: ContactSyncConfig, limiter: RateLimiter, clock: Clock
) -> Source:
    """Read the source's contacts, side by side, with the run's own pace and retries.

    Raises:
        SourceUnreadable: one of them cannot be read; without it the run cannot know what to write.
    """
    caller = RetryingCaller(limiter, clock, config.retry_config.delays(), Counter(), _MAX_THROTTLES)
    ordered = sorted(kinds)

    async def read(kind: Kind) -> Contact | None:
        return await caller.call(Operation.get(kind), lambda: contacts.read(None, kind))

    try:
        return dict(zip(ordered, await asyncio.gather(*map(read, ordered)), strict=True))
    except CallError as error:
        raise SourceUnreadable(error.code) from error


def check_source(source: Source) -> None:
    """See that AWS would take this source for a member; a missing alternate contact is no error.

    Raises:
        SourceUnwritable: with every field that AWS would refuse, and its rule.
    """
    found = [error for contact in source.values() if contact is not None for error in field_errors(contact)]
    if Kind.PRIMARY in source and source[Kind.PRIMARY] is None:
        found.append(FieldError(Kind.PRIMARY, "FullName", "is required"))
    if found:
        raise SourceUnwritable("; ".join(map(str, found)))
