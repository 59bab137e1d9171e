"""Accounts worked through side by side under virtual time, against the model of the Account API."""

import asyncio

import pytest

from orgsync.contact_sync.config import parse
from orgsync.contact_sync.core.account_sync import SyncContext
from orgsync.contact_sync.core.accounts import Target
from orgsync.contact_sync.core.contacts import Contact
from orgsync.contact_sync.core.receipts import Status
from orgsync.contact_sync.core.worker import CONCURRENCY, process_batch
from orgsync.contact_sync.names import Kind, Operation
from orgsync.sandbox.contact_sync.simulation import (
    SimulatedContacts,
    SimulatedOrganization,
    VirtualClock,
    reconcile,
    run,
)
from orgsync.sandbox.model.account import AccountService, ApiError
from orgsync.sandbox.model.organization import MANAGEMENT, make
from orgsync.shared.breaker import LIMIT
from orgsync.shared.errors import AccessDenied, UnexpectedAnswer
from orgsync.shared.rate_limiter import RateLimiter, TokenBucket

EVERY = tuple(Kind)


def now():
    return asyncio.get_running_loop().time()


class Refusals:
    """What AWS refuses about members: (operation or `*`, account or `*`, error name, for so many calls)."""

    def __init__(self, *rules):
        self.rules = [list(rule) for rule in rules]

    def __call__(self, operation, account):
        for rule in self.rules:
            where, whom, code, left = rule
            if account == MANAGEMENT:
                continue
            if where in ("*", operation) and whom in ("*", account) and left > 0:
                rule[3] -= 1
                return ApiError(code, "no")
        return None


def organization(count=3, **contacts):
    made = make(7, count)
    made.source |= contacts
    return made


def worked(org, config=None, refuse=lambda operation, account: None, lag_s=0.0, **options):
    service = AccountService(org, clock=now, refuse=refuse, lag_s=lag_s)
    result = run(reconcile(org, service, parse(config or {}), **options))
    return result, service


def by(result, account, kind=None):
    return next(r for r in result.receipts if r.account == account and kind in (None, r.kind))


def normal(service, account, kind):
    held = service.contacts()[account][kind]
    return Contact.of(Kind(kind), held) if held else None


def test_every_account_becomes_the_source():
    """Afterwards every account equals the source in every kind, with a receipt of success for each."""
    org = organization(5)
    result, service = worked(org)
    for account in (a.id for a in org.accounts):
        assert all(normal(service, account, kind) == normal(service, org.management, kind) for kind in EVERY)
    assert len(result.receipts) == 5 * len(EVERY)
    assert {receipt.status for receipt in result.receipts} == {Status.SUCCESS}
    assert result.progress.done


def test_without_a_difference_nothing_is_written():
    """A second pass writes nothing, and says so in its receipts."""
    org = organization(5)
    service = AccountService(org, clock=now)
    run(reconcile(org, service, parse({})))
    before = len(service.writes)
    again = run(reconcile(org, service, parse({})))
    assert len(service.writes) == before
    assert all(receipt.changed == () and receipt.status is Status.SUCCESS for receipt in again.receipts)


def test_a_receipt_names_what_was_changed():
    """The fields that differed are named, sorted, without their values."""
    org = organization(1)
    org.accounts[0].contacts = {kind: dict(fields) for kind, fields in org.source.items()}
    org.accounts[0].contacts["billing"] |= {"Title": "Other", "Name": "Another"}
    result, _ = worked(org)
    assert by(result, org.accounts[0].id, Kind.BILLING).changed == ("Name", "Title")
    assert by(result, org.accounts[0].id, Kind.SECURITY).changed == ()


def test_a_missing_source_contact_is_deleted_at_the_members():
    """Where deletion is what the targets say, an alternate goes away, and the primary never does."""
    org = organization(2)
    del org.source["security"]
    result, service = worked(org, {"on_source_delete": "propagate"})
    assert all(service.contacts()[a.id]["security"] is None for a in org.accounts)
    assert all(service.contacts()[a.id]["primary"] for a in org.accounts)
    assert {r.status for r in result.receipts} == {Status.SUCCESS}


def test_retries_are_counted_in_the_receipt():
    """A receipt says how often its own kind had to be tried again."""
    org = organization(2)
    first = org.accounts[0].id
    result, _ = worked(org, refuse=Refusals(("GetContactInformation", first, "InternalServerException", 2)))
    assert by(result, first, Kind.PRIMARY).retries == 2
    assert by(result, first, Kind.BILLING).retries == 0
    assert by(result, first, Kind.PRIMARY).status is Status.SUCCESS


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
def test_one_accounts_failure_is_its_own(code, error, retries):
    """An account that fails has a receipt that says why; the others are brought into step."""
    org = organization(4)
    bad = org.accounts[1].id
    result, _service = worked(org, refuse=Refusals(("PutContactInformation", bad, code, 10**6)))
    receipt = by(result, bad, Kind.PRIMARY)
    assert (receipt.status, receipt.error, receipt.retries) == (Status.FAILED, error, retries)
    others = [r for r in result.receipts if r is not receipt and r.error != "Throttled"]
    assert {r.status for r in others} == {Status.SUCCESS}
    assert result.progress.done


def test_retrying_one_account_holds_up_no_other():
    """While one account waits for its retries, the others go on."""
    org = organization(6)
    slow = org.accounts[0].id
    ends = {}

    async def note(receipt):
        ends[receipt.account] = now()

    worked(org, refuse=Refusals(("GetContactInformation", slow, "InternalServerException", 10**6)), emit=note)
    assert ends[slow] >= 14
    assert all(at < 10 for account, at in ends.items() if account != slow)


def test_a_write_that_shows_late_is_waited_for():
    """Account Management is eventually consistent: a late reading is no failure."""
    result, _ = worked(organization(2), lag_s=10)
    assert {receipt.status for receipt in result.receipts} == {Status.SUCCESS}


def test_a_write_that_never_shows_is_not_verified():
    """A write that keeps reading back as something else fails by name."""
    org = organization(1)
    result, _ = worked(org, {"contact_types": ["primary"]}, lag_s=1000)
    assert [(r.status, r.error) for r in result.receipts] == [(Status.FAILED, "NotVerified")]


def test_the_circuit_opens_after_ten_accounts_in_a_row():
    """When ten accounts failed alike, AWS is left alone; every account still gets its receipts."""
    org = organization(300)
    result, _service = worked(org, refuse=Refusals(("*", "*", "AccessDeniedException", 10**6)), latency=0.1)
    assert result.progress.circuit == "AccessDenied"
    assert len(result.receipts) == 300 * len(EVERY)
    failed = {r.account for r in result.receipts if r.status is Status.FAILED}
    assert LIMIT <= len(failed) <= LIMIT + CONCURRENCY
    left = [r for r in result.receipts if r.status is Status.SKIPPED]
    assert {r.error for r in left} == {"CircuitOpen"}
    assert result.progress.done


def test_failures_that_differ_open_no_circuit():
    """Accounts that fail for different reasons, or among healthy ones, stop nobody."""
    org = organization(60)
    rules = [("*", account.id, "AccessDeniedException", 10**6) for account in org.accounts[::2]]
    result, _ = worked(org, refuse=Refusals(*rules))
    assert result.progress.circuit is None
    assert not [r for r in result.receipts if r.error == "CircuitOpen"]


def test_an_account_closed_meanwhile_is_no_failure():
    """AWS denies access to an account that was closed during the run: it is skipped as not active."""
    org = organization(2)
    closed = org.accounts[0]

    def close(operation, account):
        if account == closed.id and operation.startswith("Put"):
            closed.state = "PENDING_CLOSURE"
        return

    result, _ = worked(org, refuse=close)
    receipts = [r for r in result.receipts if r.account == closed.id]
    assert {(r.status, r.error) for r in receipts} == {(Status.SKIPPED, "NotActive")}
    assert {r.status for r in result.receipts if r.account != closed.id} == {Status.SUCCESS}


@pytest.mark.parametrize("value", ["web", ["web", "data"]])
def test_an_excluded_tag_keeps_an_account_untouched(value):
    """An account that carries an excluded tag is neither read nor written, and has receipts that say so."""
    org = organization(3)
    for account in org.accounts:
        account.tags = {"team": "ops"}
    org.accounts[1].tags = {"team": "web"}
    left = org.accounts[1].id
    before = AccountService(org, clock=now).contacts()[left]
    result, service = worked(org, {"excluded_tags": {"team": value}})
    assert service.contacts()[left] == before
    assert {(r.status, r.error) for r in result.receipts if r.account == left} == {(Status.SKIPPED, "Excluded")}
    assert {r.status for r in result.receipts if r.account != left} == {Status.SUCCESS}


class Unreadable(SimulatedOrganization):
    """An organization whose tags cannot be read for one account."""

    def __init__(self, org, account, error):
        super().__init__(org)
        self.account_without, self.error = account, error

    async def tags(self, account):
        if account == self.account_without:
            raise self.error(account)
        return await super().tags(account)


def turn_all(org, service, membership, config, **options):
    """The worker with ports of the test's own; its progress and receipts."""
    receipts = []

    async def emit(given):
        receipts.extend(given)

    async def main():
        clock, contacts = VirtualClock(), SimulatedContacts(service, options.pop("latency", 0.0))
        pacer = RateLimiter({operation: TokenBucket(config.pace(operation)) for operation in Operation}, clock)
        source = {kind: await contacts.read(None, kind) for kind in EVERY}
        context = SyncContext(contacts, membership, source, config, pacer, clock)
        targets = [Target(account.id, EVERY) for account in org.accounts]
        return await process_batch(targets, context, options.pop("emit", emit), **options)

    return run(main()), receipts


@pytest.mark.parametrize("error", [AccessDenied, UnexpectedAnswer])
def test_unknown_tags_fail_closed(error):
    """Where it cannot be told whether an account is excluded, it is not touched, and it failed."""
    org = organization(3)
    hidden = org.accounts[2].id
    service = AccountService(org, clock=now)
    before = service.contacts()[hidden]
    config = parse({"excluded_tags": {"team": "web-of-nobody"}})
    _, receipts = turn_all(org, service, Unreadable(org, hidden, error), config)
    assert service.contacts()[hidden] == before
    assert {(r.status, r.error) for r in receipts if r.account == hidden} == {(Status.FAILED, "ExclusionUnknown")}
    assert {r.status for r in receipts if r.account != hidden} == {Status.SUCCESS}


def test_stopping_begins_no_further_account():
    """Told to stop, the worker ends what it began, and says that it is not done."""
    org = organization(200)
    service = AccountService(org, clock=now)
    options = {"latency": 0.2, "stop": lambda: now() > 5}
    progress, receipts = turn_all(org, service, SimulatedOrganization(org), parse({}), **options)
    assert not progress.done
    finished = {r.account for r in receipts}
    assert 0 < len(finished) < 200
    assert len(receipts) == len(finished) * len(EVERY), "an account has all its receipts or none"


def test_patience_lets_go_of_what_is_under_way():
    """Out of patience, the worker answers at once; whoever has no receipt is done again later."""
    org = organization(80)
    service = AccountService(org, clock=now)
    progress, receipts = turn_all(org, service, SimulatedOrganization(org), parse({}), latency=30, patience=20)
    assert not progress.done
    assert receipts == []


def test_a_receipt_that_cannot_be_kept_ends_the_work():
    """Working on without receipts would be working blind."""
    org = organization(3)

    async def broken(receipts):
        raise RuntimeError("the table is gone")

    with pytest.raises(RuntimeError, match="the table is gone"):
        turn_all(org, AccountService(org, clock=now), SimulatedOrganization(org), parse({}), emit=broken)


def test_an_open_circuit_is_carried_on():
    """A batch that begins with an open circuit calls nobody and leaves a receipt for everyone."""
    org = organization(3)
    service = AccountService(org, clock=now)
    config = parse({"excluded_tags": {"team": "x"}})
    progress, receipts = turn_all(org, service, SimulatedOrganization(org), config, circuit="AccessDenied")
    assert progress.done
    assert {(r.status, r.error) for r in receipts} == {(Status.SKIPPED, "CircuitOpen")}
    assert service.calls == {}


def test_no_target_is_no_work():
    """Nothing to do is done."""
    org = organization(0)
    progress, receipts = turn_all(org, AccountService(org, clock=now), SimulatedOrganization(org), parse({}))
    assert (progress.done, receipts) == (True, [])


def test_another_tools_throttles_are_lived_with():
    """Where the quota is shared, 429s slow the run down; every account is still brought into step."""
    org = organization(40)
    rules = Refusals(("GetAlternateContact", "*", "TooManyRequestsException", 30))
    result, _service = worked(org, refuse=rules, latency=0.05)
    assert {receipt.status for receipt in result.receipts} == {Status.SUCCESS}
    assert result.progress.throttles[Operation.GET_ALTERNATE] == 30


def test_skips_neither_open_nor_close_the_circuit():
    """An account left alone says nothing of whether calls help: the row of refusals goes on across it."""
    org = organization(60)
    for account in org.accounts[::9]:
        account.tags = {"contacts": "own"}
    refuse = Refusals(("*", "*", "AccessDeniedException", 10**6))
    result, _service = worked(org, {"excluded_tags": {"contacts": "own"}}, refuse=refuse)
    assert result.progress.circuit == "AccessDenied"


def test_one_accounts_unforeseen_answer_fails_that_account_alone():
    """What nobody thought of is that account's failure, by name, and the others finish."""
    org = organization(4)
    strange = org.accounts[1].id

    class Strange(SimulatedContacts):
        async def read(self, account, kind):
            if account == strange:
                raise KeyError("AlternateContact")
            return await super().read(account, kind)

    service = AccountService(org, clock=now)
    result = run(reconcile(org, service, parse({}), contacts=Strange(service)))
    ends = {(r.account, r.status, r.error) for r in result.receipts}
    others = {(a.id, Status.SUCCESS, None) for a in org.accounts if a.id != strange}
    assert ends == {*others, (strange, Status.FAILED, "UnexpectedAnswer")}


def test_a_receipt_names_what_was_written_though_reading_back_was_refused():
    """The write happened, whatever came after it."""
    org = organization(1)
    account = org.accounts[0].id
    reads = []

    def refuse(operation, target):
        if operation == "GetAlternateContact" and target == account:
            reads.append(operation)
            if len(reads) > 1:
                return ApiError("AccessDeniedException", "by the test")
        return None

    result, service = worked(org, {"contact_types": ["security"]}, refuse=refuse)
    assert [write["kind"] for write in service.writes] == ["security"]
    receipt = by(result, account)
    assert (receipt.status, receipt.error) == (Status.FAILED, "AccessDenied")
    assert receipt.changed
