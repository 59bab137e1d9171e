"""Step Functions as moto runs it, with corrections.

moto's interpreter does most; here are waits that pass quicker, one StartExecution at a time, and
the status events that AWS puts on the default bus. `distributed_map` and `state_language` have
the rest.
"""

import json
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from moto.core import config
from moto.stepfunctions.parser.api import ExecutionStatus, InvalidName
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.program.program import Program
from moto.stepfunctions.parser.asl.component.state.state_type import StateType
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.backend.execution import Execution
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker
from moto.stepfunctions.parser.models import StepFunctionsParserBackend, stepfunctions_parser_backends

from orgsync.sandbox.cloud import distributed_map, state_language
from orgsync.sandbox.cloud.clock import WAIT_SCALE, SandboxClock
from orgsync.sandbox.cloud.patches import Patches
from orgsync.sandbox.cloud.task_tracker import TaskTracker

Emit = Callable[[str, str, dict[str, Any], str, str], None]
"""Puts an event on a default bus: source, detail-type, detail, account, region."""


class StepFunctions:
    """The state machines' interpreter.

    Args:
        client: a boto3 client for a state machine's calls: service and region.
        clock: of the seconds of a Wait state (`WAIT_SCALE`) and between retries.
        emit: sends the status events.
    """

    def __init__(self, client: Callable[[str, str], Any], tasks: TaskTracker, clock: SandboxClock, emit: Emit) -> None:
        self._client, self._tasks, self._clock, self._emit = client, tasks, clock, emit
        self._starting = threading.RLock()
        self._tokens: dict[str, int] = {}
        self._done = threading.local()
        """The progress of a thread's execution: `task` is true after a Task state."""

    def install(self, patches: Patches) -> None:
        """Patch moto's interpreter."""
        settings = config.default_user_config.get("stepfunctions", {})
        running = {**settings, "execute_state_machine": True}
        patches.replace_item(config, "default_user_config", "stepfunctions", running)

        def client_for(region: str, service: str, state_credentials: Any = None) -> Any:
            return self._client(service, region)

        for name, module in list(sys.modules.items()):
            if name.startswith("moto.stepfunctions.parser.asl") and hasattr(module, "boto_client_for"):
                patches.replace(module, "boto_client_for", client_for)
        patches.replace(retrier_decl, "time", SimpleNamespace(sleep=self._sleep))
        patches.replace(WaitFunction, "_wait_interval", _shortened_wait(self._clock, self._tasks))
        distributed_map.install(patches)
        state_language.install(patches)
        patches.silence("moto.stepfunctions.parser")
        patches.wrap(StepFunctionsParserBackend, "start_execution", self._start_execution)
        patches.wrap(Execution, "start", self._start)
        patches.wrap(Execution, "get_start_execution_details", _start_time_as_aws_has_it)
        patches.wrap(ExecutionWorker, "_execution_logic", self._execute)
        patches.wrap(Program, "_get_state", self._next_state)

    def executions(self) -> list[dict[str, Any]]:
        """List all executions of all state machines, oldest first, as `Cloud.executions` does."""
        found = [
            {
                "arn": execution.exec_arn,
                "name": execution.name,
                "status": execution.status,
                "input": execution.execution_input,
                "output": json.dumps(execution.output) if execution.status == "SUCCEEDED" else None,
                "started": execution.start_date,
                "ended": execution.stop_date,
            }
            for machine in state_machines()
            for execution in list(machine.executions)
            if execution.exec_status  # moto lists an execution just before it starts it
        ]
        return sorted(found, key=lambda execution: execution["started"])

    def stop_all(self) -> None:
        """Stop every execution that still runs."""
        for machine in state_machines():
            for execution in list(machine.executions):
                if execution.exec_status == ExecutionStatus.RUNNING and execution.exec_worker.env:
                    execution.stop(stop_date=None, error=None, cause="the sandbox is closing")

    def _sleep(self, seconds: float) -> None:
        until = self._clock() + seconds
        time.sleep(self._clock.shortened(seconds))
        self._clock.reach(until)

    def _start_execution(
        self,
        original: Callable[..., Execution],
        backend: Any,
        state_machine_arn: str,
        name: str | None = None,
        execution_input: str | None = None,
        trace_header: Any = None,
    ) -> Execution:
        """Start one at a time: moto checks a name and takes it in two steps, and names the nameless `None`."""
        name = name or str(uuid4())
        if not re.fullmatch(r"[^\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}", name):
            raise InvalidName(f"Invalid Name: '{name}'")
        with self._starting:
            return original(backend, state_machine_arn, name, execution_input, trace_header)

    def _start(self, original: Callable[..., None], execution: Execution) -> None:
        self._tokens[execution.exec_arn] = self._tasks.begin(f"execution {execution.exec_arn.split(':', 6)[-1]}")
        # Sent first: an execution may be over before its start has returned.
        self._emit_status(execution, "RUNNING")
        original(execution)

    def _execute(self, original: Callable[..., None], worker: Any) -> None:
        execution = worker._execution_communication.execution
        try:
            original(worker)
        except Exception as error:
            # moto's thread would die and leave the execution running for ever.
            execution.exec_status, execution.error, execution.cause = (
                ExecutionStatus.FAILED,
                "States.Runtime",
                repr(error),
            )
        try:
            self._emit_status(execution, execution.status)
        finally:
            self._tasks.end(self._tokens.pop(execution.exec_arn))

    def _next_state(self, original: Callable[..., Any], program: Any, name: str) -> Any:
        """Wait after a task if others have to begin first (`TaskTracker.overlapping`)."""
        if getattr(self._done, "task", False):
            self._tasks.checkpoint()
        state = original(program, name)
        self._done.task = state.state_type is StateType.Task
        return state

    def _emit_status(self, execution: Execution, status: str) -> None:
        """Send AWS's "Step Functions Execution Status Change"; dates are epoch milliseconds."""
        ended = execution.stop_date
        succeeded = status == "SUCCEEDED"
        detail = {
            "executionArn": execution.exec_arn,
            "stateMachineArn": execution.state_machine.arn,
            "name": execution.name,
            "status": status,
            "startDate": int(execution.start_date.timestamp() * 1000),
            "stopDate": int(ended.timestamp() * 1000) if ended else None,
            "input": execution.execution_input,
            "output": json.dumps(execution.output) if succeeded else None,
            "error": execution.error,
            "cause": execution.cause,
            "inputDetails": {"included": True},
            "outputDetails": {"included": True} if succeeded else None,
        }
        self._emit(
            "aws.states",
            "Step Functions Execution Status Change",
            detail,
            execution.account_id,
            execution.region_name,
        )


def state_machines() -> Iterator[Any]:
    """Yield every state machine of every account and region."""
    for regions in list(stepfunctions_parser_backends.values()):
        for backend in list(regions.values()):
            yield from list(backend.state_machines)


def _shortened_wait(clock: SandboxClock, tasks: TaskTracker) -> Callable[..., None]:
    """Make a shortened wait: moto rounds to whole seconds and would wait for ever for a part of one."""

    def wait(function: Any, env: Any, wait_seconds: float) -> None:
        seconds = max(wait_seconds, 0)
        until = clock() + seconds
        with tasks.in_wait():
            env.program_state_event.wait(clock.shortened(seconds, WAIT_SCALE))
        clock.reach(until)

    return wait


def _start_time_as_aws_has_it(original: Callable[..., Any], execution: Any) -> Any:
    """Write `$$.Execution.StartTime` as 2026-01-01T00:00:00.000Z; moto has microseconds and an offset."""
    details = original(execution)
    started = execution.start_date.isoformat(timespec="milliseconds")
    details.start_time = started.replace("+00:00", "Z")
    return details
