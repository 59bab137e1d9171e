"""Entry point `plan`: from an event to a run with its batches, or to a refusal, or to the run that answers instead."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.errors import (
    ConfigurationUnreadable,
    KindNotConfigured,
    Paused,
    Refusal,
    RunError,
)
from orgsync.contact_sync.core.lease import LeasedRun
from orgsync.contact_sync.core.receipts import Receipt
from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.core.run import Run, RunStatus
from orgsync.contact_sync.core.selection import gather
from orgsync.contact_sync.core.trigger import parse_trigger
from orgsync.contact_sync.finalize import check_holder, release_lease
from orgsync.contact_sync.names import Metric, PlanResult
from orgsync.contact_sync.services import Services
from orgsync.shared.clock import as_timestamp, timestamp
from orgsync.shared.telemetry import entry_point, logger, metrics


@entry_point
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer one execution's event; see `plan`."""
    return plan(event["run_id"], event["started"], event["event"], Services.of_environment())


def plan(run_id: str, started: str, event: Any, services: Services, batch_size: int = 1000) -> dict[str, Any]:
    """Plan the run that answers an event. Asked again for the same run it goes on where it was.

    Args:
        batch_size: accounts a batch. Writing everything of one account takes 0.6 s at quota, so that a batch of
            the default size fits into a function's life, and the few idle seconds between two weigh little.

    Returns:
        `outcome` (`names.PlanResult`) and `run_id`; with `process` where the batches are;
        with `refused` the `refusal`; with `merged` the run `into` which it went.
    """
    metrics.add_metric(Metric.TRIGGERS, MetricUnit.Count, 1)
    known = services.states.run(run_id)
    if known and (known.planned or known.closed):
        if not known.closed:
            # The plan before this one may have died just after its header said that it was final.
            services.states.save_receipts(services.bucket.skipped(run_id), run_id)
        return _planned(known, services)
    try:
        request = parse_trigger(event, run_id=run_id, management=services.management, writer=services.writer)
        version, config, unreadable = _configuration(known, services)
        request = _configured(request, config)
    except Refusal as refusal:
        metrics.add_metric(Metric.TRIGGERS_REFUSED, MetricUnit.Count, 1)
        logger.info("event refused", run_id=run_id, reason=refusal.code, detail=str(refusal))
        # A run that was handed the lease and is refused (paused meanwhile) must not keep it.
        release_lease(run_id, services)
        source = event.get("source") if isinstance(event, dict) else None
        return _answer(PlanResult.REFUSED, run_id, refusal={"reason": refusal.code, "source": source or "unknown"})

    started = as_timestamp(started) or timestamp(services.clock.now())
    asking = LeasedRun(run_id, request.at(started))
    leased = services.states.update_lease(lambda lease: lease.acquire(asking, services.new_id()))
    if leased.run_id != run_id:
        return _merge(asking, started, leased.run_id, services)
    request = leased.request.only(config.contact_types)
    run = Run(
        run_id,
        request.cause,
        started,
        triggered_at=request.triggered_at or started,
        initiator=request.initiator,
        config_version=version,
    )
    services.states.save_run(run, while_open=True)
    receipts: Sequence[Receipt] = ()
    try:
        run, receipts = asyncio.run(_gather(run, request, config, unreadable, batch_size, services))
    except RunError as error:
        run = replace(run, error=error.code, detail=str(error))
    run = replace(run, planned=True)
    # Recorded once the header says that the plan is final: receipts of a plan that was given up would keep the
    # next one's accounts from being worked on.
    services.bucket.write_skipped(run_id, receipts)
    if services.states.save_run(run, while_open=True):
        services.states.save_receipts(receipts, run_id)
    return _planned(run, services)


def _configuration(
    known: Run | None, services: Services
) -> tuple[int, ContactSyncConfig, ConfigurationUnreadable | None]:
    """Return the version that a run keeps to its end. An unreadable one is no refusal: its run must fail loudly."""
    try:
        if known and known.config_version:
            return known.config_version, services.configs.at(known.config_version), None
        return *services.configs.current(), None
    except ConfigurationUnreadable as error:
        return 0, ContactSyncConfig(), error


def _configured(request: Request, config: ContactSyncConfig) -> Request:
    if config.paused:
        raise Paused("by configuration")
    wanted = request.only(config.contact_types)
    if not wanted.kinds():
        raise KindNotConfigured(", ".join(sorted(request.kinds())))
    return wanted


def _merge(asking: LeasedRun, started: str, into: str, services: Services) -> dict[str, Any]:
    metrics.add_metric(Metric.TRIGGERS_MERGED, MetricUnit.Count, 1)
    request = asking.request
    header = Run(
        asking.run_id,
        request.cause,
        started,
        triggered_at=request.triggered_at or started,
        status=RunStatus.MERGED,
        into=into,
    )
    services.states.save_run(header)
    check_holder(services)
    return _planned(header, services)


async def _gather(
    run: Run,
    request: Request,
    config: ContactSyncConfig,
    unreadable: RunError | None,
    batch_size: int,
    services: Services,
) -> tuple[Run, Sequence[Receipt]]:
    """List the accounts, read the source and write batches; return the header, and receipts of what no batch holds.

    Raises:
        RunError: the accounts cannot be listed.
    """
    services.organization.check_management()
    source, selection, error = await gather(
        request,
        config,
        management=services.management,
        contacts=services.contacts,
        organization=services.organization,
        limiter=services.limiter(config),
        clock=services.clock,
        given_up=unreadable,
    )
    run = replace(source.noted_in(run), exclusions=selection.exclusions)
    receipts = selection.receipts(timestamp(services.clock.now()))
    if error:
        return replace(run, error=error.code, detail=str(error)), receipts
    parts = selection.batches(batch_size, run.run_id)
    services.bucket.write_batches(run.run_id, parts)
    deletions = frozenset(kind for target in selection.targets for kind in target.deletions)
    return replace(run, batches=len(parts), deletions=deletions), receipts


def _planned(run: Run, services: Services) -> dict[str, Any]:
    """Return the answer of a plan that has been made, from its header alone."""
    if run.status is RunStatus.MERGED:
        return _answer(PlanResult.MERGED, run.run_id, into=run.into)
    if run.error or not run.batches or run.closed:
        return _answer(PlanResult.REPORT, run.run_id)
    return _answer(
        PlanResult.PROCESS, run.run_id, bucket=services.bucket.name, manifest=services.bucket.manifest(run.run_id)
    )


def _answer(outcome: PlanResult, run_id: str, **more: Any) -> dict[str, Any]:
    return {"outcome": str(outcome), "run_id": run_id, **more}
