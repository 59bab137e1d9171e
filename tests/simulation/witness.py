"""The witness of a simulated history: it looks at every write, header and receipt, and ends with the evidence."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from orgsync.contact_sync.core.contacts import Contact
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.core.run import Run, RunStatus
from orgsync.contact_sync.names import Kind
from orgsync.sandbox.contact_sync.services import MemoryPublisher
from orgsync.sandbox.contact_sync.stores import MemoryConfigStore, MemoryRunStore, MemoryStateStore
from orgsync.sandbox.model.account import AccountService, Write
from orgsync.sandbox.model.organization import Fields, MemberAccount, OrganizationModel
from tests.laws import SHORTEST, VALUES, Evidence, Member, WriteSeen

_ENDS = ("status", "scenario", "severity", "ended", "counts")
_SETTLE, _SKEW = 120, 4.0
"""Seconds in which a new account settles, where the configuration does not say; and by which two clocks differ."""
_FOREIGN = 60.0
"""Seconds after somebody else's write in which ours may find its own value there."""


class WatchedStates(MemoryStateStore):
    """The state store, with an eye on every header and every success."""

    def __init__(self) -> None:
        super().__init__()
        self.on_header: Callable[[Run | None, Run], None] = lambda before, after: None
        self.on_success: Callable[[str, Receipt], None] = lambda run_id, receipt: None

    def save_run(self, run: Run) -> Run:
        """See `StateStore.save_run`."""
        before = self.run(run.run_id)
        saved = super().save_run(run)
        self.on_header(before, saved)
        return saved

    def save_receipts(self, receipts: Iterable[Receipt], run_id: str, in_progress: bool = False) -> None:
        """See `StateStore.save_receipts`."""
        given = list(receipts)
        super().save_receipts(given, run_id, in_progress)
        for receipt in given:
            if receipt.status is Status.SUCCESS:
                self.on_success(run_id, receipt)


class Witness:
    """Witness of one history.

    Args:
        note: takes a line of the history.
        lag: whether reads may show what was there before a write.

    Attributes:
        doubted: runs of which an invocation died, was given up or lost an answer: they may not know what they wrote.
        closer_died: whether that happened to a function that closes runs.
        places: texts in which no contact value may stand, by name.
        foreign: when somebody else than the product last wrote a contact, by account and kind.
        joined: when each account that has come since joined.
    """

    def __init__(
        self,
        organization: OrganizationModel,
        accounts: AccountService,
        configs: MemoryConfigStore,
        states: WatchedStates,
        bucket: MemoryRunStore,
        note: Callable[[str], None],
        lag: bool,
    ) -> None:
        self._organization, self._accounts, self._lag, self._note = organization, accounts, lag, note
        self._configs, self._states, self._bucket = configs, states, bucket
        states.on_header, states.on_success = self._header_saved, self._succeeded
        self.doubted: set[str] = set()
        self.closer_died = False
        self.places: dict[str, str] = {}
        self.foreign: dict[tuple[str, str], float] = {}
        self.joined: dict[str, float] = {}
        self._held: dict[tuple[str, str], Fields | None] = {}
        self._values: set[str] = set()
        self._writes: list[WriteSeen] = []
        self._untrue: list[str] = []
        self._excluded: dict[str, set[str]] = {}
        self._members: dict[str, set[str]] = {}
        self._closings: Counter[str] = Counter()
        self._versions: dict[str, set[int]] = defaultdict(set)
        self._sources: dict[str, Mapping[Kind, Contact]] = {}
        for account, contacts in accounts.contacts().items():
            for kind, held in contacts.items():
                self.note_contact(account, kind, held)

    def note_contact(self, account: str, kind: str, fields: Fields | None) -> None:
        """Note what an account holds by somebody else's hand."""
        self._held[account, kind] = fields
        self._values |= {fields[name] for name in VALUES if fields and name in fields}

    def holder(self) -> str | None:
        """Return the run that holds the lease."""
        holder = self._states.lease().holder
        return holder.run_id if holder else None

    def written(self, write: Write, run_id: str, now: float) -> WriteSeen:
        """Judge a write of a run's worker at the moment at which it takes effect."""
        run, pair = self._states.run(run_id), (write.account, write.kind)
        before, self._held[pair] = self._held.get(pair), self._accounts.contact(*pair)
        settle = self._document(run).get("new_accounts", {}).get("settle", _SETTLE)
        seen = WriteSeen(
            write.account,
            write.kind,
            write.operation,
            run_id,
            before,
            self._held[pair],
            excluded=write.account in self._excluded.get(run_id, ()) and write.account in self._excluded_now(run),
            in_progress=bool(run and not run.closed),
            leased=self.holder() == run_id,
            stated=write.operation != "DeleteAlternateContact" or self._stated(run, *pair),
            settled=now - self.joined.get(write.account, -1e9) > settle - _SKEW,
            doubtful=self._lag or run_id in self.doubted or now - self.foreign.get(pair, -1e9) < _FOREIGN,
        )
        self._writes.append(seen)
        return seen

    def evidence(self, publisher: MemoryPublisher, *, at_rest: bool, patient: bool, refused: Any) -> Evidence:
        """Return everything that was seen, as the laws want it.

        Args:
            refused: says of an operation and an account whether AWS refuses it for good.
        """
        config = self._configs.items()[-1] if self._configs.items() else {}
        headers = [run for item in self._states.items() if item["item"] == "run" and (run := self._header(item))]
        messages = publisher.topics["own"]
        texts = {f"message {number}": f"{one.subject} {one.body} {one.sms}" for number, one in enumerate(messages)}
        texts |= {f"the object {key}": text for key, text in self._bucket.objects.items()}
        members = self._organization.accounts
        return Evidence(
            self._organization.management,
            {one.id: Member(one.state, _excludes(config, one)) for one in members},
            config or None,
            self._accounts.contacts(),
            [run.to_json() for run in headers],
            {run.run_id: [one.to_json() for one in self._states.receipts(run.run_id)] for run in headers},
            {run.run_id: self._asked(run) for run in headers if run.planned},
            self._writes,
            {
                (one.id, str(kind))
                for one in members
                for kind in Kind
                if any(refused(operation, one.id) for operation in _needed(kind, config))
            },
            quiet=at_rest,
            closings=self._closings,
            notices={} if self.closer_died else Counter(one.attributes["run_id"] for one in messages),
            versions=self._versions,
            holder=self.holder(),
            untrue=self._untrue,
            patient=patient,
            values={value for value in self._values if len(value) > SHORTEST},
            places={**self.places, **texts},
        )

    def _header(self, item: Mapping[str, Any]) -> Run | None:
        run = self._states.run(item["sync_id"])
        return None if run is None or run.status is RunStatus.MERGED else run

    def _header_saved(self, before: Run | None, after: Run) -> None:
        if after.status is RunStatus.MERGED:
            return
        name, was_closed = after.run_id, bool(before and before.closed)
        if before is None or not before.planned:
            # What is excluded before a plan looks, and still is at its end, may not be written.
            excluded = self._excluded_now(after)
            self._excluded[name] = self._excluded.get(name, excluded) & excluded
            self._members.setdefault(name, {one.id for one in self._organization.accounts})
        if after.planned and after.config_version:
            self._versions[name].add(after.config_version)
            self._sources.setdefault(name, after.source)
        changed = was_closed and any(getattr(before, one) != getattr(after, one) for one in _ENDS)
        if changed or (after.closed and not was_closed):
            self._closings[name] += 1
            self._note(f"run {name} is {after.status}: {dict(after.counts)} {after.error or ''}")

    def _succeeded(self, run_id: str, receipt: Receipt) -> None:
        """See that a receipt of success says what is true, unless nobody could know or somebody else has written."""
        pair = receipt.account, str(receipt.kind)
        if run_id in self.doubted or run_id not in self._sources or pair in self.foreign:
            return
        wanted = self._sources[run_id].get(receipt.kind)
        if self._accounts.contact(*pair) != (dict(wanted.fields) if wanted else None):
            self._untrue.append(f"{run_id} calls {pair[0]} {pair[1]} a success, which it is not")

    def _document(self, run: Run | None) -> Mapping[str, Any]:
        version = run.config_version if run else 0
        return next((item for item in self._configs.items() if item["version"] == version), {})

    def _excluded_now(self, run: Run | None) -> set[str]:
        document = self._document(run)
        return {one.id for one in self._organization.accounts if _excludes(document, one)}

    def _stated(self, run: Run | None, account: str, kind: str) -> bool:
        """Return whether header, batch and intent say that a contact is to be deleted, as the owner lets them."""
        if run is None or kind not in run.deletions or (account, Kind(kind)) not in self._states.intents(run.run_id):
            return False
        batches = (self._bucket.batch(run.run_id, number, run.attempt) for number in range(run.batches))
        named = any(one.account == account and kind in one.deletions for batch in batches for one in batch)
        return named and self._document(run).get("on_source_delete") == "propagate"

    def _asked(self, run: Run) -> set[tuple[str, str]]:
        """Return the accounts and kinds of a planned run: those that its plan names, and whoever it must not forget."""
        batches = (self._bucket.batch(run.run_id, number, run.attempt) for number in range(run.batches))
        asked = {(one.account, str(kind)) for batch in batches for one in batch for kind in one.kinds}
        asked |= {(one.account, str(one.kind)) for one in self._bucket.skipped(run.run_id, run.attempt)}
        if run.everyone and not run.error and run.cause in ("schedule", "deploy"):
            kinds = self._document(run).get("contact_types", tuple(Kind))
            asked |= {(account, str(kind)) for account in self._members[run.run_id] for kind in kinds}
        return asked


def _excludes(document: Mapping[str, Any], account: MemberAccount) -> bool:
    """Return whether a configuration excludes an account, as its owner would read it."""
    in_unit = any(f"{account.ou}/".startswith(f"{unit}/") for unit in document.get("excluded_units", ()))
    tagged = any(account.tags.get(key) == value for key, value in document.get("excluded_tags", {}).items())
    return account.id in document.get("excluded_accounts", ()) or in_unit or tagged


def _needed(kind: Kind, config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the operations without which a contact cannot be kept in sync."""
    what = "ContactInformation" if kind is Kind.PRIMARY else "AlternateContact"
    return (f"Get{what}", f"Put{what}", *(("ListTagsForResource",) if config.get("excluded_tags") else ()))
