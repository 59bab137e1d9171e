"""The state machine as `Executions`."""

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from orgsync.shared import aws


class StateMachine:
    """One state machine; a run's id is its execution's name.

    Raises:
        StoreFailed: Step Functions did not answer, or refused; from every method.
    """

    def __init__(self, state_machine_arn: str) -> None:
        self._arn = state_machine_arn

    @cached_property
    def _client(self) -> Any:
        return aws.client("stepfunctions")

    @aws.store_errors()
    def start(self, run_id: str, event: Mapping[str, Any]) -> None:
        """See `Executions.start`."""
        try:
            self._client.start_execution(stateMachineArn=self._arn, name=run_id, input=json.dumps(event))
        except self._client.exceptions.ExecutionAlreadyExists:
            return

    @aws.store_errors()
    def outcome(self, run_id: str) -> tuple[str | None, dict[str, Any]]:
        """See `Executions.outcome`."""
        execution = f"{self._arn.replace(':stateMachine:', ':execution:')}:{run_id}"
        try:
            answer = self._client.describe_execution(executionArn=execution)
        except self._client.exceptions.ExecutionDoesNotExist:
            return None, {}
        return str(answer["status"]), json.loads(answer.get("output") or "{}")
