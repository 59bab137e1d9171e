"""The source of truth: read once at the start of a run, and checked before anything is written."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping

from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.contacts import Contact, Flaw, flaws
from orgsync.contact_sync.core.errors import AccountError, SourceUnreadable
from orgsync.contact_sync.core.protocols import Clock, Contacts
from orgsync.contact_sync.names import Kind, Operation
from orgsync.shared.rate_limiter import Pacer
from orgsync.shared.retries import Caller

PATIENCE = 100
"""429 answers that reading the source may meet: an account that gives up is one account, a source ends the run."""

Source = Mapping[Kind, Contact | None]
"""The management account's contacts by kind; None where it has none."""


async def read_source(
    contacts: Contacts, kinds: Iterable[Kind], config: ContactSyncConfig, pacer: Pacer, clock: Clock
) -> Source:
    """Read the source's contacts, side by side, with the run's own pace and retries.

    Raises:
        SourceUnreadable: one of them cannot be read; without it the run cannot know what to write.
    """
    caller = Caller(pacer, clock, config.retry_config.delays(), Counter(), PATIENCE)
    ordered = sorted(kinds)

    async def read(kind: Kind) -> Contact | None:
        operation = Operation.GET_PRIMARY if kind is Kind.PRIMARY else Operation.GET_ALTERNATE
        return await caller.call(operation, lambda: contacts.read(None, kind))

    try:
        return dict(zip(ordered, await asyncio.gather(*map(read, ordered)), strict=True))
    except AccountError as error:
        raise SourceUnreadable(error.code) from error


def source_flaws(source: Source) -> tuple[Flaw, ...]:
    """Why AWS would refuse to write this source to a member; a missing alternate is no flaw."""
    found = [flaw for contact in source.values() if contact is not None for flaw in flaws(contact)]
    if Kind.PRIMARY in source and source[Kind.PRIMARY] is None:
        found.append(Flaw(Kind.PRIMARY, "FullName", "is required"))
    return tuple(found)
