"""The contract of `RunStore`: batches and reports come back as they were written; on S3 and in memory."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from orgsync.contact_sync.adapters.run_bucket import RunBucket
from orgsync.contact_sync.core.accounts import Target
from orgsync.contact_sync.core.stores import RunStore
from orgsync.contact_sync.names import CONFIGURATION_OBJECT, Kind, batch_key, manifest_key, report_key
from orgsync.sandbox.contact_sync.stores import MemoryRunStore
from orgsync.shared.configuration import ConfigurationRefused
from orgsync.shared.errors import StoreFailed
from tests.memory import client

BATCHES = [
    (Target("200000000001", (Kind.BILLING, Kind.PRIMARY)), Target("200000000002", (Kind.SECURITY,))),
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


@pytest.fixture
def hand_over(bucket: RunStore) -> Callable[[str], str]:
    """Puts a configuration object's content as a deployment does; returns its version."""

    def remember(content: str) -> str:
        assert isinstance(bucket, MemoryRunStore)
        version = f"v{len(bucket.configurations)}"
        bucket.configurations[CONFIGURATION_OBJECT, version] = content
        return version

    def put(content: str) -> str:
        s3 = client("s3")
        s3.put_bucket_versioning(Bucket="runs", VersioningConfiguration={"Status": "Enabled"})
        version: str = s3.put_object(Bucket="runs", Key=CONFIGURATION_OBJECT, Body=content.encode())["VersionId"]
        return version

    return remember if isinstance(bucket, MemoryRunStore) else put


def test_every_version_of_a_configuration_stays_readable(bucket: RunStore, hand_over: Callable[[str], str]) -> None:
    """A rollback names a former one, however many came after it."""
    documents = [{"excluded_tags": {"team": f"Équipe {number}"}} for number in range(30)]
    versions = [hand_over(json.dumps(document, ensure_ascii=False)) for document in documents]
    assert len(set(versions)) == len(documents)
    assert [bucket.configuration(CONFIGURATION_OBJECT, version) for version in versions] == documents


def test_a_version_that_is_gone_is_a_failure_of_the_store(bucket: RunStore, hand_over: Callable[[str], str]) -> None:
    """A version that S3 never gave is none of another."""
    hand_over("{}")
    with pytest.raises(StoreFailed, match=r"^GetObject: "):
        bucket.configuration(CONFIGURATION_OBJECT, "nothing")


@pytest.mark.parametrize("content", ["", "{", '{"a": 1, "a": 2}', '{"a":' * 100_000], ids=["", "open", "twice", "deep"])
def test_what_is_no_document_is_refused(bucket: RunStore, hand_over: Callable[[str], str], content: str) -> None:
    """Whoever puts something else there by hand reads a refusal, and no value of it."""
    version = hand_over(content)
    with pytest.raises(ConfigurationRefused, match="is not readable JSON"):
        bucket.configuration(CONFIGURATION_OBJECT, version)


def test_batches_come_back_as_they_were_cut(bucket: RunStore, text: Text) -> None:
    """Targets by account, with their kinds; the list names each batch once, and its run."""
    bucket.write_batches("run-1", BATCHES)
    assert [bucket.batch("run-1", number) for number in (0, 1)] == BATCHES
    assert json.loads(text(manifest_key("run-1"))) == [{"run_id": "run-1", "batch": 0}, {"run_id": "run-1", "batch": 1}]


def test_a_batch_is_written_as_json(bucket: RunStore, text: Text) -> None:
    """Another release reads it by its keys."""
    bucket.write_batches("run-1", BATCHES)
    expected: list[dict[str, Any]] = [
        {"account": "200000000001", "kinds": ["billing", "primary"]},
        {"account": "200000000002", "kinds": ["security"]},
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


def test_a_batch_that_is_gone_is_our_failure(bucket: RunStore) -> None:
    """Objects expire; the operation and AWS's word for it are named."""
    with pytest.raises(StoreFailed, match=r"^GetObject: NoSuchKey$"):
        bucket.batch("run-1", 0)


def test_a_report_is_one_document_a_line(bucket: RunStore, text: Text) -> None:
    """Reports are read line by line; values that JSON writes as text are text."""
    bucket.write_report("run-1", ({"a": value} for value in (1, "x\ny", Kind.BILLING, ("Name", "Title"))))
    lines = text(report_key("run-1")).splitlines()
    assert list(map(json.loads, lines)) == [{"a": 1}, {"a": "x\ny"}, {"a": "billing"}, {"a": ["Name", "Title"]}]
