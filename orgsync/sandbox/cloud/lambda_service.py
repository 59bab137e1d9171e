"""Lambda's invocations, which moto lacks: functions run, asynchronous ones are retried, failures are sent on.

Every invocation of moto, from whatever service, comes through `LambdaFunction.invoke`.
"""

import base64
import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from moto.awslambda.models import LambdaBackend, LambdaFunction, lambda_backends
from moto.core.exceptions import JsonRESTError
from moto.core.utils import unix_time_millis
from moto.logs.models import logs_backends

from orgsync.sandbox.cloud import key_access, metrics
from orgsync.sandbox.cloud.lambda_host import ConcurrencyExceeded, FunctionPools
from orgsync.sandbox.cloud.lambda_process import FunctionSpec, InvocationResult
from orgsync.sandbox.cloud.patches import Patches
from orgsync.sandbox.cloud.targets import DeliveryFailed, Sender, Targets
from orgsync.sandbox.cloud.task_tracker import TaskTracker
from orgsync.sandbox.errors import UnknownTarget

log = logging.getLogger(__name__)

# AWS: an asynchronous invocation that fails is tried again after one minute and after two more.
_RETRY_AFTER_S = (60.0, 120.0)


class TooManyRequests(JsonRESTError):
    """Lambda's answer when the reserved concurrency is used up."""

    code = 429

    def __init__(self) -> None:
        super().__init__("TooManyRequestsException", "Rate Exceeded.")


class LambdaService:
    """Lambda's invocations.

    Args:
        targets: how destinations and dead-letter queues are reached, by the function's own role.
        undelivered: called with each invocation that failed for good and has no destination that took it.
    """

    def __init__(
        self,
        functions: FunctionPools,
        tasks: TaskTracker,
        targets: Targets,
        undelivered: Callable[[str], None],
    ) -> None:
        self._functions, self._tasks = functions, tasks
        self._targets, self._undelivered = targets, undelivered

    def install(self, patches: Patches) -> None:
        """Patch the parts of moto that keep and invoke functions."""
        service = self

        def invoke(function: LambdaFunction, body: Any, request_headers: Any, response_headers: Any) -> Any:
            return service._invoke(function, body, request_headers, response_headers)

        patches.replace(LambdaFunction, "invoke", invoke)
        patches.wrap(LambdaFunction, "__init__", _remember_dead_letters)
        patches.wrap(LambdaFunction, "update_configuration", _update_dead_letters)
        patches.wrap(LambdaFunction, "get_configuration", _show_dead_letters)
        patches.wrap(LambdaBackend, "put_function_event_invoke_config", _replace_event_invoke_config)

    def _invoke(self, function: LambdaFunction, body: Any, request_headers: Any, response_headers: Any) -> Any:
        payload = body.encode() if isinstance(body, str) else body or b"{}"
        json.loads(payload or b"{}")
        kind = request_headers.get("X-Amz-Invocation-Type") or "RequestResponse"
        if kind == "DryRun":
            return b""
        if kind == "Event":
            self._tasks.submit(f"asynchronous {function.function_name}", self._attempt, function, payload, 1)
            return b""
        with self._tasks.running(f"function {function.function_name}"):
            try:
                answer = self._functions.invoke(spec_of(function), payload or b"{}", wait=False)
            except ConcurrencyExceeded as throttled:
                raise TooManyRequests from throttled
        if answer.failed:
            response_headers["x-amz-function-error"] = "Unhandled"
        response_headers["x-amz-log-result"] = base64.b64encode(b"").decode()
        return answer.payload

    def _attempt(self, function: LambdaFunction, payload: bytes, attempt: int) -> None:
        config = function.event_invoke_config[-1].config if function.event_invoke_config else {}
        answer = self._functions.invoke(spec_of(function), payload or b"{}", wait=True)
        destinations = config.get("DestinationConfig", {})
        if not answer.failed:
            self._report(function, payload, answer, attempt, destinations.get("OnSuccess"), "Success")
            return
        retries = config.get("MaximumRetryAttempts", len(_RETRY_AFTER_S))
        if attempt <= retries:
            delay = _RETRY_AFTER_S[attempt - 1]
            what = f"retry {attempt} of asynchronous {function.function_name}"
            self._tasks.submit(what, self._attempt, function, payload, attempt + 1, delay=delay)
            return
        delivered = self._report(function, payload, answer, attempt, destinations.get("OnFailure"), "RetriesExhausted")
        dead_letters = getattr(function, "dead_letter_config", {}).get("TargetArn")
        if dead_letters:
            error = json.loads(answer.payload)
            attributes = {"RequestID": str(uuid4()), "ErrorCode": "200", "ErrorMessage": error.get("errorMessage", "")}
            delivered |= self._send(function, dead_letters, (payload or b"{}").decode(), attributes)
        if not delivered:
            kind = json.loads(answer.payload).get("errorType")
            self._undelivered(
                f"{function.function_name} failed {attempt} times with {kind} and no destination took the event"
            )

    def _report(
        self,
        function: LambdaFunction,
        payload: bytes,
        answer: InvocationResult,
        attempts: int,
        destination: Mapping[str, str] | None,
        condition: str,
    ) -> bool:
        """Send the result of an asynchronous invocation to a destination; false where there is none."""
        if not destination or not destination.get("Destination"):
            return False
        response = {"statusCode": 200, "executedVersion": "$LATEST"}
        document = {
            "version": "1.0",
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "requestContext": {
                "requestId": str(uuid4()),
                "functionArn": f"{function.function_arn}:$LATEST",
                "condition": condition,
                "approximateInvokeCount": attempts,
            },
            "requestPayload": json.loads(payload or b"{}"),
            "responseContext": response | ({"functionError": "Unhandled"} if answer.failed else {}),
            "responsePayload": json.loads(answer.payload or b"null"),
        }
        return self._send(function, destination["Destination"], json.dumps(document), {})

    def _send(self, function: LambdaFunction, arn: str, text: str, attributes: Mapping[str, str]) -> bool:
        sender = Sender("lambda.amazonaws.com", function.function_arn, function.role, by_role=True)
        try:
            self._targets.deliver(arn, text, sender, {"MessageAttributes": attributes})
        except (DeliveryFailed, UnknownTarget) as error:
            metrics.put_lost(function.function_arn)
            log.warning("%s could not deliver to %s: %s", function.function_name, arn, error)
            return False
        return True


def spec_of(function: LambdaFunction) -> FunctionSpec:
    """Convert moto's function for the host."""
    reserved = function.reserved_concurrency
    return FunctionSpec(
        account=function.account_id,
        region=function.region,
        name=function.function_name,
        arn=function.function_arn,
        role=function.role,
        handler=str(function.handler),
        runtime=str(function.run_time),
        environment={name: str(value) for name, value in function.environment_vars.items()},
        timeout_s=float(function.timeout),
        memory_mb=int(function.memory_size),
        code=function.code_bytes,
        code_sha=function.code_sha_256,
        reserved=None if reserved is None else int(reserved),
    )


def function_names() -> frozenset[str]:
    """List the names by which a fault may refer to the functions declared now, in all accounts and regions."""
    return frozenset(
        name
        for regions in list(lambda_backends.values())
        for backend in list(regions.values())
        for function in backend.list_functions()
        for name in spec_of(function).names
    )


def write_log(spec: FunctionSpec, stream: str, line: str) -> str | None:
    """Write one line of a function into its log group, if that was declared.

    Returns:
        the reason why the group's key does not let CloudWatch Logs write there, or None.
    """
    group, logs = f"/aws/lambda/{spec.name}", logs_backends[spec.account][spec.region]
    if group not in logs.groups:
        return None
    arn = f"arn:aws:logs:{spec.region}:{spec.account}:log-group:{group}"
    refusal = key_access.key_refusal(
        logs.groups[group].kms_key_id,
        spec.account,
        spec.region,
        f"logs.{spec.region}.amazonaws.com",
        {"kms:EncryptionContext:aws:logs:arn": arn},
    )
    if refusal:
        return f"log group {group} gets no line of {spec.name}: {refusal}"
    if stream not in logs.groups[group].streams:
        logs.create_log_stream(group, stream)
    logs.put_log_events(group, stream, [{"timestamp": int(unix_time_millis()), "message": line}])
    return None


def _remember_dead_letters(
    original: Callable[..., None], function: Any, account_id: str, spec: dict[str, Any], *args: Any, **kwargs: Any
) -> None:
    function.dead_letter_config = spec.get("DeadLetterConfig") or {}
    original(function, account_id, spec, *args, **kwargs)


def _update_dead_letters(original: Callable[..., Any], function: Any, updates: dict[str, Any]) -> Any:
    function.dead_letter_config = updates.get("DeadLetterConfig", function.dead_letter_config)
    return original(function, updates)


def _show_dead_letters(original: Callable[..., Any], function: Any, *args: Any, **kwargs: Any) -> Any:
    shown = {"DeadLetterConfig": function.dead_letter_config} if function.dead_letter_config else {}
    return original(function, *args, **kwargs) | shown


def _replace_event_invoke_config(original: Callable[..., Any], backend: Any, name: str, config: Any) -> Any:
    """Replace the configuration; moto appends each new one and answers with the oldest."""
    backend.get_function(name).event_invoke_config.clear()
    return original(backend, name, config)
