"""Functions as processes: what they get, what comes back, and what becomes of those that fail."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from orgsync.sandbox.cloud.cloud import Cloud

Declare = Callable[..., str]
Messages = Callable[[str], list[dict[str, Any]]]

ECHO = """
import os, time
def handler(event, context):
    if "sleep" in event: time.sleep(event["sleep"])
    if event.get("fail"): raise ValueError("no")
    if event.get("exit"): os._exit(3)
    print("handled", event.get("n"))
    return {"pid": os.getpid(), "env": dict(os.environ), "arn": context.invoked_function_arn,
            "left": context.get_remaining_time_in_millis(), "file": __file__}
"""


def invoke(cloud: Cloud, event: dict[str, Any], name: str = "echo") -> tuple[Any, str | None]:
    answer = cloud.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
    return json.loads(answer["Payload"].read()), answer.get("FunctionError")


def test_a_function_has_its_declared_environment_and_its_own_role(cloud: Cloud, declare_function: Declare) -> None:
    """Declared variables, Lambda's own, this cloud's address, and credentials of the function's role."""
    arn = declare_function(ECHO, Environment={"Variables": {"TABLE": "t", "AWS_REGION": "nowhere"}}, MemorySize=256)
    answer, failed = invoke(cloud, {})
    assert failed is None
    environment = answer["env"]
    assert (environment["TABLE"], environment["AWS_REGION"]) == ("t", "us-east-1")
    assert environment["AWS_ENDPOINT_URL"] == cloud.environment["AWS_ENDPOINT_URL"]
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert environment["AWS_ACCESS_KEY_ID"] != cloud.environment["AWS_ACCESS_KEY_ID"]
    assert answer["arn"] == arn
    assert 25_000 < answer["left"] <= 30_000
    assert answer["file"].startswith(environment["LAMBDA_TASK_ROOT"])


def test_a_process_stays_warm_until_its_code_or_settings_change(cloud: Cloud, declare_function: Declare) -> None:
    """The next invocation finds the same process; a new configuration finds a new one."""
    declare_function(ECHO)
    first, second = invoke(cloud, {})[0]["pid"], invoke(cloud, {})[0]["pid"]
    cloud.client("lambda").update_function_configuration(FunctionName="echo", Environment={"Variables": {"A": "1"}})
    third, _ = invoke(cloud, {})
    assert first == second != third["pid"]
    assert third["env"]["A"] == "1"


def test_an_exception_is_the_callers_error_document(cloud: Cloud, declare_function: Declare) -> None:
    """Type and message arrive, marked as a function's error; the process lives on."""
    declare_function(ECHO)
    answer, failed = invoke(cloud, {"fail": True})
    assert (answer["errorType"], answer["errorMessage"], failed) == ("ValueError", "no", "Unhandled")


def test_a_process_that_ends_is_an_exit_error(cloud: Cloud, declare_function: Declare) -> None:
    """And the next invocation gets a new process."""
    declare_function(ECHO)
    answer, failed = invoke(cloud, {"exit": True})
    assert (answer["errorType"], failed) == ("Runtime.ExitError", "Unhandled")
    assert invoke(cloud, {})[1] is None


def test_a_function_that_cannot_be_imported_says_why(cloud: Cloud, declare_function: Declare) -> None:
    """A missing module is an error of the invocation, not a silence."""
    declare_function("import no_such_module")
    answer, failed = invoke(cloud, {})
    assert failed == "Unhandled"
    assert "no_such_module" in answer["errorMessage"]


def test_the_time_limit_ends_the_process(cloud: Cloud, declare_function: Declare) -> None:
    """Functions work in real time, and their declared limit is real too."""
    declare_function(ECHO, Timeout=1)
    started = time.monotonic()
    answer, failed = invoke(cloud, {"sleep": 20})
    assert time.monotonic() - started < 5
    assert ("Task timed out after 1.00 seconds" in answer["errorMessage"], failed) == (True, "Unhandled")


def test_a_crash_before_leaves_nothing_done_and_a_crash_after_everything(
    cloud: Cloud, declare_function: Declare
) -> None:
    """In both the caller sees the process die."""
    declare_function(ECHO)
    for crash in ("before", "after"):
        cloud.faults.add({"function": "echo", "crash": crash, "times": 1})
        answer, failed = invoke(cloud, {"n": crash})
        assert (answer["errorType"], failed) == ("Runtime.ExitError", "Unhandled")
    invoke(cloud, {"n": "healthy"})
    assert cloud.logs("echo") == ["handled after", "handled healthy"]


def test_a_fault_may_name_a_function_by_its_entry_module(cloud: Cloud, declare_function: Declare) -> None:
    """`process` strikes whatever function has the entry point `….process.handler`."""
    declare_function(ECHO, name="x-process-abc1234", Handler="pkg.process.handler")
    cloud.faults.add({"function": "process", "crash": "before", "times": 1})
    assert invoke(cloud, {}, "x-process-abc1234")[0]["errorType"] == "Runtime.ExitError"


def test_invocations_at_once_have_processes_of_their_own(cloud: Cloud, declare_function: Declare) -> None:
    """Up to a handful; the rest wait."""
    declare_function(ECHO)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: invoke(cloud, {"sleep": 0.5}), range(6)))
    assert [failed for _, failed in answers] == [None] * 6
    assert 1 < len({answer["pid"] for answer, _ in answers}) <= 4


def test_reserved_concurrency_throttles_callers_and_queues_events(cloud: Cloud, declare_function: Declare) -> None:
    """A second synchronous caller is refused with 429; asynchronous invocations wait."""
    declare_function(ECHO)
    client = cloud.client("lambda")
    client.put_function_concurrency(FunctionName="echo", ReservedConcurrentExecutions=1)
    for number in range(3):
        client.invoke(FunctionName="echo", InvocationType="Event", Payload=json.dumps({"n": number, "sleep": 0.3}))
    time.sleep(0.1)
    with pytest.raises(ClientError) as refused:
        invoke(cloud, {})
    cloud.settle(20)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert sorted(cloud.logs("echo")) == ["handled 0", "handled 1", "handled 2"]


def test_an_event_that_fails_is_tried_twice_more_then_sent_on(
    cloud: Cloud, declare_function: Declare, declare_queue: Declare, messages: Messages
) -> None:
    """The failure destination gets the request and the error."""
    declare_function(ECHO)
    cloud.client("lambda").put_function_event_invoke_config(
        FunctionName="echo", DestinationConfig={"OnFailure": {"Destination": declare_queue("failed")}}
    )
    cloud.client("lambda").invoke(FunctionName="echo", InvocationType="Event", Payload=b'{"fail": true}')
    cloud.settle(20)
    (report,) = messages("failed")
    assert report["body"]["requestContext"]["condition"] == "RetriesExhausted"
    assert report["body"]["requestContext"]["approximateInvokeCount"] == 3
    assert report["body"]["requestPayload"] == {"fail": True}
    assert report["body"]["responsePayload"]["errorType"] == "ValueError"
    assert cloud.undelivered == []


def test_a_dead_letter_queue_gets_the_event_itself(
    cloud: Cloud, declare_function: Declare, declare_queue: Declare, messages: Messages
) -> None:
    """Lambda's older way, with as few retries as configured; moto forgets the setting by itself."""
    queue = declare_queue("dead")
    declare_function(ECHO, DeadLetterConfig={"TargetArn": queue})
    described = cloud.client("lambda").get_function_configuration(FunctionName="echo")
    assert described["DeadLetterConfig"] == {"TargetArn": queue}
    for retries in (2, 0):
        cloud.client("lambda").put_function_event_invoke_config(FunctionName="echo", MaximumRetryAttempts=retries)
    cloud.client("lambda").invoke(FunctionName="echo", InvocationType="Event", Payload=b'{"fail": true}')
    cloud.settle(20)
    assert [(letter["body"], letter["attributes"]["ErrorMessage"]) for letter in messages("dead")] == [
        ({"fail": True}, "no")
    ]
    assert len([line for line in cloud.logs("echo") if "[ERROR]" in line]) == 1


def test_a_failure_that_nobody_hears_of_is_said(cloud: Cloud, declare_function: Declare) -> None:
    """Without destination or dead-letter queue the event is reported as undelivered."""
    declare_function(ECHO)
    cloud.client("lambda").invoke(FunctionName="echo", InvocationType="Event", Payload=b'{"fail": true}')
    cloud.settle(20)
    assert cloud.undelivered == ["echo failed 3 times with ValueError and no destination took the event"]


def test_lines_go_to_the_declared_log_group(cloud: Cloud, declare_function: Declare) -> None:
    """A function's output is in CloudWatch Logs under its stream."""
    cloud.client("logs").create_log_group(logGroupName="/aws/lambda/echo")
    declare_function(ECHO)
    invoke(cloud, {"n": 1})
    cloud.settle(5)
    events = cloud.client("logs").filter_log_events(logGroupName="/aws/lambda/echo")["events"]
    assert [event["message"] for event in events] == ["handled 1"]
