"""The end of a run: receipts, outcome, report, notification, and the lease for the next run.

Every step may be repeated: a function that dies anywhere in here is called again, and a
run that died without coming here is brought here by the state machine's failure event. Several may come here at
once: the one whose write of the end meets the revision that it read is the run's closer, and the only one that
notifies and counts.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from orgsync.contact_sync.announce import measure, notify
from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.bounds import WorkerBounds
from orgsync.contact_sync.core.errors import (
    BatchUnreadable,
    ConfigurationUnreadable,
    Refusal,
    RunConflict,
    SyncReason,
)
from orgsync.contact_sync.core.outcome import RunOutcome, RunSummary, classify
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.core.run import Run, RunStatus
from orgsync.contact_sync.core.trigger import parse_trigger
from orgsync.contact_sync.next_run import ask_again, pending_event, read_again, release_lease, start_run
from orgsync.contact_sync.services import Services
from orgsync.shared.aws import LONGEST_CALL
from orgsync.shared.clock import as_timestamp, timestamp
from orgsync.shared.errors import OrgsyncError
from orgsync.shared.telemetry import logger

_GRACE = WorkerBounds.last_call(LONGEST_CALL)
"""Seconds after which nothing that a stopped run sent is under way."""

_CLOSER_SECONDS = 90.0
"""Seconds in which a closer goes on to its next write of the header; another takes over only after that.

In between it publishes to three topics at most, for 29 seconds each (`aws.PUBLISHING`: two attempts and a pause).
"""

_MOST_LOSSES = 50
"""Number of times that finalizing begins anew because another changed the header: each time one got further."""

_LONGEST_DETAIL = 500
"""Characters of a header's detail, where it is a list that may grow with the run."""

_NOT_REPORTED = ("source", "notified", "reported", "revision")
"""Attributes of a header that its report lacks: contact values, and what changes after it was written."""


def finalize(
    run_id: str, services: Services, *, died: str | None = None, event: Any = None, started: str | None = None
) -> dict[str, Any]:
    """Finalize a run and free its lease.

    Args:
        died: why the state machine gave up (its error's name), or None after a regular end.
        event, started: the execution's input and start, to name a run that died before it had a header.

    Returns:
        `run_id`, `status`, `severity`, `counts`; without the last three where there was no run.

    Raises:
        RunConflict: others kept changing the header.
    """
    for _ in range(_MOST_LOSSES):
        run = services.states.run(run_id) or _unplanned_run(run_id, event, started, services)
        if run is None or run.status is RunStatus.MERGED:
            release_lease(run_id, services)
            return {"run_id": run_id}
        try:
            run = _finish(run, services) if run.closed else _close(run, died, services)
        except RunConflict:
            continue  # another was first: what the header says now decides what is left to do
        read_again(run, _config(run, services), services)
        ask_again(run, services)
        release_lease(run_id, services, run.rest_for_next)
        return {"run_id": run_id, "status": run.status, "severity": run.severity, "counts": dict(run.counts)}
    raise RunConflict(run_id)


def _close(run: Run, died: str | None, services: Services) -> Run:
    """Write the end of a run that has none, and do what follows from it.

    Raises:
        RunConflict: another closer, or a plan that still lived, changed the header.
    """
    if died and not run.error:
        run = replace(run, error=SyncReason.SYSTEM_FAILURE, detail=died)
    lease = services.states.lease()
    if lease.made_way(run.run_id):
        # Written before the lease is free: whoever follows the run, and whoever closes it in the end, may come later.
        run = replace(run, preempted=True, into=lease.pending.run_id if lease.pending else run.into)
    lost: list[str] = []
    missing = list(_missing_receipts(run, services, lost))
    # A run that makes way leaves accounts to the next one, although its worker has ended.
    lives = bool(services.states.notes(run.run_id, Run.LIVES))
    if run.batches and (died or lives or (missing and not run.preempted) or run.status is RunStatus.STOPPED):
        # Its worker may still be at it, and the next run must not start, nor be counted, beside it.
        if run.status is RunStatus.IN_PROGRESS:
            run = services.states.save_run(replace(run, status=RunStatus.STOPPED))
        asyncio.run(services.clock.sleep(_GRACE))
        missing = list(_missing_receipts(run, services, []))
    if run.preempted:
        # What waits must not wait for thousands of receipts of what was not compared. A second worker, whose caller has
        # given up, records no intent any more once the run is stopped.
        if run.status is RunStatus.IN_PROGRESS:
            run = services.states.save_run(replace(run, status=RunStatus.STOPPED))
        release_lease(run.run_id, services, run.rest_for_next, closed=False)
    if lost and not run.error:
        run = replace(run, error=BatchUnreadable.__name__, detail=", ".join(lost)[:_LONGEST_DETAIL])
    services.states.save_receipts(missing, run.run_id)
    summary, outcome = _outcome(run, services)
    ended = replace(
        run,
        status=RunStatus(outcome.status),
        scenario=outcome.scenario,
        severity=outcome.severity_name,
        ended=timestamp(services.clock.now()),
        counts=summary.counts(),
    )
    return _announce(services.states.save_run(ended), summary, outcome, services)


def _finish(run: Run, services: Services) -> Run:
    """Do what the closer of an ended run has not done: it may have died after it wrote the end.

    Raises:
        RunConflict: it lives, or another has taken over.
    """
    summary, outcome = _outcome(run, services)
    if run.reported and (run.notified or not outcome.notify):
        return run
    if not run.reported:
        asyncio.run(services.clock.sleep(_CLOSER_SECONDS))
    # Written as it is: whose write meets the revision takes over, and the closer, should it live, stops.
    return _announce(services.states.save_run(run), summary, outcome, services)


def _outcome(run: Run, services: Services) -> tuple[RunSummary, RunOutcome]:
    config = _config(run, services)
    receipts = services.states.receipts(run.run_id)
    summary = RunSummary.of(receipts, everyone=run.everyone, exclusions=config.exclusions())
    return summary, classify(summary, run.error, config)


def _announce(run: Run, summary: RunSummary, outcome: RunOutcome, services: Services) -> Run:
    """Notify of a run that has ended, write its report and count it, each once.

    Who calls this has just written the header: nobody else comes here before `_CLOSER_SECONDS` are over.

    Raises:
        RunConflict: another has taken over.
    """
    if outcome.notify and not run.notified and notify(run, outcome, summary, services):
        run = services.states.save_run(replace(run, notified=True))
    if not run.reported:
        services.bucket.write_report(run.run_id, _report(run, services))
        run = services.states.save_run(replace(run, reported=True))
        measure(run, summary, outcome)
        logger.info("run ended", run_id=run.run_id, scenario=run.scenario, counts=run.counts, error=run.error)
    return run


def check_lease(run_id: str, services: Services) -> None:
    """See that the runs live that the lease names besides one: the failure event that ends a dead one may be lost."""
    lease = services.states.lease()
    for unclosed in lease.unclosed:
        status, _ = services.executions.outcome(unclosed)
        if status == "RUNNING":
            continue
        try:
            finalize(unclosed, services, died=status)
        except OrgsyncError as error:  # it is tried again by the next trigger, which must not wait for it
            logger.error("a run that made way cannot be closed", run_id=unclosed, reason=error.code)
    holder = lease.holder
    if holder is None or holder.run_id == run_id:
        return
    status, _ = services.executions.outcome(holder.run_id)
    if status is None:
        start_run(holder, services)
    elif status != "RUNNING":
        finalize(holder.run_id, services, died=status, event=pending_event(holder))


def _unplanned_run(run_id: str, event: Any, started: str | None, services: Services) -> Run | None:
    """Make a header for a run whose plan died before writing one; None where the event would start none.

    Its plan may outlive it: the header that is made here keeps it from beginning the run after all.
    """
    lease = services.states.lease()
    if lease.holder and lease.holder.run_id == run_id:
        request = lease.holder.request
    else:
        try:
            request = parse_trigger(event, run_id=run_id, management=services.management, writer=services.writer)
        except Refusal:
            return None
        for run in (lease.holder, lease.pending):
            if run and run.run_id != run_id and set(request.event_ids) <= set(run.request.event_ids):
                return None  # it died after another run had taken its event over
    at = as_timestamp(started) or timestamp(services.clock.now())
    return Run.of(run_id, request, at, source_account=services.management)


def _config(run: Run, services: Services) -> ContactSyncConfig:
    """Return the version that the run kept; the newest for a run that died before it had one; else the defaults."""
    try:
        if run.config_version:
            return services.configs.at(run.config_version)
        return services.configs.current()[1]
    except (Refusal, ConfigurationUnreadable):
        return ContactSyncConfig()


def _missing_receipts(run: Run, services: Services, lost: list[str]) -> Iterator[Receipt]:
    """Yield receipts of what the plan decided and of the accounts that the run did not reach: none ends without.

    Args:
        lost: takes the numbers of the batches that cannot be read; nobody knows their accounts.
    """
    at = timestamp(services.clock.now())
    if decided := services.bucket.skipped(run.run_id, run.attempt) if run.planned else ():
        saved = {(receipt.account, receipt.kind) for receipt in services.states.receipts(run.run_id)}
        yield from (receipt for receipt in decided if (receipt.account, receipt.kind) not in saved)
    for number in range(run.batches):
        try:
            batch = services.bucket.batch(run.run_id, number, run.attempt)
        except BatchUnreadable:
            lost.append(f"batch {number}")
            continue
        accounts = sorted(target.account for target in batch)
        if not accounts:
            continue
        between = (accounts[0], accounts[-1])
        saved = {(receipt.account, receipt.kind) for receipt in services.states.receipts(run.run_id, between)}
        missing = [
            (target.account, kind) for target in batch for kind in target.kinds if (target.account, kind) not in saved
        ]
        intents = services.states.intents(run.run_id, between) if missing else {}
        for account, kind in missing:
            changed = intents.get((account, kind), ())
            reason = SyncReason.HANDED_OVER if run.preempted else SyncReason.WORKER_DIED
            status = Status.SKIPPED if reason.skips else Status.FAILED
            yield Receipt(account, kind, status, at, changed, reason)


def _report(run: Run, services: Services) -> Iterator[dict[str, Any]]:
    yield {key: value for key, value in run.to_json().items() if key not in _NOT_REPORTED}
    for receipt in services.states.receipts(run.run_id):
        yield receipt.to_json()
