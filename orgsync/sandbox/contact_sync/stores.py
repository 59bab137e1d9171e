"""Configuration, state and run stores in memory: the product's protocols without AWS.

They answer as the adapters do (one set of contract tests holds both), but nothing expires. Everything is kept
as JSON text, so that no caller shares a value with a store. Thread-safe: a worker saves from threads.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from threading import Lock
from typing import Any, TypeVar

from orgsync.contact_sync.config import ContactSyncConfig, parse
from orgsync.contact_sync.core.accounts import Target
from orgsync.contact_sync.core.errors import (
    BatchUnreadable,
    ConfigurationUnreadable,
    Refusal,
    RefusalReason,
    RunConflict,
)
from orgsync.contact_sync.core.lease import Lease
from orgsync.contact_sync.core.receipts import Receipt
from orgsync.contact_sync.core.run import Run, RunStatus
from orgsync.contact_sync.names import Kind, batch_key, manifest_key, report_key, skipped_key
from orgsync.shared.configuration import ConfigurationRefused, read_json
from orgsync.shared.errors import StoreFailed

_Answer = TypeVar("_Answer")


class MemoryConfigStore:
    """Versions of the configuration, as `ConfigStore`."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._versions: dict[int, tuple[Any, dict[str, str]]] = {}

    def current(self) -> tuple[int, ContactSyncConfig]:
        """See `ConfigStore.current`."""
        with self._lock:
            newest = max(self._versions, default=None)
        if newest is None:
            raise Refusal(RefusalReason.CONFIGURATION_MISSING, "no version has been written")
        return newest, self.at(newest)

    def at(self, version: int) -> ContactSyncConfig:
        """See `ConfigStore.at`."""
        with self._lock:
            found = self._versions.get(version)
        if found is None:
            raise ConfigurationUnreadable(f"version {version} is gone")
        try:
            return parse(found[0])
        except ConfigurationRefused as error:
            raise ConfigurationUnreadable(str(error)) from error

    def before(self, author: str) -> ContactSyncConfig | None:
        """See `ConfigStore.before`."""
        with self._lock:
            others = [version for version, (_, note) in self._versions.items() if note.get("written_by") != author]
        return self.at(max(others)) if others else None

    def authors(self) -> Iterator[str]:
        """See `ConfigStore.authors`."""
        with self._lock:
            notes = [note for _, (_, note) in sorted(self._versions.items(), reverse=True)]
        yield from (note["written_by"] for note in notes if "written_by" in note)

    def write(self, document: Mapping[str, Any], *, at: str, by: str) -> int:
        """See `ConfigStore.write`."""
        parse(document)
        own = json.loads(json.dumps(document))
        with self._lock:
            newest = max(self._versions, default=0)
            if newest and self._versions[newest][0] == own:
                return newest
            self._versions[newest + 1] = (own, {"written_at": at, "written_by": by})
            return newest + 1

    def edit(self, version: int, document: Any) -> None:
        """Put anything in a version's place, without a check and an author, as an edit of the table by hand does."""
        with self._lock:
            self._versions[version] = (document, {})

    def items(self) -> list[dict[str, Any]]:
        """Return every version with its bookkeeping, oldest first."""
        with self._lock:
            return [
                {"version": version, **note, **document} for version, (document, note) in sorted(self._versions.items())
            ]


_LEASE = ("lease", "organization")
_HEADER = "run"
_NOTES = "notes#"
_RECEIPT = "receipt#"
_INTENT = "intent#"


class MemoryStateStore:
    """The lease, headers, receipts and intents, as `StateStore`.

    Attributes:
        conflicts: says of each try of `save_run`, `record_intents` or `save_receipts` whether another transaction has
            the same items in hand, as happens in DynamoDB.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._items: dict[tuple[str, str], str] = {}
        self.conflicts: Callable[[str], bool] = lambda operation: False

    def update_lease(self, decide: Callable[[Lease], tuple[Lease, _Answer]]) -> _Answer:
        """See `StateStore.update_lease`."""
        while True:
            with self._lock:
                read = self._items.get(_LEASE)
            lease = Lease.from_json(json.loads(read or "{}"))
            changed, answer = decide(lease)
            if changed == lease:
                return answer
            with self._lock:
                if self._items.get(_LEASE) == read:
                    self._items[_LEASE] = json.dumps(changed.to_json())
                    return answer

    def lease(self) -> Lease:
        """See `StateStore.lease`."""
        with self._lock:
            return Lease.from_json(json.loads(self._items.get(_LEASE, "{}")))

    def run(self, run_id: str) -> Run | None:
        """See `StateStore.run`."""
        with self._lock:
            return self._header(run_id)

    def save_run(self, run: Run) -> Run:
        """See `StateStore.save_run`."""
        self._wait_out_conflicts("save_run", "PutItem: TransactionConflictException")
        with self._lock:
            stored = self._header(run.run_id)
            if (stored.revision if stored else 0) != run.revision:
                raise RunConflict(run.run_id)
            saved = replace(run, revision=max(run.revision, 0) + 1)
            self._items[run.run_id, _HEADER] = json.dumps(saved.to_json())
            return saved

    def is_stopped(self, run_id: str) -> bool:
        """See `StateStore.is_stopped`."""
        stored = self.run(run_id)
        return stored is None or stored.status is not RunStatus.IN_PROGRESS

    def notes(self, run_id: str, about: str) -> dict[str, str]:
        """See `StateStore.notes`."""
        with self._lock:
            noted: dict[str, str] = json.loads(self._items.get((run_id, f"{_NOTES}{about}"), "{}"))
        return noted

    def save_notes(
        self, run_id: str, about: str, notes: Mapping[str, str], over: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """See `StateStore.save_notes`."""
        item = (run_id, f"{_NOTES}{about}")
        with self._lock:
            before: dict[str, str] = json.loads(self._items.get(item, "{}"))
            if over is not None and before != dict(over):
                return {}
            self._items[item] = json.dumps(dict(notes))
        return before

    def runs_of(self, day: str) -> Iterator[Run]:
        """See `StateStore.runs_of`."""
        with self._lock:
            runs = [run for run_id, item in self._items if item == _HEADER and (run := self._header(run_id))]
        for run in sorted(runs, key=lambda run: run.started):
            if run.started[:10] == day and run.status is not RunStatus.MERGED:
                yield run

    def save_receipts(self, receipts: Iterable[Receipt], run_id: str, in_progress: bool = False) -> None:
        """See `StateStore.save_receipts`."""
        given = list(receipts)
        if in_progress:
            self._wait_out_conflicts("save_receipts", "TransactWriteItems: TransactionCanceledException")
        with self._lock:
            if in_progress:
                self._check_in_progress(run_id)
            for receipt in given:
                self._items[run_id, f"{_RECEIPT}{receipt.account}#{receipt.kind}"] = json.dumps(receipt.to_json())

    def receipts(self, run_id: str, between: tuple[str, str] | None = None) -> Iterator[Receipt]:
        """See `StateStore.receipts`."""
        for _, text in self._by_account(_RECEIPT, run_id, between):
            if receipt := Receipt.from_json(json.loads(text)):
                yield receipt

    def record_intents(
        self, account: str, fields: Mapping[Kind, Iterable[str]], deletions: Collection[Kind], run_id: str, at: str
    ) -> None:
        """See `StateStore.record_intents`."""
        self._wait_out_conflicts("record_intents", "TransactWriteItems: TransactionCanceledException")
        with self._lock:
            self._check_in_progress(run_id)
            for kind, changed in fields.items():
                note = {"changed": list(changed), "deletion": kind in deletions}
                self._items[run_id, f"{_INTENT}{account}#{kind}"] = json.dumps(note)

    def intents(self, run_id: str, between: tuple[str, str] | None = None) -> dict[tuple[str, Kind], tuple[str, ...]]:
        """See `StateStore.intents`."""
        found: dict[tuple[str, Kind], tuple[str, ...]] = {}
        for item, text in self._by_account(_INTENT, run_id, between):
            _, account, kind = item.split("#")
            if kind in set(Kind):
                changed = json.loads(text).get("changed")
                found[account, Kind(kind)] = tuple(map(str, changed)) if isinstance(changed, list) else ()
        return found

    def forget_receipt(self, run_id: str, account: str, kind: str) -> None:
        """Remove a receipt, as if its worker had died before it saved it."""
        with self._lock:
            del self._items[run_id, f"{_RECEIPT}{account}#{kind}"]

    def edit(self, run_id: str, item: str, **changes: Any) -> None:
        """Change an item without a check, as another release or an edit of the table by hand does; None removes."""
        with self._lock:
            stored = json.loads(self._items.get((run_id, item), "{}")) | changes
            self._items[run_id, item] = json.dumps({key: value for key, value in stored.items() if value is not None})

    def items(self) -> list[dict[str, Any]]:
        """Return everything that is stored, as documents with `sync_id` and `item`, in their order."""
        with self._lock:
            return [
                {"sync_id": sync_id, "item": item, **json.loads(text)}
                for (sync_id, item), text in sorted(self._items.items())
            ]

    def _by_account(self, prefix: str, run_id: str, between: tuple[str, str] | None) -> list[tuple[str, str]]:
        first, last = between or ("", "9" * 12)
        lowest, highest = f"{prefix}{first}", f"{prefix}{last}#~"
        with self._lock:
            return sorted(
                (item, text)
                for (sync_id, item), text in self._items.items()
                if sync_id == run_id and lowest <= item <= highest
            )

    def _header(self, run_id: str) -> Run | None:
        text = self._items.get((run_id, _HEADER))
        return Run.from_json(json.loads(text) | {"run_id": run_id}) if text else None

    def _check_in_progress(self, run_id: str) -> None:
        stored = self._header(run_id)
        if stored is None or stored.status is not RunStatus.IN_PROGRESS:
            raise RunConflict(run_id)

    def _wait_out_conflicts(self, operation: str, failure: str) -> None:
        """Ask as often as the adapter does whether the write conflicts with another; no time passes between."""
        if all(self.conflicts(operation) for _ in (*Run.CONFLICT_WAITS, None)):
            raise StoreFailed(failure)


class MemoryRunStore:
    """Batches, reports and configurations, as `RunStore`.

    Attributes:
        objects: text by key, under the keys of the run bucket.
        configurations: text of each version, by key and version.
    """

    def __init__(self, name: str = "runs") -> None:
        self.name = name
        self.objects: dict[str, str] = {}
        self.configurations: dict[tuple[str, str], str] = {}

    def configuration(self, key: str, version: str) -> Any:
        """See `RunStore.configuration`."""
        text = self.configurations.get((key, version))
        if text is None:
            raise StoreFailed("GetObject: NoSuchVersion")
        return read_json(text)

    def manifest(self, run_id: str, attempt: int = 1) -> str:
        """See `RunStore.manifest`."""
        return manifest_key(run_id, attempt)

    def write_batches(self, run_id: str, batches: Sequence[Sequence[Target]], attempt: int = 1) -> None:
        """See `RunStore.write_batches`."""
        for number, batch in enumerate(batches):
            self.objects[batch_key(run_id, number, attempt)] = json.dumps([target.to_json() for target in batch])
        manifest = [{"run_id": run_id, "batch": number} for number in range(len(batches))]
        self.objects[manifest_key(run_id, attempt)] = json.dumps(manifest)

    def batch(self, run_id: str, number: int, attempt: int = 1) -> tuple[Target, ...]:
        """See `RunStore.batch`."""
        key = batch_key(run_id, number, attempt)
        if key not in self.objects:
            raise BatchUnreadable("GetObject: NoSuchKey")
        try:
            return tuple(map(Target.from_json, json.loads(self.objects[key])))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BatchUnreadable(f"{key}: {type(error).__name__}") from error

    def write_skipped(self, run_id: str, receipts: Sequence[Receipt], attempt: int = 1) -> None:
        """See `RunStore.write_skipped`."""
        self.objects[skipped_key(run_id, attempt)] = json.dumps([receipt.to_json() for receipt in receipts])

    def skipped(self, run_id: str, attempt: int = 1) -> list[Receipt]:
        """See `RunStore.skipped`."""
        items = json.loads(self.objects.get(skipped_key(run_id, attempt), "[]"))
        return [receipt for receipt in map(Receipt.from_json, items) if receipt]

    def write_report(self, run_id: str, lines: Iterable[Any]) -> None:
        """See `RunStore.write_report`."""
        self.objects[report_key(run_id)] = "".join(f"{json.dumps(line)}\n" for line in lines)
