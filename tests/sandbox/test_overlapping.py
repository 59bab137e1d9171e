"""Executions that overlap however slow the machine is: what `Cloud.overlapping` holds, and for how long."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.cloud.task_tracker import TaskTracker
from orgsync.sandbox.errors import SettleTimeout

Declare = Callable[..., str]
Start = Callable[[float], None]

WORK = """
import pathlib, time
def handler(event, context):
    marker, patience = pathlib.Path(event["marker"]), time.monotonic() + event["patience_s"]
    if (event["name"], event["part"]) == ("quick", "second"):
        marker.touch()
    while (event["name"], event["part"]) == ("slow", "first") and not marker.exists() and time.monotonic() < patience:
        time.sleep(0.05)
    print(event["name"], event["part"])
    return event
"""
"""The slow execution's first task waits until the quick execution's second one is done, for so many seconds."""


@pytest.fixture
def machine(cloud: Cloud, role: str, declare_function: Declare) -> str:
    """The ARN of a machine with two tasks, and states before and between them."""
    function = declare_function(WORK)

    def task(part: str) -> dict[str, object]:
        payload = {
            "name.$": "$$.Execution.Name",
            "part": part,
            "marker.$": "$$.Execution.Input.marker",
            "patience_s.$": "$$.Execution.Input.patience_s",
        }
        invoke = {"FunctionName": function, "Payload": payload}
        return {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": invoke}

    states = {
        "Pass": {"Type": "Pass", "Next": "First"},
        "First": {**task("first"), "Next": "Wait"},
        "Wait": {"Type": "Wait", "Seconds": 1, "Next": "Second"},
        "Second": {**task("second"), "End": True},
    }
    answer = cloud.client("stepfunctions").create_state_machine(
        name="m", definition=json.dumps({"StartAt": "Pass", "States": states}), roleArn=role
    )
    return str(answer["stateMachineArn"])


@pytest.fixture
def start(cloud: Cloud, machine: str, tmp_path: Path) -> Callable[[float], None]:
    """Starts both executions, the quick one first; the slow one waits for it for so many seconds."""

    def begin(patience_s: float) -> None:
        given = json.dumps({"marker": str(tmp_path / "marker"), "patience_s": patience_s})
        for name in ("quick", "slow"):
            cloud.client("stepfunctions").start_execution(stateMachineArn=machine, name=name, input=given)

    return begin


def order(cloud: Cloud) -> list[str]:
    """The executions' names and parts in the order in which they ended."""
    return [line.strip() for line in cloud.logs("echo") if line.strip().endswith(("first", "second"))]


def test_a_quick_execution_may_be_over_before_a_slow_one(cloud: Cloud, start: Start) -> None:
    """The law below is not kept by chance."""
    start(60)
    cloud.settle(90)
    work = order(cloud)
    assert work.index("quick second") < work.index("slow second")
    assert len(work) == 4


def test_no_execution_goes_beyond_its_first_task_before_all_have_ended_theirs(cloud: Cloud, start: Start) -> None:
    """States before the first task are no reason to wait; afterwards each goes on by itself."""
    with cloud.overlapping(90):
        start(5)
    cloud.settle(90)
    assert set(order(cloud)[:2]) == {"quick first", "slow first"}
    assert len(order(cloud)) == 4


def test_it_holds_nothing_afterwards(cloud: Cloud, start: Start) -> None:
    """Also where the block itself fails."""

    def fail() -> None:
        with cloud.overlapping(90):
            start(0)
            raise RuntimeError("an action failed")

    with pytest.raises(RuntimeError, match="an action failed"):
        fail()
    cloud.settle(90)
    assert len(order(cloud)) == 4


def test_work_that_does_not_get_as_far_is_named_when_the_time_is_over() -> None:
    """And those that wait go on all the same."""
    tasks = TaskTracker()
    try:
        held = tasks.begin("execution held")
        other = tasks.begin("delivery that hangs")
        passed: list[float] = []

        def work() -> None:
            tasks.checkpoint()
            passed.append(time.monotonic())
            tasks.end(held)

        with (
            pytest.raises(SettleTimeout, match=r"after 0\.3 s not everything had begun.*delivery that hangs"),
            tasks.overlapping(0.3),
        ):
            tasks.submit("work", work)
        tasks.end(other)
        tasks.settled(5)
        assert len(passed) == 1
    finally:
        tasks.close()


def test_without_an_overlapping_block_a_checkpoint_is_passed_at_once() -> None:
    """Rehearsals of one thing after another do not wait."""
    tasks = TaskTracker()
    tasks.checkpoint()
    tasks.close()
