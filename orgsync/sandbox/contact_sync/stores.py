"""Configuration, state and run stores in memory: the product's protocols without AWS.

They answer as the adapters do (one set of contract tests holds both), but nothing expires. Everything is kept
as JSON text, so that no caller shares a value with a store. Thread-safe: a worker saves from threads.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from threading import Lock
from typing import Any, TypeVar

from orgsync.contact_sync.config import ContactSyncConfig, parse
from orgsync.contact_sync.core.accounts import Target
from orgsync.contact_sync.core.contacts import Contact
from orgsync.contact_sync.core.errors import ConfigurationMissing, ConfigurationUnreadable
from orgsync.contact_sync.core.lease import Lease, LeasedRun
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.core.run import Run, RunStatus
from orgsync.contact_sync.names import Cause, Kind, batch_key, manifest_key, report_key, skipped_key
from orgsync.shared.configuration import ConfigurationRefused
from orgsync.shared.errors import StoreFailed

_Answer = TypeVar("_Answer")


class MemoryConfigStore:
    """Versions of the configuration, as `ConfigStore`."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._versions: dict[int, tuple[str, dict[str, str]]] = {}

    def current(self) -> tuple[int, ContactSyncConfig]:
        """See `ConfigStore.current`."""
        with self._lock:
            newest = max(self._versions, default=None)
        if newest is None:
            raise ConfigurationMissing("no version has been written")
        return newest, self.at(newest)

    def at(self, version: int) -> ContactSyncConfig:
        """See `ConfigStore.at`."""
        with self._lock:
            found = self._versions.get(version)
        if found is None:
            raise ConfigurationUnreadable(f"version {version} is gone")
        try:
            return parse(json.loads(found[0]))
        except ConfigurationRefused as error:
            raise ConfigurationUnreadable(str(error)) from error

    def author(self) -> str | None:
        """See `ConfigStore.author`."""
        with self._lock:
            return self._versions[max(self._versions)][1]["written_by"] if self._versions else None

    def write(self, document: Mapping[str, Any], *, at: str, by: str) -> int:
        """See `ConfigStore.write`."""
        parse(document)
        text = json.dumps(document)
        with self._lock:
            newest = max(self._versions, default=0)
            if newest and json.loads(self._versions[newest][0]) == json.loads(text):
                return newest
            self._versions[newest + 1] = (text, {"written_at": at, "written_by": by})
            return newest + 1

    def edit(self, version: int, document: Mapping[str, Any]) -> None:
        """Put a document in a version's place without a check, as an edit of the table by hand does."""
        with self._lock:
            self._versions[version] = (json.dumps(document), {"written_at": "unknown", "written_by": "hand"})

    def items(self) -> list[dict[str, Any]]:
        """Return every version with its bookkeeping, oldest first."""
        with self._lock:
            return [
                {"version": version, **note, **json.loads(text)}
                for version, (text, note) in sorted(self._versions.items())
            ]


_LEASE = ("lease", "organization")
_HEADER = "run"
_RECEIPT = "receipt#"
_INTENT = "intent#"


class MemoryStateStore:
    """The lease, headers, receipts and intents, as `StateStore`."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._items: dict[tuple[str, str], str] = {}

    def update_lease(self, decide: Callable[[Lease], tuple[Lease, _Answer]]) -> _Answer:
        """See `StateStore.update_lease`."""
        while True:
            with self._lock:
                read = self._items.get(_LEASE)
            lease = _as_lease(read)
            changed, answer = decide(lease)
            if changed == lease:
                return answer
            document = {
                "revision": json.loads(read or "{}").get("revision", 0) + 1,
                "holder": changed.holder.to_json() if changed.holder else None,
                "pending": changed.pending.to_json() if changed.pending else None,
                "previous": changed.previous,
            }
            with self._lock:
                if self._items.get(_LEASE) == read:
                    self._items[_LEASE] = json.dumps(document)
                    return answer

    def lease(self) -> Lease:
        """See `StateStore.lease`."""
        with self._lock:
            return _as_lease(self._items.get(_LEASE))

    def run(self, run_id: str) -> Run | None:
        """See `StateStore.run`."""
        with self._lock:
            return self._header(run_id)

    def save_run(self, run: Run, *, while_open: bool = False) -> bool:
        """See `StateStore.save_run`."""
        with self._lock:
            stored = self._header(run.run_id)
            if while_open and stored and stored.closed:
                return False
            self._save_header(run)
            return True

    def open_circuit(self, run_id: str, cause: str) -> None:
        """See `StateStore.open_circuit`."""
        with self._lock:
            if stored := self._header(run_id):
                self._save_header(replace(stored, circuit=cause))

    def stop(self, run_id: str) -> None:
        """See `StateStore.stop`."""
        with self._lock:
            stored = self._header(run_id)
            if stored and not stored.closed:
                self._save_header(replace(stored, status=RunStatus.STOPPED))

    def is_stopped(self, run_id: str) -> bool:
        """See `StateStore.is_stopped`."""
        stored = self.run(run_id)
        return stored is None or stored.status is not RunStatus.IN_PROGRESS

    def runs_of(self, day: str) -> Iterator[Run]:
        """See `StateStore.runs_of`."""
        with self._lock:
            runs = [_as_run(text) for (_, item), text in self._items.items() if item == _HEADER]
        for run in sorted(runs, key=lambda run: run.started):
            if run.started[:10] == day and run.status is not RunStatus.MERGED:
                yield run

    def save_receipts(self, receipts: Iterable[Receipt], run_id: str) -> None:
        """See `StateStore.save_receipts`."""
        for receipt in receipts:
            with self._lock:
                self._items[run_id, f"{_RECEIPT}{receipt.account}#{receipt.kind}"] = json.dumps(asdict(receipt))

    def receipts(self, run_id: str, between: tuple[str, str] | None = None) -> Iterator[Receipt]:
        """See `StateStore.receipts`."""
        for _, text in self._by_account(_RECEIPT, run_id, between):
            yield _as_receipt(text)

    def record_intents(self, account: str, fields: Mapping[Kind, Iterable[str]], run_id: str, at: str) -> None:
        """See `StateStore.record_intents`."""
        with self._lock:
            for kind, changed in fields.items():
                self._items[run_id, f"{_INTENT}{account}#{kind}"] = json.dumps({"changed": list(changed)})

    def intents(self, run_id: str, between: tuple[str, str] | None = None) -> dict[tuple[str, Kind], tuple[str, ...]]:
        """See `StateStore.intents`."""
        found: dict[tuple[str, Kind], tuple[str, ...]] = {}
        for item, text in self._by_account(_INTENT, run_id, between):
            _, account, kind = item.split("#")
            found[account, Kind(kind)] = tuple(json.loads(text)["changed"])
        return found

    def forget_receipt(self, run_id: str, account: str, kind: str) -> None:
        """Remove a receipt, as if its worker had died before it saved it."""
        with self._lock:
            del self._items[run_id, f"{_RECEIPT}{account}#{kind}"]

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
        return _as_run(text) if text else None

    def _save_header(self, run: Run) -> None:
        source = {kind: dict(contact.fields) for kind, contact in run.source.items()}
        plain = replace(run, source={}, counts=dict(run.counts), deletions=frozenset())
        header = asdict(plain) | {"source": source, "deletions": sorted(run.deletions)}
        self._items[run.run_id, _HEADER] = json.dumps(header)


def _as_lease(text: str | None) -> Lease:
    stored = json.loads(text or "{}")
    return Lease(
        LeasedRun.from_json(stored.get("holder")), LeasedRun.from_json(stored.get("pending")), stored.get("previous")
    )


def _as_run(text: str) -> Run:
    stored = json.loads(text)
    source = {Kind(kind): Contact.of(Kind(kind), fields) for kind, fields in stored["source"].items()}
    typed = {
        "cause": Cause(stored["cause"]),
        "status": RunStatus(stored["status"]),
        "source": source,
        "flawed": {Kind(kind): errors for kind, errors in stored["flawed"].items()},
        "unreadable": {Kind(kind): code for kind, code in stored["unreadable"].items()},
        "deletions": frozenset(map(Kind, stored["deletions"])),
    }
    return Run(**stored | typed)


def _as_receipt(text: str) -> Receipt:
    stored = json.loads(text)
    typed = {"kind": Kind(stored["kind"]), "status": Status(stored["status"]), "changed": tuple(stored["changed"])}
    return Receipt(**stored | typed)


class MemoryRunStore:
    """Batches and reports, as `RunStore`.

    Attributes:
        objects: text by key, under the keys of the run bucket.
    """

    def __init__(self, name: str = "runs") -> None:
        self.name = name
        self.objects: dict[str, str] = {}

    def manifest(self, run_id: str) -> str:
        """See `RunStore.manifest`."""
        return manifest_key(run_id)

    def write_batches(self, run_id: str, batches: Sequence[Sequence[Target]]) -> None:
        """See `RunStore.write_batches`."""
        for number, batch in enumerate(batches):
            items = [asdict(target) | {"deletions": sorted(target.deletions)} for target in batch]
            self.objects[batch_key(run_id, number)] = json.dumps(items)
        manifest = [{"run_id": run_id, "batch": number} for number in range(len(batches))]
        self.objects[manifest_key(run_id)] = json.dumps(manifest)

    def batch(self, run_id: str, number: int) -> tuple[Target, ...]:
        """See `RunStore.batch`."""
        text = self.objects.get(batch_key(run_id, number))
        if text is None:
            raise StoreFailed("GetObject: NoSuchKey")
        return tuple(
            Target(one["account"], tuple(map(Kind, one["kinds"])), frozenset(map(Kind, one["deletions"])))
            for one in json.loads(text)
        )

    def write_skipped(self, run_id: str, receipts: Sequence[Receipt]) -> None:
        """See `RunStore.write_skipped`."""
        self.objects[skipped_key(run_id)] = json.dumps([asdict(receipt) for receipt in receipts])

    def skipped(self, run_id: str) -> list[Receipt]:
        """See `RunStore.skipped`."""
        text = self.objects.get(skipped_key(run_id))
        if text is None:
            raise StoreFailed("GetObject: NoSuchKey")
        return [_as_receipt(json.dumps(receipt)) for receipt in json.loads(text)]

    def write_report(self, run_id: str, lines: Iterable[Any]) -> None:
        """See `RunStore.write_report`."""
        self.objects[report_key(run_id)] = "".join(f"{json.dumps(line)}\n" for line in lines)
