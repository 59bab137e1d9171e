"""Entry point `plan`: from an event to a run with its batches, or to a refusal, or to the run that answers instead."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.errors import (
    OrganizationUnreadable,
    Refusal,
    RefusalReason,
    RunConflict,
    RunError,
    SourceUnreadable,
)
from orgsync.contact_sync.core.lease import LeasedRun
from orgsync.contact_sync.core.receipts import Receipt
from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.core.run import Run, RunStatus
from orgsync.contact_sync.core.selection import gather
from orgsync.contact_sync.core.source import Source
from orgsync.contact_sync.core.trigger import parse_trigger
from orgsync.contact_sync.finalize import check_lease
from orgsync.contact_sync.handed_over import Rest
from orgsync.contact_sync.names import Cause, Metric, OrganizationCall, OwnEvent, PlanResult
from orgsync.contact_sync.next_run import release_lease
from orgsync.contact_sync.services import Services
from orgsync.shared.clock import as_timestamp, timestamp
from orgsync.shared.errors import NotInForce, Temporary, Throttled
from orgsync.shared.telemetry import entry_point, logger, metrics

_UNIT_CALLS = [call for call in OrganizationCall if not call.subject]
"""Calls that matter for the paths of `excluded_units` alone."""


@entry_point
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer one execution's event; see `plan`."""
    services, last = Services.of_environment(), event.get("last", False)
    return plan(event["run_id"], event["started"], event["event"], services, last=last)


def plan(
    run_id: str, started: str, event: Any, services: Services, batch_size: int = 1000, *, last: bool = False
) -> dict[str, Any]:
    """Plan the run that answers an event. Asked again for the same run it goes on where it was.

    Args:
        last: whether nobody asks again: what may pass ends the run now, with receipts where the accounts are known.
        batch_size: accounts a batch. Writing everything of one account takes 0.6 s at quota, so that a batch of
            the default size fits into a function's life, and the few idle seconds between two weigh little.

    Returns:
        `outcome` (`names.PlanResult`) and `run_id`; with `process` where the batches are;
        with `refused` the `refusal`; with `merged` the run `into` which it went.

    Raises:
        Temporary, Throttled: AWS Organizations does not answer now, or the source cannot be read for throttling; to be
            asked again, unless this was the last time.
    """
    metrics.add_metric(Metric.TRIGGERS, MetricUnit.Count, 1)
    try:
        return _plan(run_id, started, event, services, batch_size, last)
    except RunConflict:
        known = services.states.run(run_id)
        if known is None or not _decided(known):
            raise  # another plan of this run goes on; whoever waits for this one asks again
        if known.closed:
            # Closed as dead while this plan still lived, and perhaps before this plan took the lease.
            release_lease(run_id, services, known.rest_for_next)
        return _planned(known, services)


def _decided(run: Run) -> bool:
    """Return whether there is nothing left to plan."""
    return run.planned or run.status is not RunStatus.IN_PROGRESS


def _plan(run_id: str, started: str, event: Any, services: Services, batch_size: int, last: bool) -> dict[str, Any]:
    known = services.states.run(run_id)
    if known and _decided(known):
        if known.planned and not known.closed:
            # The plan before this one may have died just after its header said that it was final.
            services.states.save_receipts(services.bucket.skipped(run_id, known.attempt), run_id)
        return _planned(known, services)
    try:
        request = parse_trigger(event, run_id=run_id, management=services.management, writer=services.writer)
        version, config, unreadable = _configuration(known, services)
        request = _configured(request, config, event)
    except Refusal as refusal:
        return _refuse(refusal, run_id, event, services)

    now = services.clock.now()
    started = as_timestamp(started) or timestamp(now)
    asking = LeasedRun(run_id, _timed(request, started, now, config if _has_waited(event) else None))
    try:
        leased = services.states.update_lease(lambda lease: lease.acquire(asking, services.new_id()))
    except Refusal as refusal:
        return _refuse(refusal, run_id, event, services)
    if leased.run_id != run_id:
        return _merge(asking, started, leased.run_id, services)
    request = leased.request.only(config.contact_types)
    fresh = timedelta(seconds=config.retry_config.fresh_permissions)
    run = Run.of(
        run_id,
        request,
        started,
        source_account=services.management,
        config_version=version,
        fresh_until=timestamp(now + fresh) if request.fresh else None,
        new_accounts=request.new_accounts,
        revision=known.revision if known else 0,
    )
    check_lease(run_id, services)
    # From here on no earlier plan of this run can save a header, and this one writes batches of its own.
    run = services.states.save_run(run)
    run = replace(run, attempt=run.revision)
    receipts: Sequence[Receipt] = ()
    try:
        run, receipts = asyncio.run(_gather(run, request, config, unreadable, batch_size, services, last))
    except RunError as error:
        if error.may_be_fresh and not last:
            _ask_while_fresh(run, str(error), services)
        run = replace(run, error=error.code, detail=str(error))
    except (Temporary, Throttled) as error:
        if not last:
            raise
        ended = OrganizationUnreadable(error.code)
        with suppress(RunError, Temporary, Throttled):  # receipts, where at least the accounts can be listed
            run, receipts = asyncio.run(_gather(run, request, config, ended, batch_size, services, last))
        run = replace(run, error=ended.code, detail=str(ended))
    services.bucket.write_skipped(run_id, receipts, run.attempt)
    # Recorded once the header says that the plan is final: receipts of a plan that was given up would keep the
    # next one's accounts from being worked on.
    run = services.states.save_run(replace(run, planned=True))
    services.states.save_receipts(receipts, run_id)
    metrics.add_metric(Metric.HEARTBEAT, MetricUnit.Count, 1)
    logger.info("run planned", run_id=run_id, cause=run.cause, batches=run.batches, error=run.error)
    return _planned(run, services)


def _refuse(refusal: Refusal, run_id: str, event: Any, services: Services) -> dict[str, Any]:
    metrics.add_metric(Metric.TRIGGERS_REFUSED, MetricUnit.Count, 1)
    source = event.get("source") if isinstance(event, dict) else None
    logger.info("event refused", run_id=run_id, reason=refusal.code, detail=str(refusal), source=source)
    # A run that was handed the lease and is refused (paused meanwhile) must not keep it.
    release_lease(run_id, services)
    # A pause must not keep a dead run from being closed.
    check_lease(run_id, services)
    named = source[: Request.MAX_TEXT] if isinstance(source, str) and source else "unknown"
    return _answer(PlanResult.REFUSED, run_id, refusal={"reason": refusal.code, "source": named})


def _configuration(known: Run | None, services: Services) -> tuple[int, ContactSyncConfig, RunError | None]:
    """Return the version that a run keeps to its end. An unreadable one is no refusal: its run must fail loudly."""
    try:
        if known and known.config_version:
            return known.config_version, services.configs.at(known.config_version), None
        return *services.configs.current(), None
    except RunError as error:
        return 0, ContactSyncConfig(), error


def _configured(request: Request, config: ContactSyncConfig, event: Any) -> Request:
    if config.paused:
        raise Refusal(RefusalReason.PAUSED, "by configuration")
    call = event["detail"].get("eventName")
    if request.cause is Cause.ACCOUNT_CHANGED and call in _UNIT_CALLS and not config.excluded_units:
        raise Refusal(RefusalReason.NO_ACCOUNT, "a unit changed, and none is excluded")
    wanted = request.only(config.contact_types)
    if not wanted.kinds() and not wanted.rest:
        raise Refusal(RefusalReason.KIND_NOT_CONFIGURED, ", ".join(sorted(request.kinds())))
    return wanted


def _timed(request: Request, started: str, now: datetime, settled: ContactSyncConfig | None) -> Request:
    """Give a request the times that its event did not say; no account is new in the future.

    Args:
        settled: where the state machine has let the request's new accounts settle, with this configuration.
    """
    joined = request.accounts if request.cause in (Cause.ACCOUNT_CREATED, Cause.ACCOUNT_JOINED) else ()
    heard = request.new_accounts or dict.fromkeys(joined, started)
    latest = timestamp(now - timedelta(seconds=settled.new_accounts.settle if settled else 0))
    new_accounts = {account: min(since, latest) for account, since in heard.items()}
    return replace(request, triggered_at=request.triggered_at or started, new_accounts=new_accounts)


def _has_waited(event: Any) -> bool:
    """Return whether the state machine has let the accounts settle that are new in an event."""
    return bool(event.get("source") != OwnEvent.source())


def _merge(asking: LeasedRun, started: str, into: str, services: Services) -> dict[str, Any]:
    metrics.add_metric(Metric.TRIGGERS_MERGED, MetricUnit.Count, 1)
    logger.info("event merged", run_id=asking.run_id, into=into)
    header = Run.of(
        asking.run_id,
        asking.request,
        started,
        source_account=services.management,
        status=RunStatus.MERGED,
        into=into,
        rest=None,
    )
    services.states.save_run(header)
    check_lease(asking.run_id, services)
    return _planned(header, services)


async def _gather(
    run: Run,
    request: Request,
    config: ContactSyncConfig,
    unreadable: RunError | None,
    batch_size: int,
    services: Services,
    last: bool,
) -> tuple[Run, Sequence[Receipt]]:
    """List the accounts, read the source and write batches; return the header, and receipts of what no batch holds.

    What a run before handed over comes first, in that run's order: a batch stays before the batches after it, so that
    however often a run makes way, each comes to its end.

    Raises:
        RunError: the accounts cannot be listed.
    """
    # One patience for everything that a plan reads of the source: it must end while the function lives.
    until = Source.patience_ends(services.clock)
    if not isinstance(unreadable, OrganizationUnreadable):  # asked again, it would begin its patience anew
        services.organization.check_management()
    rest = await Rest.of(request, config, services, until)
    request = rest.request
    run = replace(run, everyone=bool(request.everyone), new_accounts={**rest.new_accounts, **run.new_accounts})
    source, selection, error = await gather(
        replace(rest.with_accounts().only(config.contact_types), new_accounts=run.new_accounts),
        config,
        management=services.management,
        contacts=services.contacts,
        organization=services.organization,
        limiter=services.limiter(config),
        clock=services.clock,
        given_up=unreadable,
        read=rest.source,
        until=until,
    )
    if not last and isinstance(error, SourceUnreadable) and error.throttled:
        raise Throttled("the source")
    if not last and (source.unreadable or (error and error.may_be_fresh)):
        _ask_while_fresh(run, "; ".join(map(str, source.unreadable.values())), services)
    run = source.noted_in(run)
    confirmed = rest.confirmed
    run = replace(run, source={**confirmed.contacts, **run.source}, flawed={**confirmed.flawed, **run.flawed})
    # A move or a tag may come first of all events about a new account, and a pass may meet one before any of them.
    now = services.clock.now()
    young = replace(run, new_accounts=selection.joined).unready(now, config.new_accounts.patience)
    since = {account: min(selection.joined[account], timestamp(now)) for account in young}
    known = replace(request, new_accounts={**run.new_accounts, **since}).bounded().new_accounts
    run = replace(run, new_accounts=known)
    unready = run.unready(now, config.new_accounts.patience)
    receipts = selection.receipts(timestamp(now), unready, rest.kinds.keys() - request.accounts)
    if error:
        return replace(run, error=error.code, detail=str(error)), receipts
    parts = selection.batches(batch_size, run.run_id, rest.batches)
    services.bucket.write_batches(run.run_id, parts, run.attempt)
    deletions = frozenset(kind for target in selection.targets for kind in target.deletions)
    return replace(run, batches=len(parts), deletions=deletions), receipts


def _ask_while_fresh(run: Run, refused: str, services: Services) -> None:
    """Let the plan be asked again while its permissions may not be in force yet.

    Raises:
        NotInForce: they may not.
    """
    if run.fresh_until and timestamp(services.clock.now()) < run.fresh_until:
        raise NotInForce(refused)


def _planned(run: Run, services: Services) -> dict[str, Any]:
    """Return the answer of a plan that has been made, from its header alone."""
    if run.status is RunStatus.MERGED:
        return _answer(PlanResult.MERGED, run.run_id, into=run.into)
    if run.error or not run.batches or run.status is not RunStatus.IN_PROGRESS:
        return _answer(PlanResult.REPORT, run.run_id)
    manifest = services.bucket.manifest(run.run_id, run.attempt)
    return _answer(PlanResult.PROCESS, run.run_id, bucket=services.bucket.name, manifest=manifest)


def _answer(outcome: PlanResult, run_id: str, **more: Any) -> dict[str, Any]:
    return {"outcome": str(outcome), "run_id": run_id, **more}
