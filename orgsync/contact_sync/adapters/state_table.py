"""The state table as `StateStore`: the lease, every run's header, its receipts and its intents.

Items of one run share its `sync_id`; nothing ever holds a whole run in one item. Contact
values stand in the header alone (`source`), encrypted under the stack's key.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from boto3.dynamodb.conditions import Attr, ConditionBase, Key
from botocore.exceptions import ClientError

from orgsync.contact_sync.core.contacts import Contact
from orgsync.contact_sync.core.lease import Lease, LeasedRun
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.core.run import Run, RunStatus
from orgsync.contact_sync.names import BY_DAY_INDEX, Cause, Kind
from orgsync.shared import aws

_LEASE_KEY = {"sync_id": "lease", "item": "organization"}
_HEADER = "run"
_RECEIPT = "receipt#"
_INTENT = "intent#"
_OPEN = [RunStatus.IN_PROGRESS, RunStatus.STOPPED]

_Answer = TypeVar("_Answer")


class StateTable:
    """Runs and their receipts; everything but the lease expires after `retention_days`.

    Raises:
        StoreFailed: the table did not answer, or refused; from every method.
    """

    def __init__(self, table_name: str, retention_days: int) -> None:
        self._table: Any = aws.session().resource("dynamodb", config=aws.PATIENT).Table(table_name)
        self._retention = timedelta(days=retention_days)

    # --- the lease -----------------------------------------------------------------------

    @aws.store_errors()
    def update_lease(self, decide: Callable[[Lease], tuple[Lease, _Answer]]) -> _Answer:
        """See `StateStore.update_lease`."""
        while True:
            item = self._table.get_item(Key=_LEASE_KEY, ConsistentRead=True).get("Item", {})
            lease = _lease(item)
            changed, answer = decide(lease)
            if changed == lease:
                return answer
            revision = int(item.get("revision", 0))
            document = {
                **_LEASE_KEY,
                "revision": revision + 1,
                "holder": changed.holder.to_json() if changed.holder else None,
                "pending": changed.pending.to_json() if changed.pending else None,
                "previous": changed.previous,
            }
            unchanged = Attr("revision").eq(revision) if revision else Attr("revision").not_exists()
            try:
                self._table.put_item(Item=document, ConditionExpression=unchanged)
                return answer
            except ClientError as error:
                if aws.error_code(error) != "ConditionalCheckFailedException":
                    raise

    @aws.store_errors()
    def lease(self) -> Lease:
        """See `StateStore.lease`."""
        return _lease(self._table.get_item(Key=_LEASE_KEY, ConsistentRead=True).get("Item", {}))

    # --- headers -------------------------------------------------------------------------

    @aws.store_errors()
    def run(self, run_id: str) -> Run | None:
        """See `StateStore.run`."""
        item = self._table.get_item(Key={"sync_id": run_id, "item": _HEADER}, ConsistentRead=True).get("Item")
        return _run(item) if item else None

    @aws.store_errors()
    def save_run(self, run: Run, *, while_open: bool = False) -> bool:
        """See `StateStore.save_run`."""
        condition = (
            {"ConditionExpression": Attr("status").not_exists() | Attr("status").is_in(_OPEN)} if while_open else {}
        )
        try:
            self._table.put_item(Item=self._header(run), **condition)
            return True
        except ClientError as error:
            if aws.error_code(error) == "ConditionalCheckFailedException":
                return False
            raise

    @aws.store_errors()
    def open_circuit(self, run_id: str, cause: str) -> None:
        """See `StateStore.open_circuit`."""
        self._change_header(run_id, "circuit", cause, Attr("status").exists())

    @aws.store_errors()
    def stop(self, run_id: str) -> None:
        """See `StateStore.stop`."""
        self._change_header(run_id, "status", RunStatus.STOPPED, Attr("status").is_in(_OPEN))

    @aws.store_errors()
    def is_stopped(self, run_id: str) -> bool:
        """See `StateStore.is_stopped`."""
        answer = self._table.get_item(
            Key={"sync_id": run_id, "item": _HEADER},
            ConsistentRead=True,
            ProjectionExpression="#status",
            ExpressionAttributeNames={"#status": "status"},
        )
        return bool(answer.get("Item", {}).get("status") != RunStatus.IN_PROGRESS)

    def runs_of(self, day: str) -> Iterator[Run]:
        """See `StateStore.runs_of`."""
        query = {"IndexName": BY_DAY_INDEX, "KeyConditionExpression": Key("day").eq(day)}
        for item in self._query(query):
            if (run := _run(item)).status is not RunStatus.MERGED:
                yield run

    # --- receipts ------------------------------------------------------------------------

    @aws.store_errors()
    def save_receipts(self, receipts: Iterable[Receipt], run_id: str) -> None:
        """See `StateStore.save_receipts`."""
        with self._table.batch_writer(overwrite_by_pkeys=["sync_id", "item"]) as batch:
            for receipt in receipts:
                batch.put_item(Item=self._receipt(receipt, run_id))

    def receipts(self, run_id: str, between: tuple[str, str] | None = None) -> Iterator[Receipt]:
        """See `StateStore.receipts`."""
        for item in self._by_account(_RECEIPT, run_id, between):
            yield _as_receipt(item)

    @aws.store_errors()
    def record_intents(self, account: str, fields: Mapping[Kind, Iterable[str]], run_id: str, at: str) -> None:
        """See `StateStore.record_intents`."""
        with self._table.batch_writer() as batch:
            for kind, changed in fields.items():
                # Of neither index: it lacks their keys.
                note = {"sync_id": run_id, "item": f"{_INTENT}{account}#{kind}", "changed": list(changed)}
                batch.put_item(Item={**note, "expires_at": self._expiry(at)})

    def intents(self, run_id: str, between: tuple[str, str] | None = None) -> dict[tuple[str, Kind], tuple[str, ...]]:
        """See `StateStore.intents`."""
        notes = ((item["item"].split("#"), item["changed"]) for item in self._by_account(_INTENT, run_id, between))
        return {(account, Kind(kind)): tuple(fields) for (_, account, kind), fields in notes}

    # --- items ---------------------------------------------------------------------------

    def _by_account(self, prefix: str, run_id: str, between: tuple[str, str] | None) -> Iterator[dict[str, Any]]:
        first, last = between or ("", "9" * 12)
        items = Key("item").between(f"{prefix}{first}", f"{prefix}{last}#~")
        yield from self._query({"KeyConditionExpression": Key("sync_id").eq(run_id) & items, "ConsistentRead": True})

    def _change_header(self, run_id: str, attribute: str, value: str, condition: ConditionBase) -> None:
        """Change one attribute of a header that meets a condition; leave any other as it is, and add none."""
        try:
            self._table.update_item(
                Key={"sync_id": run_id, "item": _HEADER},
                UpdateExpression="SET #attribute = :value",
                ExpressionAttributeNames={"#attribute": attribute},
                ExpressionAttributeValues={":value": value},
                ConditionExpression=condition,
            )
        except ClientError as error:
            if aws.error_code(error) != "ConditionalCheckFailedException":
                raise

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

    def _header(self, run: Run) -> dict[str, Any]:
        return {
            "sync_id": run.run_id,
            "item": _HEADER,
            "run_id": run.run_id,
            "day": run.started[:10],
            "cause": str(run.cause),
            "initiator": run.initiator,
            "config_version": run.config_version,
            "status": str(run.status),
            "severity": run.severity,
            "scenario": run.scenario,
            "started": run.started,
            "triggered_at": run.triggered_at,
            "ended": run.ended,
            "counts": dict(run.counts),
            "source": {str(kind): dict(contact.fields) for kind, contact in run.source.items()},
            "flawed": {str(kind): errors for kind, errors in run.flawed.items()},
            "unreadable": {str(kind): code for kind, code in run.unreadable.items()},
            "deletions": sorted(map(str, run.deletions)),
            "exclusions": dict(run.exclusions),
            "planned": run.planned,
            "batches": run.batches,
            "error": run.error,
            "detail": run.detail,
            "circuit": run.circuit,
            "into": run.into,
            "notified": run.notified,
            "expires_at": self._expiry(run.started),
        }

    def _receipt(self, receipt: Receipt, run_id: str) -> dict[str, Any]:
        return {
            "sync_id": run_id,
            "item": f"{_RECEIPT}{receipt.account}#{receipt.kind}",
            "account": receipt.account,
            "kind": str(receipt.kind),
            "status": str(receipt.status),
            "at": receipt.at,
            "changed": list(receipt.changed),
            "error": receipt.error,
            "retries": receipt.retries,
            "expires_at": self._expiry(receipt.at),
        }


def _lease(item: Mapping[str, Any]) -> Lease:
    return Lease(
        LeasedRun.from_json(item.get("holder")), LeasedRun.from_json(item.get("pending")), item.get("previous")
    )


def _run(item: Mapping[str, Any]) -> Run:
    return Run(
        run_id=item["run_id"],
        cause=Cause(item["cause"]),
        initiator=item["initiator"],
        config_version=int(item["config_version"]),
        status=RunStatus(item["status"]),
        severity=item["severity"],
        scenario=item["scenario"],
        started=item["started"],
        triggered_at=item["triggered_at"],
        ended=item["ended"],
        counts={status: int(count) for status, count in item["counts"].items()},
        source={Kind(kind): Contact.of(Kind(kind), fields) for kind, fields in item["source"].items()},
        flawed={Kind(kind): errors for kind, errors in item.get("flawed", {}).items()},
        unreadable={Kind(kind): code for kind, code in item.get("unreadable", {}).items()},
        deletions=frozenset(map(Kind, item.get("deletions", ()))),
        exclusions={rule: int(count) for rule, count in item.get("exclusions", {}).items()},
        planned=item["planned"],
        batches=int(item["batches"]),
        error=item["error"],
        detail=item["detail"],
        circuit=item["circuit"],
        into=item["into"],
        notified=item["notified"],
    )


def _as_receipt(item: Mapping[str, Any]) -> Receipt:
    return Receipt(
        account=item["account"],
        kind=Kind(item["kind"]),
        status=Status(item["status"]),
        at=item["at"],
        changed=tuple(item["changed"]),
        error=item["error"],
        retries=int(item["retries"]),
    )
