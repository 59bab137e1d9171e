"""One account: plan reads and decides, apply records, writes and verifies; every kind ends with a receipt."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgsync.contact_sync.config import parse
from orgsync.contact_sync.core.account_sync import AccountSync, SyncContext
from orgsync.contact_sync.core.accounts import Target
from orgsync.contact_sync.core.bounds import WorkerBounds
from orgsync.contact_sync.core.contacts import Change, Contact, decide
from orgsync.contact_sync.core.errors import AccountNotFound, ContactNotFound
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.names import ALTERNATES, Kind, Operation
from orgsync.sandbox.contact_sync.simulation import EPOCH, SimulatedOrganization, VirtualClock, run
from orgsync.sandbox.model.organization import Fields, MemberAccount, OrganizationModel, make_contact
from orgsync.shared.breaker import CircuitBreakers
from orgsync.shared.errors import AccessDenied, CallError, UnexpectedAnswer
from orgsync.shared.rate_limiter import RateLimiter, TokenBucket
from tests.sample_events import MANAGEMENT, MEMBER

Held = dict[Kind, Contact]
Step = tuple[str, Kind]
Record = Callable[[str, Mapping[Kind, tuple[str, ...]], frozenset[Kind]], Awaitable[None]]
KINDS = st.lists(st.sampled_from(list(Kind)), unique=True)
ORGANIZATION = OrganizationModel(MANAGEMENT, [MemberAccount(MEMBER, "member", "member@example.com")], {})
"""The account is ACTIVE and has no tags."""


@dataclass
class Account:
    """One account's contacts in memory, and every step that was made on them, in order.

    Attributes:
        refused: the failure of every call about a kind.
        stated: kinds whose deletion was stated before it was made.
        check: called with each read and write before it is made.
    """

    held: Held
    refused: Mapping[Kind, type[CallError]] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    stated: set[Kind] = field(default_factory=set)
    check: Callable[[str], None] = lambda step: None

    async def read(self, _account: str | None, kind: Kind) -> Contact | None:
        self.check("read")
        self._step("read", kind)
        return self.held.get(kind)

    async def write(self, _account: str, contact: Contact) -> None:
        self.check("write")
        self._step("write", contact.kind)
        self.held[contact.kind] = contact

    async def delete(self, _account: str, kind: Kind) -> None:
        self._step("delete", kind)
        self.held.pop(kind, None)

    async def record_intents(
        self, _account: str, fields: Mapping[Kind, tuple[str, ...]], deletions: frozenset[Kind]
    ) -> None:
        assert all(fields.values())
        assert deletions <= fields.keys()
        self.stated |= deletions
        self.steps += [("intent", kind) for kind in fields]

    def steps_about(self, kind: Kind) -> list[str]:
        """Return the steps of one kind, in order."""
        return [step for step, about in self.steps if about is kind]

    def _step(self, step: str, kind: Kind) -> None:
        self.steps.append((step, kind))
        if kind in self.refused:
            raise self.refused[kind](f"{MEMBER}: no")


def synced(
    account: Account,
    source: Held,
    work: Callable[[AccountSync], Awaitable[Sequence[Change]]],
    *,
    record_intents: Record | None = None,
    intents: Mapping[tuple[str, Kind], tuple[str, ...]] | None = None,
    breakers: Mapping[str, str] | None = None,
    deletions: tuple[frozenset[Kind], frozenset[Kind]] | None = None,
    **context: Any,
) -> tuple[Sequence[Change], dict[Kind, Receipt]]:
    """Let a test work with one account's sync; return what the test returned, and the receipts by kind.

    Args:
        deletions: what the run and the target say is to be deleted; by default all that the source lacks.
    """
    of_run, of_target = deletions or (ALTERNATES - source.keys(),) * 2

    async def main() -> tuple[Sequence[Change], dict[Kind, Receipt]]:
        clock = VirtualClock()
        made = SyncContext(
            account,
            SimulatedOrganization(ORGANIZATION),
            source,
            parse({}),
            RateLimiter({operation: TokenBucket(1000, 1000) for operation in Operation}, clock),
            clock,
            record_intents or account.record_intents,
            intents or {},
            CircuitBreakers(breakers),
            deletions=of_run,
            **context,
        )
        sync = AccountSync(Target(MEMBER, tuple(Kind), of_target), made)
        changes = await work(sync)
        return changes, {receipt.kind: receipt for receipt in sync.receipts()}

    return run(main())


def contact(kind: Kind, **changes: str) -> Contact:
    """Return the source's contact of a kind, with some of its fields changed."""
    fields: Fields = make_contact(1, MEMBER, kind)
    return Contact.of(kind, fields | changes)


@st.composite
def holdings(draw: st.DrawFn) -> Held:
    """Draw contacts of one account, few of which differ; some are missing."""
    held = {}
    for kind in Kind:
        # The primary contact is never missing: it cannot be deleted.
        shapes = [contact(kind), contact(kind, PhoneNumber="+1 555-0100")] + [None] * (kind in ALTERNATES)
        if (drawn := draw(st.sampled_from(shapes))) is not None:
            held[kind] = drawn
    return held


SOURCE = {kind: contact(kind) for kind in Kind}


@given(held=holdings(), source=holdings(), kinds=KINDS)
def test_plan_decides_every_kind_and_writes_nothing(held: Held, source: Held, kinds: list[Kind]) -> None:
    """Planning reads each kind once, records and writes nothing, and returns the changes that `decide` makes."""
    account = Account(dict(held))
    changes, receipts = synced(account, source, lambda sync: sync.plan(kinds))
    assert sorted(account.steps) == sorted(("read", kind) for kind in kinds)
    assert account.held == held
    decided = [decide(kind, source.get(kind), held.get(kind)) for kind in kinds]
    assert changes == [change for change in decided if change is not None]
    assert list(receipts) == kinds
    fields = {change.kind: change.fields for change in changes}
    assert {kind: receipt.changed for kind, receipt in receipts.items()} == {k: fields.get(k, ()) for k in kinds}


@given(held=holdings(), source=holdings(), kinds=KINDS, data=st.data())
def test_apply_writes_exactly_the_changes_that_it_is_given(
    held: Held, source: Held, kinds: list[Kind], data: st.DataObject
) -> None:
    """Each given change is recorded, written once and read back; kinds without one are not touched again."""
    account = Account(dict(held))
    given_changes: list[Change] = []

    async def plan_and_apply(sync: AccountSync) -> list[Change]:
        changes = await sync.plan(kinds)
        given_changes.extend(data.draw(st.lists(st.sampled_from(changes), unique_by=id)) if changes else [])
        account.steps.clear()
        await sync.apply(given_changes)
        return changes

    synced(account, source, plan_and_apply)
    applied = {change.kind: change for change in given_changes}
    for kind in Kind:
        if kind in applied:
            put = "write" if applied[kind].desired else "delete"
            assert account.steps_about(kind) == ["intent", put, "read"]
            assert account.held.get(kind) == source.get(kind)
        else:
            assert account.steps_about(kind) == []
            assert account.held.get(kind) == held.get(kind)


@given(held=holdings(), source=holdings())
def test_a_second_sync_has_nothing_to_do(held: Held, source: Held) -> None:
    """An account to which every change was applied is in sync."""
    account = Account(dict(held))

    async def whole(sync: AccountSync) -> list[Change]:
        changes = await sync.plan(list(Kind))
        await sync.apply(changes)
        return changes

    _, receipts = synced(account, source, whole)
    assert {receipt.status for receipt in receipts.values()} == {Status.SUCCESS}
    assert synced(account, source, whole)[0] == []


def test_an_intent_that_cannot_be_recorded_prevents_the_write() -> None:
    """To write without its intent would be to write blind: the failure is raised, and nothing was written."""
    account = Account({kind: contact(kind, PhoneNumber="+1 555-0100") for kind in Kind})

    async def broken(_account: str, _fields: Mapping[Kind, tuple[str, ...]], _deletions: frozenset[Kind]) -> None:
        raise RuntimeError("the table is gone")

    async def whole(sync: AccountSync) -> list[Change]:
        changes = await sync.plan([Kind.BILLING])
        with pytest.raises(RuntimeError, match="the table is gone"):
            await sync.apply(changes)
        return changes

    synced(account, SOURCE, whole, record_intents=broken)
    assert account.steps == [("read", Kind.BILLING)]


@pytest.mark.parametrize("refused", list(Kind))
def test_a_kind_that_cannot_be_read_is_no_change_and_stops_no_other(refused: Kind) -> None:
    """A failed read is that kind's failure, by name; the other kinds are decided."""
    account = Account({kind: contact(kind, PhoneNumber="+1 555-0100") for kind in Kind}, {refused: AccessDenied})
    changes, receipts = synced(account, SOURCE, lambda sync: sync.plan(list(Kind)))
    assert {change.kind for change in changes} == set(Kind) - {refused}
    assert (receipts[refused].status, receipts[refused].error) == (Status.FAILED, "AccessDenied")
    assert {receipt.status for kind, receipt in receipts.items() if kind is not refused} == {Status.SUCCESS}


def test_a_failed_write_is_no_changed_field() -> None:
    """A receipt names the fields that were written, not those that were to be."""
    account = Account({kind: contact(kind, PhoneNumber="+1 555-0100") for kind in Kind})

    async def whole(sync: AccountSync) -> list[Change]:
        changes = await sync.plan(list(Kind))
        account.refused = {Kind.BILLING: AccessDenied}
        await sync.apply(changes)
        return changes

    _, receipts = synced(account, SOURCE, whole)
    assert (receipts[Kind.BILLING].status, receipts[Kind.BILLING].changed) == (Status.FAILED, ())
    assert {r.changed for kind, r in receipts.items() if kind is not Kind.BILLING} == {("PhoneNumber",)}


@given(
    held=holdings(),
    source=holdings(),
    unread=KINDS,
    unwritten=KINDS,
    why=st.sampled_from((AccessDenied, UnexpectedAnswer)),
)
def test_a_receipt_says_whether_its_contact_was_compared(
    held: Held, source: Held, unread: list[Kind], unwritten: list[Kind], why: type[CallError]
) -> None:
    """Whatever calls fail: what was read, and is not as it should be, differs; of what was not read nobody knows."""
    account = Account(dict(held), dict.fromkeys(unread, why))
    source = {Kind.PRIMARY: contact(Kind.PRIMARY)} | source  # without one it would never be compared

    async def whole(sync: AccountSync) -> list[Change]:
        changes = await sync.plan(list(Kind))
        account.refused = dict.fromkeys(unwritten, why)
        await sync.apply(changes)
        return changes

    _, receipts = synced(account, source, whole)
    for kind, receipt in receipts.items():
        differs = kind not in unread and held.get(kind) != source.get(kind)
        assert receipt.differs is (differs and kind in unwritten)
        assert receipt.error == (why.__name__ if kind in unread or (differs and kind in unwritten) else None)


def test_the_write_of_a_worker_that_died_stands_in_the_receipt() -> None:
    """An intent without a receipt, whose account is in sync by now, was carried out: its fields are named."""
    account = Account(dict(SOURCE))
    intents = {(MEMBER, Kind.SECURITY): ("Name", "Title")}
    changes, receipts = synced(account, SOURCE, lambda sync: sync.plan(list(Kind)), intents=intents)
    assert changes == []
    assert receipts[Kind.SECURITY].changed == ("Name", "Title")
    assert {receipt.changed for kind, receipt in receipts.items() if kind is not Kind.SECURITY} == {()}


def test_an_open_breaker_withholds_the_call_and_keeps_what_was_read() -> None:
    """A kind whose write is withheld is neither intended nor written, is put off, and names the breaker; others go on.

    The one call in twenty that a breaker still lets through is another account's.
    """
    account = Account({kind: contact(kind, PhoneNumber="+1 555-0100") for kind in Kind})
    saved: dict[str, str] = {Operation.PUT_PRIMARY: "AccessDenied"}

    async def whole(sync: AccountSync) -> list[Change]:
        circuit = sync._context.breakers.of(Operation.PUT_PRIMARY)
        assert await circuit.admit("200000000099", VirtualClock()), "the probe is under way"
        changes = await sync.plan(list(Kind))
        await sync.apply(changes)
        assert sync.postponed() == (Kind.PRIMARY,)
        assert not sync.promising()
        return changes

    _, receipts = synced(account, SOURCE, whole, breakers=saved)
    assert account.steps_about(Kind.PRIMARY) == ["read"]
    primary = receipts.pop(Kind.PRIMARY)
    assert (primary.status, primary.error, primary.changed) == (Status.SKIPPED, "CircuitOpen", ())
    assert (primary.differs, primary.call_error) == (True, "AccessDenied")
    assert {receipt.status for receipt in receipts.values()} == {Status.SUCCESS}


STATED = st.frozensets(st.sampled_from(list(Kind)))


@given(held=holdings(), source=holdings(), of_run=STATED, of_target=STATED)
def test_a_deletion_is_stated_and_never_inferred(
    held: Held, source: Held, of_run: frozenset[Kind], of_target: frozenset[Kind]
) -> None:
    """A contact that the source lacks goes only where run and target both say so; else that kind fails by name.

    The primary contact never goes, whatever is said, and what the source has is written, not deleted.
    """
    account = Account(dict(held))
    source = {kind: one for kind, one in source.items() if kind not in of_run - {Kind.PRIMARY} or kind in of_target}

    async def whole(sync: AccountSync) -> list[Change]:
        changes = await sync.plan(list(Kind))
        await sync.apply(changes)
        return changes

    _, receipts = synced(account, source, whole, deletions=(of_run, of_target))
    for kind, receipt in receipts.items():
        if kind in source:
            assert (account.held[kind], receipt.status) == (source[kind], Status.SUCCESS)
        elif kind in ALTERNATES & of_run & of_target:
            assert (account.held.get(kind), receipt.status) == (None, Status.SUCCESS)
            assert (kind in account.stated) == (kind in held)
        else:
            assert (account.held.get(kind), account.steps_about(kind)) == (held.get(kind), [])
            assert (receipt.status, receipt.error) == (Status.FAILED, "DesiredUnknown")


class Stopped(Exception):
    """The run was stopped."""


@given(slow=st.floats(0, 60), calls=st.integers(0, 3))
def test_no_call_is_sent_long_after_its_intent(slow: float, calls: int) -> None:
    """However long pacing holds a write up, its intent was recorded at most `WorkerBounds.SEND` before it is sent.

    Recorded again, it may be refused because the run was stopped meanwhile: then nothing more is written.
    """
    account = Account({kind: contact(kind, PhoneNumber="+1 555-0100") for kind in Kind})
    recorded: list[float] = []

    async def record(_account: str, fields: Mapping[Kind, tuple[str, ...]], _deletions: frozenset[Kind]) -> None:
        if len(recorded) > calls:
            raise Stopped
        recorded.append(VirtualClock().monotonic())

    def check(step: str) -> None:
        assert step == "read" or VirtualClock().monotonic() - recorded[-1] <= WorkerBounds.SEND

    async def whole(sync: AccountSync) -> list[Change]:
        changes = await sync.plan(list(Kind))
        sync._context.limiter._buckets[Operation.PUT_ALTERNATE]._rate = 1000 / (1 + 1000 * slow)
        sync._context.limiter._buckets[Operation.PUT_ALTERNATE]._configured = 1 / (0.001 + slow)
        sync._context.limiter._buckets[Operation.PUT_ALTERNATE]._tokens = 0
        try:
            await sync.apply(changes)
        except Stopped:
            assert len(recorded) > calls
            account.steps.append(("stopped", Kind.PRIMARY))
        await VirtualClock().sleep(1000)
        return changes

    account.check = check
    synced(account, SOURCE, whole, record_intents=record)
    if ("stopped", Kind.PRIMARY) in account.steps:
        assert [step for step, _ in account.steps if step != "read"][-1] == "stopped", "nothing is written afterwards"
    else:
        assert account.held == SOURCE


@pytest.mark.parametrize("refusal", [AccessDenied, ContactNotFound, AccountNotFound, UnexpectedAnswer])
def test_a_new_account_that_refuses_is_not_ready_yet(refusal: type[CallError]) -> None:
    """Whatever a new account refuses with ends as skipped: NotYet, kind by kind, and says nothing to a breaker."""
    account = Account({kind: contact(kind, PhoneNumber="+1 555-0100") for kind in Kind}, {Kind.BILLING: refusal})

    async def whole(sync: AccountSync) -> list[Change]:
        changes = await sync.plan(list(Kind))
        await sync.apply(changes)
        circuit = sync._context.breakers.of(Operation.GET_ALTERNATE)
        assert circuit.cause is None
        return changes

    _, receipts = synced(account, SOURCE, whole, not_yet=frozenset({MEMBER}))
    billing = receipts.pop(Kind.BILLING)
    assert (billing.status, billing.error) == (Status.SKIPPED, "NotYet")
    assert {receipt.status for receipt in receipts.values()} == {Status.SUCCESS}


@given(ready=st.integers(0, 300), fresh=st.integers(1, 200))
def test_fresh_permissions_are_waited_for(ready: int, fresh: int) -> None:
    """Refusals before `fresh_until` are asked again every ten seconds and judged afterwards; they are no retries."""
    account = Account({kind: contact(kind, PhoneNumber="+1 555-0100") for kind in Kind})
    asked: list[float] = []

    def refuse(_step: str) -> None:
        asked.append(VirtualClock().monotonic())
        if asked[-1] < ready:
            raise AccessDenied(MEMBER)

    account.check = refuse
    until = EPOCH + timedelta(seconds=fresh)
    _, receipts = synced(account, SOURCE, lambda sync: sync.plan([Kind.PRIMARY]), fresh_until=until)
    receipt = receipts[Kind.PRIMARY]
    assert receipt.error == (None if ready <= max(asked) else "AccessDenied")
    assert max(asked) >= min(ready, fresh)
    assert (receipt.error is None) >= (ready <= fresh)
    assert receipt.retries == 0
    assert len(asked) <= fresh / 10 + 3
