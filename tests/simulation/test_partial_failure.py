"""Organizations in which some always refuse: whatever a part of them answers, the rest is in sync after one pass."""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.organizations import in_sync
from orgsync.contact_sync.config import parse
from orgsync.contact_sync.core.accounts import Target
from orgsync.contact_sync.core.receipts import Status
from orgsync.contact_sync.names import Kind
from orgsync.sandbox.contact_sync.simulation import EPOCH, SimulatedRun, reconcile, run, virtual_seconds
from orgsync.sandbox.model.account import AccountService, ApiError
from orgsync.sandbox.model.organization import OrganizationModel, make
from orgsync.sandbox.model.quotas import AWS

OPERATIONS = ("GetContactInformation", "PutContactInformation", "GetAlternateContact", "PutAlternateContact")
OWN = ("AccessDeniedException", "ConflictException", "InternalServerException", "ValidationException")
"""Answers that may be one account's own; a 429 is the caller's."""

CODES = (*OWN, "TooManyRequestsException")
SOME = settings(max_examples=25)
Refuse = Callable[[str, str], ApiError | None]


@dataclass
class Pass:
    """One pass over an organization: what came of it, and the Account API afterwards."""

    organization: OrganizationModel
    result: SimulatedRun
    service: AccountService

    def stale(self, kinds: Collection[str] = tuple(Kind)) -> set[str]:
        """Return the members that do not hold what the source holds."""
        held = self.service.contacts()
        return {
            account.id
            for account in self.organization.accounts
            if any(held[account.id][kind] != self.organization.source[kind] for kind in kinds)
        }

    def calls(self, operation: str, what: str = "made") -> int:
        """Return how many calls of an operation were made, throttled or failed."""
        return self.service.calls.get(operation, {}).get(what, 0)


def one_pass(size: int, refuse: Refuse, order: int = 0, quotas: Any = None, **more: Any) -> Pass:
    """Process an organization whose members all differ; an `order` other than 0 shuffles the accounts."""
    organization = make(1, size)
    service = AccountService(organization, clock=virtual_seconds, quotas=quotas, refuse=refuse)
    config = parse(more.pop("config", {}))
    targets = [Target(account.id, config.contact_types) for account in organization.accounts]
    if order:
        Random(order).shuffle(targets)
    result = run(reconcile(organization, service, config, latency=0.15, targets=targets, **more))
    assert result.done
    assert len(result.receipts) == size * len(config.contact_types)
    assert len({(receipt.account, receipt.kind) for receipt in result.receipts}) == len(result.receipts)
    return Pass(organization, result, service)


def ids(numbers: Collection[int]) -> set[str]:
    """Return the account ids of members by their numbers."""
    return {f"{200_000_000_001 + number}" for number in numbers}


def denies(accounts: Collection[str], operations: Collection[str] = OPERATIONS, code: str = "AccessDenied") -> Refuse:
    """Let these accounts refuse these operations."""
    return lambda operation, account: (
        ApiError(f"{code}Exception", "no") if account in accounts and operation in operations else None
    )


@SOME
@given(data=st.data(), size=st.integers(1, 400), order=st.integers(1, 10**6))
def test_healthy_accounts_are_in_sync_whatever_the_others_refuse(data: st.DataObject, size: int, order: int) -> None:
    """Any subset of up to half of the accounts refuses any operations, each its own: the others are in sync.

    What an account lets us do is done there too: a kind whose operations it does not refuse is written.
    """
    draw = Random(data.draw(st.integers(0, 10**6)))
    some = draw.sample(range(size), data.draw(st.integers(0, size // 2)))
    refused = {one: draw.sample(OPERATIONS, draw.randint(1, 4)) for one in ids(some)}
    seen = one_pass(
        size,
        lambda operation, account: (
            ApiError("AccessDeniedException", "no") if operation in refused.get(account, ()) else None
        ),
        order,
    )
    assert seen.stale() <= refused.keys()
    for receipt in seen.result.receipts:
        mine = {"Get", "Put"}
        suffix = "ContactInformation" if receipt.kind is Kind.PRIMARY else "AlternateContact"
        broken = any(f"{verb}{suffix}" in refused.get(receipt.account, ()) for verb in mine)
        assert (receipt.status, receipt.error) == (
            (Status.FAILED, "AccessDenied") if broken else (Status.SUCCESS, None)
        )
    assert set(seen.result.breakers.values()) <= {""}


@SOME
@given(
    seed=st.integers(0, 10**6),
    size=st.integers(1, 300),
    side_by_side=st.sampled_from((1, 2, 8, 64)),
    share=st.sampled_from((0.0, 0.05, 0.3, 0.6, 1.0)),
    everywhere=st.dictionaries(st.sampled_from(OPERATIONS), st.sampled_from(CODES), max_size=2),
)
def test_every_pass_ends_whatever_is_answered(
    seed: int, size: int, side_by_side: int, share: float, everywhere: dict[str, str]
) -> None:
    """Any mix of answers, by account and operation or everywhere: a pass ends, with one receipt for each kind.

    A kind about which nothing but success was answered is a success, however few accounts are under way at once.
    """
    draw = Random(seed)
    broken = {
        account: {operation: draw.choice(OWN) for operation in draw.sample(OPERATIONS, draw.randint(1, 4))}
        for account in sorted(ids(range(size)))
        if draw.random() < share
    }

    def refuse(operation: str, account: str) -> ApiError | None:
        if account not in members:
            return None
        code = everywhere.get(operation) or broken.get(account, {}).get(operation)
        return ApiError(code, "no") if code else None

    members = ids(range(size))
    seen = one_pass(size, refuse, order=seed + 1, concurrency=side_by_side)
    assert max(receipt.retries for receipt in seen.result.receipts) <= 3
    if not everywhere and share < 1:
        well = {receipt.error for receipt in seen.result.receipts if receipt.account not in broken}
        assert well <= ({None} if share <= 0.5 else {None, "CircuitOpen"})


@pytest.mark.parametrize("order", [0, 11])
@pytest.mark.parametrize(
    ("size", "first", "count"), [(140, 0, 12), (500, 0, 40), (1000, 300, 200), (9, 0, 6), (60, 0, 30)]
)
def test_a_block_of_refusing_accounts_stops_nobody(size: int, first: int, count: int, order: int) -> None:
    """A service control policy over one unit: its accounts are reported with AccessDenied, and no breaker is open."""
    block = ids(range(first, first + count))
    seen = one_pass(size, denies(block), order)
    assert seen.stale() == block
    ends = {(receipt.account in block, receipt.status, receipt.error) for receipt in seen.result.receipts}
    assert ends == {(True, Status.FAILED, "AccessDenied"), (False, Status.SUCCESS, None)}
    assert set(seen.result.breakers.values()) == {""}


@SOME
@given(size=st.integers(1, 600), operations=st.sets(st.sampled_from(OPERATIONS), min_size=1))
def test_what_everybody_refuses_costs_a_call_now_and_then(size: int, operations: set[str]) -> None:
    """Operations that all accounts refuse are called for twenty accounts and then for one in twenty.

    The kinds that do not need them are in sync; the others say AccessDenied, or which breaker was open.
    """
    everybody = ids(range(size))
    seen = one_pass(size, denies(everybody, operations))
    for operation in operations:
        # Where all there are have refused one call, the few of them are asked for their other kinds too.
        few = 3 * size if size < 20 and operation.endswith("AlternateContact") else size
        assert seen.calls(operation, "failed") <= (few if size < 20 else 20 + 9 + (size - 20) / 20)
    for kind in Kind:
        suffix = "ContactInformation" if kind is Kind.PRIMARY else "AlternateContact"
        broken = operations & {f"Get{suffix}", f"Put{suffix}"}
        assert seen.stale([kind]) == (everybody if broken else set())
        errors = {receipt.error for receipt in seen.result.receipts if receipt.kind is kind}
        assert errors <= ({"AccessDenied", "CircuitOpen"} if broken else {None})


@SOME
@given(share=st.floats(0, 0.7), size=st.integers(1, 60), draw=st.integers(0, 10**6))
def test_throttled_calls_are_no_failures(share: float, size: int, draw: int) -> None:
    """Another tool eats any part of the quota up to 0.7: every receipt is a success, without a retry."""
    random = Random(draw)
    seen = one_pass(
        size,
        lambda operation, account: ApiError("TooManyRequestsException", "slow") if random.random() < share else None,
        quotas=AWS,
    )
    assert {(receipt.status, receipt.retries) for receipt in seen.result.receipts} == {(Status.SUCCESS, 0)}
    assert seen.stale() == set()


def test_half_of_the_calls_throttled_costs_a_small_multiple_of_the_time() -> None:
    """The rate does not collapse under 429s that come whatever it is: twice the calls, at a good part of the rate."""
    random = Random(5)
    half: Refuse = lambda operation, account: (  # noqa: E731
        ApiError("TooManyRequestsException", "slow") if random.random() < 0.5 else None
    )
    slowed = one_pass(120, half, quotas=AWS)
    assert slowed.result.seconds <= 5 * one_pass(120, lambda operation, account: None, quotas=AWS).result.seconds


def test_an_operation_that_is_always_throttled_delays_only_what_needs_it() -> None:
    """The other kinds of all accounts are in sync long before it is given up, and few calls are wasted on it."""
    in_time: Counter[str | None] = Counter()

    async def note(receipt: Any) -> None:
        if virtual_seconds() < 300:
            in_time[receipt.error] += 1

    refuse = denies(ids(range(200)), {"PutContactInformation"}, "TooManyRequests")
    seen = one_pass(200, refuse, quotas=AWS, emit=note)
    assert in_time == {None: 600}
    assert seen.stale([Kind.BILLING, Kind.OPERATIONS, Kind.SECURITY]) == set()
    assert Counter(r.error for r in seen.result.receipts) == {None: 600, "Throttled": 200}


@SOME
@given(data=st.data(), size=st.integers(1, 200), rate=st.floats(0, 0.4))
def test_no_kind_is_retried_more_than_three_times(data: st.DataObject, size: int, rate: float) -> None:
    """Read, write and verification of one account and kind share three retries, however often AWS fails."""
    random = Random(data.draw(st.integers(0, 10**6)))
    failed: Counter[tuple[str, str]] = Counter()

    def refuse(operation: str, account: str) -> ApiError | None:
        if account not in members or random.random() >= rate:
            return None
        failed[account, operation[3:]] += 1
        return ApiError("InternalServerException", "later")

    members = ids(range(size))
    seen = one_pass(size, refuse)
    assert max(receipt.retries for receipt in seen.result.receipts) <= 3
    for receipt in seen.result.receipts:
        if receipt.kind is Kind.PRIMARY:
            assert failed[receipt.account, "ContactInformation"] == receipt.retries + (receipt.error == "ServiceFailed")


def test_an_outage_of_a_minute_is_outlived() -> None:
    """An outage of AWS for a minute leaves few accounts behind: those that had no retry left."""
    members = ids(range(300))
    seen = one_pass(
        300,
        lambda operation, account: (
            ApiError("InternalServerException", "out") if account in members and 20 < virtual_seconds() < 80 else None
        ),
        quotas=AWS,
    )
    assert len(seen.stale()) <= 10
    assert sum(seen.calls(operation, "failed") for operation in OPERATIONS) < 1000


@pytest.mark.parametrize("ready", [35, 10**6])
def test_fresh_permissions_are_asked_for_by_one_account(ready: float) -> None:
    """In the first two minutes one account asks every ten seconds; then all is in sync, or judged."""
    members = ids(range(100))
    seen = one_pass(
        100,
        lambda operation, account: (
            ApiError("AccessDeniedException", "not yet") if account in members and virtual_seconds() < ready else None
        ),
        context={"fresh_until": EPOCH + timedelta(seconds=120)},
    )
    errors = {receipt.error for receipt in seen.result.receipts}
    if ready < 120:
        assert errors == {None}
        assert seen.stale() == set()
        assert seen.calls("GetContactInformation", "failed") <= 5 + ready / 10 + 1
    else:
        assert errors == {"AccessDenied", "CircuitOpen"}
        assert seen.calls("GetContactInformation", "failed") <= 5 + 12 + 20 + 100 / 20 + 2


@pytest.mark.parametrize("delay", [30, 60])
def test_waits_for_verification_leave_the_quota_to_others(delay: int) -> None:
    """However long each write is waited for, the pass takes as long as the quota forces and one such wait more."""

    def seconds(wait: float) -> float:
        organization = in_sync(make(1, 600))
        for account in organization.accounts:
            account.contacts[Kind.SECURITY]["Name"] = "Drifted"
        service = AccountService(organization, clock=virtual_seconds, quotas=AWS)
        config = parse({"contact_types": ["security"], "verify_config": {"delay": wait, "max_attempts": 1}})
        return run(reconcile(organization, service, config, latency=0.15)).seconds

    assert seconds(delay) <= seconds(1) + delay
