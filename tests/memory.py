"""AWS in memory for the adapters' tests: moto, the declared tables and a topic, and patches that make it quick."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from moto import mock_aws
from moto.core import responses
from moto.core.serialize import JSONSerializer
from moto.core.utils import method_names_from_class
from moto.dynamodb.responses import DynamoHandler
from moto.sns.models import Subscription

from orgsync.shared import aws
from orgsync.shared.telemetry import metrics

REGION = "us-east-1"
CLOUD_ACCOUNT = "123456789012"
"""The account in which moto answers."""


@cache
def client(service: str) -> Any:
    """Return a client of the tests' own session; making one takes longer than most of its calls."""
    return aws.session().client(service)


@cache
def tables() -> Any:
    """Return DynamoDB's tables by name, as the adapters see them."""
    return aws.session().resource("dynamodb")


def make_tables() -> None:
    """Make the two tables as they are declared."""
    dynamodb = client("dynamodb")

    def text(*names: str) -> list[dict[str, str]]:
        return [{"AttributeName": name, "AttributeType": "S"} for name in names]

    def keys(hash_key: str, range_key: str) -> list[dict[str, str]]:
        return [
            {"AttributeName": hash_key, "KeyType": "HASH"},
            {"AttributeName": range_key, "KeyType": "RANGE"},
        ]

    def index(name: str, hash_key: str, range_key: str) -> dict[str, Any]:
        return {"IndexName": name, "KeySchema": keys(hash_key, range_key), "Projection": {"ProjectionType": "ALL"}}

    dynamodb.create_table(
        TableName="config",
        KeySchema=keys("config_key", "version"),
        AttributeDefinitions=[*text("config_key"), {"AttributeName": "version", "AttributeType": "N"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.create_table(
        TableName="state",
        KeySchema=keys("sync_id", "item"),
        AttributeDefinitions=text("sync_id", "item", "account", "at", "day", "started"),
        GlobalSecondaryIndexes=[index("by_account", "account", "at"), index("by_day", "day", "started")],
        BillingMode="PAY_PER_REQUEST",
    )


def make_topic(name: str) -> tuple[str, str]:
    """Make a topic, and a queue in which its messages can be read; return the topic's ARN and the queue's URL."""
    topic: str = client("sns").create_topic(Name=name)["TopicArn"]
    queue: str = client("sqs").create_queue(QueueName=name)["QueueUrl"]
    attributes = client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=attributes["Attributes"]["QueueArn"])
    return topic, queue


def read_queue(queue: str) -> list[dict[str, Any]]:
    """Take all messages out of a queue."""
    sqs = client("sqs")
    found: list[dict[str, Any]] = []
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            found.append(json.loads(message["Body"]))
    return found


@dataclass(frozen=True)
class DeclaredCloud:
    """The stores of a stack in the emulated cloud: a state machine's and a topic's ARN, and the topic's queue."""

    machine: str
    topic: str
    queue: str


@contextmanager
def aws_in_memory() -> Iterator[None]:
    """Answer every call of AWS by moto, its DynamoDB atomic as the real one is (moto's is not under threads)."""
    lock, call = threading.RLock(), DynamoHandler.call_action

    def one_at_a_time(handler: Any) -> Any:
        with lock:
            return call(handler)

    metrics.clear_metrics()
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        patch.setattr(DynamoHandler, "call_action", one_at_a_time)
        quicken(patch)
        yield
    metrics.clear_metrics()


def quicken(patch: pytest.MonkeyPatch) -> None:
    """Spare moto the work that takes half of its time and changes no answer.

    An attribute's value is in AWS's form already when it is answered, yet moto tries each for every
    type there is; a handler's methods are listed anew for every call; a key is made for every subscription.
    """
    structure = JSONSerializer._serialize_type_structure

    def as_it_is(serializer: Any, serialized: Any, value: Any, shape: Any, key: Any) -> None:
        if key and shape.name == "AttributeValue" and not _has_bytes(value):
            serialized[key] = value
        else:
            structure(serializer, serialized, value, shape, key)

    patch.setattr(JSONSerializer, "_serialize_type_structure", as_it_is)
    patch.setattr(responses, "method_names_from_class", cache(method_names_from_class))
    patch.setattr(Subscription, "private_key", lambda subscription: signing_key())


def _has_bytes(value: Any) -> bool:
    """Return whether an attribute's value, or anything in it, is binary: JSON has its own form for that."""
    if isinstance(value, dict | list):
        return any(map(_has_bytes, value.values() if isinstance(value, dict) else value))
    return isinstance(value, bytes)


@cache
def signing_key() -> rsa.RSAPrivateKey:
    """Return the one key with which SNS signs every message."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)
