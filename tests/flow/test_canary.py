"""Values of contacts stand in the accounts and in the run's header, and nowhere else in the whole cloud."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from orgsync.contact_sync.names import FunctionName
from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.contact_sync.configuration import QUICK, STACK_KEY
from orgsync.sandbox.engines.opener import open_engine
from orgsync.sandbox.model.organization import make

ROOT = Path(__file__).parents[2]
CANARY = "Zilpzalp"
EDITS: tuple[tuple[Literal["api", "console"], Literal["camel", "pascal"]], ...] = (
    ("api", "camel"),
    ("api", "pascal"),
    ("console", "camel"),
)
"""Ways by which an edit of the source becomes an event."""

pytestmark = pytest.mark.slow


def planted(number: int) -> dict[str, str]:
    """Return an alternate contact that is full of canaries."""
    return {
        "Name": f"{CANARY} Name {number}",
        "Title": f"{CANARY} Title {number}",
        "EmailAddress": f"{CANARY}.{number}@example.com",
        "PhoneNumber": f"+49 7777 {number:04d}",
    }


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    """Open a cloud in which everything happened that could carry a value away.

    Edits with their values in the event, in both casings and from the console; a member's own
    change; a refused write whose message repeats the value; a source AWS would not take; an event that ends as
    a dead letter.
    """
    organization = make(7, 3)
    organization.source["security"] = planted(1)
    organization.accounts[0].contacts["security"] = planted(2)
    with Cloud(organization) as cloud, open_engine("inline", cloud, ROOT, STACK_KEY) as engine:
        engine.up(stack="dev", config=QUICK)
        member = organization.accounts[0].id
        cloud.faults.add({"operation": "PutAlternateContact", "account": member, "error": "ValidationException"})
        for number, (via, casing) in enumerate(EDITS, 3):
            cloud.edit_source({"security": planted(number)}, via=via, casing=casing)
            cloud.settle(60)
        cloud.faults.clear()
        cloud.edit_member(member, {"security": planted(7)}, via="member", casing="camel")
        cloud.settle(60)
        cloud.edit_source({"security": planted(8) | {"EmailAddress": f"{CANARY} no address"}})
        cloud.settle(60)
        cloud.faults.add({"operation": "StartExecution", "error": "AccessDeniedException"})
        cloud.edit_source({"security": planted(9)})
        cloud.settle(60)
        cloud.faults.clear()
        yield cloud


def test_the_canaries_are_where_they_belong(cloud: Cloud) -> None:
    """Without them the other tests would find nothing anywhere: they stand in the source and in the headers."""
    assert CANARY in json.dumps(cloud.account.contacts())
    headers = [item for item in state(cloud) if item["item"] == {"S": "run"}]
    assert any(CANARY in json.dumps(header["source"]) for header in headers)


def test_no_item_but_a_headers_source_holds_one(cloud: Cloud) -> None:
    """Receipts, the lease, the rest of a header: ids, kinds and field names."""
    for item in state(cloud):
        item.pop("source", None)
        assert CANARY not in json.dumps(item)


def test_no_execution_carries_one(cloud: Cloud) -> None:
    """A state machine's input, output and history can be read for 90 days."""
    client = cloud.client("stepfunctions")
    executions = cloud.executions()
    assert len(executions) >= 5
    for execution in executions:
        history = client.get_execution_history(executionArn=execution["arn"], includeExecutionData=True)
        assert CANARY not in json.dumps([execution, history], default=str)


def test_no_log_or_metric_has_one(cloud: Cloud) -> None:
    """Logs of every function, with the lines of DEBUG; metrics are written through them."""
    assert any('"level":"DEBUG"' in line for line in cloud.logs("orgsync-dev-contact-sync-process"))
    for function in FunctionName:
        lines = cloud.logs(f"orgsync-dev-contact-sync-{function}")
        # Of a line that holds one only its beginning is shown: the difference of whole logs would take hours.
        assert [line[:80] for line in lines if CANARY in line] == []


def test_no_object_has_one(cloud: Cloud) -> None:
    """Batches and reports."""
    client = cloud.client("s3")
    bucket = "orgsync-dev-contact-sync-runs-100000000001"
    found = client.list_objects_v2(Bucket=bucket)["Contents"]
    assert found
    for one in found:
        assert CANARY not in client.get_object(Bucket=bucket, Key=one["Key"])["Body"].read().decode()


def test_no_message_has_one(cloud: Cloud) -> None:
    """Notifications name accounts and fields, never values."""
    assert cloud.notifications
    assert CANARY not in json.dumps(cloud.notifications, default=str)


def test_a_dead_letter_is_encrypted_and_expires(cloud: Cloud) -> None:
    """EventBridge fills its queue by itself, with the event as it came (decision 0005)."""
    client = cloud.client("sqs")
    holding = []
    for url in client.list_queues()["QueueUrls"]:
        attributes = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        messages = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        if CANARY in json.dumps(messages):
            holding.append(url.rsplit("/", 1)[-1])
            assert attributes["KmsMasterKeyId"]
            assert int(attributes["MessageRetentionPeriod"]) <= 14 * 24 * 3600
    assert holding == ["orgsync-dev-contact-sync-failed-events"]


def test_no_stack_and_no_parameter_has_one(cloud: Cloud) -> None:
    """CloudFormation's reasons and outputs, and the parameter by which the command finds the stack."""
    stacks = [cloud.cloudformation.describe(name) for name in cloud.cloudformation.names()]
    parameters = cloud.client("ssm").get_parameters_by_path(Path="/orgsync", Recursive=True)["Parameters"]
    assert CANARY not in json.dumps([stacks, parameters], default=str)


def state(cloud: Cloud) -> list[dict[str, dict[str, object]]]:
    """Return every item of the state table, as DynamoDB has it."""
    found: list[dict[str, dict[str, object]]] = cloud.client("dynamodb").scan(
        TableName="orgsync-dev-contact-sync-state"
    )["Items"]
    return found
