"""Entry point `initial_sync`: CloudFormation's request is answered when the run that it needs has ended (crhelper).

The only importer of crhelper. It polls by a rule of its own, so that a run may outlive
many invocations, and puts the end of an exception into CloudFormation's reason: ours
name codes and places, never a contact's values.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from itertools import islice
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from crhelper import CfnResource

from orgsync.contact_sync.answering_run import answering_receipts, answering_runs, refusal
from orgsync.contact_sync.config import ContactSyncConfig, parse, starts_run
from orgsync.contact_sync.core.errors import ConfigurationUnreadable, InitialSyncFailed, RefusalReason
from orgsync.contact_sync.core.notification import Notification
from orgsync.contact_sync.core.outcome import RunSummary, classify
from orgsync.contact_sync.core.run import Run, RunStatus
from orgsync.contact_sync.names import FailOn, InitialSyncStatus, Metric, OwnEvent
from orgsync.contact_sync.services import Services
from orgsync.shared.clock import timestamp
from orgsync.shared.errors import StoreFailed, explain
from orgsync.shared.telemetry import entry_point, logger, metrics, run_lines

_PATIENCE = timedelta(minutes=50)
"""CloudFormation waits an hour at most; a larger organization's run goes on without it."""

_TRIES, _BETWEEN_TRIES = 13, 10.0
"""Number of tries to begin, and the seconds between two: AWS says that permissions take a minute or two at most."""

Properties = dict[str, Any]


@entry_point
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Answer a request of CloudFormation, or one of crhelper's own polls."""
    _helper()(event, context)


@cache
def _helper() -> Any:
    helper = CfnResource(json_logging=True, log_level="INFO", boto_level="CRITICAL", sleep_on_delete=0)

    def begin_or_go_back(event: dict[str, Any], _context: object) -> str:
        # crhelper catches what fails, and logs it without the run.
        with run_lines(_run_id(event)):
            helper.Data.update(begin_patiently(event, Services.of_environment()))
        return _identity(event)

    def look(event: dict[str, Any], _context: object) -> str | None:
        with run_lines(_run_id(event)):
            found = progress(event["ResourceProperties"], event["CrHelperData"], Services.of_environment())
        if found is None:
            return None
        helper.Data.update(found)
        return _identity(event)

    helper.create(begin_or_go_back)
    helper.update(begin_or_go_back)
    helper.poll_create(look)
    helper.poll_update(look)
    # Deleting the stack touches no contact.
    helper.delete(lambda event, _context: _identity(event))
    return helper


def _run_id(event: dict[str, Any]) -> str:
    """Name the run that a request starts."""
    return f"initial-sync-{event['RequestId']}"


def _identity(event: dict[str, Any]) -> str:
    """One resource for the stack's life: another identity would make CloudFormation delete the old one."""
    return str(event.get("PhysicalResourceId") or event["StackId"])


def begin_patiently(event: dict[str, Any], services: Services) -> dict[str, str]:
    """Begin (see `begin`), again and again for two minutes: permissions that were just given come into force meanwhile.

    Raises:
        ConfigurationRefused: the configuration is not valid; nothing was written.
        InitialSyncFailed: a store, or the state machine, still refuses.
    """
    tries = _TRIES
    while True:
        tries -= 1
        try:
            return begin(event, services)
        except StoreFailed as refused:
            if not tries:
                raise InitialSyncFailed(f"{refused}. {refused.remedy}") from refused
            logger.warning("not begun yet", reason=str(refused))
        asyncio.run(services.clock.sleep(_BETWEEN_TRIES))


def begin(event: dict[str, Any], services: Services) -> dict[str, str]:
    """Write the configuration and start the run, if it needs one; asked again for the same request, it changes nothing.

    Returns:
        The custom resource's attributes so far, and when it `Started`.

    Raises:
        ConfigurationRefused: the configuration is not valid; nothing was written.
        StoreFailed: it cannot be read, or something could not be written.
    """
    properties, before = event["ResourceProperties"], event.get("OldResourceProperties", {})
    now = timestamp(services.clock.now())
    if event["RequestType"] == "Update" and _object(before) == _object(properties):
        # Only how to wait has changed: there is nothing to reconcile, and what the last run did stands.
        return {**_last(services), "Started": now}
    document = services.bucket.configuration(*_object(properties))
    config = parse(document)
    run_id = _run_id(event)
    needed = _needs_run(config, event["RequestType"], run_id, services)
    # Asked before anything is done: it takes no part in what follows, and must not fail half of it.
    going_back = needed and event["RequestType"] == "Update" and _goes_back(event["StackId"], services)
    services.configs.write(document, at=now, by=run_id)
    if config.paused:
        return {**_NOTHING, "Status": InitialSyncStatus.PAUSED, "Started": now}
    if not needed:
        return {**_last(services), "Started": now}
    trigger = OwnEvent.INITIAL_SYNC.document(
        {"initiator": event["StackId"], "create": event["RequestType"] == "Create"}
    )
    services.executions.start(run_id, trigger)
    # From here on silence is bad news, and an alarm takes it for that: nothing has ended yet.
    metrics.add_metric(Metric.HEARTBEAT, MetricUnit.Count, 1)
    status = InitialSyncStatus.STARTED if going_back else InitialSyncStatus.RUNNING
    return {**_NOTHING, "RunId": run_id, "Status": status, "Started": now}


def _object(properties: Properties) -> tuple[str, str]:
    """Return key and version of the configuration object that a request names."""
    return properties.get("ConfigurationKey", ""), properties.get("ConfigurationVersion", "")


def _needs_run(config: ContactSyncConfig, request: str, run_id: str, services: Services) -> bool:
    """Return whether a configuration must be followed by a run.

    It is compared with what was in force before this request, whoever wrote that: the table knows, while CloudFormation
    knows only what it asked for itself.
    """
    if request == "Create":
        return not config.paused
    try:
        before = services.configs.before(run_id)
    except ConfigurationUnreadable as error:
        logger.warning("what was in force cannot be read, so it is taken for another", reason=str(error))
        before = None
    return starts_run(before, config) if before else not config.paused


_NOTHING = {
    "RunId": "none",
    "Severity": "none",
    "Scenario": "none",
    "Error": "none",
    "Succeeded": "0",
    "Skipped": "0",
    "Failed": "0",
}


def _goes_back(stack_id: str, services: Services) -> bool:
    """Return whether CloudFormation undoes a failed update, by sending the configuration before it once more.

    That must succeed, or the stack is stuck, so it starts its run without waiting for the end; nor is it
    waited for where CloudFormation does not say.
    """
    try:
        return services.stacks.rolls_back(stack_id)
    except StoreFailed as error:
        logger.warning("the stack cannot be asked whether it rolls back", reason=str(error))
        return True


def _last(services: Services) -> dict[str, str]:
    """Return the attributes of the newest run that a configuration started.

    A run that failed is left out: where it failed the first deployment, another has been there since with the
    same configuration, which is no new version.
    """
    # Headers expire, versions do not: what is not among the newest is not looked for.
    authors = islice(services.configs.authors(), 50)
    answers = (answering_runs(author, services.states)[0] for author in authors)
    runs = next((runs for runs in answers if runs), None)
    run = _together(runs, services) if runs else None
    completed = run is not None and run.status is RunStatus.COMPLETED
    return _answers(run) if run and completed else {**_NOTHING, "Status": InitialSyncStatus.UNCHANGED}


def _answers(run: Run) -> dict[str, str]:
    """Return the custom resource's attributes for a run that has ended."""
    failed = run.counts.get("failed", 0)
    partial = run.status is RunStatus.COMPLETED and failed > 0
    return {
        "RunId": run.run_id,
        "Status": InitialSyncStatus.PARTIAL if partial else str(run.status),
        "Severity": run.severity or "none",
        "Scenario": run.scenario or "none",
        "Error": run.error or "none",
        "Succeeded": str(run.counts.get("success", 0)),
        "Skipped": str(run.counts.get("skipped", 0)),
        "Failed": str(failed),
    }


def progress(properties: Properties, data: dict[str, str], services: Services) -> dict[str, str] | None:
    """Return the attributes of the run so far; None while CloudFormation should go on waiting.

    Raises:
        InitialSyncFailed: the run ended in a way that the owner lets fail the deployment.
    """
    if data["Status"] != InitialSyncStatus.RUNNING:
        return {"Status": data["Status"]}
    if properties.get("Wait") == "start":
        return {"Status": InitialSyncStatus.STARTED}
    fail_on = FailOn(properties.get("FailOn", FailOn.FAILED))
    runs, to_come = answering_runs(data["RunId"], services.states)
    if to_come or not runs[-1].closed:
        if to_come and (refused := _refused(to_come, fail_on, services)):
            return refused
        waited = services.clock.now() - datetime.fromisoformat(data["Started"])
        return {"Status": InitialSyncStatus.HANDED_OVER} if waited > _PATIENCE else None
    run = _together(runs, services)
    if _fails(run, fail_on):
        raise InitialSyncFailed(Notification.reason(run, _summary(runs, services), services.environment))
    return _answers(run)


def _refused(run_id: str, fail_on: FailOn, services: Services) -> dict[str, str] | None:
    """Return the attributes of an execution that ended without a run: paused is as configured, else it failed."""
    reason = refusal(run_id, services.executions)
    if reason is None:
        return None
    if reason == RefusalReason.PAUSED:
        return {"Status": InitialSyncStatus.PAUSED}
    if fail_on is FailOn.NEVER:
        return {"Status": str(RunStatus.FAILED), "Error": reason}
    raise InitialSyncFailed(f"{reason}. {explain(reason).remedy}")


def _together(runs: Sequence[Run], services: Services) -> Run:
    """Return the header of the last of the runs that answer one after the other, with the outcome of them all."""
    last = runs[-1]
    if len(runs) == 1:
        return last
    summary = _summary(runs, services)
    outcome = classify(summary, last.error, services.configs.at(last.config_version))
    return replace(
        last,
        status=RunStatus(outcome.status),
        scenario=outcome.scenario,
        severity=outcome.severity_name,
        counts=summary.counts(),
    )


def _fails(run: Run, fail_on: FailOn) -> bool:
    if fail_on is FailOn.NEVER:
        return False
    if fail_on is FailOn.FAILED:
        return run.status is RunStatus.FAILED
    return run.severity in {FailOn.HIGH: ("high",), FailOn.MEDIUM: ("high", "medium")}[fail_on]


def _summary(runs: Sequence[Run], services: Services) -> RunSummary:
    return RunSummary.of(answering_receipts(runs, services.states), everyone=any(run.everyone for run in runs))
