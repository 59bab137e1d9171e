"""What a run finds before it works: whom it concerns, what the source holds, what becomes of every account."""

from collections.abc import Iterable

from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.errors import SourceUnwritable
from orgsync.contact_sync.core.protocols import Clock, Contacts, Directory
from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.core.source import Source, read_source, source_flaws
from orgsync.contact_sync.core.targets import Account, Selection, select
from orgsync.shared.rate_limiter import Pacer


def concerned(request: Request, directory: Directory) -> list[Account]:
    """The accounts that a request is about; a named one that is no member is among them, and not ACTIVE."""
    if request.everyone:
        return list(directory.accounts())
    return [directory.account(account) or Account(account, "NOT_A_MEMBER") for account in request.accounts]


async def choose(
    request: Request,
    accounts: Iterable[Account],
    config: ContactSyncConfig,
    *,
    management: str,
    contacts: Contacts,
    directory: Directory,
    pacer: Pacer,
    clock: Clock,
) -> tuple[Source, Selection]:
    """The source, as it may be written, and what becomes of every account.

    Raises:
        RunError: the source cannot be read or written, or what is excluded cannot be told.
    """
    named = () if request.everyone else request.accounts
    below = directory.accounts_below(config.excluded_units, named)
    source = await read_source(contacts, request.kinds(), config, pacer, clock)
    if wrong := source_flaws(source):
        raise SourceUnwritable("; ".join(map(str, wrong)))
    missing = {kind for kind, contact in source.items() if contact is None}
    selection = select(
        request,
        accounts,
        config,
        management=management,
        in_excluded_units=below,
        missing_at_source=missing,
    )
    return source, selection
