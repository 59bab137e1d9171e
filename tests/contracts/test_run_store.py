"""The contract of `RunStore`: batches and reports come back as they were written; on S3 and in memory."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from orgsync.contact_sync.adapters.run_bucket import RunBucket
from orgsync.contact_sync.core.accounts import Target
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.core.stores import RunStore
from orgsync.contact_sync.names import Kind, batch_key, manifest_key, report_key
from orgsync.sandbox.contact_sync.stores import MemoryRunStore
from orgsync.shared.errors import StoreFailed
from tests.memory import client

BATCHES = [
    (
        Target("200000000001", (Kind.BILLING, Kind.PRIMARY), frozenset({Kind.BILLING})),
        Target("200000000002", (Kind.SECURITY,)),
    ),
    (Target("200000000003", tuple(Kind)),),
]

Text = Callable[[str], str]


@pytest.fixture
def run_bucket(aws_cloud: None) -> RunBucket:
    """The adapter, on an empty bucket."""
    client("s3").create_bucket(Bucket="runs")
    return RunBucket("runs")


@pytest.fixture(params=["adapter", "memory"])
def bucket(request: pytest.FixtureRequest) -> RunStore:
    """A store with nothing in it."""
    if request.param == "memory":
        return MemoryRunStore("runs")
    adapter: RunBucket = request.getfixturevalue("run_bucket")
    return adapter


@pytest.fixture
def text(bucket: RunStore) -> Text:
    """Reads an object as the state machine or a person does."""
    if isinstance(bucket, MemoryRunStore):
        return bucket.objects.__getitem__

    def read(key: str) -> str:
        body: bytes = client("s3").get_object(Bucket="runs", Key=key)["Body"].read()
        return body.decode()

    return read


def test_batches_come_back_as_they_were_cut(bucket: RunStore, text: Text) -> None:
    """Targets by account, with their kinds; the list names each batch once, and its run."""
    bucket.write_batches("run-1", BATCHES)
    assert [bucket.batch("run-1", number) for number in (0, 1)] == BATCHES
    assert json.loads(text(manifest_key("run-1"))) == [{"run_id": "run-1", "batch": 0}, {"run_id": "run-1", "batch": 1}]


def test_a_batch_is_written_as_json(bucket: RunStore, text: Text) -> None:
    """Another release reads it by its keys."""
    bucket.write_batches("run-1", BATCHES)
    expected: list[dict[str, Any]] = [
        {"account": "200000000001", "kinds": ["billing", "primary"], "deletions": ["billing"]},
        {"account": "200000000002", "kinds": ["security"], "deletions": []},
    ]
    assert json.loads(text(batch_key("run-1", 0))) == expected


def test_batches_written_again_take_the_place_of_the_first(bucket: RunStore) -> None:
    """A plan that died is repeated, and may find other accounts."""
    bucket.write_batches("run-1", BATCHES)
    bucket.write_batches("run-1", BATCHES[1:])
    assert bucket.batch("run-1", 0) == BATCHES[1]


def test_a_run_without_work_has_an_empty_list(bucket: RunStore, text: Text) -> None:
    """No batch is no missing list."""
    bucket.write_batches("run-1", [])
    assert json.loads(text(manifest_key("run-1"))) == []


def test_what_a_plan_decided_comes_back_as_it_was(bucket: RunStore) -> None:
    """Receipts of all that no batch holds, none being an answer too; a plan made again replaces them."""
    receipts = [
        Receipt("200000000001", Kind.BILLING, Status.SKIPPED, "2026-11-01T10:00:00.000+00:00", error="Excluded"),
        Receipt("200000000002", Kind.PRIMARY, Status.FAILED, "2026-11-01T10:00:00.000+00:00", error="NotAMember"),
    ]
    for decided in (receipts, receipts[:1], []):
        bucket.write_skipped("run-1", decided)
        assert list(bucket.skipped("run-1")) == decided
    with pytest.raises(StoreFailed, match=r"^GetObject: NoSuchKey$"):
        bucket.skipped("run-2")


def test_a_batch_that_is_gone_is_our_failure(bucket: RunStore) -> None:
    """Objects expire; the operation and AWS's word for it are named."""
    with pytest.raises(StoreFailed, match=r"^GetObject: NoSuchKey$"):
        bucket.batch("run-1", 0)


def test_a_report_is_one_document_a_line(bucket: RunStore, text: Text) -> None:
    """Reports are read line by line; values that JSON writes as text are text."""
    bucket.write_report("run-1", ({"a": value} for value in (1, "x\ny", Kind.BILLING, ("Name", "Title"))))
    lines = text(report_key("run-1")).splitlines()
    assert list(map(json.loads, lines)) == [{"a": 1}, {"a": "x\ny"}, {"a": "billing"}, {"a": ["Name", "Title"]}]
