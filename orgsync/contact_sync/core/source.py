"""The source of truth: the management account's contacts, read once by a run and checked before any write."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping

from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.contacts import Contact
from orgsync.contact_sync.core.errors import SourceUnreadable, SourceUnwritable
from orgsync.contact_sync.core.protocols import Contacts
from orgsync.contact_sync.names import Kind, Operation
from orgsync.shared.clock import Clock
from orgsync.shared.errors import CallError
from orgsync.shared.rate_limiter import RateLimiter
from orgsync.shared.retries import RetryingCaller

# 429 answers that reading the source may meet: an account that gives up is one account, a source ends the run.
_MAX_THROTTLES = 100


async def read_source(
    contacts: Contacts, kinds: Iterable[Kind], config: ContactSyncConfig, limiter: RateLimiter, clock: Clock
) -> dict[Kind, Contact | None]:
    """Read the source's contacts, side by side, with the run's own pace and retries; None where it has none.

    Raises:
        SourceUnreadable: one of them cannot be read; without it the run cannot know what to write.
        SourceUnwritable: AWS would refuse to write one of them to a member; with every field and its rule.
    """
    caller = RetryingCaller(limiter, clock, config.retry_config.delays(), Counter(), _MAX_THROTTLES)
    ordered = sorted(kinds)

    async def read(kind: Kind) -> Contact | None:
        return await caller.call(Operation.get(kind), lambda: contacts.read(None, kind))

    try:
        source = dict(zip(ordered, await asyncio.gather(*map(read, ordered)), strict=True))
    except CallError as error:
        raise SourceUnreadable(error.code) from error
    if errors := _errors(source):
        raise SourceUnwritable("; ".join(errors))
    return source


def _errors(source: Mapping[Kind, Contact | None]) -> list[str]:
    """Return every field of the source that AWS would refuse; a missing alternate contact is no error."""
    found = [error for contact in source.values() if contact is not None for error in contact.field_errors()]
    if Kind.PRIMARY in source and source[Kind.PRIMARY] is None:
        found.append(f"{Kind.PRIMARY}.FullName is required")
    return found
