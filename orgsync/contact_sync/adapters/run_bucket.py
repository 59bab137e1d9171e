"""The run bucket as `RunStore`: batches and reports, without contact values, and configurations."""

import json
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from orgsync.contact_sync.core.accounts import Target
from orgsync.contact_sync.core.errors import BatchUnreadable
from orgsync.contact_sync.core.receipts import Receipt
from orgsync.contact_sync.names import batch_key, manifest_key, report_key, skipped_key
from orgsync.shared import aws
from orgsync.shared.configuration import read_json
from orgsync.shared.errors import StoreFailed

_GONE = "GetObject: NoSuchKey"


class RunBucket:
    """Batches and reports of runs, which expire by the bucket's own rule, and configurations, which do not.

    Raises:
        StoreFailed: S3 did not answer, or refused; from every method.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    @cached_property
    def _client(self) -> Any:
        return aws.client("s3")

    @aws.store_errors()
    def configuration(self, key: str, version: str) -> Any:
        """See `RunStore.configuration`."""
        body: bytes = self._client.get_object(Bucket=self.name, Key=key, VersionId=version)["Body"].read()
        return read_json(body.decode(errors="replace"))

    def manifest(self, run_id: str, attempt: int = 1) -> str:
        """See `RunStore.manifest`."""
        return manifest_key(run_id, attempt)

    def write_batches(self, run_id: str, batches: Sequence[Sequence[Target]], attempt: int = 1) -> None:
        """See `RunStore.write_batches`."""
        for number, batch in enumerate(batches):
            self._put(batch_key(run_id, number, attempt), [target.to_json() for target in batch])
        listed = [{"run_id": run_id, "batch": number} for number in range(len(batches))]
        self._put(manifest_key(run_id, attempt), listed)

    def batch(self, run_id: str, number: int, attempt: int = 1) -> tuple[Target, ...]:
        """See `RunStore.batch`."""
        key = batch_key(run_id, number, attempt)
        try:
            return tuple(map(Target.from_json, self._get(key)))
        except StoreFailed as error:
            if str(error) == _GONE:
                raise BatchUnreadable(_GONE) from error
            raise
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BatchUnreadable(f"{key}: {type(error).__name__}") from error

    def write_skipped(self, run_id: str, receipts: Sequence[Receipt], attempt: int = 1) -> None:
        """See `RunStore.write_skipped`."""
        self._put(skipped_key(run_id, attempt), [receipt.to_json() for receipt in receipts])

    def skipped(self, run_id: str, attempt: int = 1) -> list[Receipt]:
        """See `RunStore.skipped`."""
        try:
            items = self._get(skipped_key(run_id, attempt))
        except StoreFailed as error:
            if str(error) == _GONE:
                return []
            raise
        return [receipt for receipt in map(Receipt.from_json, items) if receipt]

    @aws.store_errors()
    def write_report(self, run_id: str, lines: Iterable[Any]) -> None:
        """See `RunStore.write_report`."""
        text = "".join(f"{json.dumps(line, separators=(',', ':'))}\n" for line in lines)
        self._client.put_object(
            Bucket=self.name, Key=report_key(run_id), Body=text.encode(), ContentType="application/jsonl"
        )

    @aws.store_errors()
    def _put(self, key: str, document: Any) -> None:
        body = json.dumps(document, separators=(",", ":")).encode()
        self._client.put_object(Bucket=self.name, Key=key, Body=body, ContentType="application/json")

    @aws.store_errors()
    def _get(self, key: str) -> list[Any]:
        body = self._client.get_object(Bucket=self.name, Key=key)["Body"]
        found: list[Any] = json.load(body)
        return found
