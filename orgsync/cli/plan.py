"""`orgsync plan`: a dry run, which is the run's own code without its writes."""

import asyncio
from collections.abc import Sequence

import click

from orgsync.cli.document import print_document
from orgsync.cli.operate import account_option, checked, console, json_option, kind_option, stack_option, table
from orgsync.cli.stack import find
from orgsync.contact_sync.adapters.account_contacts import AccountContacts
from orgsync.contact_sync.adapters.organization import OrganizationsApi
from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.account_sync import SyncContext
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.core.selection import gather
from orgsync.contact_sync.core.worker import process_batch
from orgsync.contact_sync.names import Cause, Kind, Operation
from orgsync.shared.clock import WallClock, timestamp
from orgsync.shared.rate_limiter import RateLimiter, TokenBucket


@click.command()
@account_option
@kind_option
@stack_option
@json_option
def plan(accounts: tuple[str, ...], kinds: tuple[str, ...], stack: str | None, as_json: bool) -> None:
    """Show what a run would write now, without writing anything.

    Reads the source and the accounts with your own credentials, at the pace that the stack is
    configured for. Names accounts, kinds and fields, never values. Exit code 0: everything was
    compared, whatever differs; 1: some of it could not be compared.
    """
    found = find(stack)
    _, config = found.configs.current()
    wanted = frozenset(Kind(kind) for kind in kinds) or frozenset(Kind)
    chosen = checked(accounts)
    everyone = frozenset() if chosen else wanted
    request = Request(Cause.OPERATOR, None, None, everyone, dict.fromkeys(chosen, wanted)).only(config.contact_types)
    receipts = asyncio.run(dry_run(found.management, request, config))
    _show(receipts, as_json)
    raise SystemExit(int(any(receipt.status is Status.FAILED for receipt in receipts)))


async def dry_run(management: str, request: Request, config: ContactSyncConfig) -> list[Receipt]:
    """Do everything that a run does, except its writes; `changed` of a receipt says what would be written.

    Raises:
        RunError: the run would end before any write.
    """
    contacts, organization, clock = AccountContacts(management), OrganizationsApi(management), WallClock()
    organization.check_management()
    paces = {operation: config.pace(operation) for operation in Operation}
    limiter = RateLimiter({one: TokenBucket(pace.rate, pace.burst) for one, pace in paces.items()}, clock)
    source, selection, error = await gather(
        request,
        config,
        management=management,
        contacts=contacts,
        organization=organization,
        limiter=limiter,
        clock=clock,
    )
    if error:
        raise error
    receipts = selection.receipts(timestamp(clock.now()))

    async def emit(given: Sequence[Receipt]) -> None:
        receipts.extend(given)

    deletions = frozenset(kind for target in selection.targets for kind in target.deletions)
    context = SyncContext(contacts, organization, source.contacts, config, limiter, clock, deletions=deletions)
    await process_batch(selection.targets, context, emit, apply=False)
    return receipts


def _show(receipts: Sequence[Receipt], as_json: bool) -> None:
    ordered = sorted(receipts, key=lambda receipt: (receipt.account, receipt.kind))
    failed = [receipt for receipt in ordered if receipt.status is Status.FAILED]
    changes = [receipt for receipt in ordered if receipt.status is Status.SUCCESS and receipt.changed]
    in_sync = sum(receipt.status is Status.SUCCESS and not receipt.changed for receipt in receipts)
    if as_json:
        document = {
            "would_write": [{"account": one.account, "kind": one.kind, "fields": list(one.changed)} for one in changes],
            "in_sync": in_sync,
            "unknown": [{"account": one.account, "kind": one.kind, "error": one.error} for one in failed],
        }
        print_document(document)
        return
    rows = table("account", "kind", "would write")
    for one in changes:
        rows.add_row(one.account, one.kind, ", ".join(one.changed))
    for one in failed:
        rows.add_row(one.account, one.kind, f"not compared: {one.error}")
    if rows.row_count:
        console().print(rows)
    console().print(f"{len(changes)} to write, {in_sync} in sync, {len(failed)} not compared.")
