"""Resources of a program that the emulator still holds: none after a clean destroy."""

from collections.abc import Callable, Iterator
from typing import Any

from moto.awslambda.models import lambda_backends
from moto.cloudtrail.models import cloudtrail_backends
from moto.cloudwatch.models import cloudwatch_backends
from moto.core.base_backend import BackendDict
from moto.dynamodb.models import dynamodb_backends
from moto.events.models import events_backends
from moto.iam.models import iam_backends
from moto.kms.models import kms_backends
from moto.logs.models import logs_backends
from moto.s3.models import s3_backends
from moto.scheduler.models import scheduler_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends
from moto.ssm.models import ssm_backends
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

_HOLDS: tuple[tuple[str, Any, Callable[[Any], Any]], ...] = (
    ("function", lambda_backends, lambda b: [f.function_name for f in b.list_functions()]),
    ("layer", lambda_backends, lambda b: [layer.name for layer in b._layers._layers.values() if layer.layer_versions]),
    ("trail", cloudtrail_backends, lambda b: b.trails),
    ("alarm", cloudwatch_backends, lambda b: b.alarms),
    ("dashboard", cloudwatch_backends, lambda b: b.dashboards),
    ("table", dynamodb_backends, lambda b: b.tables),
    ("event bus", events_backends, lambda b: set(b.event_buses) - {"default"}),
    ("rule", events_backends, lambda b: [rule for bus in b.event_buses.values() for rule in bus.rules]),
    ("role", iam_backends, lambda b: [role.name for role in b.roles.values()]),
    ("policy", iam_backends, lambda b: [p.name for p in b.managed_policies.values() if ":aws:policy/" not in p.arn]),
    ("key", kms_backends, lambda b: [key.id for key in b.keys.values() if key.key_state != "PendingDeletion"]),
    ("log group", logs_backends, lambda b: b.groups),
    ("saved query", logs_backends, lambda b: [query.name for query in getattr(b, "query_definitions", {}).values()]),
    ("bucket", s3_backends, lambda b: b.buckets),
    ("schedule", scheduler_backends, lambda b: [s for group in b.schedule_groups.values() for s in group.schedules]),
    ("schedule group", scheduler_backends, lambda b: set(b.schedule_groups) - {"default"}),
    ("topic", sns_backends, lambda b: [topic.name for topic in b.topics.values()]),
    ("queue", sqs_backends, lambda b: b.queues),
    ("parameter", ssm_backends, lambda b: [versions[-1].name for versions in b._parameters.values() if versions]),
    ("state machine", stepfunctions_parser_backends, lambda b: [machine.name for machine in b.state_machines]),
)


def list_leftovers() -> list[str]:
    """List `kind name (region)` of every resource in every account, except AWS's own roles."""
    return sorted(
        f"{kind} {name} ({region})"
        for kind, backends, names in _HOLDS
        for region, backend in _backends(backends)
        for name in names(backend)
        if name != "OrganizationAccountAccessRole"
    )


def _backends(backends: BackendDict[Any]) -> Iterator[tuple[str, Any]]:
    for regions in list(backends.values()):
        yield from list(regions.items())
