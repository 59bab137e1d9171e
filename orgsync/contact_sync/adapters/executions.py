"""The state machine: start a run, ask whether one is still alive."""

import json
from collections.abc import Mapping
from typing import Any

from orgsync.shared import aws


class Pipeline:
    """Executions of one state machine; a run's id is its execution's name.

    Raises:
        StoreFailed: Step Functions did not answer, or refused; from every method.
    """

    def __init__(self, state_machine_arn: str) -> None:
        self._arn = state_machine_arn
        self._client = aws.client("stepfunctions")

    @aws.answered()
    def start(self, run_id: str, bell: Mapping[str, Any]) -> None:
        """Start a run; starting it a second time changes nothing."""
        try:
            self._client.start_execution(stateMachineArn=self._arn, name=run_id, input=json.dumps(bell))
        except self._client.exceptions.ExecutionAlreadyExists:
            return

    def status(self, run_id: str) -> str | None:
        """RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED, …; None when it was never started."""
        return self.outcome(run_id)[0]

    @aws.answered()
    def outcome(self, run_id: str) -> tuple[str | None, dict[str, Any]]:
        """A run's status (see `status`) and, once it succeeded, the state machine's output."""
        execution = f"{self._arn.replace(':stateMachine:', ':execution:')}:{run_id}"
        try:
            answer = self._client.describe_execution(executionArn=execution)
        except self._client.exceptions.ExecutionDoesNotExist:
            return None, {}
        return str(answer["status"]), json.loads(answer.get("output") or "{}")
