"""The run after this one: whoever waits for the lease, and what the end of a run asks for."""

import asyncio
import uuid
from collections import defaultdict
from typing import Any

from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.errors import SyncReason
from orgsync.contact_sync.core.lease import Lease, LeasedRun
from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.core.run import Run
from orgsync.contact_sync.core.source import Source
from orgsync.contact_sync.names import Cause, Kind, OwnEvent
from orgsync.contact_sync.services import Services
from orgsync.shared.clock import timestamp
from orgsync.shared.telemetry import logger

_READ_AGAIN = "source-read-again-"
"""Beginning of the event ids of requests that a run's last look at the source made."""


def release_lease(run_id: str, services: Services, rest: str | None = None, *, closed: bool = True) -> None:
    """Free the lease, and start the run that waited for it.

    Args:
        rest: id of the run whose rest that one takes up.
        closed: whether the run that frees it is closed.
    """
    waiting = services.states.update_lease(lambda lease: lease.release(run_id, rest, closed=closed))
    if waiting is not None:
        start_run(waiting, services)


def start_run(run: LeasedRun, services: Services) -> None:
    """Start the execution of a run that has been handed the lease; a second time changes nothing."""
    services.executions.start(run.run_id, pending_event(run))


def pending_event(run: LeasedRun) -> dict[str, Any]:
    """Return the event that triggers a leased run, from its request."""
    return OwnEvent.PENDING.document(run.request.to_json())


def read_again(run: Run, config: ContactSyncConfig, services: Services) -> None:
    """Read the source once more, and let a run wait for the lease where it is not what this run wrote.

    An edit may show later than the event that speaks of it. What a run finds that only this look asked for, it
    believes: its own look asks for no other, so that a source that never rests keeps nobody busy.
    """
    holder = services.states.lease().holder
    if not run.planned or holder is None or holder.run_id != run.run_id:
        return
    request = holder.request.only(config.contact_types)
    if (run.error and not run.unreadable) or all(one.startswith(_READ_AGAIN) for one in request.event_ids):
        return
    changed = asyncio.run(
        Source.seen_by(run, request.kinds() | request.unconfirmed).changed_since(
            services.contacts, config, services.limiter(config), services.clock, request.source_changed_at
        )
    )
    if not changed:
        return
    now = timestamp(services.clock.now())
    asked = Request(Cause.SOURCE_CHANGED, None, now, changed, event_ids=(f"{_READ_AGAIN}{run.run_id}",))
    waiting = LeasedRun(services.new_id(), asked)

    def ask(lease: Lease) -> tuple[Lease, None]:
        ours = lease.holder is not None and lease.holder.run_id == run.run_id
        return (lease.acquire(waiting, waiting.run_id)[0] if ours else lease), None

    services.states.update_lease(ask)
    logger.info("the source changed during the run", run_id=run.run_id, kinds=sorted(changed))


def ask_again(run: Run, services: Services) -> None:
    """Start an execution for the accounts that were not ready: it waits a minute first, and holds no lease meanwhile.

    Its name follows from the run's, so that whoever finalizes the run once more starts no second one.
    """
    waiting = defaultdict[str, frozenset[Kind]](frozenset)
    # A header that is full of new accounts may lack some: then every receipt is looked at.
    full = len(run.new_accounts) >= Request.MAX_NEW_ACCOUNTS
    for between in [None] if full else [(account, account) for account in run.new_accounts]:
        for receipt in services.states.receipts(run.run_id, between):
            if receipt.error == SyncReason.NOT_YET:
                waiting[receipt.account] |= {receipt.kind}
    if not waiting:
        return
    run_id = f"not-ready-{uuid.uuid5(uuid.NAMESPACE_OID, run.run_id)}"
    request = Request(
        run.cause,
        run.initiator,
        run.triggered_at,
        accounts=waiting,
        event_ids=(run_id,),
        initiators=run.initiators,
        new_accounts={account: since for account, since in run.new_accounts.items() if account in waiting},
    )
    services.executions.start(run_id, OwnEvent.NOT_READY.document(request.bounded().to_json()))
