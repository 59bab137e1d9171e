"""The state table as `StateStore`: the lease, every run's header, its receipts and its intents.

Items of one run share its `sync_id`; nothing ever holds a whole run in one item. Contact
values stand in the header alone (`source`), encrypted under the stack's key.
"""

import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import islice
from typing import Any, TypeVar

from boto3.dynamodb.conditions import Attr, ConditionBase, Key
from botocore.exceptions import ClientError

from orgsync.contact_sync.core.errors import RunConflict
from orgsync.contact_sync.core.lease import Lease
from orgsync.contact_sync.core.receipts import Receipt
from orgsync.contact_sync.core.run import Run, RunStatus
from orgsync.contact_sync.names import BY_DAY_INDEX, Kind
from orgsync.shared import aws
from orgsync.shared.errors import StoreFailed

_LEASE_KEY = {"sync_id": "lease", "item": "organization"}
_HEADER = "run"
_NOTES = "notes#"
_RECEIPT = "receipt#"
_INTENT = "intent#"

_BATCH = 24
"""Items that are written at once: whole accounts; a BatchWriteItem takes 25, a transaction 100."""

_UNPROCESSED_WAITS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4)
"""Seconds before what DynamoDB left of a batch is written again."""

_Answer = TypeVar("_Answer")


class StateTable:
    """Runs and their receipts; everything but the lease expires after `retention_days`.

    The lease, headers and intents have a client of their own, so that they never wait behind receipts.

    Raises:
        StoreFailed: the table did not answer, or refused; from every method.

    Args:
        sleep: lets seconds pass.
    """

    def __init__(self, table_name: str, retention_days: int, sleep: Callable[[float], None] = time.sleep) -> None:
        self._name = table_name
        self._retention = timedelta(days=retention_days)
        self._sleep = sleep

    @cached_property
    def _table(self) -> Any:
        return aws.table(self._name)

    @cached_property
    def _control(self) -> Any:
        return aws.table(self._name, aws.CONTROL)

    # --- the lease -----------------------------------------------------------------------

    @aws.store_errors()
    def update_lease(self, decide: Callable[[Lease], tuple[Lease, _Answer]]) -> _Answer:
        """See `StateStore.update_lease`."""
        while True:
            item = self._item(_LEASE_KEY)
            lease = Lease.from_json(item)
            changed, answer = decide(lease)
            if changed == lease:
                return answer
            document = {
                **changed.to_json(),
                **_LEASE_KEY,
                "revision": _next(item.get("revision")),
            }
            revision = Attr("revision")
            unchanged = revision.eq(item["revision"]) if "revision" in item else revision.not_exists()
            if self._put(document, unchanged):
                return answer

    @aws.store_errors()
    def lease(self) -> Lease:
        """See `StateStore.lease`."""
        return Lease.from_json(self._item(_LEASE_KEY))

    # --- headers -------------------------------------------------------------------------

    @aws.store_errors()
    def run(self, run_id: str) -> Run | None:
        """See `StateStore.run`."""
        item = self._item({"sync_id": run_id, "item": _HEADER})
        return Run.from_json(item | {"run_id": run_id}) if item else None

    @aws.store_errors()
    def save_run(self, run: Run) -> Run:
        """See `StateStore.save_run`."""
        saved = replace(run, revision=_next(run.revision))
        key, written = {"sync_id": run.run_id, "item": _HEADER}, uuid.uuid4().hex
        expiry = self._expiry(max(run.started, run.ended or ""))
        document = {**saved.to_json(), **key, "day": run.started[:10], "written": written, "expires_at": expiry}
        read: Any = run.revision
        if run.revision < 0:
            stored = self._item(key) | {"run_id": run.run_id}
            if Run.from_json(stored).revision >= 0:
                raise RunConflict(run.run_id)
            read = stored["revision"]
        # Headers of a release without revisions lack the attribute, too.
        unchanged = Attr("revision").not_exists() if read == 0 else Attr("revision").eq(read)
        # Of a write whose answer was lost botocore's own repetition is what fails: it was this very one that wrote.
        if self._put(document, unchanged) or self._item(key).get("written") == written:
            return saved
        raise RunConflict(run.run_id)

    @aws.store_errors()
    def is_stopped(self, run_id: str) -> bool:
        """See `StateStore.is_stopped`."""
        status = self._item(
            {"sync_id": run_id, "item": _HEADER},
            ProjectionExpression="#status",
            ExpressionAttributeNames={"#status": "status"},
        ).get("status")
        return bool(status != RunStatus.IN_PROGRESS)

    @aws.store_errors()
    def notes(self, run_id: str, about: str) -> dict[str, str]:
        """See `StateStore.notes`."""
        return _notes_in(self._item({"sync_id": run_id, "item": f"{_NOTES}{about}"}))

    @aws.store_errors()
    def save_notes(
        self, run_id: str, about: str, notes: Mapping[str, str], over: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """See `StateStore.save_notes`."""
        item = {"sync_id": run_id, "item": f"{_NOTES}{about}", "notes": dict(notes)}
        only = {} if over is None else {"ConditionExpression": Attr("notes").eq(dict(over))}
        try:
            stored = self._control.put_item(
                Item={**item, "expires_at": self._expiry(datetime.now(UTC).isoformat())}, ReturnValues="ALL_OLD", **only
            )
        except ClientError as error:
            if aws.error_code(error) != "ConditionalCheckFailedException":
                raise
            return {}
        return _notes_in(stored.get("Attributes", {}))

    def runs_of(self, day: str) -> Iterator[Run]:
        """See `StateStore.runs_of`."""
        query = {"IndexName": BY_DAY_INDEX, "KeyConditionExpression": Key("day").eq(day)}
        for item in self._query(query):
            run = Run.from_json(item | {"run_id": item["sync_id"]})
            if run.status is not RunStatus.MERGED:
                yield run

    # --- receipts ------------------------------------------------------------------------

    @aws.store_errors()
    def save_receipts(self, receipts: Iterable[Receipt], run_id: str, in_progress: bool = False) -> None:
        """See `StateStore.save_receipts`."""
        items = iter({(one.account, one.kind): self._receipt(one, run_id) for one in receipts}.values())
        while batch := list(islice(items, _BATCH)):
            if in_progress:
                self._write_in_progress(batch, run_id)
            else:
                self._write(batch)

    def receipts(self, run_id: str, between: tuple[str, str] | None = None) -> Iterator[Receipt]:
        """See `StateStore.receipts`."""
        for item in self._by_account(_RECEIPT, run_id, between):
            if receipt := Receipt.from_json(item):
                yield receipt

    @aws.store_errors()
    def record_intents(
        self, account: str, fields: Mapping[Kind, Iterable[str]], deletions: Collection[Kind], run_id: str, at: str
    ) -> None:
        """See `StateStore.record_intents`."""
        notes = [
            # Of neither index: it lacks their keys.
            {
                "sync_id": run_id,
                "item": f"{_INTENT}{account}#{kind}",
                "changed": list(changed),
                "deletion": kind in deletions,
                "expires_at": self._expiry(at),
            }
            for kind, changed in fields.items()
        ]
        self._write_in_progress(notes, run_id)

    def intents(self, run_id: str, between: tuple[str, str] | None = None) -> dict[tuple[str, Kind], tuple[str, ...]]:
        """See `StateStore.intents`."""
        # One that a hand has damaged says that a write was begun, and not of what.
        notes = ((item["item"].split("#"), item.get("changed")) for item in self._by_account(_INTENT, run_id, between))
        return {
            (account, Kind(kind)): tuple(map(str, fields)) if isinstance(fields, list | tuple | set) else ()
            for (_, account, kind), fields in notes
            if kind in set(Kind)
        }

    # --- items ---------------------------------------------------------------------------

    def _by_account(self, prefix: str, run_id: str, between: tuple[str, str] | None) -> Iterator[dict[str, Any]]:
        first, last = between or ("", "9" * 12)
        items = Key("item").between(f"{prefix}{first}", f"{prefix}{last}#~")
        yield from self._query({"KeyConditionExpression": Key("sync_id").eq(run_id) & items, "ConsistentRead": True})

    def _item(self, key: Mapping[str, str], **more: Any) -> dict[str, Any]:
        found: dict[str, Any] = self._control.get_item(Key=key, ConsistentRead=True, **more).get("Item", {})
        return found

    def _put(self, item: Mapping[str, Any], condition: ConditionBase) -> bool:
        """Write an item that meets a condition; return whether it did."""
        try:
            self._without_conflict(self._control.put_item)(Item=item, ConditionExpression=condition)
            return True
        except ClientError as error:
            if aws.error_code(error) == "ConditionalCheckFailedException":
                return False
            raise

    def _without_conflict(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return a call that is made again where another transaction had the same items in hand."""

        def calling(**parameters: Any) -> Any:
            for wait in Run.CONFLICT_WAITS:
                try:
                    return call(**parameters)
                except ClientError as error:
                    reasons = _reasons(error)
                    if "TransactionConflict" not in reasons or "ConditionalCheckFailed" in reasons:
                        raise
                    self._sleep(wait)
            return call(**parameters)

        return calling

    def _write_in_progress(self, items: list[dict[str, Any]], run_id: str) -> None:
        """Write items in one transaction, with a check that the run is in progress.

        Raises:
            RunConflict: it is not; nothing was written.
        """
        check = {
            "TableName": self._table.name,
            "Key": {"sync_id": run_id, "item": _HEADER},
            "ConditionExpression": "#status = :in_progress",
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": {":in_progress": str(RunStatus.IN_PROGRESS)},
        }
        puts = [{"Put": {"TableName": self._table.name, "Item": item}} for item in items]
        write = self._without_conflict(self._control.meta.client.transact_write_items)
        try:
            write(TransactItems=[{"ConditionCheck": check}, *puts])
        except ClientError as error:
            if "ConditionalCheckFailed" in _reasons(error):
                raise RunConflict(run_id) from error
            raise

    def _write(self, items: list[dict[str, Any]]) -> None:
        """Write up to `_BATCH` items; what DynamoDB does not process at once is written again.

        Raises:
            StoreFailed: some of them were not processed in all that time.
        """
        waiting = [{"PutRequest": {"Item": item}} for item in items]
        for wait in (*_UNPROCESSED_WAITS, None):
            answer = self._table.meta.client.batch_write_item(RequestItems={self._table.name: waiting})
            waiting = answer.get("UnprocessedItems", {}).get(self._table.name, [])
            if not waiting:
                return
            if wait is not None:
                self._sleep(wait)
        raise StoreFailed("BatchWriteItem: UnprocessedItems")

    def _query(self, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
        while True:
            with aws.store_errors():
                answer = self._table.query(**query)
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            query = {**query, "ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def _expiry(self, at: str) -> int:
        return int((datetime.fromisoformat(at) + self._retention).timestamp())

    def _receipt(self, receipt: Receipt, run_id: str) -> dict[str, Any]:
        key = {"sync_id": run_id, "item": f"{_RECEIPT}{receipt.account}#{receipt.kind}"}
        return {**receipt.to_json(), **key, "expires_at": self._expiry(receipt.at)}


def _notes_in(item: Mapping[str, Any]) -> dict[str, str]:
    noted = item.get("notes")
    return {str(key): str(value) for key, value in noted.items()} if isinstance(noted, Mapping) else {}


def _next(revision: Any) -> int:
    """Return the number that follows; of one that a hand made unreadable, the first."""
    readable = isinstance(revision, int | Decimal) and revision == int(revision) and revision > 0
    return int(revision) + 1 if readable else 1


def _reasons(error: ClientError) -> set[str]:
    """Return why DynamoDB refused a write, of each item of a transaction; "None" stands for an item that was fine."""
    if aws.error_code(error) == "TransactionConflictException":  # a write of its own met a transaction
        return {"TransactionConflict"}
    return {str(reason.get("Code")) for reason in error.response.get("CancellationReasons", [])}
