"""`orgsync plan`: what a run would write now, found with the run's own code and without writing."""

import asyncio
import json
from collections.abc import Sequence

import click

from orgsync.cli.errors import Wrong
from orgsync.cli.operate import (
    account_option,
    checked,
    console,
    json_option,
    kind_option,
    stack_option,
    table,
)
from orgsync.cli.stack import find
from orgsync.contact_sync.adapters.account_contacts import AccountContacts
from orgsync.contact_sync.adapters.organization import Organization
from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.account_sync import Means
from orgsync.contact_sync.core.contacts import Contact, difference
from orgsync.contact_sync.core.errors import Skip
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.core.selection import choose, concerned
from orgsync.contact_sync.core.worker import work
from orgsync.contact_sync.names import Cause, Kind, Operation
from orgsync.contact_sync.services import WallClock
from orgsync.shared.rate_limiter import Bucket, Pacer


class WouldWrite(Skip):
    """A run would write this contact now."""

    remedy = "Run `orgsync sync`."


class Looking:
    """The Account API with its writes taken away: what would be written is noted instead."""

    def __init__(self, contacts: AccountContacts) -> None:
        self._contacts = contacts
        self._held: dict[tuple[str | None, Kind], Contact | None] = {}
        self.differences: dict[tuple[str, Kind], tuple[str, ...]] = {}

    async def read(self, account: str | None, kind: Kind) -> Contact | None:
        """See `Contacts.read`."""
        held = self._held[account, kind] = await self._contacts.read(account, kind)
        return held

    async def write(self, account: str, contact: Contact) -> None:
        """Note the difference.

        Raises:
            WouldWrite: always.
        """
        self.differences[account, contact.kind] = difference(contact, self._held[account, contact.kind])
        raise WouldWrite(account)

    async def delete(self, account: str, kind: Kind) -> None:
        """Note the difference.

        Raises:
            WouldWrite: always.
        """
        self.differences[account, kind] = difference(None, self._held[account, kind])
        raise WouldWrite(account)


@click.command()
@account_option
@kind_option
@stack_option
@json_option
def plan(accounts: tuple[str, ...], kinds: tuple[str, ...], stack: str | None, as_json: bool) -> None:
    """Show what a run would write now, without writing anything.

    Reads the source and the accounts with your own credentials, at the pace that the stack is
    configured for. Names accounts, kinds and fields, never values. Exit code 0: it could be
    told, whatever differs; 1: some of it could not.
    """
    found = find(stack)
    current = found.configs.current()
    if current is None:
        raise Wrong(f"stack {found.name} has no configuration yet: deploy it first")
    config = current[1]
    wanted = frozenset(Kind(kind) for kind in kinds) or frozenset(Kind)
    chosen = checked(accounts)
    everyone = frozenset() if chosen else wanted
    request = Request(Cause.OPERATOR, None, None, everyone, dict.fromkeys(chosen, wanted)).only(config.contact_types)
    looking, receipts = asyncio.run(look(found.management, request, config))
    _show(looking, receipts, as_json)
    raise SystemExit(int(any(receipt.status is Status.FAILED for receipt in receipts)))


async def look(management: str, request: Request, config: ContactSyncConfig) -> tuple[Looking, list[Receipt]]:
    """Everything a run does, except its writes.

    Raises:
        RunError: the run would end before any write.
    """
    organization, looking, clock = Organization(management), Looking(AccountContacts(management)), WallClock()
    organization.check_management()
    pacer = Pacer({operation: Bucket(config.pace(operation)) for operation in Operation}, clock)
    accounts = concerned(request, organization)
    source, selection = await choose(
        request,
        accounts,
        config,
        management=management,
        contacts=looking,
        directory=organization,
        pacer=pacer,
        clock=clock,
    )
    receipts: list[Receipt] = []

    async def emit(given: Sequence[Receipt]) -> None:
        receipts.extend(given)

    held = {kind: contact for kind, contact in source.items() if contact is not None}
    await work(selection.targets, Means(looking, organization, held, config, pacer, clock), emit)
    return looking, receipts


def _show(looking: Looking, receipts: Sequence[Receipt], as_json: bool) -> None:
    failed = [receipt for receipt in receipts if receipt.status is Status.FAILED]
    in_step = sum(receipt.status is Status.SUCCESS for receipt in receipts)
    if as_json:
        document = {
            "would_write": [
                {"account": account, "kind": kind, "fields": list(fields)}
                for (account, kind), fields in sorted(looking.differences.items())
            ],
            "in_step": in_step,
            "unknown": [{"account": one.account, "kind": one.kind, "error": one.error} for one in failed],
        }
        click.echo(json.dumps(document, indent=2))
        return
    rows = table("account", "kind", "would write")
    for (account, kind), fields in sorted(looking.differences.items()):
        rows.add_row(account, kind, ", ".join(fields))
    for one in failed:
        rows.add_row(one.account, one.kind, f"cannot be told: {one.error}")
    if rows.row_count:
        console().print(rows)
    console().print(f"{len(looking.differences)} to write, {in_step} in step, {len(failed)} that cannot be told.")
