"""Run bucket, topic and state machine: what goes in comes out, and failures are ours."""

import json

import pytest

from orgsync.contact_sync.adapters.config_table import ConfigTable
from orgsync.contact_sync.adapters.run_bucket import RunBucket
from orgsync.contact_sync.adapters.state_machine import StateMachine
from orgsync.contact_sync.adapters.state_table import StateTable
from orgsync.contact_sync.core.accounts import Target
from orgsync.contact_sync.core.notification import Notification
from orgsync.contact_sync.core.outcome import RunOutcome
from orgsync.contact_sync.core.run import Run
from orgsync.contact_sync.names import Cause, Env, Kind
from orgsync.contact_sync.services import services
from orgsync.shared import aws
from orgsync.shared.errors import NotificationFailed, StoreFailed
from orgsync.shared.notification_settings import Severity
from orgsync.shared.notifications import NotificationPublisher

AT = "2026-11-01T10:00:00.000+00:00"
RUN = Run("run-1", Cause.SCHEDULE, AT, AT)
VERDICT = RunOutcome("failed", "system_errors", Severity.HIGH, True)


@pytest.fixture
def world(make_world):
    return make_world(0)


@pytest.fixture
def machine(aws_cloud):
    """A state machine of which only executions' names and inputs matter."""
    definition = {"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}
    made = (
        aws.session()
        .client("stepfunctions")
        .create_state_machine(
            name="runs", definition=json.dumps(definition), roleArn="arn:aws:iam::123456789012:role/runs"
        )
    )
    return made["stateMachineArn"]


def test_batches_come_back_as_they_were_cut(world):
    """Targets by account, with their kinds; the manifest lists each batch once, and says whose it is."""
    cut = [
        (Target("200000000001", (Kind.BILLING, Kind.PRIMARY)), Target("200000000002", (Kind.SECURITY,))),
        (Target("200000000003", tuple(Kind)),),
    ]
    bucket = world.services.bucket
    bucket.write_batches("run-1", cut)
    assert [bucket.batch("run-1", number) for number in (0, 1)] == cut
    assert world.json(bucket.manifest("run-1")) == [{"run_id": "run-1", "batch": 0}, {"run_id": "run-1", "batch": 1}]


def test_a_report_is_one_document_a_line(world):
    """Whoever reads a report reads it line by line."""
    world.services.bucket.write_report("run-1", [{"a": 1}, {"b": "x\ny"}])
    lines = world.objects()["runs/run-1/report.jsonl"].splitlines()
    assert list(map(json.loads, lines)) == [{"a": 1}, {"b": "x\ny"}]


def test_a_notice_reaches_who_filters_for_it(world):
    """Subscribers filter by severity and scenario without reading the text."""
    world.services.publisher.publish(Notification("[orgsync] HIGH", "what happened"), RUN, VERDICT)
    (message,) = world.messages()
    assert (message["Subject"], message["Message"]) == ("[orgsync] HIGH", "what happened")
    assert message["MessageAttributes"]["severity"] == {"Type": "String", "Value": "high"}


def test_a_topic_that_is_gone_is_our_failure(world):
    """SNS's refusal is one of our classes, which the run survives."""
    with pytest.raises(NotificationFailed):
        NotificationPublisher(f"{world.topic}-gone").publish(Notification("s", "b"), RUN, VERDICT)


def test_a_run_is_started_once(machine):
    """An execution's name is the run's id; started again, with the same bell or another, the first stands."""
    executions, bell = StateMachine(machine), {"source": "orgsync", "detail-type": "Schedule", "detail": {}}
    assert executions.outcome("run-1") == (None, {})
    assert executions.status("run-1") is None
    for sent in (bell, bell, bell | {"detail": {"other": 1}}):
        executions.start("run-1", sent)
    client = aws.session().client("stepfunctions")
    (execution,) = client.list_executions(stateMachineArn=machine)["executions"]
    assert execution["name"] == "run-1"
    found = client.describe_execution(executionArn=execution["executionArn"])
    assert json.loads(found["input"]) == bell
    assert executions.status("run-1") == "RUNNING"


def test_services_are_made_of_the_environment(world, machine, monkeypatch):
    """A function's environment is all it needs: every service stands where it says."""
    environment = {
        Env.MANAGEMENT_ACCOUNT_ID: "123456789012",
        Env.CONFIG_TABLE_NAME: "config",
        Env.STATE_TABLE_NAME: "state",
        Env.ENVIRONMENT: "test",
        Env.RUN_BUCKET_NAME: "runs",
        Env.STATE_MACHINE_ARN: machine,
        Env.TOPIC_ARN: world.topic,
        Env.RECEIPT_RETENTION_DAYS: "90",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    services.cache_clear()
    made = services()
    services.cache_clear()
    assert (made.management, made.environment, made.writer) == ("123456789012", "test", None)
    assert made.configs.write({}, at=AT, by="test") == world.services.configs.current()[0]
    assert made.states.lease().holder is None
    made.publisher.publish(Notification("s", "b"), RUN, VERDICT)
    assert len(world.messages()) == 1


@pytest.mark.parametrize("missing", [Env.MANAGEMENT_ACCOUNT_ID, Env.STATE_TABLE_NAME, Env.TOPIC_ARN])
def test_a_missing_variable_is_named(aws_cloud, monkeypatch, missing):
    """A function that lacks a part of its environment says which."""
    for name in Env:
        monkeypatch.setenv(name, "90")
    monkeypatch.delenv(missing)
    services.cache_clear()
    with pytest.raises(KeyError, match=str(missing)):
        services()


MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:nowhere"


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: StateTable("nowhere", 90).lease(), "GetItem: ResourceNotFoundException"),
        (lambda: list(StateTable("nowhere", 90).receipts("run-1")), "Query: ResourceNotFoundException"),
        (lambda: StateTable("nowhere", 90).stop("run-1"), "UpdateItem: ResourceNotFoundException"),
        (lambda: ConfigTable("nowhere").current(), "Query: ResourceNotFoundException"),
        (lambda: RunBucket("nowhere").batch("run-1", 0), "GetObject: NoSuchBucket"),
        (lambda: RunBucket("nowhere").write_report("run-1", []), "PutObject: NoSuchBucket"),
        (lambda: StateMachine(MACHINE).start("run-1", {}), "StartExecution: StateMachineDoesNotExist"),
    ],
)
def test_a_store_that_refuses_is_named_as_ours(aws_cloud, ask, said):
    """The operation and AWS's word for it; botocore's own errors go no further than the adapters."""
    with pytest.raises(StoreFailed, match=f"^{said}$"):
        ask()
