"""Handover: a worker makes way for a change of the source, and nothing that is no longer true is written meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable

from orgsync.contact_sync.core.contacts import Contact
from orgsync.contact_sync.core.errors import NotSynced, SyncReason
from orgsync.contact_sync.core.protocols import Contacts
from orgsync.contact_sync.names import Kind


class UntilHandover:
    """The Account Management API for a worker that may have to make way: from then on it writes no more.

    What was sent before is finished and verified. What only waits for its token is refused when its time comes, and
    so left for the run that waits.

    Attributes:
        begun: whether the worker makes way.
        unanswered: whether a call that writes was let go before its answer: it may still take effect.
    """

    def __init__(self, contacts: Contacts) -> None:
        self._contacts = contacts
        self.begun = False
        self.unanswered = False

    async def read(self, account: str | None, kind: Kind) -> Contact | None:
        """See `Contacts.read`."""
        return await self._contacts.read(account, kind)

    async def write(self, account: str, contact: Contact) -> None:
        """See `Contacts.write`."""
        await self._send(self._contacts.write, account, contact)

    async def delete(self, account: str, kind: Kind) -> None:
        """See `Contacts.delete`."""
        await self._send(self._contacts.delete, account, kind)

    async def _send(self, call: Callable[..., Awaitable[None]], *arguments: object) -> None:
        if self.begun:
            raise NotSynced(SyncReason.HANDED_OVER, "before the write")
        try:
            await call(*arguments)
        except asyncio.CancelledError:
            self.unanswered = True
            raise
