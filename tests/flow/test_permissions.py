"""Permissions of each function: it uses every one, and every call that it makes is permitted."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from orgsync.contact_sync.names import FunctionName, Operation
from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.contact_sync.configuration import STACK_KEY
from orgsync.sandbox.contact_sync.rehearse import CONTACT_SYNC
from orgsync.sandbox.engines.inline import InlineEngine
from orgsync.sandbox.engines.opener import open_engine
from orgsync.sandbox.engines.protocol import DeployFailed
from orgsync.sandbox.model.organization import make

ROOT = Path(__file__).parents[2]
PREFIX = "orgsync-dev-contact-sync"

DESK = {"Name": "Desk", "Title": "Desk", "EmailAddress": "desk@example.com", "PhoneNumber": "+15550100"}
# Two of twelve accounts are skipped: enough remain to open a breaker, which takes five refusals.
CONFIG = {
    "excluded_tags": {"contacts": "own"},
    "on_source_delete": "propagate",
    "verify_config": {"delay": 0},
    "new_accounts": {"settle": 0, "patience": 0},
    "retry_config": {"base_delay": 0},
    "pacing": {str(operation): {"rate": 1000, "burst": 1000} for operation in Operation},
}
_KEY = "the service that keeps the data, the queue or the topic asks for the key in the function's name"
EXEMPT = {
    "kms:Decrypt": _KEY,
    "kms:DescribeKey": "DynamoDB looks in the caller's name whether the table's key may be used [doc]",
    "kms:GenerateDataKey": _KEY,
    "logs:CreateLogStream": "Lambda writes what a function prints",
    "logs:PutLogEvents": "Lambda writes what a function prints",
    "sqs:SendMessage": "Lambda leaves an invocation that failed for good in the queue",
    "xray:PutTelemetryRecords": "Lambda's own daemon sends the segments",
    "xray:PutTraceSegments": "Lambda's own daemon sends the segments",
}
"""Actions that a function never calls itself, and why its role may."""

IN_A_TRANSACTION = {"TransactWriteItems": ("ConditionCheckItem", "PutItem")}
"""Actions that are asked for by the writes of a transaction, which is none itself."""

IAM_NAMES = {"stepfunctions": "states"}
"""Prefixes of services in policies, which differ from botocore's names."""

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Permission:
    """An action, and the resource or pattern of resources for which it is allowed."""

    action: str
    resource: str


@dataclass(frozen=True)
class Use:
    """An action that was asked for; its subject, where one action serves for several things."""

    action: str
    subject: str

    def is_permitted_by(self, permission: Permission) -> bool:
        """Return whether this permission covers it."""
        if self.action != permission.action:
            return False
        if self.action.startswith("dynamodb:"):
            return permission.resource.endswith(f":table/{self.subject}")
        if self.action.startswith("s3:"):
            return fnmatchcase(f"arn:aws:s3:::{self.subject.removeprefix('/')}", permission.resource)
        return True


@dataclass(frozen=True)
class Rehearsed:
    """Permissions of each function's role, and the actions that it asked for."""

    permissions: dict[str, set[Permission]]
    uses: dict[str, set[Use]]


def exercise(cloud: Cloud, engine: InlineEngine) -> None:
    """Let every function come to each of its calls."""
    accounts = cloud.organization.accounts
    # By path and by id: the one is walked to, the other looked up.
    cloud.move_account(accounts[0].id, "/Own/Contacts")
    cloud.tag_account(accounts[1].id, {"contacts": "own"})
    organizations = cloud.client("organizations")
    root = organizations.list_roots()["Roots"][0]["Id"]
    units = organizations.list_organizational_units_for_parent(ParentId=root)["OrganizationalUnits"]
    own = next(unit["Id"] for unit in units if unit["Name"] == "Own")

    config = {**CONFIG, "excluded_units": ["/Own/Contacts", own]}
    engine.up("dev", config)
    # Whoever could write a header dies, so the deployment asks what became of the execution.
    cloud.faults.add({"function": "plan", "crash": "before", "times": 3})
    cloud.faults.add({"function": "report", "crash": "before", "times": 6})
    with pytest.raises(DeployFailed, match="SystemFailure"):
        engine.up("dev", {**config, "excluded_tags": {"contacts": ["own", "theirs"]}})
    cloud.faults.clear()
    # Of an update it is asked whether it undoes another.
    engine.up("dev", {**config, "excluded_tags": {"contacts": ["own", "theirs"]}})
    cloud.create_account("one more")
    cloud.settle()

    # A plan that never comes to its end: the report finds a run that has no configuration version.
    cloud.faults.add({"function": "plan", "crash": "before", "times": 3})
    cloud.fire_schedules()
    cloud.settle()

    # A worker that dies for good, and a request that waits: the report fails the missing accounts, and hands over.
    cloud.faults.add({"function": "process", "crash": "before", "times": 3})
    cloud.fire_schedules()
    cloud.edit_source({"operations": None})
    cloud.settle()

    # All are refused alike: each is asked for its state, and the breaker opens.
    cloud.faults.add({"operation": "PutAlternateContact", "error": "AccessDeniedException"})
    cloud.edit_source({"security": DESK})
    cloud.settle()
    cloud.faults.clear()

    # The run's own report dies, and what its failure's event starts dies too: the next event closes the run, and its
    # plan notifies of it.
    cloud.faults.add({"function": "report", "crash": "before", "times": 6})
    cloud.fire_schedules()
    cloud.settle()
    cloud.faults.clear()
    cloud.fire_schedules()
    cloud.settle()


@pytest.fixture(scope="module")
def rehearsed() -> Iterator[Rehearsed]:
    with (
        Cloud(make(seed=3, count=12), functions=CONTACT_SYNC.functions) as cloud,
        open_engine("inline", cloud, ROOT, STACK_KEY) as engine,
    ):
        assert isinstance(engine, InlineEngine)
        exercise(cloud, engine)
        records = [
            record for record in engine._stacks["dev"].values() if record.type == "aws:iam/rolePolicy:RolePolicy"
        ]
        policies = {record.inputs["role"]: json.loads(record.inputs["policy"])["Statement"] for record in records}
        yield Rehearsed(
            {function: permissions(policies[f"{PREFIX}-{function}"]) for function in FunctionName},
            {function: uses(cloud, f"{PREFIX}-{function}") for function in FunctionName},
        )


def permissions(statements: Sequence[dict[str, Any]]) -> set[Permission]:
    return {
        Permission(action, resource)
        for statement in statements
        if statement["Effect"] == "Allow"
        for action in statement["Action"]
        for resource in statement["Resource"]
    }


def uses(cloud: Cloud, role: str) -> set[Use]:
    return {
        Use(f"{IAM_NAMES.get(service, service)}:{action}", subject)
        for caller, service, operation, subject in cloud.requests
        if caller.split("/")[1] == role
        for action in IN_A_TRANSACTION.get(operation, (operation,))
    }


@pytest.mark.parametrize("function", FunctionName)
def test_every_call_of_a_function_is_permitted(rehearsed: Rehearsed, function: str) -> None:
    """Nothing would be refused where IAM judges."""
    permissions, uses = rehearsed.permissions[function], rehearsed.uses[function]
    assert uses
    assert {use for use in uses if not any(use.is_permitted_by(permission) for permission in permissions)} == set()


@pytest.mark.parametrize("function", FunctionName)
def test_every_permission_of_a_function_is_used(rehearsed: Rehearsed, function: str) -> None:
    """Exempt are single actions that a service calls in its name."""
    permissions, uses = rehearsed.permissions[function], rehearsed.uses[function]
    unused = {permission for permission in permissions if not any(use.is_permitted_by(permission) for use in uses)}
    assert {permission for permission in unused if permission.action not in EXEMPT} == set()


@pytest.mark.parametrize("action", EXEMPT)
def test_every_exemption_is_needed(rehearsed: Rehearsed, action: str) -> None:
    """An action is exempt only while a role has it and no function calls it; one that a function calls is none."""
    assert [p for function in FunctionName for p in rehearsed.permissions[function] if p.action == action]
    assert not [use for function in FunctionName for use in rehearsed.uses[function] if use.action == action]


def test_a_permission_too_few_or_too_many_is_seen() -> None:
    """An action on the other table, or on an object elsewhere, is another thing."""
    table, batches = "arn:aws:dynamodb:us-east-1:100000000001:table/state", "arn:aws:s3:::runs/runs/*/batches/*"
    assert Use("dynamodb:GetItem", "state").is_permitted_by(Permission("dynamodb:GetItem", table))
    assert not Use("dynamodb:GetItem", "config").is_permitted_by(Permission("dynamodb:GetItem", table))
    assert not Use("dynamodb:PutItem", "state").is_permitted_by(Permission("dynamodb:GetItem", table))
    assert Use("s3:GetObject", "/runs/runs/one/batches/00000.json").is_permitted_by(Permission("s3:GetObject", batches))
    assert not Use("s3:GetObject", "/runs/runs/one/report.jsonl").is_permitted_by(Permission("s3:GetObject", batches))
