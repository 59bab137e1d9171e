"""State machines: what moto's interpreter does with the help of `step_functions`."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from orgsync.sandbox.cloud.cloud import Cloud

Declare = Callable[..., str]
Messages = Callable[[str], list[dict[str, Any]]]

INVOKE = "arn:aws:states:::lambda:invoke"
RETRY = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 30, "MaxAttempts": 2, "BackoffRate": 2}]
WORK = """
seen = {}
def handler(event, context):
    print(event)
    if "times" in event:
        seen[event["id"]] = seen.get(event["id"], 0) + 1
        return {"done": seen[event["id"]] >= event["times"]}
    if event.get("fail"): raise ValueError("no")
    return {"event": event}
"""


@pytest.fixture
def declare_machine(cloud: Cloud, role: str) -> Declare:
    def declare(states: dict[str, Any], name: str = "m") -> str:
        definition = {"StartAt": next(iter(states)), "States": states}
        answer = cloud.client("stepfunctions").create_state_machine(
            name=name, definition=json.dumps(definition), roleArn=role
        )
        return str(answer["stateMachineArn"])

    return declare


def task(function: str, payload: dict[str, Any], **more: Any) -> dict[str, Any]:
    state = {"Type": "Task", "Resource": INVOKE, "Parameters": {"FunctionName": function, "Payload": payload}}
    return {**state, "OutputPath": "$.Payload", **({} if "Next" in more else {"End": True}), **more}


def distributed(states: dict[str, Any], **more: Any) -> dict[str, Any]:
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
    return {
        "Type": "Map",
        "MaxConcurrency": 1,
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket": "items", "Key": "items.json"},
        },
        "ItemProcessor": {**processor, "StartAt": next(iter(states)), "States": states},
        "End": True,
        **more,
    }


def put_items(cloud: Cloud, items: list[Any]) -> None:
    cloud.client("s3").create_bucket(Bucket="items")
    cloud.client("s3").put_object(Bucket="items", Key="items.json", Body=json.dumps(items))


def run(cloud: Cloud, machine: str, given: Any = None, timeout_s: float = 20) -> dict[str, Any]:
    started = cloud.client("stepfunctions").start_execution(stateMachineArn=machine, input=json.dumps(given or {}))
    cloud.settle(timeout_s)
    described: dict[str, Any] = cloud.client("stepfunctions").describe_execution(executionArn=started["executionArn"])
    return described


def test_a_task_knows_its_execution(cloud: Cloud, declare_function: Declare, declare_machine: Declare) -> None:
    """Name, id and start time come from the context, the time as AWS writes it."""
    payload = {"name.$": "$$.Execution.Name", "id.$": "$$.Execution.Id", "at.$": "$$.Execution.StartTime", "in.$": "$"}
    ended = run(cloud, declare_machine({"T": task(declare_function(WORK), payload)}), {"k": 1})
    event = json.loads(ended["output"])["event"]
    assert (event["name"], event["id"], event["in"]) == (ended["name"], ended["executionArn"], {"k": 1})
    assert len(event["at"]) == len("2030-01-01T00:00:00.000Z")
    assert event["at"].endswith("Z")


def test_a_killed_function_is_tried_again_without_the_wait(
    cloud: Cloud, declare_function: Declare, declare_machine: Declare
) -> None:
    """Retries wait 30 seconds and more; here the time between attempts is scaled down."""
    machine = declare_machine({"T": task(declare_function(WORK), {}, Retry=RETRY)})
    cloud.faults.add({"function": "echo", "crash": "before", "times": 2})
    assert run(cloud, machine, timeout_s=10)["status"] == "SUCCEEDED"


def test_what_fails_for_good_is_caught_with_its_error(
    cloud: Cloud, declare_function: Declare, declare_machine: Declare
) -> None:
    """The error's name and cause stand where the Catch puts them."""
    catch = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "After"}]
    function = declare_function(WORK)
    states = {"T": task(function, {"fail": True}, Retry=RETRY, Catch=catch), "After": {"Type": "Succeed"}}
    ended = json.loads(run(cloud, declare_machine(states))["output"])
    assert ended["error"]["Error"] == "ValueError"
    assert len([line for line in cloud.logs("echo") if "[ERROR]" in line]) == 3


def test_a_distributed_map_goes_through_items_from_s3_one_by_one(
    cloud: Cloud, declare_function: Declare, declare_machine: Declare
) -> None:
    """Each child loops until it is done, under a name of its own."""
    put_items(cloud, [{"id": number, "times": 2} for number in range(3)])
    payload = {"id.$": "$.id", "times.$": "$.times", "name.$": "$$.Execution.Name"}
    child = {
        "Batch": task(declare_function(WORK), payload, ResultPath="$.answer", OutputPath="$", Next="Done"),
        "Done": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.answer.Payload.done", "BooleanEquals": True, "Next": "Good"}],
            "Default": "Batch",
        },
        "Good": {"Type": "Succeed"},
    }
    ended = run(cloud, declare_machine({"Map": distributed(child, ResultPath=None)}), {"kept": True})
    assert (ended["status"], json.loads(ended["output"])) == ("SUCCEEDED", {"kept": True})
    seen = [eval(line) for line in cloud.logs("echo")]  # lines our own function has printed
    assert [line["id"] for line in seen] == [0, 0, 1, 1, 2, 2]
    assert len({line["name"] for line in seen}) == 3
    assert ended["name"] not in {line["name"] for line in seen}


@pytest.mark.parametrize(
    ("tolerance", "status"),
    [({}, "FAILED"), ({"ToleratedFailurePercentage": 50}, "SUCCEEDED"), ({"ToleratedFailureCount": 1}, "SUCCEEDED")],
)
def test_a_failed_child_fails_the_map_unless_tolerated(
    cloud: Cloud, declare_machine: Declare, tolerance: dict[str, Any], status: str
) -> None:
    """moto lets every map succeed; AWS counts."""
    put_items(cloud, [{"bad": False}, {"bad": True}, {"bad": False}])
    child = {
        "C": {"Type": "Choice", "Choices": [{"Variable": "$.bad", "BooleanEquals": True, "Next": "F"}], "Default": "S"},
        "F": {"Type": "Fail", "Error": "Bad"},
        "S": {"Type": "Succeed"},
    }
    ended = run(cloud, declare_machine({"Map": distributed(child, **tolerance)}))
    assert ended["status"] == status
    assert ended.get("error") == (None if status == "SUCCEEDED" else "States.ExceedToleratedFailureThreshold")


def test_a_map_of_hundreds_of_children_does_not_overflow(cloud: Cloud, declare_machine: Declare) -> None:
    """50,000 accounts are a thousand batches; moto would recurse into each."""
    put_items(cloud, list(range(600)))
    ended = run(cloud, declare_machine({"Map": distributed({"P": {"Type": "Pass", "End": True}})}), timeout_s=60)
    assert len(json.loads(ended["output"])) == 600


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"ItemBatcher": {"MaxItemsPerBatch": 10}}, "ItemBatcher"),
        ({"ItemReader": {"ReaderConfig": {"InputType": "JSONL"}}}, "JSON or CSV"),
    ],
)
def test_a_feature_that_moto_would_ignore_is_refused(
    declare_machine: Declare, change: dict[str, Any], what: str
) -> None:
    """The state machine cannot be created, and the message names the feature."""
    with pytest.raises(ClientError, match=what):
        declare_machine({"Map": distributed({"P": {"Type": "Pass", "End": True}}, **change)})


def test_a_name_in_use_is_the_same_execution_only_while_it_runs(cloud: Cloud, declare_machine: Declare) -> None:
    """Same name and input while running: the same; ended, or another input: ExecutionAlreadyExists."""
    machine = declare_machine({"W": {"Type": "Wait", "Seconds": 200, "End": True}})
    client = cloud.client("stepfunctions")
    first, second = [client.start_execution(stateMachineArn=machine, name="n", input="{}") for _ in range(2)]
    assert first["executionArn"] == second["executionArn"]
    with pytest.raises(client.exceptions.ExecutionAlreadyExists):
        client.start_execution(stateMachineArn=machine, name="n", input='{"other": 1}')
    cloud.settle(10)
    with pytest.raises(client.exceptions.ExecutionAlreadyExists):
        client.start_execution(stateMachineArn=machine, name="n", input="{}")
    assert [execution["status"] for execution in cloud.executions()] == ["SUCCEEDED"]


def test_the_end_of_an_execution_is_an_event(
    cloud: Cloud, declare_machine: Declare, declare_queue: Declare, messages: Messages
) -> None:
    """Status changes go to the default bus, with the input, and error and cause of a failure."""
    machine = declare_machine({"F": {"Type": "Fail", "Error": "Bad", "Cause": "because"}})
    pattern = {"source": ["aws.states"], "detail": {"status": ["FAILED"], "stateMachineArn": [machine]}}
    cloud.client("events").put_rule(Name="r", EventPattern=json.dumps(pattern))
    cloud.client("events").put_targets(Rule="r", Targets=[{"Id": "1", "Arn": declare_queue("received")}])
    run(cloud, machine, {"k": 1})
    (event,) = messages("received")
    assert event["body"]["detail-type"] == "Step Functions Execution Status Change"
    detail = event["body"]["detail"]
    assert (detail["error"], detail["cause"], json.loads(detail["input"])) == ("Bad", "because", {"k": 1})


def test_a_stopped_execution_is_aborted(cloud: Cloud, declare_machine: Declare) -> None:
    """StopExecution ends a wait and says so."""
    machine = declare_machine({"W": {"Type": "Wait", "Seconds": 100_000, "End": True}})
    client = cloud.client("stepfunctions")
    started = client.start_execution(stateMachineArn=machine)["executionArn"]
    while client.get_execution_history(executionArn=started)["events"] == []:
        pass
    client.stop_execution(executionArn=started)
    cloud.settle(10)
    assert client.describe_execution(executionArn=started)["status"] == "ABORTED"
