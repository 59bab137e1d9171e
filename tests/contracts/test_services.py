"""Services over AWS: made of a function's environment, and their failures are ours."""

from collections.abc import Callable

import pytest

from orgsync.contact_sync.adapters.config_table import ConfigTable
from orgsync.contact_sync.adapters.run_bucket import RunBucket
from orgsync.contact_sync.adapters.stacks import CloudFormationStacks
from orgsync.contact_sync.adapters.state_machine import StateMachine
from orgsync.contact_sync.adapters.state_table import StateTable
from orgsync.contact_sync.core.accounts import Target
from orgsync.contact_sync.names import Env, Kind
from orgsync.contact_sync.services import Services
from orgsync.shared.errors import StoreFailed
from tests.memory import CLOUD_ACCOUNT, DeclaredCloud, client, read_queue, tables

AT = "2026-11-01T10:00:00.000+00:00"


def test_services_are_made_of_the_environment(declared_cloud: DeclaredCloud) -> None:
    """A function's environment is all it needs: every service stands where it says."""
    made = Services.of_environment()
    assert (made.management, made.environment, made.writer) == (CLOUD_ACCOUNT, "test", None)
    assert made.configs.write({}, at=AT, by="test") == 1
    assert tables().Table("config").scan()["Count"] == 1
    assert made.states.lease().holder is None
    made.bucket.write_batches("run-1", [(Target("200000000001", (Kind.BILLING,)),)])
    assert client("s3").list_objects_v2(Bucket="runs")["KeyCount"] == 2
    made.executions.start("run-1", {})
    assert client("stepfunctions").list_executions(stateMachineArn=declared_cloud.machine)["executions"]
    made.publisher.publish("subject", "body", "", "text", {"severity": "high"})
    assert len(read_queue(declared_cloud.queue)) == 1


@pytest.mark.parametrize("missing", [Env.MANAGEMENT_ACCOUNT_ID, Env.STATE_TABLE_NAME, Env.TOPIC_ARN])
def test_a_missing_variable_is_named(aws_cloud: None, monkeypatch: pytest.MonkeyPatch, missing: Env) -> None:
    """A function that lacks a part of its environment says which."""
    for name in Env:
        monkeypatch.setenv(name, "90")
    monkeypatch.delenv(missing)
    Services.of_environment.cache_clear()
    with pytest.raises(KeyError, match=str(missing)):
        Services.of_environment()


MACHINE = f"arn:aws:states:us-east-1:{CLOUD_ACCOUNT}:stateMachine:nowhere"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: StateTable("nowhere", 90).lease(), "GetItem: ResourceNotFoundException"),
        (lambda: list(StateTable("nowhere", 90).receipts("run-1")), "Query: ResourceNotFoundException"),
        (lambda: StateTable("nowhere", 90).stop("run-1"), "UpdateItem: ResourceNotFoundException"),
        (lambda: ConfigTable("nowhere").current(), "Query: ResourceNotFoundException"),
        (lambda: RunBucket("nowhere").batch("run-1", 0), "GetObject: NoSuchBucket"),
        (lambda: RunBucket("nowhere").write_report("run-1", []), "PutObject: NoSuchBucket"),
        (lambda: StateMachine(MACHINE).start("run-1", {}), "StartExecution: StateMachineDoesNotExist"),
        (lambda: CloudFormationStacks().rolls_back("nowhere"), "DescribeStacks: ValidationError"),
    ],
)
def test_a_store_that_refuses_is_named_as_ours(aws_cloud: None, call: Callable[[], object], message: str) -> None:
    """The operation and AWS's word for it; botocore's own errors go no further than the adapters."""
    with pytest.raises(StoreFailed, match=rf"^{message}$"):
        call()
