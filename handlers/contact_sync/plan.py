"""Entry: a bell → a run with its batches, or a refusal, or a bell that another run answers."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from orgsync.contact_sync import finalize
from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.errors import (
    ConfigurationMissing,
    ConfigurationUnreadable,
    KindNotConfigured,
    Paused,
    Refusal,
    RunError,
)
from orgsync.contact_sync.core.lease import Merged, Turn, ring
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.core.request import Request, instant
from orgsync.contact_sync.core.run import Run, RunStatus
from orgsync.contact_sync.core.selection import choose, concerned
from orgsync.contact_sync.core.targets import (
    Left,
    abandon,
    batches,
    select,
)
from orgsync.contact_sync.core.trigger import hear
from orgsync.contact_sync.names import Metric, Outcome
from orgsync.contact_sync.services import Services, services
from orgsync.shared.rate_limiter import Pacer
from orgsync.shared.telemetry import logger, metrics, tracer

BATCH = 1000
"""Accounts a batch. Writing everything of one account takes 0.6 s at quota, so that a batch
fits into a function's life, and the few idle seconds between two batches weigh little."""


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
@metrics.log_metrics
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer one execution's bell; see `plan`."""
    return plan(event["run_id"], event["started"], event["bell"], services())


def plan(run_id: str, started: str, bell: Any, services: Services) -> dict[str, Any]:
    """Answer a bell. Asked again for the same run it goes on where it was.

    Returns:
        `outcome` (`names.Outcome`) and `run_id`; with `process` where the batches are;
        with `refused` the `refusal`; with `merged` the run `into` which it went.
    """
    metrics.add_metric(Metric.BELLS, MetricUnit.Count, 1)
    known = services.states.run(run_id)
    if known and (known.planned or known.closed):
        return _planned(known, services)
    try:
        request = hear(bell, run_id=run_id, management=services.management, writer=services.writer)
        version, config, unreadable = _configuration(known, services)
        request = _concerning(request, config)
    except Refusal as refusal:
        metrics.add_metric(Metric.BELLS_REFUSED, MetricUnit.Count, 1)
        logger.info("bell refused", run_id=run_id, reason=refusal.code, detail=str(refusal))
        # A run that was handed the lease and is refused (paused meanwhile) must not keep it.
        finalize.hand_over(run_id, services)
        source = bell.get("source") if isinstance(bell, dict) else None
        return _answer(Outcome.REFUSED, run_id, refusal={"reason": refusal.code, "source": source or "unknown"})

    started = instant(started) or services.clock.now().isoformat(timespec="milliseconds")
    request = replace(request, rung=request.rung or started)
    verdict = services.states.exchange(lambda lease: ring(lease, Turn(run_id, request), services.new_id()))
    if isinstance(verdict, Merged):
        return _merge(run_id, started, request, verdict, services)
    request = verdict.request.only(config.contact_types)
    run = Run(
        run_id,
        request.cause,
        started,
        rung=request.rung or started,
        initiator=request.initiator,
        config_version=version,
    )
    services.states.save(run, while_open=True)
    try:
        run = asyncio.run(_gather(run, request, config, unreadable, services))
    except RunError as error:
        run = replace(run, error=error.code, detail=str(error))
    run = replace(run, planned=True)
    services.states.save(run, while_open=True)
    return _planned(run, services)


def _configuration(
    known: Run | None, services: Services
) -> tuple[int, ContactSyncConfig, ConfigurationUnreadable | None]:
    """The version a run keeps to its end. One that is unreadable is no refusal: its run must fail loudly."""
    try:
        if known and known.config_version:
            return known.config_version, services.configs.at(known.config_version), None
        current = services.configs.current()
    except ConfigurationUnreadable as error:
        return 0, ContactSyncConfig(), error
    if current is None:
        raise ConfigurationMissing("no version has been written")
    return *current, None


def _concerning(request: Request, config: ContactSyncConfig) -> Request:
    if config.paused:
        raise Paused("by configuration")
    wanted = request.only(config.contact_types)
    if not wanted.kinds():
        raise KindNotConfigured(", ".join(sorted(request.kinds())))
    return wanted


def _merge(run_id: str, started: str, request: Request, verdict: Merged, services: Services) -> dict[str, Any]:
    metrics.add_metric(Metric.BELLS_MERGED, MetricUnit.Count, 1)
    header = Run(
        run_id, request.cause, started, rung=request.rung or started, status=RunStatus.MERGED, into=verdict.into
    )
    services.states.save(header)
    _see_that_the_holder_lives(services)
    return _planned(header, services)


def _see_that_the_holder_lives(services: Services) -> None:
    """The failure event that frees a dead run's lease may itself be lost; any later bell finds out."""
    holder = services.states.lease().holder
    if holder is None:
        return
    status = services.pipeline.status(holder.run_id)
    if status is None:
        finalize.start(holder, services)
    elif status != "RUNNING":
        finalize.close(holder.run_id, services, died=status, bell=finalize.bell_of(holder))


async def _gather(
    run: Run, request: Request, config: ContactSyncConfig, unreadable: RunError | None, services: Services
) -> Run:
    """List the accounts and read the source once; write receipts for the left and batches for the rest.

    Raises:
        RunError: the run ends before any write; where the accounts were known, each has its receipts.
    """
    services.organization.check_management()
    accounts = concerned(request, services.organization)
    try:
        if unreadable:
            raise unreadable
        source, selection = await choose(
            request,
            accounts,
            config,
            management=services.management,
            contacts=services.contacts,
            directory=services.organization,
            pacer=Pacer(services.buckets(config), services.clock),
            clock=services.clock,
        )
    except RunError as error:
        everyone = select(request, accounts, config, management=services.management, in_excluded_units=())
        services.states.keep(_receipts_of(abandon(everyone, type(error)).left, services), run.run_id)
        raise
    services.states.keep(_receipts_of(selection.left, services), run.run_id)
    cut = batches(selection.targets, BATCH)
    services.bucket.write_batches(run.run_id, cut)
    held = {kind: contact for kind, contact in source.items() if contact is not None}
    return replace(run, source=held, batches=len(cut))


def _receipts_of(left: Iterable[Left], services: Services) -> Iterable[Receipt]:
    at = services.clock.now().isoformat(timespec="milliseconds")
    return [Receipt(one.account, one.kind, Status.SKIPPED, at, error=one.why.__name__) for one in left]


def _planned(run: Run, services: Services) -> dict[str, Any]:
    """The answer of a plan that has been made, from its header alone."""
    if run.status is RunStatus.MERGED:
        return _answer(Outcome.MERGED, run.run_id, into=run.into)
    if run.error or not run.batches or run.closed:
        return _answer(Outcome.REPORT, run.run_id)
    return _answer(
        Outcome.PROCESS, run.run_id, bucket=services.bucket.name, manifest=services.bucket.manifest(run.run_id)
    )


def _answer(outcome: Outcome, run_id: str, **more: Any) -> dict[str, Any]:
    return {"outcome": str(outcome), "run_id": run_id, **more}
