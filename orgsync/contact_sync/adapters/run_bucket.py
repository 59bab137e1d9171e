"""The run bucket as `RunStore`: batches and reports. No contact values."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from orgsync.contact_sync.core.accounts import Target
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.names import (
    Kind,
    batch_key,
    manifest_key,
    report_key,
    skipped_key,
)
from orgsync.shared import aws


class RunBucket:
    """Batches and reports of runs; objects expire by the bucket's own rule.

    Raises:
        StoreFailed: S3 did not answer, or refused; from every method.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._client = aws.client("s3")

    def manifest(self, run_id: str) -> str:
        """See `RunStore.manifest`."""
        return manifest_key(run_id)

    def write_batches(self, run_id: str, batches: Sequence[Sequence[Target]]) -> None:
        """See `RunStore.write_batches`."""
        for number, batch in enumerate(batches):
            self._put(
                batch_key(run_id, number),
                [{"account": t.account, "kinds": t.kinds, "deletions": sorted(t.deletions)} for t in batch],
            )
        self._put(manifest_key(run_id), [{"run_id": run_id, "batch": number} for number in range(len(batches))])

    @aws.store_errors()
    def batch(self, run_id: str, number: int) -> tuple[Target, ...]:
        """See `RunStore.batch`."""
        body = self._client.get_object(Bucket=self.name, Key=batch_key(run_id, number))["Body"]
        return tuple(
            Target(item["account"], tuple(map(Kind, item["kinds"])), frozenset(map(Kind, item["deletions"])))
            for item in json.load(body)
        )

    def write_skipped(self, run_id: str, receipts: Sequence[Receipt]) -> None:
        """See `RunStore.write_skipped`."""
        self._put(skipped_key(run_id), [asdict(receipt) for receipt in receipts])

    @aws.store_errors()
    def skipped(self, run_id: str) -> list[Receipt]:
        """See `RunStore.skipped`."""
        items = json.load(self._client.get_object(Bucket=self.name, Key=skipped_key(run_id))["Body"])
        return [
            Receipt(item["account"], Kind(item["kind"]), Status(item["status"]), item["at"], error=item["error"])
            for item in items
        ]

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
