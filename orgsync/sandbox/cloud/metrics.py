"""Sources of metric data: functions' log lines in the embedded metric format, and AWS's own services.

moto keeps data that are put and makes none itself. Only metrics that are put here exist:
an alarm on any other never fires, as at AWS.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from moto.cloudwatch.models import cloudwatch_backends
from moto.sqs.models import Queue

from orgsync.sandbox.cloud.lambda_host import ConcurrencyExceeded, FunctionPools
from orgsync.sandbox.cloud.lambda_process import FunctionSpec, InvocationResult
from orgsync.sandbox.cloud.patches import Patches

Dimensions = Mapping[str, str]

_EXECUTIONS = {
    "ABORTED": "ExecutionsAborted",
    "FAILED": "ExecutionsFailed",
    "RUNNING": "ExecutionsStarted",
    "SUCCEEDED": "ExecutionsSucceeded",
    "TIMED_OUT": "ExecutionsTimedOut",
}


def install(patches: Patches) -> None:
    """Patch moto so that the messages of every queue are counted."""
    patches.wrap(Queue, "add_message", _count_messages)
    patches.wrap(Queue, "delete_message", _count_messages)


def put(
    account: str, region: str, namespace: str, values: Mapping[str, Sequence[float]], dimensions: Dimensions
) -> None:
    """Put data of one set of dimensions: metric to its values."""
    named = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    data = [{"MetricName": metric, "Dimensions": named, "Values": list(several)} for metric, several in values.items()]
    cloudwatch_backends[account][region].put_metric_data(namespace, data)


def put_from_log_line(spec: FunctionSpec, line: str) -> None:
    """Put the data of a log line in the embedded metric format, as CloudWatch Logs does; ignore any other line."""
    if '"_aws"' not in line:
        return
    try:
        document = json.loads(line)
        directives = document["_aws"]["CloudWatchMetrics"]
    except (ValueError, KeyError, TypeError):
        return
    for directive in directives:
        values = {metric["Name"]: _values(document[metric["Name"]]) for metric in directive["Metrics"]}
        for names in directive["Dimensions"]:
            put(spec.account, spec.region, directive["Namespace"], values, {name: document[name] for name in names})


def put_from_execution(detail: Mapping[str, Any], account: str, region: str) -> None:
    """Put the metric of Step Functions for a change of an execution's status."""
    metric = _EXECUTIONS[detail["status"]]
    put(account, region, "AWS/States", {metric: [1.0]}, {"StateMachineArn": detail["stateMachineArn"]})


def put_lost(source: str) -> None:
    """Put the metric of what a rule, a schedule or a function could not even leave as a dead letter, by its ARN."""
    _, _, service, region, account, name = source.split(":", 5)
    if service == "events":
        *bus, rule = name.removeprefix("rule/").split("/")
        named = {"RuleName": rule} | ({"EventBusName": bus[0]} if bus else {})
        put(account, region, "AWS/Events", {"InvocationsFailedToBeSentToDlq": [1.0]}, named)
    elif service == "scheduler":
        group = name.split("/")[1]
        lost = {"InvocationsFailedToBeSentToDeadLetterCount": [1.0]}
        put(account, region, "AWS/Scheduler", lost, {"ScheduleGroup": group})
    else:
        function = name.split(":")[1]
        put(account, region, "AWS/Lambda", {"DestinationDeliveryFailures": [1.0]}, {"FunctionName": function})


class MeteredFunctionPools(FunctionPools):
    """Function pools with Lambda's metrics: invocations, errors, durations, throttles."""

    def invoke(self, spec: FunctionSpec, payload: bytes, *, wait: bool) -> InvocationResult:
        """See `FunctionPools.invoke`."""
        began = time.monotonic()
        try:
            answer = super().invoke(spec, payload, wait=wait)
        except ConcurrencyExceeded:
            _put_function_metrics(spec, {"Throttles": [1.0]})
            raise
        took = (time.monotonic() - began) * 1000
        _put_function_metrics(spec, {"Invocations": [1.0], "Errors": [float(answer.failed)], "Duration": [took]})
        return answer


def _put_function_metrics(spec: FunctionSpec, values: Mapping[str, Sequence[float]]) -> None:
    put(spec.account, spec.region, "AWS/Lambda", values, {"FunctionName": spec.name})


def _values(value: float | list[float]) -> list[float]:
    return [float(one) for one in value] if isinstance(value, list) else [float(value)]


def _count_messages(original: Callable[..., None], queue: Any, *args: Any, **kwargs: Any) -> None:
    original(queue, *args, **kwargs)
    depth = float(queue.approximate_number_of_messages)
    values = {"ApproximateNumberOfMessagesVisible": [depth]}
    put(queue.account_id, queue.region, "AWS/SQS", values, {"QueueName": queue.name})
