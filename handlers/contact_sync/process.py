"""Entry point `process`: one batch of accounts is compared and written, and leaves its receipts."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.account_sync import SyncContext
from orgsync.contact_sync.core.accounts import Target
from orgsync.contact_sync.core.receipts import Receipt
from orgsync.contact_sync.core.run import Run, RunStatus
from orgsync.contact_sync.core.worker import process_batch
from orgsync.contact_sync.finalize import STOP_CHECK_SECONDS
from orgsync.contact_sync.names import Kind, Metric, Operation
from orgsync.contact_sync.services import Services
from orgsync.shared.breaker import CircuitBreakers
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
    if run is None or run.status is not RunStatus.IN_PROGRESS:
        return {"done": True}
    config = services.configs.at(run.config_version)
    targets = services.bucket.batch(run_id, batch)
    intents = services.states.intents(run_id, (targets[0].account, targets[-1].account))
    missing = _without_receipts(run_id, targets, services)
    breakers = CircuitBreakers(dict.fromkeys(Operation, run.circuit) if run.circuit else {})
    throttles = Counter[str]()
    done = asyncio.run(_process(run, config, missing, intents, breakers, throttles, remaining, concurrency, services))
    cause = next(iter(breakers.opened.values()), None)
    if cause and not run.circuit:
        services.states.open_circuit(run_id, cause)
    metrics.add_metric(Metric.THROTTLES, MetricUnit.Count, throttles.total())
    logger.info("batch processed", run_id=run_id, batch=batch, done=done, breakers=breakers.opened)
    return {"done": done}


def _without_receipts(run_id: str, targets: Sequence[Target], services: Services) -> list[Target]:
    saved = {
        (receipt.account, receipt.kind)
        for receipt in services.states.receipts(run_id, (targets[0].account, targets[-1].account))
    }
    missing = [replace(t, kinds=tuple(kind for kind in t.kinds if (t.account, kind) not in saved)) for t in targets]
    return [target for target in missing if target.kinds]


async def _process(
    run: Run,
    config: ContactSyncConfig,
    targets: Sequence[Target],
    intents: Mapping[tuple[str, Kind], tuple[str, ...]],
    breakers: CircuitBreakers,
    throttles: Counter[str],
    remaining: Callable[[], float],
    concurrency: int,
    services: Services,
) -> bool:
    async def record_intents(account: str, fields: Mapping[Kind, tuple[str, ...]], _deletions: frozenset[Kind]) -> None:
        at = timestamp(services.clock.now())
        await asyncio.to_thread(services.states.record_intents, account, fields, run.run_id, at)

    async def emit(receipts: Sequence[Receipt]) -> None:
        await asyncio.to_thread(services.states.save_receipts, receipts, run.run_id)

    async def watch_for_stop() -> None:
        while not await asyncio.to_thread(services.states.is_stopped, run.run_id):
            await services.clock.sleep(STOP_CHECK_SECONDS)

    context = SyncContext(
        services.contacts,
        services.organization,
        run.source,
        config,
        services.limiter(config),
        services.clock,
        record_intents,
        intents,
        breakers,
        throttles,
        deletions=run.deletions,
    )
    working = asyncio.ensure_future(
        process_batch(
            targets,
            context,
            emit,
            concurrency=concurrency,
            stop=lambda: remaining() < _BEGIN_NO_MORE,
            patience=max(remaining() - _LET_GO, 0),
        )
    )
    watching = asyncio.ensure_future(watch_for_stop())
    await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
    watching.cancel()
    if working.done():
        return working.result()
    working.cancel()
    await asyncio.wait((working,))
    watching.result()  # a look that failed says nothing of the run: raised, the batch is done again
    return True
