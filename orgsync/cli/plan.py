"""`orgsync plan`: a dry run, which is the run's own code without its writes."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Any

import click

from orgsync.cli.document import print_document
from orgsync.cli.operate import account_option, console, json_option, kind_option, stack_option, table
from orgsync.cli.stack import find
from orgsync.contact_sync.adapters.account_contacts import AccountContacts
from orgsync.contact_sync.adapters.organization import OrganizationsApi
from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.account_sync import SyncContext
from orgsync.contact_sync.core.errors import Refusal, RefusalReason
from orgsync.contact_sync.core.notification import Notification
from orgsync.contact_sync.core.outcome import RunSummary
from orgsync.contact_sync.core.protocols import Contacts, Organization
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.core.selection import gather
from orgsync.contact_sync.core.worker import process_batch
from orgsync.contact_sync.names import Cause, Kind
from orgsync.contact_sync.services import rate_limiter
from orgsync.shared.clock import Clock, WallClock, timestamp
from orgsync.shared.rate_limiter import RateLimiter


@click.command()
@account_option
@kind_option
@stack_option
@json_option
def plan(accounts: tuple[str, ...], kinds: tuple[str, ...], stack: str | None, as_json: bool) -> None:
    """Show what a run would write now, without writing anything.

    Reads the source and the accounts with your own credentials, at the pace that the stack is
    configured for. Names accounts, kinds and fields, never values. Exit code 0: everything was
    compared or skipped on purpose, whatever differs; 1: some of it could not be compared;
    2: an id is no member of the organization, or the management account's own.
    """
    found = find(stack)
    found.check_accounts(accounts)
    _, config = found.configs.current()
    wanted = frozenset(Kind(kind) for kind in kinds) or frozenset(Kind)
    everyone = frozenset[Kind]() if accounts else wanted
    asked = Request(Cause.OPERATOR, None, None, everyone, dict.fromkeys(accounts, wanted))
    request = asked.only(config.contact_types)
    if not request.kinds():
        raise Refusal(RefusalReason.KIND_NOT_CONFIGURED, ", ".join(sorted(wanted)))
    receipts = asyncio.run(dry_run(found.management, request, config))
    summary = RunSummary.of(receipts, everyone=not accounts, exclusions=config.exclusions())
    (_print_document if as_json else _print_text)(receipts, summary, config)
    raise SystemExit(int(any(summary.unfinished())))


async def dry_run(management: str, request: Request, config: ContactSyncConfig) -> list[Receipt]:
    """Compare in AWS what a request is about; see `compare`."""
    clock = WallClock()
    return await compare(
        request,
        config,
        management=management,
        contacts=AccountContacts(management),
        organization=OrganizationsApi(management),
        limiter=rate_limiter(config, clock),
        clock=clock,
    )


async def compare(
    request: Request,
    config: ContactSyncConfig,
    *,
    management: str,
    contacts: Contacts,
    organization: Organization,
    limiter: RateLimiter,
    clock: Clock,
) -> list[Receipt]:
    """Do everything that a run does, except its writes; `changed` of a receipt says what would be written.

    Returns:
        One receipt for each account and kind that was asked for.

    Raises:
        RunError: the run would end before any write.
    """
    organization.check_management()
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
    receipts = {(one.account, one.kind): one for one in selection.receipts(timestamp(clock.now()))}

    async def emit(given: Sequence[Receipt]) -> None:
        receipts.update({(one.account, one.kind): one for one in given})

    deletions = frozenset(kind for target in selection.targets for kind in target.deletions)
    context = SyncContext(contacts, organization, source.contacts, config, limiter, clock, deletions=deletions)
    await process_batch(selection.targets, context, emit, apply=False)
    return list(receipts.values())


def account_totals(receipts: Collection[Receipt]) -> tuple[dict[str, int], dict[str, int]]:
    """Return the accounts by what a run would do with them; each is counted once, so that they add up.

    Returns:
        Accounts `to_write`, `in_sync` and `not_compared` (there is a contact of them that could not be compared);
        and the accounts of which no contact was compared, by the code that says why.
    """
    summary = RunSummary.of(receipts)
    unknown = {account for code in summary.unfinished() for account in summary.accounts_of[code]}
    unknown &= summary.tried_accounts()
    changing = {one.account for one in receipts if one.status is Status.SUCCESS and one.changed} - unknown
    in_sync = summary.tried_accounts() - unknown - changing
    totals = {"to_write": len(changing), "in_sync": len(in_sync), "not_compared": len(unknown)}
    return totals, summary.skipped_whole()


def _changes(receipts: Collection[Receipt]) -> list[Receipt]:
    changes = [receipt for receipt in receipts if receipt.status is Status.SUCCESS and receipt.changed]
    return sorted(changes, key=lambda receipt: (receipt.account, receipt.kind))


def _unknown(receipts: Collection[Receipt], summary: RunSummary) -> list[Receipt]:
    unknown = [receipt for receipt in receipts if receipt.error in summary.unfinished()]
    return sorted(unknown, key=lambda receipt: (receipt.account, receipt.kind))


def _print_document(receipts: Sequence[Receipt], summary: RunSummary, config: ContactSyncConfig) -> None:
    changes, unknown = _changes(receipts), _unknown(receipts, summary)
    skipped = sorted({(one.account, one.error, one.excluded_by) for one in receipts if _on_purpose(one, summary)})
    totals, whole = account_totals(receipts)
    document: dict[str, Any] = {
        "paused": config.paused,
        "would_write": [{"account": one.account, "kind": one.kind, "fields": list(one.changed)} for one in changes],
        "in_sync": summary.receipts[Status.SUCCESS] - len(changes),
        "unknown": [
            {"account": one.account, "kind": one.kind, "error": one.error, "call_error": one.call_error}
            for one in unknown
        ],
        "skipped": [
            {"account": account, "error": error, "excluded_by": list(rules)} for account, error, rules in skipped
        ],
        "totals": {
            "asked_for": len(summary.accounts()),
            **totals,
            "skipped": [{"error": code, "accounts": count} for code, count in whole.items()],
        },
        "exclusions": [
            {"exclusion": rule, "accounts": len(accounts)}
            for rule, accounts in sorted(summary.excluded_accounts.items())
        ],
    }
    print_document(document)


def _on_purpose(receipt: Receipt, summary: RunSummary) -> bool:
    return receipt.status is Status.SKIPPED and receipt.error not in summary.unfinished()


def _print_text(receipts: Sequence[Receipt], summary: RunSummary, config: ContactSyncConfig) -> None:
    changes, unknown = _changes(receipts), _unknown(receipts, summary)
    rows = table("account", "kind", "would write")
    for one in changes:
        rows.add_row(one.account, one.kind, ", ".join(one.changed))
    for one in unknown:
        rows.add_row(one.account, one.kind, f"not compared: {one.why}")
    out = console()
    if rows.row_count:
        out.print(rows)
    in_sync = summary.receipts[Status.SUCCESS] - len(changes)
    out.print(f"Contacts: {len(changes)} to write, {in_sync} in sync, {len(unknown)} not compared.")
    totals, whole = account_totals(receipts)
    words = {"to_write": "to write", "in_sync": "in sync", "not_compared": "not compared in full"}
    parts = [f"{count:,} {words[name]}" for name, count in totals.items()]
    parts += [f"{count:,} skipped ({code})" for code, count in whole.items()]
    out.print(f"Accounts: {len(summary.accounts()):,} asked for: {', '.join(parts)}.")
    for kind in sorted(summary.missing_at_source):
        out.print(f"The source has no {kind} contact; on_source_delete is {config.on_source_delete}.")
    for line in Notification.exclusions(summary):
        out.print(line)
    for code in summary.unfinished():
        meaning, remedy = summary.explain(code)
        out.print(f"{code}: {meaning}\n  {remedy}")
    if unknown:
        out.print("A dry run calls AWS with your own credentials, not with the role of a function.")
    if config.paused:
        out.print("Contact sync is paused: no run starts, and nothing of this is written.")
