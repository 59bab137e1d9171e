"""Entry point `process`: one batch of accounts is compared and written, and leaves its receipts."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from threading import Event
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.account_sync import SyncContext
from orgsync.contact_sync.core.accounts import Target
from orgsync.contact_sync.core.handover import UntilHandover
from orgsync.contact_sync.core.lease import Lease
from orgsync.contact_sync.core.receipts import Receipt
from orgsync.contact_sync.core.run import Run, RunStatus
from orgsync.contact_sync.core.worker import process_batch
from orgsync.contact_sync.finalize import STOP_CHECK_SECONDS
from orgsync.contact_sync.names import Kind, Metric
from orgsync.contact_sync.services import Services
from orgsync.shared.aws import LONGEST_CALL
from orgsync.shared.breaker import CircuitBreaker
from orgsync.shared.clock import timestamp
from orgsync.shared.telemetry import entry_point, logger, metrics

_BEGIN_NO_MORE = 60.0
"""Seconds before the time limit at which no further account is begun: its retries need 14."""

_LET_GO = 10.0
"""Seconds before the time limit at which what is still under way is left for the next invocation."""


@entry_point
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Process one batch; see `process`."""
    return process(
        event["run_id"],
        event["batch"],
        lambda: context.get_remaining_time_in_millis() / 1000,
        Services.of_environment(),
    )


def process(
    run_id: str, batch: int, remaining: Callable[[], float], services: Services, concurrency: int = 64
) -> dict[str, Any]:
    """Process one batch. Doing it again works on what has no receipt yet.

    Args:
        remaining: seconds until the function is ended.
        concurrency: accounts under way at once.

    Returns:
        `done`: whether every account of the batch has its receipts; if not, hand it in again.
    """
    run = services.states.run(run_id)
    if run is None or run.status is not RunStatus.IN_PROGRESS or services.states.lease().made_way(run_id):
        return {"done": True}
    config = services.configs.at(run.config_version)
    targets = services.bucket.batch(run_id, batch)
    intents = services.states.intents(run_id, (targets[0].account, targets[-1].account))
    missing = _without_receipts(run_id, targets, services)
    breaker, throttles = CircuitBreaker(cause=run.circuit), Counter[str]()
    done = asyncio.run(
        _process(run, batch, config, missing, intents, breaker, throttles, remaining, concurrency, services)
    )
    if breaker.cause and not run.circuit:
        services.states.open_circuit(run_id, breaker.cause)
    metrics.add_metric(Metric.THROTTLES, MetricUnit.Count, throttles.total())
    logger.info("batch processed", run_id=run_id, batch=batch, done=done, circuit=breaker.cause)
    return {"done": done}


def _without_receipts(run_id: str, targets: Sequence[Target], services: Services) -> list[Target]:
    saved = {
        (receipt.account, receipt.kind)
        for receipt in services.states.receipts(run_id, (targets[0].account, targets[-1].account))
    }
    missing = [Target(t.account, tuple(kind for kind in t.kinds if (t.account, kind) not in saved)) for t in targets]
    return [target for target in missing if target.kinds]


async def _process(
    run: Run,
    batch: int,
    config: ContactSyncConfig,
    targets: Sequence[Target],
    intents: Mapping[tuple[str, Kind], tuple[str, ...]],
    breaker: CircuitBreaker,
    throttles: Counter[str],
    remaining: Callable[[], float],
    concurrency: int,
    services: Services,
) -> bool:
    async def record_intents(account: str, fields: Mapping[Kind, tuple[str, ...]]) -> None:
        at = timestamp(services.clock.now())
        await asyncio.to_thread(services.states.record_intents, account, fields, run.run_id, at)

    contacts, compared = UntilHandover(services.contacts), Event()
    if batch > 0:
        compared.set()

    async def emit(receipts: Sequence[Receipt]) -> None:
        await asyncio.to_thread(services.states.save_receipts, receipts, run.run_id)
        compared.set()

    def make_way(lease: Lease) -> tuple[Lease, bool]:
        return lease.preempt(run.run_id)

    async def watch() -> None:
        """Return when the run was stopped, or makes way: not before it has compared an account itself.

        Else a change in every minute could keep it from ever coming to what a run before it has left.
        """
        while not await asyncio.to_thread(services.states.is_stopped, run.run_id):
            if compared.is_set() and await asyncio.to_thread(services.states.update_lease, make_way):
                contacts.begun = True
                return
            await services.clock.sleep(STOP_CHECK_SECONDS)

    context = SyncContext(
        contacts,
        services.organization,
        run.source,
        config,
        services.limiter(config),
        services.clock,
        record_intents,
        intents,
        breaker,
        throttles,
        run.unready(services.clock.now(), config.new_accounts.patience),
        datetime.fromisoformat(run.fresh_until) if run.fresh_until else None,
    )
    working = asyncio.ensure_future(
        process_batch(
            targets,
            context,
            emit,
            concurrency=concurrency,
            stop=lambda: contacts.begun or remaining() < _BEGIN_NO_MORE,
            patience=max(remaining() - _LET_GO, 0),
        )
    )
    watching = asyncio.ensure_future(watch())
    await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
    watching.cancel()
    if contacts.begun:
        # What was sent has ended by then; what only waits for its token is the waiting run's.
        await asyncio.wait((working,), timeout=LONGEST_CALL + 1)
    if working.done():
        return working.result() or contacts.begun
    working.cancel()
    await asyncio.wait((working,))
    watching.result()  # a look that failed says nothing of the run: raised, the batch is done again
    return True
