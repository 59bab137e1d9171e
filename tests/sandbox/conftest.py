"""Small things that tests of the emulated cloud declare: functions from source, roles, queues."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.model.organization import make

Declare = Callable[..., str]


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """A cloud with three members and no quotas."""
    with Cloud(make(seed=1, count=3)) as opened:
        yield opened


@pytest.fixture
def role(cloud: Cloud) -> str:
    """The ARN of a role; what it may do is not judged."""
    answer = cloud.client("iam").create_role(RoleName="worker", AssumeRolePolicyDocument="{}")
    return str(answer["Role"]["Arn"])


@pytest.fixture
def declare_function(cloud: Cloud, role: str) -> Declare:
    """Declares a function whose module is the given source; returns its ARN."""

    def declare(source: str, name: str = "echo", **settings: Any) -> str:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("app.py", source)
        parameters = {"Runtime": "python3.13", "Role": role, "Handler": "app.handler", "Timeout": 30} | settings
        answer = cloud.client("lambda").create_function(
            FunctionName=name, Code={"ZipFile": content.getvalue()}, **parameters
        )
        return str(answer["FunctionArn"])

    return declare


@pytest.fixture
def declare_queue(cloud: Cloud) -> Declare:
    """Declares a queue that lets every AWS service send to it; returns its ARN."""

    def declare(name: str) -> str:
        statement = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}
        url = cloud.client("sqs").create_queue(
            QueueName=name, Attributes={"Policy": json.dumps({"Statement": [statement | {"Resource": "*"}]})}
        )["QueueUrl"]
        answer = cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(answer["Attributes"]["QueueArn"])

    return declare


@pytest.fixture
def messages(cloud: Cloud) -> Callable[[str], list[dict[str, Any]]]:
    """Takes every message out of a queue: `body` (read as JSON) and `attributes`."""

    def receive(name: str) -> list[dict[str, Any]]:
        sqs = cloud.client("sqs")
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        found: list[dict[str, Any]] = []
        while batch := sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], WaitTimeSeconds=0
        ).get("Messages"):
            for message in batch:
                given = message.get("MessageAttributes", {})
                attributes = {key: value["StringValue"] for key, value in given.items()}
                found.append({"body": json.loads(message["Body"]), "attributes": attributes})
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    return receive
