"""Runs, receipts and refused events of contact sync, read from its tables and executions."""

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer

from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.rehearsal.system import Observed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

RUN_FIELDS = (
    "run_id",
    "cause",
    "initiator",
    "config_version",
    "status",
    "severity",
    "scenario",
    "started",
    "ended",
    "counts",
)
RECEIPT_FIELDS = ("account", "kind", "status", "changed", "error", "retries", "at")

Document = dict[str, Any]


def observe(cloud: Cloud, regions: Iterable[str]) -> Observed:
    """Read the runs with their receipts from the state tables, and the refused events from the executions."""
    runs: dict[str, Document] = {}
    for region in regions:
        runs |= _runs(cloud.client("dynamodb", region=region))
    return Observed(runs, _refused(cloud.executions()))


def _refused(executions: Iterable[Document]) -> dict[str, Document]:
    refused = {}
    for execution in executions:
        answer = json.loads(execution["output"] or "null")
        if isinstance(answer, dict) and answer.get("outcome") == "refused":
            refusal = answer["refusal"]
            refused[execution["arn"]] = {"reason": refusal["reason"], "source": refusal["source"]}
    return refused


def _runs(dynamodb: "DynamoDBClient") -> dict[str, Document]:
    headers: dict[str, Document] = {}
    receipts: dict[str, list[Document]] = {}
    for item in _state_items(dynamodb):
        if item["item"] == "run" and item["status"] != "merged":  # an event that another run takes up
            headers[item["sync_id"]] = {name: item.get(name) for name in RUN_FIELDS}
        elif item["item"].startswith("receipt#"):
            receipts.setdefault(item["sync_id"], []).append({name: item.get(name) for name in RECEIPT_FIELDS})
    for run_id, header in headers.items():
        header["receipts"] = sorted(receipts.get(run_id, ()), key=lambda one: (one["account"], one["kind"]))
    return headers


def _state_items(dynamodb: "DynamoDBClient") -> Iterator[Document]:
    """Every item of the state table: the one whose keys are `sync_id` and `item`."""
    read = TypeDeserializer().deserialize
    for name in dynamodb.list_tables()["TableNames"]:
        keys = [key["AttributeName"] for key in dynamodb.describe_table(TableName=name)["Table"]["KeySchema"]]
        if keys == ["sync_id", "item"]:
            for page in dynamodb.get_paginator("scan").paginate(TableName=name, ConsistentRead=True):
                yield from ({key: _plain(read(value)) for key, value in item.items()} for item in page["Items"])


def _plain(value: Any) -> Any:
    """DynamoDB's numbers and sets as JSON has them."""
    match value:
        case dict():
            return {key: _plain(inner) for key, inner in value.items()}
        case list():
            return [_plain(inner) for inner in value]
        case set():
            return sorted(_plain(inner) for inner in value)
        case _ if hasattr(value, "as_integer_ratio"):
            return int(value) if value == int(value) else float(value)
        case _:
            return value
