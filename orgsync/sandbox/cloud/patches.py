"""Patches of moto: the table of all of them, and their application while a cloud is open.

moto promises nothing about these attributes. A test holds each line of the table to the installed version, and
`Patches` refuses what is not in the table.
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from orgsync.sandbox.errors import SandboxError


class UnlistedPatch(SandboxError):
    """A patch of an attribute that is not in the table."""


@dataclass(frozen=True)
class PatchTarget:
    """An attribute of moto: the names of its parameters (None: no function), and the reason for the patch."""

    parameters: tuple[str, ...] | None
    reason: str


def _function(*parameters: str, reason: str) -> PatchTarget:
    return PatchTarget(parameters, reason)


def _value(*, reason: str) -> PatchTarget:
    return PatchTarget(None, reason)


_LAMBDA = "moto.awslambda.models"
_STEPS = "moto.stepfunctions.parser"
_STATES = f"{_STEPS}.asl.component.state"
_MAP = f"{_STATES}.exec.state_map.iteration"
_MAP_WORKER = f"{_MAP}.itemprocessor.distributed_item_processor_worker:DistributedItemProcessorWorker"

PATCHED: Mapping[str, PatchTarget] = {
    f"{_LAMBDA}:LambdaBackend.put_function_event_invoke_config": _function(
        "self", "function_name", "config", reason="appends each new configuration and answers with the oldest"
    ),
    f"{_LAMBDA}:LambdaFunction.__init__": _function(
        "self", "account_id", "spec", "region", "version", reason="drops a function's dead-letter queue"
    ),
    f"{_LAMBDA}:LambdaFunction.get_configuration": _function(
        "self", "on_create", reason="drops a function's dead-letter queue"
    ),
    f"{_LAMBDA}:LambdaFunction.invoke": _function(
        "self", "body", "request_headers", "response_headers", reason="runs functions in Docker, or not at all"
    ),
    f"{_LAMBDA}:LambdaFunction.update_configuration": _function(
        "self", "config_updates", reason="drops a function's dead-letter queue"
    ),
    "moto.cloudtrail.models:Trail.check_bucket_exists": _function(
        "self", reason="does not ask the key of a trail whether CloudTrail may use it"
    ),
    "moto.cloudwatch.models:CloudWatchBackend.put_metric_data": _function(
        "self", "namespace", "metric_data", reason="never evaluates alarms"
    ),
    "moto.core.config:default_user_config": _value(reason="does not run state machines unless this says so"),
    "moto.dynamodb.models:copy": _value(reason="copies every item of a table for each write of a transaction"),
    "moto.dynamodb.responses:DynamoHandler.call_action": _function(
        "self", reason="checks a condition and writes in two steps, between which other threads run"
    ),
    "moto.events.models:EventsBackend.put_events": _function(
        "self", "events", reason="ignores reserved sources and the policies of other accounts' buses"
    ),
    "moto.events.models:Rule.send_to_targets": _function(
        "self", "original_event", "transform_input", reason="delivers to few targets and retries nothing"
    ),
    "moto.organizations.models:FakeAccount.describe": _function("self", reason="still has the retired `Status`"),
    "moto.organizations.models:FakeDelegatedAdministrator.supported_service": _function(
        "service_principal", reason="does not know Account Management, which may be delegated"
    ),
    "moto.organizations.models:OrganizationsBackend.list_accounts": _function(
        "self", reason="has no pages of AWS's size, and none that is empty"
    ),
    "moto.organizations.models:OrganizationsBackend.list_parents": _function(
        "self", "kwargs", reason="gives another error for a child that does not exist"
    ),
    "moto.s3.models:FakeBucket.get_permission": _function(
        "self", "action", "resource", reason="ignores the conditions of a bucket's policy"
    ),
    "moto.sns.models:Subscription.publish": _function(
        *("self", "message", "message_id", "subject", "message_attributes", "group_id", "deduplication_id"),
        "message_structure",
        reason="posts to subscribed addresses",
    ),
    "moto.sns.models:Topic.publish": _function(
        *("self", "message", "subject", "message_attributes", "group_id", "deduplication_id", "message_structure"),
        reason="keeps no list of what was published",
    ),
    "moto.sqs.models:Queue.add_message": _function("self", "message", reason="puts no metric of a queue's depth"),
    "moto.sqs.models:Queue.delete_message": _function(
        "self", "receipt_handle", reason="puts no metric of a queue's depth"
    ),
    "moto.sts.models:STSBackend.get_caller_identity": _function(
        "self", "access_key_id", "region", reason="knows only the credentials that it has made"
    ),
    f"{_STEPS}.asl.component.common.retry.retrier_decl:time": _value(reason="waits in real time between retries"),
    f"{_MAP}.distributed_iteration_component:DistributedIterationComponent._map_run": _function(
        "self", "env", "eval_input", reason="lets a map succeed whatever happened to its children"
    ),
    f"{_MAP_WORKER}._eval_job": _function("self", "env", "job", reason="runs children under their parent's name"),
    f"{_MAP_WORKER}.eval": _function("self", reason="goes from child to child by recursion"),
    f"{_STEPS}.asl.component.program.program:Program._get_state": _function(
        "self", "state_name", reason="has no moment between two states at which an execution could wait for others"
    ),
    f"{_STATES}.wait.wait_function.wait_function:WaitFunction._wait_interval": _function(
        "self", "env", "wait_seconds", reason="waits in real time, for ever for a part of a second"
    ),
    f"{_STEPS}.asl.parse.asl_parser:AmazonStateLanguageParser.parse": _function(
        "definition", reason="refuses whole percentages"
    ),
    f"{_STEPS}.asl.utils.boto_client:boto_client_for": _function(
        "region", "service", "state_credentials", reason="calls moto past the gateway, its faults and its counts"
    ),
    f"{_STEPS}.backend.execution:Execution.get_start_execution_details": _function(
        "self", reason="writes a start time that AWS would not"
    ),
    f"{_STEPS}.backend.execution:Execution.start": _function("self", reason="sends no event of the status"),
    f"{_STEPS}.backend.execution_worker:ExecutionWorker._execution_logic": _function(
        "self", reason="leaves an execution running for ever when its thread dies"
    ),
    f"{_STEPS}.models:StepFunctionsParserBackend._validate_definition": _function(
        "definition", reason="ignores features that it lacks"
    ),
    f"{_STEPS}.models:StepFunctionsParserBackend.start_execution": _function(
        *("self", "state_machine_arn", "name", "execution_input", "trace_header"),
        reason="checks a name and takes it in two steps",
    ),
}
"""`module:attribute` of moto -> its parameters, and what moto does there that the sandbox cannot use."""


class Patches:
    """Replacements of attributes in the table, undone in reverse order by `close`."""

    def __init__(self) -> None:
        self._undo = ExitStack()
        self.applied: set[str] = set()
        """The targets in the table that were patched."""

    def replace(self, owner: Any, name: str, new: Any) -> None:
        """Put `new` in the place of `owner.name`.

        Raises:
            UnlistedPatch: it is not in the table.
        """
        old = vars(owner)[name]
        self._note(owner, name, old)
        setattr(owner, name, new)
        self._undo.callback(setattr, owner, name, old)

    def replace_item(self, owner: ModuleType, name: str, key: str, new: Any) -> None:
        """Put `new` in the place of `owner.name[key]`.

        Raises:
            UnlistedPatch: it is not in the table.
        """
        mapping = vars(owner)[name]
        self._note(owner, name, mapping)
        old = mapping[key]
        mapping[key] = new
        self._undo.callback(mapping.__setitem__, key, old)

    def wrap(self, owner: Any, name: str, around: Callable[..., Any]) -> None:
        """Put a method in the place of `owner.name` that calls `around(original, self, ...)`."""
        original = vars(owner)[name]

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            return around(original, *args, **kwargs)

        self.replace(owner, name, wrapped)

    def wrap_static(self, owner: Any, name: str, around: Callable[..., Any]) -> None:
        """As `wrap`, for a static method."""
        original = getattr(owner, name)

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            return around(original, *args, **kwargs)

        self.replace(owner, name, staticmethod(wrapped))

    def silence(self, logger: str) -> None:
        """Keep a logger of moto's from writing pages about failures that are part of a rehearsal."""
        noisy = logging.getLogger(logger)
        self._undo.callback(noisy.setLevel, noisy.level)
        noisy.setLevel(logging.CRITICAL)

    def close(self) -> None:
        """Put everything back."""
        self._undo.close()

    def _note(self, owner: Any, name: str, old: Any) -> None:
        if isinstance(owner, ModuleType):
            # A function that several modules import is in the table where it is defined.
            names = [f"{owner.__name__}:{name}", f"{getattr(old, '__module__', '')}:{name}"]
        else:
            names = [f"{owner.__module__}:{owner.__qualname__}.{name}"]
        listed = [target for target in names if target in PATCHED]
        if not listed:
            raise UnlistedPatch(f"{names[0]} is patched but not in the table of orgsync.sandbox.cloud.patches")
        self.applied.add(listed[0])
