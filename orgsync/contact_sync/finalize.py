"""A run's end: receipts → verdict → report → notification → the lease's next holder.

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
    ConfigurationUnreadable,
    NotificationFailed,
    Refusal,
    SystemFailure,
    WorkerDied,
)
from orgsync.contact_sync.core.lease import Turn, release
from orgsync.contact_sync.core.notification import notice
from orgsync.contact_sync.core.outcome import Severity, Verdict, judge
from orgsync.contact_sync.core.receipts import Receipt, Status, Tally
from orgsync.contact_sync.core.request import instant
from orgsync.contact_sync.core.run import Run, RunStatus
from orgsync.contact_sync.core.trigger import hear
from orgsync.contact_sync.names import (
    BELL_SOURCE,
    Bell,
    Cause,
    Metric,
)
from orgsync.contact_sync.services import Services
from orgsync.shared.aws import LONGEST_CALL
from orgsync.shared.telemetry import logger, metrics

# Why accounts differ from the source is news only where a change rang the bell: a daily
# pass may meet its first drifted account at any point of its way.
CHANGES = (Cause.SOURCE_CHANGED, Cause.MEMBER_CHANGED, Cause.ACCOUNT_CREATED, Cause.ACCOUNT_JOINED)
LOOK_EVERY = 5.0
"""Seconds between a worker's looks at whether its run was stopped meanwhile: a stopped run must not write."""

GRACE = LOOK_EVERY + LONGEST_CALL + 1
"""Seconds after which a stopped worker's last call has ended too."""

SEVERITY_METRICS = {
    Severity.HIGH: Metric.SEVERITY_HIGH,
    Severity.MEDIUM: Metric.SEVERITY_MEDIUM,
    Severity.LOW: Metric.SEVERITY_LOW,
}


def close(
    run_id: str, services: Services, *, died: str | None = None, bell: Any = None, started: str | None = None
) -> dict[str, Any]:
    """Close a run and free its lease.

    Args:
        died: why the state machine gave up (its error's name), or None after a regular end.
        bell, started: the execution's input and start, to name a run that died before it had a header.

    Returns:
        `run_id`, `status`, `severity`, `counts`; without the last three where there was no run.
    """
    run = services.states.run(run_id) or _unplanned(run_id, bell, started, services)
    if run is None or run.status is RunStatus.MERGED:
        hand_over(run_id, services)
        return {"run_id": run_id}
    if died and not run.closed and not run.error:
        run = replace(run, error=SystemFailure.__name__, detail=died)
    config = _config(run, services)
    if died and run.batches and not run.closed:
        # Its worker may still be at it, and the next run must not start, nor be counted, beside it.
        services.states.stop(run_id)
        asyncio.run(services.clock.sleep(GRACE))
    if not run.closed:
        services.states.keep(_forgotten(run, services), run_id)
    tally = Tally.of(services.states.receipts(run_id))
    verdict = judge(tally, run.error, config)
    if not run.closed:
        run = _end(run, tally, verdict, services)
    _notify(run, verdict, tally, services)
    hand_over(run_id, services)
    return {"run_id": run_id, "status": run.status, "severity": run.severity, "counts": dict(run.counts)}


def hand_over(run_id: str, services: Services) -> None:
    """Free the lease, and start the run that waited for it."""
    waiting = services.states.exchange(lambda lease: release(lease, run_id))
    if waiting:
        start(waiting, services)


def start(turn: Turn, services: Services) -> None:
    """Start the execution of a run that has been handed the lease; a second time changes nothing."""
    services.pipeline.start(turn.run_id, bell_of(turn))


def bell_of(turn: Turn) -> dict[str, Any]:
    """The bell that rings for a turn's request."""
    return {"source": BELL_SOURCE, "detail-type": Bell.PENDING, "detail": turn.request.to_json()}


def _unplanned(run_id: str, bell: Any, started: str | None, services: Services) -> Run | None:
    """A header for a run whose plan died before writing one; None where the bell would start none."""
    try:
        request = hear(bell, run_id=run_id, management=services.management, writer=services.writer)
    except Refusal:
        return None
    lease = services.states.lease()
    for turn in (lease.holder, lease.pending):
        if turn and turn.run_id != run_id and set(request.bells) <= set(turn.request.bells):
            return None  # it died after another run had taken its bell over
    at = instant(started) or services.clock.now().isoformat(timespec="milliseconds")
    return Run(run_id, request.cause, started=at, rung=request.rung or at, initiator=request.initiator)


def _config(run: Run, services: Services) -> ContactSyncConfig:
    """The version the run kept; the newest for a run that died before it had one; else the defaults."""
    try:
        if run.config_version:
            return services.configs.at(run.config_version)
        current = services.configs.current()
        return current[1] if current else ContactSyncConfig()
    except ConfigurationUnreadable:
        return ContactSyncConfig()


def _forgotten(run: Run, services: Services) -> Iterator[Receipt]:
    """Receipts for the accounts whose turn never ended: none is left without."""
    at = services.clock.now().isoformat(timespec="milliseconds")
    for number in range(run.batches):
        batch = services.bucket.batch(run.run_id, number)
        reach = (run.run_id, batch[0].account, batch[-1].account)
        kept = {(receipt.account, receipt.kind) for receipt in services.states.receipts(*reach)}
        left = [
            (target.account, kind) for target in batch for kind in target.kinds if (target.account, kind) not in kept
        ]
        begun = services.states.begun(*reach) if left else {}
        for account, kind in left:
            changed = begun.get((account, kind), ())
            yield Receipt(account, kind, Status.FAILED, at, changed, WorkerDied.__name__)


def _end(run: Run, tally: Tally, verdict: Verdict, services: Services) -> Run:
    now = services.clock.now()
    ended = replace(
        run,
        status=RunStatus(verdict.status),
        scenario=verdict.scenario,
        severity=str(verdict.severity),
        ended=now.isoformat(timespec="milliseconds"),
        counts=tally.counts(),
    )
    services.bucket.write_report(run.run_id, _report(ended, services))
    if not services.states.save(ended, while_open=True):
        return services.states.run(run.run_id) or ended  # another closed it at the same moment
    _measure(ended, tally, verdict, now)
    logger.info("run ended", run_id=run.run_id, scenario=ended.scenario, counts=ended.counts, error=ended.error)
    return ended


def _report(run: Run, services: Services) -> Iterator[dict[str, Any]]:
    header = {key: value for key, value in asdict(replace(run, source={})).items() if key != "source"}
    yield header
    for receipt in services.states.receipts(run.run_id):
        yield asdict(receipt)


def _measure(run: Run, tally: Tally, verdict: Verdict, now: datetime) -> None:
    metrics.add_metric(Metric.RUNS, MetricUnit.Count, 1)
    metrics.add_metric(Metric.RUNS_FAILED, MetricUnit.Count, int(verdict.status == "failed"))
    metrics.add_metric(Metric.ACCOUNTS_IN_STEP, MetricUnit.Count, len(tally.in_step_accounts()))
    metrics.add_metric(Metric.ACCOUNTS_FAILED, MetricUnit.Count, len(tally.failed_accounts))
    metrics.add_metric(Metric.WRITES, MetricUnit.Count, tally.written)
    metrics.add_metric(Metric.RUN_SECONDS, MetricUnit.Seconds, _seconds(run.started, now))
    if run.cause in CHANGES and tally.first_write:
        first = datetime.fromisoformat(tally.first_write)
        metrics.add_metric(Metric.BELL_TO_FIRST_WRITE_SECONDS, MetricUnit.Seconds, _seconds(run.rung, first))


def _seconds(since: str, until: datetime) -> float:
    return max((until - datetime.fromisoformat(since)).total_seconds(), 0.0)


def _notify(run: Run, verdict: Verdict, tally: Tally, services: Services) -> None:
    """Tell whoever must hear. A failed delivery is counted (an alarm sees it) and fails no run."""
    if run.notified or not verdict.notify:
        return
    # First the way that does not depend on SNS: the metric is what User Notifications follows.
    if metric := SEVERITY_METRICS.get(verdict.severity):
        metrics.add_metric(metric, MetricUnit.Count, 1)
    try:
        services.notifier.tell(notice(run, verdict, tally, services.environment), run, verdict)
    except NotificationFailed as error:
        metrics.add_metric(Metric.NOTIFICATIONS_FAILED, MetricUnit.Count, 1)
        logger.error("notification failed", run_id=run.run_id, reason=str(error))
        return
    services.states.save(replace(run, notified=True))
