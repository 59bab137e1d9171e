"""The contract of `Executions`: one execution a run, and its end; on Step Functions and in memory."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from moto.stepfunctions.models import stepfunctions_backends

from orgsync.contact_sync.adapters.state_machine import StateMachine
from orgsync.contact_sync.core.stores import Executions
from orgsync.sandbox.contact_sync.services import MemoryExecutions
from tests.memory import CLOUD_ACCOUNT, REGION, client
from tests.sample_events import own_event

EVENT = own_event("Schedule")

End = Callable[[str, dict[str, Any]], None]
Inputs = Callable[[], dict[str, Any]]


@pytest.fixture(params=["adapter", "memory"])
def executions(request: pytest.FixtureRequest) -> Executions:
    """A state machine that was never started."""
    if request.param == "memory":
        return MemoryExecutions()
    return StateMachine(request.getfixturevalue("state_machine"))


@pytest.fixture
def end(executions: Executions) -> End:
    """Ends the execution of run-1 with a status and, for one that succeeded, an output."""
    if isinstance(executions, MemoryExecutions):
        memory = executions
        return lambda status, output: memory.end("run-1", status, output)

    def end_in_cloud(status: str, output: dict[str, Any]) -> None:
        (machine,) = stepfunctions_backends[CLOUD_ACCOUNT][REGION].state_machines
        (execution,) = machine.executions
        execution.status, execution.output = status, json.dumps(output)

    return end_in_cloud


@pytest.fixture
def inputs(executions: Executions, request: pytest.FixtureRequest) -> Inputs:
    """Reads the inputs of all executions, by name."""
    if isinstance(executions, MemoryExecutions):
        return executions.events
    machine = request.getfixturevalue("state_machine")
    steps = client("stepfunctions")

    def read() -> dict[str, Any]:
        listed = steps.list_executions(stateMachineArn=machine)["executions"]
        found = (steps.describe_execution(executionArn=one["executionArn"]) for one in listed)
        return {one["name"]: json.loads(one["input"]) for one in found}

    return read


def test_a_run_that_was_never_started_has_no_status(executions: Executions) -> None:
    """No execution is no failed one."""
    assert executions.outcome("run-1") == (None, {})


def test_a_run_is_started_once(executions: Executions, inputs: Inputs) -> None:
    """An execution's name is the run's id; started again, with the same event or another, the first stands."""
    for event in (EVENT, EVENT, EVENT | {"detail": {"other": 1}}):
        executions.start("run-1", event)
    assert inputs() == {"run-1": EVENT}
    assert executions.outcome("run-1") == ("RUNNING", {})


def test_an_execution_keeps_its_own_event(executions: Executions, inputs: Inputs) -> None:
    """An event that is changed after the start changes no execution."""
    event: dict[str, Any] = {"detail": {"kinds": ["billing"]}}
    executions.start("run-1", event)
    event["detail"]["kinds"].append("security")
    assert inputs() == {"run-1": {"detail": {"kinds": ["billing"]}}}


def test_a_succeeded_execution_has_its_output(executions: Executions, end: End) -> None:
    """The state machine's answer, as the initial sync reads it."""
    executions.start("run-1", EVENT)
    end("SUCCEEDED", {"outcome": "refused", "refusal": {"reason": "Paused"}})
    assert executions.outcome("run-1") == ("SUCCEEDED", {"outcome": "refused", "refusal": {"reason": "Paused"}})


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_a_failed_execution_has_none_and_is_not_started_again(
    executions: Executions, end: End, inputs: Inputs, status: str
) -> None:
    """Its name is taken: another start changes nothing."""
    executions.start("run-1", EVENT)
    end(status, {})
    executions.start("run-1", EVENT)
    assert executions.outcome("run-1") == (status, {})
    assert len(inputs()) == 1
