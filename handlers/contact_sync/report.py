"""Entry point `report`: a run has ended, by itself or by the state machine's failure, and is finalized."""

import json
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from orgsync.contact_sync.finalize import finalize
from orgsync.contact_sync.services import Services
from orgsync.shared.telemetry import entry_point


@entry_point
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Finalize the run that the state machine, or its failure event, names."""
    return report(event, Services.of_environment())


def report(event: dict[str, Any], services: Services) -> dict[str, Any]:
    """Finalize a run.

    Args:
        event: from the state machine `run_id`, `event`, `started` and, after a failure,
            `error`; or EventBridge's "Step Functions Execution Status Change".
    """
    if event.get("source") == "aws.states":
        detail = event["detail"]
        trigger = json.loads(detail.get("input") or "null")
        return finalize(detail["name"], services, died=detail["status"], event=trigger)
    # Of the error only its name: its cause may quote anything.
    died = (event.get("error") or {}).get("Error")
    return finalize(event["run_id"], services, died=died, event=event.get("event"), started=event.get("started"))
