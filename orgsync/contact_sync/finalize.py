"""The end of a run: receipts, outcome, report, notification, and the lease for the next run.

Every step may be repeated: a function that dies anywhere in here is called again, and a
run that died without coming here is brought here by the state machine's failure event.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.errors import (
    ConfigurationMissing,
    ConfigurationUnreadable,
    Refusal,
    SystemFailure,
    WorkerDied,
)
from orgsync.contact_sync.core.lease import Lease, LeasedRun
from orgsync.contact_sync.core.notification import compose
from orgsync.contact_sync.core.outcome import RunOutcome, RunSummary, classify
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.core.run import Run, RunStatus
from orgsync.contact_sync.core.source import Source
from orgsync.contact_sync.core.trigger import parse_trigger
from orgsync.contact_sync.names import Cause, Metric, OwnEvent
from orgsync.contact_sync.services import Services
from orgsync.shared.aws import LONGEST_CALL
from orgsync.shared.clock import as_timestamp, timestamp
from orgsync.shared.errors import NotificationFailed
from orgsync.shared.notification_settings import Severity
from orgsync.shared.telemetry import logger, metrics

# How long a difference waited is known only where a change triggered the run: a daily
# pass may meet its first drifted account at any point of its way.
_CHANGES = (Cause.SOURCE_CHANGED, Cause.MEMBER_CHANGED, Cause.ACCOUNT_CREATED, Cause.ACCOUNT_JOINED)
STOP_CHECK_SECONDS = 5.0
"""Seconds after which a worker looks again whether its run was stopped: a stopped run must not write."""

_GRACE = STOP_CHECK_SECONDS + LONGEST_CALL + 1
"""Seconds after which a stopped worker's last call has ended too."""

_READ_AGAIN = "source-read-again-"
"""Beginning of the event ids of requests that a run's last look at the source made."""

_SEVERITY_METRICS = {
    Severity.HIGH: Metric.SEVERITY_HIGH,
    Severity.MEDIUM: Metric.SEVERITY_MEDIUM,
    Severity.LOW: Metric.SEVERITY_LOW,
}


def finalize(
    run_id: str, services: Services, *, died: str | None = None, event: Any = None, started: str | None = None
) -> dict[str, Any]:
    """Finalize a run and free its lease.

    Args:
        died: why the state machine gave up (its error's name), or None after a regular end.
        event, started: the execution's input and start, to name a run that died before it had a header.

    Returns:
        `run_id`, `status`, `severity`, `counts`; without the last three where there was no run.
    """
    run = services.states.run(run_id) or _unplanned_run(run_id, event, started, services)
    if run is None or run.status is RunStatus.MERGED:
        release_lease(run_id, services)
        return {"run_id": run_id}
    if died and not run.closed and not run.error:
        run = replace(run, error=SystemFailure.__name__, detail=died)
    config = _config(run, services)
    if died and run.batches and not run.closed:
        # Its worker may still be at it, and the next run must not start, nor be counted, beside it.
        services.states.stop(run_id)
        asyncio.run(services.clock.sleep(_GRACE))
    if not run.closed:
        if died and run.planned:
            services.states.save_receipts(services.bucket.skipped(run_id), run_id)
        services.states.save_receipts(_missing_receipts(run, services), run_id)
    summary = RunSummary.of(services.states.receipts(run_id))
    outcome = classify(summary, run.error, config)
    if not run.closed:
        run = _end(run, summary, outcome, services)
    _notify(run, outcome, summary, services)
    _read_again(run, config, services)
    release_lease(run_id, services)
    return {"run_id": run_id, "status": run.status, "severity": run.severity, "counts": dict(run.counts)}


def _read_again(run: Run, config: ContactSyncConfig, services: Services) -> None:
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
        Source.seen_by(run, request.kinds()).changed_since(
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


def release_lease(run_id: str, services: Services) -> None:
    """Free the lease, and start the run that waited for it."""
    waiting = services.states.update_lease(lambda lease: lease.release(run_id))
    if waiting:
        _start_run(waiting, services)


def _start_run(run: LeasedRun, services: Services) -> None:
    """Start the execution of a run that has been handed the lease; a second time changes nothing."""
    services.executions.start(run.run_id, _pending_event(run))


def check_holder(services: Services) -> None:
    """See that the lease's holder lives: the failure event that frees a dead run's lease may itself be lost."""
    holder = services.states.lease().holder
    if holder is None:
        return
    status, _ = services.executions.outcome(holder.run_id)
    if status is None:
        _start_run(holder, services)
    elif status != "RUNNING":
        finalize(holder.run_id, services, died=status, event=_pending_event(holder))


def _pending_event(run: LeasedRun) -> dict[str, Any]:
    """Return the event that triggers a leased run, from its request."""
    return OwnEvent.PENDING.document(run.request.to_json())


def _unplanned_run(run_id: str, event: Any, started: str | None, services: Services) -> Run | None:
    """Make a header for a run whose plan died before writing one; None where the event would start none."""
    try:
        request = parse_trigger(event, run_id=run_id, management=services.management, writer=services.writer)
    except Refusal:
        return None
    lease = services.states.lease()
    for run in (lease.holder, lease.pending):
        if run and run.run_id != run_id and set(request.event_ids) <= set(run.request.event_ids):
            return None  # it died after another run had taken its event over
    at = as_timestamp(started) or timestamp(services.clock.now())
    return Run(run_id, request.cause, started=at, triggered_at=request.triggered_at or at, initiator=request.initiator)


def _config(run: Run, services: Services) -> ContactSyncConfig:
    """Return the version that the run kept; the newest for a run that died before it had one; else the defaults."""
    try:
        if run.config_version:
            return services.configs.at(run.config_version)
        return services.configs.current()[1]
    except (ConfigurationMissing, ConfigurationUnreadable):
        return ContactSyncConfig()


def _missing_receipts(run: Run, services: Services) -> Iterator[Receipt]:
    """Yield receipts for the accounts that the run did not reach: none ends without."""
    at = timestamp(services.clock.now())
    for number in range(run.batches):
        batch = services.bucket.batch(run.run_id, number)
        between = (batch[0].account, batch[-1].account)
        saved = {(receipt.account, receipt.kind) for receipt in services.states.receipts(run.run_id, between)}
        missing = [
            (target.account, kind) for target in batch for kind in target.kinds if (target.account, kind) not in saved
        ]
        intents = services.states.intents(run.run_id, between) if missing else {}
        for account, kind in missing:
            changed = intents.get((account, kind), ())
            yield Receipt(account, kind, Status.FAILED, at, changed, WorkerDied.__name__)


def _end(run: Run, summary: RunSummary, outcome: RunOutcome, services: Services) -> Run:
    now = services.clock.now()
    ended = replace(
        run,
        status=RunStatus(outcome.status),
        scenario=outcome.scenario,
        severity=outcome.severity_name,
        ended=timestamp(now),
        counts=summary.counts(),
    )
    services.bucket.write_report(run.run_id, _report(ended, services))
    if not services.states.save_run(ended, while_open=True):
        return services.states.run(run.run_id) or ended  # another finalized it at the same moment
    _measure(ended, summary, outcome, now)
    logger.info("run ended", run_id=run.run_id, scenario=ended.scenario, counts=ended.counts, error=ended.error)
    return ended


def _report(run: Run, services: Services) -> Iterator[dict[str, Any]]:
    header = {key: value for key, value in asdict(replace(run, source={})).items() if key != "source"}
    yield header | {"deletions": sorted(run.deletions)}
    for receipt in services.states.receipts(run.run_id):
        yield asdict(receipt)


def _measure(run: Run, summary: RunSummary, outcome: RunOutcome, now: datetime) -> None:
    metrics.add_metric(Metric.RUNS, MetricUnit.Count, 1)
    metrics.add_metric(Metric.RUNS_FAILED, MetricUnit.Count, int(outcome.status == "failed"))
    metrics.add_metric(Metric.ACCOUNTS_IN_SYNC, MetricUnit.Count, len(summary.in_sync_accounts()))
    metrics.add_metric(Metric.ACCOUNTS_FAILED, MetricUnit.Count, len(summary.failed_accounts))
    metrics.add_metric(Metric.WRITES, MetricUnit.Count, summary.written)
    metrics.add_metric(Metric.RUN_SECONDS, MetricUnit.Seconds, _seconds(run.started, now))
    if run.cause in _CHANGES and summary.first_write:
        first = datetime.fromisoformat(summary.first_write)
        metrics.add_metric(Metric.TRIGGER_TO_FIRST_WRITE_SECONDS, MetricUnit.Seconds, _seconds(run.triggered_at, first))


def _seconds(since: str, until: datetime) -> float:
    return max((until - datetime.fromisoformat(since)).total_seconds(), 0.0)


def _notify(run: Run, outcome: RunOutcome, summary: RunSummary, services: Services) -> None:
    """Publish the notification, if any. A failed delivery is counted (an alarm sees it) and fails no run."""
    if run.notified or not outcome.notify:
        return
    # First the way that does not depend on SNS: the metric is what User Notifications follows.
    if outcome.severity:
        metrics.add_metric(_SEVERITY_METRICS[outcome.severity], MetricUnit.Count, 1)
    try:
        message = compose(run, outcome, summary, services.environment)
        attributes = {"severity": outcome.severity_name, "scenario": outcome.scenario, "run_id": run.run_id}
        services.publisher.publish(message.subject, message.body, message.chat, attributes)
    except NotificationFailed as error:
        metrics.add_metric(Metric.NOTIFICATIONS_FAILED, MetricUnit.Count, 1)
        logger.error("notification failed", run_id=run.run_id, reason=str(error))
        return
    services.states.save_run(replace(run, notified=True))
