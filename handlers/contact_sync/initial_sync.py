"""Entry point `initial_sync`: CloudFormation's request is answered when the run that it starts has ended (crhelper).

The only importer of crhelper. It polls by a rule of its own, so that a run may outlive
many invocations, and puts the end of an exception into CloudFormation's reason: ours
name codes and places, never a contact's values.
"""

import json
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from crhelper import CfnResource

from orgsync.contact_sync.config import parse
from orgsync.contact_sync.core.errors import InitialSyncFailed, Paused, SystemFailure
from orgsync.contact_sync.core.run import Run, RunStatus
from orgsync.contact_sync.names import FailOn, InitialSyncStatus, Metric, OwnEvent
from orgsync.contact_sync.services import Services
from orgsync.shared.clock import timestamp
from orgsync.shared.errors import StoreFailed, error_class
from orgsync.shared.telemetry import logger, metrics

_PATIENCE = timedelta(minutes=50)
"""CloudFormation waits an hour at most; a larger organization's run goes on without it."""

Properties = dict[str, Any]


@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Answer a request of CloudFormation, or one of crhelper's own polls."""
    _helper()(event, context)


@cache
def _helper() -> Any:
    helper = CfnResource(json_logging=True, log_level="INFO", boto_level="CRITICAL", sleep_on_delete=0)

    def begin_or_go_back(event: dict[str, Any], _context: object) -> str:
        helper.Data.update(begin(event, Services.of_environment()))
        # crhelper puts the event into a rule's input, which takes 8 KB: a list of exclusions would not fit.
        event["ResourceProperties"].pop("Configuration")
        event.pop("OldResourceProperties", None)
        return _identity(event)

    def look(event: dict[str, Any], _context: object) -> str | None:
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


def _identity(event: dict[str, Any]) -> str:
    """One resource for the stack's life: another identity would make CloudFormation delete the old one."""
    return str(event.get("PhysicalResourceId") or event["StackId"])


def begin(event: dict[str, Any], services: Services) -> dict[str, str]:
    """Write the configuration and start the run; asked again for the same request, it changes nothing.

    Returns:
        The custom resource's attributes so far, and when it `Started`.

    Raises:
        ConfigurationRefused: the configuration is not valid; nothing was written.
    """
    document = json.loads(event["ResourceProperties"]["Configuration"])
    parse(document)
    now = timestamp(services.clock.now())
    before = event.get("OldResourceProperties", {}).get("Configuration")
    if event["RequestType"] == "Update" and before and json.loads(before) == document:
        # Only how to wait has changed: there is nothing to reconcile, and what the last run did stands.
        return {**_last(services), "Started": now}
    run_id = f"initial-sync-{event['RequestId']}"
    # Asked before anything is done: it takes no part in what follows, and must not fail half of it.
    going_back = event["RequestType"] == "Update" and _goes_back(event["StackId"], services)
    services.configs.write(document, at=now, by=run_id)
    trigger = OwnEvent.INITIAL_SYNC.document(
        {"initiator": event["StackId"], "create": event["RequestType"] == "Create"}
    )
    services.executions.start(run_id, trigger)
    # From here on silence is bad news, and an alarm takes it for that: nothing has ended yet.
    metrics.add_metric(Metric.RUNS, MetricUnit.Count, 0)
    status = InitialSyncStatus.STARTED if going_back else InitialSyncStatus.RUNNING
    return {**_NOTHING, "RunId": run_id, "Status": status, "Started": now}


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
    """Return the attributes of the run of the newest configuration.

    A run that failed is left out: where it failed the first deployment, another has been there since with the
    same configuration, which is no new version.
    """
    author = services.configs.author()
    run = _answering(author, services)[1] if author else None
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
    run_id, run = _answering(data["RunId"], services)
    if run is None or not run.closed:
        if run is None and (refused := _refused(run_id, fail_on, services)):
            return refused
        waited = services.clock.now() - datetime.fromisoformat(data["Started"])
        return {"Status": InitialSyncStatus.HANDED_OVER} if waited > _PATIENCE else None
    if _fails(run, fail_on):
        raise InitialSyncFailed(_reason(run, services.environment))
    return _answers(run)


def _answering(run_id: str, services: Services) -> tuple[str, Run | None]:
    """Return the run that answers an initial sync, and its header.

    The run is its own, or the one it was merged into; there may be no header yet.
    """
    run = services.states.run(run_id)
    while run and run.status is RunStatus.MERGED and run.into:
        run_id = run.into
        run = services.states.run(run_id)
    return run_id, run


def _refused(run_id: str, fail_on: FailOn, services: Services) -> dict[str, str] | None:
    """Return the attributes of an execution that ended without a run: paused is as configured, else it failed."""
    status, answer = services.executions.outcome(run_id)
    if status in (None, "RUNNING"):
        return None
    reason = answer.get("refusal", {}).get("reason") or SystemFailure.__name__
    if reason == Paused.__name__:
        return {"Status": InitialSyncStatus.PAUSED}
    if fail_on is FailOn.NEVER:
        return {"Status": str(RunStatus.FAILED), "Error": reason}
    raise InitialSyncFailed(f"{reason}. {error_class(reason).remedy}")


def _fails(run: Run, fail_on: FailOn) -> bool:
    if fail_on is FailOn.NEVER:
        return False
    if fail_on is FailOn.FAILED:
        return run.status is RunStatus.FAILED
    return run.severity in {FailOn.HIGH: ("high",), FailOn.MEDIUM: ("high", "medium")}[fail_on]


def _reason(run: Run, stack: str) -> str:
    """Return the reason, short enough for what crhelper keeps of an exception: 240 characters."""
    if run.error:
        return f"{run.error}: {(run.detail or '')[:100]}. {error_class(run.error).remedy}"[:240]
    counts = ", ".join(f"{count} {status}" for status, count in run.counts.items())
    return f"{run.scenario}: {counts}. See: orgsync status {run.run_id} --stack {stack}"[:240]
