"""The cloud as a whole: its parts are started together and stopped together."""

import logging
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any, Self

from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.sqs.models import sqs_backends
from moto.stepfunctions.parser.utils import TMP_THREADS

from orgsync.sandbox.cloud import (
    dynamodb,
    key_access,
    leftovers,
    metrics,
    organizations,
    s3,
    stacks_api,
)
from orgsync.sandbox.cloud.access_keys import SECRET, AccessKeys, assumed_role
from orgsync.sandbox.cloud.account_api import AccountApi
from orgsync.sandbox.cloud.account_lifecycle import HOME_REGION, AccountLifecycle
from orgsync.sandbox.cloud.alarms import Alarms
from orgsync.sandbox.cloud.clients import Clients
from orgsync.sandbox.cloud.clock import TIME_SCALE, SandboxClock
from orgsync.sandbox.cloud.cloudformation import CloudFormation
from orgsync.sandbox.cloud.custom_resources import CustomResources
from orgsync.sandbox.cloud.events import EventBuses
from orgsync.sandbox.cloud.faults import Faults
from orgsync.sandbox.cloud.lambda_process import FunctionSpec
from orgsync.sandbox.cloud.lambda_service import LambdaService, function_names, write_log
from orgsync.sandbox.cloud.notifications import NotificationRecorder
from orgsync.sandbox.cloud.patches import Patches
from orgsync.sandbox.cloud.responses import Responses
from orgsync.sandbox.cloud.schedules import Schedules
from orgsync.sandbox.cloud.server import Gateway, Server
from orgsync.sandbox.cloud.stack_sets import StackSets
from orgsync.sandbox.cloud.step_functions import StepFunctions
from orgsync.sandbox.cloud.targets import Targets
from orgsync.sandbox.cloud.task_tracker import TaskTracker
from orgsync.sandbox.errors import SandboxError, SettleTimeout, UnknownAccount, UnknownTarget
from orgsync.sandbox.model.account import AccountService, CallerIdentity
from orgsync.sandbox.model.organization import OrganizationModel
from orgsync.sandbox.model.quotas import Quotas, parse
from orgsync.sandbox.resources.unsupported import ACCOUNT_WIDE

log = logging.getLogger(__name__)

# A port without a server: a request that is not for loopback ends here at once.
_NOWHERE = "http://127.0.0.1:9"

_one_at_a_time = threading.Lock()


class Cloud(AccountLifecycle):
    """An AWS in one process, with one organization in it; use it in a `with` block.

    Args:
        organization: the model, which is updated with everything that happens to it.
        quotas: of the Account API: `off`, `aws`, or operation to `{rate, burst}`.
        latency_ms: before every answer of the Account API.
        lag_s: seconds for which the Account API still shows what stood there before a write.
        seed: for faults with a rate, and for contacts that are made later.
        time_scale: see `TIME_SCALE`.
        functions: names that a fault may give to functions before anything is deployed.

    moto's state is one for the whole process, so only one cloud can be open at a time.
    """

    def __init__(
        self,
        organization: OrganizationModel,
        quotas: Quotas = "off",
        latency_ms: float = 0,
        lag_s: float = 0,
        seed: int = 0,
        time_scale: float = TIME_SCALE,
        functions: Iterable[str] = (),
    ) -> None:
        super().__init__(organization, seed)
        self._latency_ms, self._time_scale = latency_ms, time_scale
        self.clock = SandboxClock(time_scale)
        """AWS's seconds; work itself (functions, their time limits) takes its real time."""
        self.undelivered: list[str] = []
        """Events and messages that reached no target and no dead-letter queue."""
        self.unsupported_resources: dict[str, dict[str, Any]] = {}
        """Resources of services that moto lacks: resource type -> id -> properties; counted by `leftovers`."""
        known = frozenset(functions)
        self.faults = Faults(seed, lambda: known | function_names(), self.clock, organization.management)
        self.account = AccountService(
            organization,
            clock=time.monotonic,
            lag_clock=self.clock,
            lag_s=lag_s,
            quotas=parse(quotas),
            refuse=self.faults.refusal,
            on_write=self._account_written,
        )
        self._unknown_targets: list[str] = []
        self._logs: dict[str, list[str]] = defaultdict(list)
        self._access_keys = AccessKeys(organization.management)
        self._sandbox = CallerIdentity(organization.management, _arn(organization.management, "Sandbox"), sandbox=True)
        self._targets = Targets(self._service_client)
        self._notifications = NotificationRecorder(
            self.unsupported_resources, self._record_undelivered, self._targets.queue_refusal
        )
        self._without_lines: set[str] = set()
        self._open = ExitStack()
        self.patches: Patches
        """The patches of moto that are applied while the cloud is open."""

    def __enter__(self) -> Self:
        if not _one_at_a_time.acquire(blocking=False):
            raise SandboxError("another Cloud is open in this process; close it first: moto keeps one state")
        with ExitStack() as opening:
            opening.callback(_one_at_a_time.release)
            self._start(opening)
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _start(self, opening: ExitStack) -> None:
        """Start each part; they are stopped in the reverse order."""
        _reset_moto()
        opening.callback(_reset_moto)
        home = Path(opening.enter_context(tempfile.TemporaryDirectory(prefix="orgsync-sandbox-")))
        patches = self.patches = Patches()
        opening.callback(patches.close)
        organizations.install(patches)
        dynamodb.install(patches)
        s3.install(patches)
        metrics.install(patches)
        key_access.install(patches)
        self._notifications.install(patches)
        self._access_keys.install(patches)
        self._organizations = organizations.OrganizationsService(self.organization, self.clock)
        self.stack_sets = StackSets(self._organizations)

        authority = home / "authority.pem"
        responses = Responses(authority)
        opening.callback(responses.close)
        self._gateway = Gateway(AccountApi(self.account, self._latency_ms), self._access_keys, self.faults)
        server = Server(self._gateway)
        opening.callback(server.close)
        self._clients = Clients(self._access_keys, server.url)
        opening.callback(self._clients.close)
        self.environment = self._environment(server.url, authority)

        self._tasks = TaskTracker(self.clock)
        opening.callback(self._tasks.close)
        self.functions = metrics.MeteredFunctionPools(
            self._function_environment, self._log, self.faults.crash, self.clock.working
        )
        opening.callback(self.functions.close)
        targets = self._targets
        LambdaService(self.functions, self._tasks, targets, self._record_undelivered).install(patches)
        self._events = EventBuses(targets, self._tasks, self._record_undelivered, self._unknown_targets.append)
        self._events.install(patches)
        self._alarms = Alarms(targets, self._tasks, self._time_scale, self._alarm_changed, self._record_undelivered)
        self._alarms.install(patches)
        self._step_functions = StepFunctions(self._service_client, self._tasks, self.clock, self._execution_changed)
        self._step_functions.install(patches)
        opening.callback(self._stop_executions)
        self._schedules = Schedules(self._events, self._tasks, self._time_scale)
        opening.callback(self._schedules.close)
        custom_resources = CustomResources(responses, self._invoke)
        self.cloudformation = CloudFormation(custom_resources, self._tasks, self.organization.management)
        described = partial(stacks_api.describe_stacks, stacks=self.cloudformation)
        self._gateway.answers["cloudformation", "DescribeStacks"] = described

    def client(self, service: str, region: str = HOME_REGION, account: str | None = None) -> Any:
        """Give a boto3 client of the sandbox itself, for the management account or another one.

        Its calls of the Account API are neither counted, throttled nor refused by a fault.
        """
        caller = self._sandbox if account is None else CallerIdentity(account, _arn(account, "Sandbox"), sandbox=True)
        return self._clients.client(service, region, caller)

    def settle(self, timeout_s: float = 120.0, *, hold_waits: bool = False) -> None:
        """Wait until nothing runs: executions, invocations, deliveries, their retries, stack operations.

        Args:
            hold_waits: whether executions in a Wait state are held there, until they are settled without this.

        Raises:
            SettleTimeout: naming what still runs.
            UnknownTarget: something was to be delivered to a kind of target that is not emulated.
        """
        self._tasks.settled(timeout_s, hold_waits=hold_waits)
        if self._unknown_targets:
            unknown = "; ".join(sorted(set(self._unknown_targets)))
            self._unknown_targets.clear()
            raise UnknownTarget(unknown)

    def overlapping(self, timeout_s: float = 120.0) -> AbstractContextManager[None]:
        """Let the executions that the block sets off overlap, as they would at AWS, however slow this machine is.

        None goes on after its first task (the one that takes a lease, or finds it taken) before all events of the
        block are delivered and every execution that they started has come as far, or has ended.

        Raises:
            SettleTimeout: naming what had not come as far; everything goes on all the same.
        """
        return self._tasks.overlapping(timeout_s)

    def fire_schedules(self) -> int:
        """Fire every enabled schedule once, now; returns how many there are."""
        return self._schedules.fire()

    def pass_time(self, seconds: float) -> None:
        """Let so many of AWS's seconds pass in which nothing runs: lag and faults end, and alarms are evaluated."""
        self.clock.pass_time(seconds)
        self._alarms.pass_time(seconds)

    def executions(self) -> list[dict[str, Any]]:
        """List all executions, oldest first: arn, name, status, input and output (JSON text or None), start, end."""
        return self._step_functions.executions()

    @property
    def notifications(self) -> list[dict[str, str | None]]:
        """The published messages in order: channel, severity, subject, body."""
        return self._notifications.published

    @property
    def unknown(self) -> list[str]:
        """Requests for services or operations that are not emulated; each was refused."""
        return self._gateway.unknown

    @property
    def requests(self) -> set[tuple[str, str, str, str]]:
        """The requests so far: caller's ARN, botocore's service and operation, table name or object path."""
        return set(self._gateway.requests)

    def logs(self, function: str) -> list[str]:
        """List every line that a function has written, with or without a log group."""
        return list(self._logs[function])

    def dead_letters(self) -> dict[str, int]:
        """Count the messages in every queue, by its name."""
        return {
            queue.name: queue.approximate_number_of_messages
            for regions in list(sqs_backends.values())
            for backend in list(regions.values())
            for queue in list(backend.queues.values())
        }

    def leftovers(self) -> list[str]:
        """List every resource that a program may declare and that still exists; none after a clean destroy.

        What belongs to the account and not to a stack is none.
        """
        unsupported_resources = [
            f"{kind} {name}"
            for kind, held in self.unsupported_resources.items()
            if kind not in ACCOUNT_WIDE
            for name in held
        ]
        stacks = [f"stack {name}" for name in self.cloudformation.names()]
        stacks += [f"stack set {name}" for name in self.stack_sets.names()]
        return sorted(leftovers.list_leftovers() + stacks + unsupported_resources)

    def environment_of(self, rights: str = "operator", account: str | None = None) -> dict[str, str]:
        """Make the environment variables of a process that runs as somebody in an account; the management account's
        if none is given.

        Args:
            rights: `operator`, who may do everything, or `reader`, who may only read.

        Raises:
            UnknownAccount: there is no such account in the organization.
        """
        account = account or self.organization.management
        if account not in self._organizations.ids:
            raise UnknownAccount(f"{account} is no account of the organization")
        caller = CallerIdentity(account, _arn(account, rights.capitalize()), reader=rights == "reader")
        return self.environment | {"AWS_ACCESS_KEY_ID": self._access_keys.key_for(caller)}

    def _environment(self, url: str, authority: Path) -> dict[str, str]:
        """Make the environment variables of a process that runs as an operator of the management account."""
        operator = CallerIdentity(self.organization.management, _arn(self.organization.management, "Operator"))
        return {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": self._access_keys.key_for(operator),
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_SESSION_TOKEN": SECRET,
            "AWS_DEFAULT_REGION": HOME_REGION,
            "AWS_REGION": HOME_REGION,
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
            "SSL_CERT_FILE": str(authority),
            "HTTP_PROXY": _NOWHERE,
            "HTTPS_PROXY": _NOWHERE,
            "NO_PROXY": "127.0.0.1,localhost",
        }

    def _function_environment(self, spec: FunctionSpec) -> Mapping[str, str]:
        caller = assumed_role(spec.account, spec.role, spec.name)
        return self.environment | {"AWS_ACCESS_KEY_ID": self._access_keys.key_for(caller)}

    def _service_client(self, service: str, region: str, account: str | None = None) -> Any:
        """Give a client for calls that AWS makes itself: deliveries, a state machine's tasks, custom resources."""
        account = account or self.organization.management
        return self._clients.client(service, region, CallerIdentity(account, _arn(account, "AWSService")))

    def _invoke(self, function_arn: str, payload: str) -> None:
        client = self._service_client("lambda", function_arn.split(":")[3])
        client.invoke(FunctionName=function_arn, InvocationType="Event", Payload=payload.encode())

    def _log(self, spec: FunctionSpec, stream: str, line: str) -> None:
        self._logs[spec.name].append(line)
        refusal = write_log(spec, stream, line)
        if refusal and spec.name not in self._without_lines:
            self._without_lines.add(spec.name)
            self._record_undelivered(refusal)
        metrics.put_from_log_line(spec, line)

    def _execution_changed(
        self, source: str, detail_type: str, detail: dict[str, Any], account: str, region: str
    ) -> None:
        metrics.put_from_execution(detail, account, region)
        self._events.emit(source, detail_type, detail, account, region)

    def _alarm_changed(self, detail: dict[str, Any], account: str, region: str, arn: str) -> None:
        """Send an event to the default bus, and to User Notifications, which follows events without a rule."""
        kind = {"source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm State Change"}
        self._events.emit(kind["source"], kind["detail-type"], detail, account, region)
        self._notifications.event({**kind, "account": account, "region": region, "resources": [arn], "detail": detail})

    def _record_undelivered(self, what: str) -> None:
        log.error("undelivered: %s", what)
        self.undelivered.append(what)

    def _stop_executions(self) -> None:
        self._step_functions.stop_all()
        self.functions.close()
        with suppress(SettleTimeout):
            self._tasks.settled(2.0)


def _arn(account: str, role: str) -> str:
    return f"arn:aws:sts::{account}:assumed-role/{role}/sandbox"


def _reset_moto() -> None:
    BackendDict.reset()
    reset_model_data()
    organizations.reset()
    TMP_THREADS.clear()
