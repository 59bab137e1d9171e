"""The worker: accounts of a batch side by side under virtual time, against the model of the Account API."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orgsync.contact_sync.config import ContactSyncConfig, parse
from orgsync.contact_sync.core.account_sync import SyncContext
from orgsync.contact_sync.core.accounts import Target
from orgsync.contact_sync.core.contacts import Contact
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.core.worker import process_batch
from orgsync.contact_sync.names import Kind, Operation
from orgsync.sandbox.contact_sync.simulation import (
    SimulatedContacts,
    SimulatedOrganization,
    SimulatedRun,
    VirtualClock,
    reconcile,
    run,
)
from orgsync.sandbox.model.account import WRITES, AccountService, ApiError
from orgsync.sandbox.model.organization import MANAGEMENT, Fields, OrganizationModel, make
from orgsync.shared.breaker import CircuitBreakers
from orgsync.shared.errors import AccessDenied, CallError, Conflicted, NetworkFailed, ServiceFailed, UnexpectedAnswer
from orgsync.shared.rate_limiter import RateLimiter, TokenBucket

EVERY = tuple(Kind)
Refuse = Callable[[str, str], ApiError | None]


def now() -> float:
    """Return the running loop's virtual seconds."""
    return asyncio.get_running_loop().time()


class Refusals:
    """Refusals of AWS about members: (operation or `*`, account or `*`, error name, for so many calls)."""

    def __init__(self, *rules: tuple[str, str, str, int]) -> None:
        self.rules = rules
        self.remaining = [times for *_, times in rules]

    def __call__(self, operation: str, account: str) -> ApiError | None:
        for number, (where, whom, code, _) in enumerate(self.rules):
            if account == MANAGEMENT:
                continue
            if where in ("*", operation) and whom in ("*", account) and self.remaining[number] > 0:
                self.remaining[number] -= 1
                return ApiError(code, "no")
        return None


def organization(count: int = 3, **contacts: Fields) -> OrganizationModel:
    """Return an organization of members whose contacts all differ from the source."""
    made = make(7, count)
    made.source |= contacts
    return made


def reconciled(
    org: OrganizationModel,
    config: dict[str, Any] | None = None,
    refuse: Refuse = lambda operation, account: None,
    lag_s: float = 0.0,
    latency: float = 0.0,
    emit: Callable[[Receipt], Awaitable[None]] | None = None,
) -> tuple[SimulatedRun, AccountService]:
    """Process every account as one batch; return the result, and the Account API as it is afterwards."""
    service = AccountService(org, clock=now, refuse=refuse, lag_s=lag_s)
    result = run(reconcile(org, service, parse(config or {}), latency=latency, emit=emit))
    return result, service


def receipt_of(result: SimulatedRun, account: str, kind: Kind | None = None) -> Receipt:
    """Return an account's receipt of a kind; its first of all without."""
    return next(r for r in result.receipts if r.account == account and kind in (None, r.kind))


def normalised(service: AccountService, account: str, kind: Kind) -> Contact | None:
    """Return a contact as it is held, normalised."""
    held = service.contacts()[account][kind]
    return Contact.of(kind, held) if held else None


def test_every_account_becomes_the_source() -> None:
    """Afterwards every account equals the source in every kind, with a receipt of success for each."""
    org = organization(5)
    result, service = reconciled(org)
    for account in (a.id for a in org.accounts):
        assert all(normalised(service, account, kind) == normalised(service, org.management, kind) for kind in EVERY)
    assert len(result.receipts) == 5 * len(EVERY)
    assert {receipt.status for receipt in result.receipts} == {Status.SUCCESS}
    assert result.done


def test_without_a_difference_nothing_is_written() -> None:
    """A second pass writes nothing, and says so in its receipts."""
    org = organization(5)
    service = AccountService(org, clock=now)
    run(reconcile(org, service, parse({})))
    before = len(service.writes)
    again = run(reconcile(org, service, parse({})))
    assert len(service.writes) == before
    assert all(receipt.changed == () and receipt.status is Status.SUCCESS for receipt in again.receipts)


def test_a_receipt_names_the_changed_fields() -> None:
    """The fields that differed are named, sorted, without their values."""
    org = organization(1)
    org.accounts[0].contacts = {kind: dict(fields) for kind, fields in org.source.items()}
    org.accounts[0].contacts["billing"] |= {"Title": "Other", "Name": "Another"}
    result, _ = reconciled(org)
    assert receipt_of(result, org.accounts[0].id, Kind.BILLING).changed == ("Name", "Title")
    assert receipt_of(result, org.accounts[0].id, Kind.SECURITY).changed == ()


def test_a_missing_source_contact_is_deleted_at_the_members() -> None:
    """An alternate that is a target and missing at the source is deleted; the primary never is."""
    org = organization(2)
    del org.source["security"]
    result, service = reconciled(org, {"on_source_delete": "propagate"})
    assert all(service.contacts()[a.id]["security"] is None for a in org.accounts)
    assert all(service.contacts()[a.id]["primary"] for a in org.accounts)
    assert {r.status for r in result.receipts} == {Status.SUCCESS}


def test_retries_are_counted_in_the_receipt() -> None:
    """A receipt says how often its own kind had to be tried again."""
    org = organization(2)
    first = org.accounts[0].id
    result, _ = reconciled(org, refuse=Refusals(("GetContactInformation", first, "InternalServerException", 2)))
    assert receipt_of(result, first, Kind.PRIMARY).retries == 2
    assert receipt_of(result, first, Kind.BILLING).retries == 0
    assert receipt_of(result, first, Kind.PRIMARY).status is Status.SUCCESS


@pytest.mark.parametrize(
    ("code", "error", "retries"),
    [
        ("InternalServerException", "ServiceFailed", 3),
        ("ConflictException", "Conflicted", 3),
        ("ValidationException", "ContactRefused", 0),
        ("AccessDeniedException", "AccessDenied", 0),
        ("TooManyRequestsException", "Throttled", 0),
    ],
)
def test_one_accounts_failure_is_its_own(code: str, error: str, retries: int) -> None:
    """An account that fails has a receipt that says why; the others are brought in sync."""
    org = organization(4)
    bad = org.accounts[1].id
    result, _service = reconciled(org, refuse=Refusals(("PutContactInformation", bad, code, 10**6)))
    receipt = receipt_of(result, bad, Kind.PRIMARY)
    assert (receipt.status, receipt.error, receipt.retries) == (Status.FAILED, error, retries)
    others = [r for r in result.receipts if r is not receipt and r.error != "Throttled"]
    assert {r.status for r in others} == {Status.SUCCESS}
    assert result.done


def test_retrying_one_account_holds_up_no_other() -> None:
    """While one account waits for its retries, the others go on."""
    org = organization(6)
    slow = org.accounts[0].id
    ends: dict[str, float] = {}

    async def note(receipt: Receipt) -> None:
        ends[receipt.account] = now()

    reconciled(org, refuse=Refusals(("GetContactInformation", slow, "InternalServerException", 10**6)), emit=note)
    assert ends[slow] >= 14
    assert all(at < 10 for account, at in ends.items() if account != slow)


def test_a_write_that_shows_late_is_waited_for() -> None:
    """Account Management is eventually consistent: a late reading is no failure."""
    result, _ = reconciled(organization(2), lag_s=10)
    assert {receipt.status for receipt in result.receipts} == {Status.SUCCESS}


def test_a_write_that_never_shows_is_not_verified() -> None:
    """A write that keeps reading back as something else fails by name."""
    org = organization(1)
    result, _ = reconciled(org, {"contact_types": ["primary"]}, lag_s=1000)
    assert [(r.status, r.error) for r in result.receipts] == [(Status.FAILED, "NotVerified")]


def test_an_account_closed_meanwhile_is_no_failure() -> None:
    """AWS denies access to an account that was closed during the run: it is skipped as not active."""
    org = organization(2)
    closed = org.accounts[0]

    def close(operation: str, account: str) -> None:
        if account == closed.id and operation.startswith("Put"):
            closed.state = "PENDING_CLOSURE"

    result, _ = reconciled(org, refuse=close)
    receipts = [r for r in result.receipts if r.account == closed.id]
    assert {(r.status, r.error) for r in receipts} == {(Status.SKIPPED, "NotActive")}
    assert {r.status for r in result.receipts if r.account != closed.id} == {Status.SUCCESS}


@pytest.mark.parametrize("value", ["web", ["web", "data"]])
def test_an_excluded_tag_keeps_an_account_untouched(value: str | list[str]) -> None:
    """An account that carries an excluded tag is neither read nor written, and has receipts that say so."""
    org = organization(3)
    for account in org.accounts:
        account.tags = {"team": "ops"}
    org.accounts[1].tags = {"team": "web"}
    excluded = org.accounts[1].id
    before = AccountService(org, clock=now).contacts()[excluded]
    result, service = reconciled(org, {"excluded_tags": {"team": value}})
    assert service.contacts()[excluded] == before
    assert {(r.status, r.error) for r in result.receipts if r.account == excluded} == {(Status.SKIPPED, "Excluded")}
    assert {r.status for r in result.receipts if r.account != excluded} == {Status.SUCCESS}


class Unreadable(SimulatedOrganization):
    """An organization whose tags cannot be read for one account."""

    def __init__(self, org: OrganizationModel, account: str, error: type[CallError]) -> None:
        super().__init__(org)
        self.unreadable, self.error = account, error

    async def tags(self, account: str, page: str | None = None) -> tuple[Mapping[str, str], str | None]:
        if account == self.unreadable:
            raise self.error(account)
        return await super().tags(account, page)


def process_all(
    org: OrganizationModel,
    service: AccountService,
    members: SimulatedOrganization,
    config: ContactSyncConfig,
    *,
    latency: float = 0.0,
    emit: Callable[[Sequence[Receipt]], Awaitable[None]] | None = None,
    breakers: Mapping[str, str] | None = None,
    **options: Any,
) -> tuple[bool, list[Receipt]]:
    """Process every account as one batch with protocols of the test's own; return whether all is done, and receipts."""
    receipts: list[Receipt] = []

    async def collect(given: Sequence[Receipt]) -> None:
        receipts.extend(given)

    async def main() -> bool:
        clock, contacts = VirtualClock(), SimulatedContacts(service, latency)
        paces = {operation: config.pace(operation) for operation in Operation}
        limiter = RateLimiter({one: TokenBucket(pace.rate, pace.burst) for one, pace in paces.items()}, clock)
        held = {kind: await contacts.read(None, kind) for kind in EVERY}
        source = {kind: contact for kind, contact in held.items() if contact is not None}
        gone = frozenset(EVERY) - source.keys() if config.on_source_delete == "propagate" else frozenset[Kind]()
        context = SyncContext(
            contacts, members, source, config, limiter, clock, breakers=CircuitBreakers(breakers), deletions=gone
        )
        targets = [Target(account.id, EVERY, gone) for account in org.accounts]
        return await process_batch(targets, context, emit or collect, **options)

    return run(main()), receipts


@pytest.mark.parametrize("error", [AccessDenied, Conflicted, NetworkFailed, ServiceFailed, UnexpectedAnswer])
def test_unknown_tags_fail_closed(error: type[CallError]) -> None:
    """An account whose exclusion cannot be decided is not touched, and it failed; its receipts say by which error."""
    org = organization(3)
    hidden = org.accounts[2].id
    service = AccountService(org, clock=now)
    before = service.contacts()[hidden]
    config = parse({"excluded_tags": {"team": "web-of-nobody"}})
    _, receipts = process_all(org, service, Unreadable(org, hidden, error), config)
    assert service.contacts()[hidden] == before
    found = {(r.status, r.error, r.call_error) for r in receipts if r.account == hidden}
    assert found == {(Status.FAILED, "ExclusionUnknown", error.__name__)}
    assert {r.status for r in receipts if r.account != hidden} == {Status.SUCCESS}


def test_stopping_begins_no_further_account() -> None:
    """A worker that is to stop ends what it began, and says that it is not done."""
    org = organization(200)
    service = AccountService(org, clock=now)
    members = SimulatedOrganization(org)
    done, receipts = process_all(org, service, members, parse({}), latency=0.2, stop=lambda: now() > 5)
    assert not done
    finished = {r.account for r in receipts}
    assert 0 < len(finished) < 200
    assert len(receipts) == len(finished) * len(EVERY), "an account has all its receipts or none"


def test_patience_lets_go_of_accounts_under_way() -> None:
    """A worker out of patience answers at once; an account without a receipt is done again later."""
    org = organization(80)
    service = AccountService(org, clock=now)
    done, receipts = process_all(org, service, SimulatedOrganization(org), parse({}), latency=30, patience=20)
    assert not done
    assert receipts == []


def test_a_receipt_that_cannot_be_saved_ends_the_work() -> None:
    """Working on without receipts would be working blind."""
    org = organization(3)

    async def broken(_receipts: Sequence[Receipt]) -> None:
        raise RuntimeError("the table is gone")

    with pytest.raises(RuntimeError, match="the table is gone"):
        process_all(org, AccountService(org, clock=now), SimulatedOrganization(org), parse({}), emit=broken)


@given(count=st.integers(1, 150), stopped_at=st.integers(0, 150))
def test_a_run_that_was_stopped_is_written_for_no_more(count: int, stopped_at: int) -> None:
    """Work ends with the intent that says that the run was stopped, and no further call writes."""
    org = organization(count)
    service = AccountService(org, clock=now)
    recorded: list[str] = []
    stops: list[str] = []

    class Stopped(Exception):
        """The run was stopped."""

    async def record(account: str, _fields: Mapping[Kind, tuple[str, ...]], _deletions: frozenset[Kind]) -> None:
        if len(recorded) >= stopped_at:
            stops.append(account)
            raise Stopped
        recorded.append(account)

    async def main() -> None:
        context = {"record_intents": record}
        try:
            await reconcile(org, service, parse({}), latency=0.2, context=context)
        except Stopped:
            before = write_calls(service)
            await asyncio.sleep(1000)
            assert write_calls(service) == before

    run(main())
    assert {write["account"] for write in service.writes} <= set(recorded)
    assert bool(stops) == (len(service.writes) < count * len(EVERY))


def test_open_breakers_are_carried_on() -> None:
    """A batch that begins with an open breaker asks one account, and has a receipt for every other one."""
    org = organization(10)
    refuse = Refusals(("*", "*", "AccessDeniedException", 10**6))
    service = AccountService(org, clock=now, refuse=refuse)
    saved: dict[str, str] = {Operation.GET_PRIMARY: "AccessDenied", Operation.GET_ALTERNATE: "AccessDenied"}
    done, receipts = process_all(org, service, SimulatedOrganization(org), parse({}), breakers=saved)
    assert done
    assert {operation: calls["made"] for operation, calls in service.calls.items()} == dict.fromkeys(saved, 1)
    assert sorted(r.error or "" for r in receipts) == ["AccessDenied"] * 2 + ["CircuitOpen"] * 38


def test_no_target_is_no_work() -> None:
    """Nothing to do is done."""
    org = organization(0)
    done, receipts = process_all(org, AccountService(org, clock=now), SimulatedOrganization(org), parse({}))
    assert (done, receipts) == (True, [])


def test_another_tools_throttles_only_slow_the_run_down() -> None:
    """A quota that is shared answers with 429s; every account is still brought in sync."""
    org = organization(40)
    rules = Refusals(("GetAlternateContact", "*", "TooManyRequestsException", 30))
    result, _service = reconciled(org, refuse=rules, latency=0.05)
    assert {receipt.status for receipt in result.receipts} == {Status.SUCCESS}
    assert result.throttles[Operation.GET_ALTERNATE] == 30


def test_tags_that_nobody_may_read_are_not_asked_for_again_and_again() -> None:
    """Tags have a breaker of their own: while they are refused everywhere no account is touched, and few are asked."""
    org = organization(200)
    asked: list[str] = []

    class Untagged(SimulatedOrganization):
        async def tags(self, account: str, page: str | None = None) -> tuple[Mapping[str, str], str | None]:
            asked.append(account)
            raise AccessDenied(account)

    service = AccountService(org, clock=now)
    config = parse({"excluded_tags": {"contacts": "own"}})
    done, receipts = process_all(org, service, Untagged(org), config)
    assert done
    why = {(r.error, r.call_error) for r in receipts}
    assert why == {("ExclusionUnknown", "AccessDenied"), ("CircuitOpen", "ExclusionUnknown")}
    assert len(receipts) == 200 * len(EVERY)
    assert len(asked) < 40
    assert service.calls == {}


@given(refusing=st.integers(1, 18), healthy=st.integers(1, 60), rate=st.sampled_from([0.5, 3.0, 8.0]))
@settings(max_examples=20, deadline=None)
def test_asking_about_accounts_that_refuse_keeps_to_its_pace(refusing: int, healthy: int, rate: float) -> None:
    """Organizations is asked about each account that refuses, once, and never faster than its quota."""
    org = organization(refusing + healthy)
    sealed = {account.id for account in org.accounts[:refusing]}
    asked: list[tuple[float, str]] = []

    class Asked(SimulatedOrganization):
        async def state(self, account: str) -> str | None:
            asked.append((VirtualClock().monotonic(), account))
            return await super().state(account)

    def refuse(operation: str, account: str) -> ApiError | None:
        refused = account in sealed and operation.startswith("Put")
        return ApiError("AccessDeniedException", "sealed") if refused else None

    service = AccountService(org, clock=now, refuse=refuse)
    config = parse({"pacing": {"DescribeAccount": {"rate": rate, "burst": 5}}})
    done, receipts = process_all(org, service, Asked(org), config)
    assert done
    assert {receipt.account for receipt in receipts if receipt.status is not Status.SUCCESS} == sealed
    assert len({account for _, account in asked}) == len(asked)
    assert {account for _, account in asked} <= sealed
    for first, (since, _) in enumerate(asked):
        for last, (until, _) in enumerate(asked[first:]):
            assert last + 1 <= 5 + rate * (until - since) + 1e-6


def test_one_accounts_unforeseen_answer_fails_that_account_alone() -> None:
    """An exception that nobody thought of is that account's failure, by name, and the others finish."""
    org = organization(4)
    strange = org.accounts[1].id

    class Strange(SimulatedContacts):
        async def read(self, account: str | None, kind: Kind) -> Contact | None:
            if account == strange:
                raise KeyError("AlternateContact")
            return await super().read(account, kind)

    service = AccountService(org, clock=now)
    result = run(reconcile(org, service, parse({}), contacts=Strange(service)))
    ends = {(r.account, r.status, r.error) for r in result.receipts}
    others = {(a.id, Status.SUCCESS, None) for a in org.accounts if a.id != strange}
    assert ends == {*others, (strange, Status.FAILED, "UnexpectedAnswer")}


def test_a_receipt_names_the_written_fields_though_reading_back_was_refused() -> None:
    """The write happened, whatever came after it."""
    org = organization(1)
    account = org.accounts[0].id
    reads: list[str] = []

    def refuse(operation: str, target: str) -> ApiError | None:
        if operation == "GetAlternateContact" and target == account:
            reads.append(operation)
            if len(reads) > 1:
                return ApiError("AccessDeniedException", "by the test")
        return None

    result, service = reconciled(org, {"contact_types": ["security"]}, refuse=refuse)
    assert [write["kind"] for write in service.writes] == ["security"]
    receipt = receipt_of(result, account)
    assert (receipt.status, receipt.error) == (Status.FAILED, "AccessDenied")
    assert receipt.changed


def write_calls(service: AccountService) -> int:
    """Return the number of write calls that were made, successful or not."""
    return sum(calls["made"] for operation, calls in service.calls.items() if operation in WRITES)


@st.composite
def partly_differing(draw: st.DrawFn) -> OrganizationModel:
    """Draw an organization whose members equal the source but for any fields of any kinds, or lack contacts."""
    org = organization(draw(st.integers(1, 5)))
    original = dict(org.source)
    for kind in draw(st.sets(st.sampled_from([Kind.BILLING, Kind.SECURITY]))):
        del org.source[kind]
    for account in org.accounts:
        held = {kind: dict(fields) for kind, fields in original.items()}
        for kind in draw(st.sets(st.sampled_from(list(Kind)))):
            for name in draw(st.sets(st.sampled_from(["Name", "Title", "FullName", "City"]))) & set(
                Contact.rules(kind)
            ):
                held[kind][name] = "Other"
        gone = draw(st.sets(st.sampled_from([Kind.BILLING, Kind.OPERATIONS, Kind.SECURITY])))
        account.contacts = {kind: fields for kind, fields in held.items() if kind not in gone}
    return org


@given(org=partly_differing())
def test_a_dry_run_names_exactly_the_fields_that_applying_writes(org: OrganizationModel) -> None:
    """Without `apply` no write call is made, and the receipts name what the run that then applies writes."""
    service = AccountService(org, clock=now)
    members, config = SimulatedOrganization(org), parse({"on_source_delete": "propagate"})
    held = service.contacts()
    _, planned = process_all(org, service, members, config, apply=False)
    assert write_calls(service) == 0
    assert service.contacts() == held
    _, applied = process_all(org, service, members, config, apply=True)
    changed = {(receipt.account, str(receipt.kind)): receipt.changed for receipt in planned}
    assert changed == {(receipt.account, str(receipt.kind)): receipt.changed for receipt in applied}
    assert {receipt.status for receipt in (*planned, *applied)} == {Status.SUCCESS}
    after = service.contacts()
    for (account, kind), names in changed.items():
        before, written = held[account][kind] or {}, after[account][kind] or {}
        assert names == tuple(sorted(n for n in {*before, *written} if before.get(n) != written.get(n)))
    writes = [(write["account"], write["kind"]) for write in service.writes]
    assert sorted(writes) == sorted(pair for pair, names in changed.items() if names)
    assert write_calls(service) == len(writes)
