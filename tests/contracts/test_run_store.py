"""The contract of `RunStore`: batches and reports come back as they were written; on S3 and in memory."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from orgsync.contact_sync.adapters.run_bucket import RunBucket
from orgsync.contact_sync.core.accounts import Target
from orgsync.contact_sync.core.errors import BatchUnreadable
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.core.stores import RunStore
from orgsync.contact_sync.names import CONFIGURATION_OBJECT, Kind, batch_key, manifest_key, report_key
from orgsync.sandbox.contact_sync.stores import MemoryRunStore
from orgsync.shared.configuration import ConfigurationRefused
from orgsync.shared.errors import StoreFailed
from tests.memory import client

BATCHES = [
    (
        Target("200000000001", (Kind.BILLING, Kind.PRIMARY)),
        Target("200000000002", (Kind.PRIMARY, Kind.SECURITY), frozenset({Kind.SECURITY})),
    ),
    (Target("200000000003", tuple(Kind)),),
]

AT = "2026-11-01T10:00:00.000+00:00"

Text = Callable[[str], str]
Put = Callable[[str, str], Any]


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
def put(bucket: RunStore) -> Put:
    """Writes an object as another release or a hand does."""
    if isinstance(bucket, MemoryRunStore):
        return bucket.objects.__setitem__
    return lambda key, text: client("s3").put_object(Bucket="runs", Key=key, Body=text.encode())


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
        {"account": "200000000001", "kinds": ["billing", "primary"], "deletions": []},
        {"account": "200000000002", "kinds": ["primary", "security"], "deletions": ["security"]},
    ]
    assert json.loads(text(batch_key("run-1", 0))) == expected


def test_batches_written_again_take_the_place_of_the_first(bucket: RunStore) -> None:
    """A plan that died is repeated, and may find other accounts."""
    bucket.write_batches("run-1", BATCHES)
    bucket.write_batches("run-1", BATCHES[1:])
    assert bucket.batch("run-1", 0) == BATCHES[1]


def test_each_plan_of_a_run_has_batches_of_its_own(bucket: RunStore) -> None:
    """A plan that another one has overtaken writes over nothing of the other's, however late it is."""
    receipts = [Receipt("200000000009", Kind.BILLING, Status.SKIPPED, AT, error="Excluded")]
    bucket.write_batches("run-1", BATCHES, 2)
    bucket.write_skipped("run-1", receipts, 2)
    bucket.write_batches("run-1", BATCHES[1:])
    bucket.write_skipped("run-1", [])
    assert [bucket.batch("run-1", number, 2) for number in (0, 1)] == BATCHES
    assert bucket.batch("run-1", 0) == BATCHES[1]
    assert (list(bucket.skipped("run-1", 2)), list(bucket.skipped("run-1"))) == (receipts, [])
    assert bucket.manifest("run-1") != bucket.manifest("run-1", 2)


def test_a_plan_that_wrote_no_receipts_decided_none(bucket: RunStore) -> None:
    """A run of an earlier release has no such object."""
    bucket.write_batches("run-1", BATCHES)
    assert list(bucket.skipped("run-1")) == []


@pytest.mark.parametrize("deletions", [{}, {"deletions": []}, {"deletions": None}, {"deletions": ["privacy"]}])
def test_a_batch_that_states_no_deletion_has_none(bucket: RunStore, put: Put, deletions: dict[str, Any]) -> None:
    """A deletion that an earlier release or a hand left out is none; a kind of a later release is left out."""
    target = {"account": "200000000001", "kinds": ["privacy", "billing"], "mood": "good"} | deletions
    put(batch_key("run-1", 0), json.dumps([target]))
    assert bucket.batch("run-1", 0) == (Target("200000000001", (Kind.BILLING,)),)


def test_a_kind_that_is_not_compared_is_not_deleted(bucket: RunStore, put: Put) -> None:
    """A deletion of a kind that the target lacks says nothing."""
    target = {"account": "200000000001", "kinds": ["billing"], "deletions": ["billing", "security"]}
    put(batch_key("run-1", 0), json.dumps([target]))
    assert bucket.batch("run-1", 0) == (Target("200000000001", (Kind.BILLING,), frozenset({Kind.BILLING})),)


@pytest.mark.parametrize("text", ['[{"account": "20', "", "{}]", "7", '[{"kinds": ["billing"]}]', '["200000000001"]'])
def test_a_batch_that_was_cut_off_is_named(bucket: RunStore, put: Put, text: str) -> None:
    """Nothing of it is worked on: the error says which it is."""
    put(batch_key("run-1", 0), text)
    with pytest.raises(BatchUnreadable, match=r"^runs/run-1/batches/00000.json: "):
        bucket.batch("run-1", 0)


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
    assert list(bucket.skipped("run-2")) == []


def test_a_batch_that_is_gone_is_our_failure(bucket: RunStore) -> None:
    """Objects expire; the operation and AWS's word for it are named."""
    with pytest.raises(StoreFailed, match=r"^GetObject: NoSuchKey$"):
        bucket.batch("run-1", 0)


def test_a_report_is_one_document_a_line(bucket: RunStore, text: Text) -> None:
    """Reports are read line by line; values that JSON writes as text are text."""
    bucket.write_report("run-1", ({"a": value} for value in (1, "x\ny", Kind.BILLING, ("Name", "Title"))))
    lines = text(report_key("run-1")).splitlines()
    assert list(map(json.loads, lines)) == [{"a": 1}, {"a": "x\ny"}, {"a": "billing"}, {"a": ["Name", "Title"]}]
