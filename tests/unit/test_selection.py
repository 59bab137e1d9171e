"""Selection: the accounts that a run works on, and the reason for each one that it skips."""

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgsync.contact_sync.config import parse
from orgsync.contact_sync.core.accounts import Account, Target
from orgsync.contact_sync.core.errors import OrganizationUnreadable, SourceUnreadable, SyncReason
from orgsync.contact_sync.core.receipts import Status
from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.core.selection import Selection, gather
from orgsync.contact_sync.core.source import Source
from orgsync.contact_sync.names import Cause, Kind, Operation
from orgsync.sandbox.contact_sync.simulation import (
    SimulatedContacts,
    SimulatedOrganization,
    VirtualClock,
    run,
    virtual_seconds,
)
from orgsync.sandbox.model.account import AccountService
from orgsync.sandbox.model.organization import OrganizationModel, make_contact
from orgsync.shared.clock import timestamp
from orgsync.shared.rate_limiter import RateLimiter, TokenBucket
from tests.sample_events import MANAGEMENT

NOW = datetime(2026, 11, 1, 10, tzinfo=UTC)
IDS = [f"{200_000_000_000 + number:012d}" for number in range(1, 7)]
EVERY = tuple(sorted(Kind))


def request(everyone: Collection[Kind] = EVERY, accounts: Mapping[str, frozenset[Kind]] | None = None) -> Request:
    """Return a request for kinds of everyone, and for kinds of single accounts."""
    return Request(Cause.SCHEDULE, None, None, frozenset(everyone), accounts or {}, ("event",))


def selected(
    config: Mapping[str, Any],
    accounts: Sequence[Account],
    wanted: Request | None = None,
    below: Collection[str] = (),
    missing: Collection[Kind] = (),
    flawed: Collection[Kind] = (),
    unreadable: Collection[Kind] = (),
) -> Selection:
    """Return the selection of a run in the organization of the samples."""
    return Selection.of(
        wanted or request(),
        accounts,
        parse({"excluded_units": ["/Sandbox"], **config}),
        management=MANAGEMENT,
        in_excluded_units={"/Sandbox": below},
        source=Source(
            flawed=dict.fromkeys(flawed, "a field and its rule"),
            unreadable=dict.fromkeys(unreadable, SourceUnreadable("a kind and a code")),
            missing=frozenset(missing),
        ),
        now=NOW,
    )


def active(*ids: str) -> list[Account]:
    """Return ACTIVE accounts."""
    return [Account(account, "ACTIVE") for account in ids]


NOBODY = "299999999999"

SOMETHING_WRONG = st.sets(st.sampled_from(list(Kind)))


@given(
    states=st.lists(
        st.sampled_from(["ACTIVE", "SUSPENDED", "PENDING_CLOSURE", "CLOSED", "UNKNOWN"]), min_size=6, max_size=6
    ),
    excluded=st.sets(st.sampled_from(IDS)),
    below=st.sets(st.sampled_from(IDS)),
    everyone=st.frozensets(st.sampled_from(list(Kind))),
    single=st.dictionaries(
        st.sampled_from([*IDS, MANAGEMENT, NOBODY]), st.frozensets(st.sampled_from(list(Kind)), min_size=1)
    ),
    missing=st.sets(st.sampled_from([Kind.BILLING, Kind.SECURITY])),
    flawed=SOMETHING_WRONG,
    unreadable=SOMETHING_WRONG,
    policy=st.sampled_from(["ignore", "propagate", "alert"]),
)
def test_every_account_and_kind_is_a_target_or_has_a_receipt(
    states: list[str],
    excluded: set[str],
    below: set[str],
    everyone: frozenset[Kind],
    single: dict[str, frozenset[Kind]],
    missing: set[Kind],
    flawed: set[Kind],
    unreadable: set[Kind],
    policy: str,
) -> None:
    """All that was asked for is accounted for once: a target, or a receipt with a reason; management never a target.

    A kind is stopped by what is wrong with it and by nothing else, and deleted only where the owner lets a missing
    contact propagate: then the target says so.
    """
    accounts = [Account(MANAGEMENT, "ACTIVE"), *(Account(i, s) for i, s in zip(IDS, states, strict=True))]
    flawed, unreadable = flawed - missing, unreadable - flawed - missing
    config = {"excluded_accounts": sorted(excluded), "on_source_delete": policy}
    selection = selected(config, accounts, request(everyone, single), below, missing, flawed, unreadable)
    worked = [(target.account, kind) for target in selection.targets for kind in target.kinds]
    asked = [(i, kind) for i in IDS for kind in everyone | single.get(i, frozenset())]
    nobody = [(i, kind) for i in (MANAGEMENT, NOBODY) for kind in single.get(i, ())]
    receipts = {(one.account, one.kind): one for one in selection.receipts("now")}
    assert sorted([*worked, *receipts]) == sorted([*asked, *nobody])
    assert receipts.keys() == selection.skipped.keys()
    for pair, receipt in receipts.items():
        failed = receipt.error == "SourceUnreadable"
        assert receipt.status is (Status.FAILED if failed else Status.SKIPPED)
        assert receipt.error == selection.skipped[pair]
    assert {selection.skipped[pair] for pair in nobody} <= {SyncReason.NOT_A_MEMBER}
    kept = missing if policy != "propagate" else set()
    for account, kind in asked:
        free = account not in excluded | below and states[IDS.index(account)] == "ACTIVE"
        assert ((account, kind) in worked) == (free and kind not in kept | flawed | unreadable)
    for target in selection.targets:
        assert target.deletions == (frozenset(missing & {*target.kinds}) if policy == "propagate" else frozenset())


def test_the_management_account_is_never_a_target() -> None:
    """Not even when it is asked for by its id: then it is said that it is no member."""
    wanted = request((), {MANAGEMENT: frozenset({Kind.SECURITY}), IDS[0]: frozenset({Kind.BILLING})})
    selection = selected({}, active(MANAGEMENT, IDS[0]), wanted)
    assert selection.targets == (Target(IDS[0], (Kind.BILLING,)),)
    assert selection.skipped == {(MANAGEMENT, Kind.SECURITY): SyncReason.NOT_A_MEMBER}


@given(
    below=st.sets(st.sampled_from([*IDS, NOBODY])),
    elsewhere=st.sets(st.sampled_from(IDS)),
    excluded=st.sets(st.sampled_from([*IDS, NOBODY])),
)
def test_every_rule_that_excludes_an_account_is_named(below: set[str], elsewhere: set[str], excluded: set[str]) -> None:
    """Its receipts name each unit and id that excludes it; nobody else's name one."""
    config = parse({"excluded_accounts": sorted(excluded), "excluded_units": ["/Sandbox", "/Labs"]})
    units = {"/Sandbox": below, "/Labs": elsewhere}
    chosen = Selection.of(
        request(),
        active(MANAGEMENT, *IDS),
        config,
        management=MANAGEMENT,
        in_excluded_units=units,
        source=Source(),
        now=NOW,
    )
    for account in IDS:
        rules = {f"account {account}"} if account in excluded else set()
        rules |= {f"unit {unit}" for unit, ids in units.items() if account in ids}
        found = [receipt for receipt in chosen.receipts("now") if receipt.account == account]
        assert {rule for receipt in found for rule in receipt.excluded_by} == rules
        assert {receipt.error for receipt in found} == ({"Excluded"} if rules else set())


@given(
    joined=st.lists(st.one_of(st.none(), st.integers(-60, 4000)), min_size=6, max_size=6),
    heard=st.dictionaries(st.sampled_from(IDS), st.integers(-60, 4000)),
    settle=st.sampled_from([0, 1, 120, 3600]),
    excluded=st.sets(st.sampled_from(IDS)),
    stopped=SOMETHING_WRONG,
)
def test_a_new_account_is_not_touched_before_it_has_settled(
    joined: list[int | None], heard: dict[str, int], settle: int, excluded: set[str], stopped: set[Kind]
) -> None:
    """Whatever asks for it, by Organizations' word or by an event; all its contacts are accounted for meanwhile.

    An account that is older than `settle`, or of an unknown age, is worked on; what excludes an account, or stops a
    kind, is said of a new one too. A run that ends before any write says why of all that it left.
    """

    def ago(seconds: int | None) -> str | None:
        return None if seconds is None else timestamp(NOW - timedelta(seconds=seconds))

    accounts = [Account(one, "ACTIVE", ago(seconds)) for one, seconds in zip(IDS, joined, strict=True)]
    new = {one: str(ago(seconds)) for one, seconds in heard.items()}
    wanted = replace(request(), new_accounts=new)
    config = {"excluded_accounts": sorted(excluded), "new_accounts": {"settle": settle, "patience": 7200}}
    selection = selected(config, accounts, wanted, flawed=stopped)
    for one, seconds in zip(IDS, joined, strict=True):
        ages = [age for age in (seconds, heard.get(one)) if age is not None]
        young = bool(ages) and max(*ages, 0) < settle
        expected = {
            kind: "Excluded" if one in excluded else "SourceUnwritable" if kind in stopped else "NotYet"
            for kind in EVERY
            if young or one in excluded or kind in stopped
        }
        assert {kind: code for (account, kind), code in selection.skipped.items() if account == one} == expected
        worked = [kind for target in selection.targets if target.account == one for kind in target.kinds]
        assert worked == [kind for kind in EVERY if kind not in expected]
    assert "NotYet" not in selection.given_up("UnknownUnit").skipped.values()


@given(
    named=st.frozensets(st.sampled_from([*IDS, MANAGEMENT, NOBODY])),
    heard=st.dictionaries(st.sampled_from([*IDS, NOBODY]), st.integers(0, 2000)),
    listed=st.sets(st.sampled_from(IDS)),
)
def test_ids_without_a_member_are_said_in_a_run_for_everyone(
    named: frozenset[str], heard: dict[str, int], listed: set[str]
) -> None:
    """Of ids that an operator named, and of new accounts that are still waited for; of no others."""
    new = {one: timestamp(NOW - timedelta(seconds=seconds)) for one, seconds in heard.items()}
    wanted = replace(request(), named=named, new_accounts=new)
    skipped = selected({}, active(MANAGEMENT, *sorted(listed)), wanted).skipped
    expected = named | {one for one, seconds in heard.items() if seconds < 900}
    nobody = {one for one in expected if one not in listed}
    assert {account for (account, _), code in skipped.items() if code == "NotAMember"} == nobody
    assert all((one, kind) in skipped for one in nobody for kind in EVERY)


def test_an_account_is_skipped_for_its_exclusion_first() -> None:
    """Excluded by id or by unit says Excluded, whatever its state; else its state says NotActive."""
    accounts = [Account(IDS[0], "SUSPENDED"), Account(IDS[1], "ACTIVE"), Account(IDS[2], "PENDING_CLOSURE")]
    selection = selected({"excluded_accounts": [IDS[0]]}, accounts, request({Kind.BILLING}), below={IDS[1]})
    assert selection.skipped == {
        (IDS[0], Kind.BILLING): SyncReason.EXCLUDED,
        (IDS[1], Kind.BILLING): SyncReason.EXCLUDED,
        (IDS[2], Kind.BILLING): SyncReason.NOT_ACTIVE,
    }


@pytest.mark.parametrize(("policy", "worked"), [("ignore", False), ("alert", False), ("propagate", True)])
def test_a_contact_missing_at_the_source_follows_the_policy(policy: str, worked: bool) -> None:
    """Only `propagate` lets a missing alternate reach the members; else they keep theirs, and it is said."""
    selection = selected({"on_source_delete": policy}, active(IDS[0]), missing={Kind.BILLING})
    if worked:
        assert selection == Selection((Target(IDS[0], EVERY, frozenset({Kind.BILLING})),), {})
    else:
        assert selection.targets == (Target(IDS[0], tuple(kind for kind in EVERY if kind is not Kind.BILLING)),)
        assert selection.skipped == {(IDS[0], Kind.BILLING): SyncReason.SOURCE_MISSING}


def test_a_selection_that_is_given_up_keeps_every_account() -> None:
    """A run that ends before any write has a reason for each account and kind, for their receipts.

    Nobody failed in it: the run did, whatever each kind of the source came to.
    """
    wanted = request({Kind.PRIMARY, Kind.BILLING}, {NOBODY: frozenset({Kind.PRIMARY})})
    accounts = [*active(*IDS[:2]), Account(IDS[2], "CLOSED")]
    given_up = selected({}, accounts, wanted, unreadable={Kind.PRIMARY}).given_up("UnknownUnit")
    assert given_up.targets == ()
    reasons = {IDS[0]: "UnknownUnit", IDS[1]: "UnknownUnit", IDS[2]: SyncReason.NOT_ACTIVE}
    assert given_up.skipped == {
        (account, kind): reason for account, reason in reasons.items() for kind in (Kind.PRIMARY, Kind.BILLING)
    } | {(NOBODY, Kind.PRIMARY): SyncReason.NOT_A_MEMBER}
    assert {receipt.status for receipt in given_up.receipts("now")} == {Status.SKIPPED}


@pytest.mark.parametrize(
    ("tags", "rule", "excluded"),
    [
        ({"team": "web"}, {"team": "web"}, True),
        ({"team": "web"}, {"team": ["data", "web"]}, True),
        ({"team": "web"}, {"team": "data"}, False),
        ({"team": "web"}, {"team": ["data"]}, False),
        ({"team": "web"}, {"team": "website"}, False),
        ({"team": "we"}, {"team": "web"}, False),
        ({"team": "web", "env": "test"}, {"env": "test", "team": "data"}, True),
        ({"Team": "web"}, {"team": "web"}, False),
        ({"team": "Web"}, {"team": "web"}, False),
        ({"team": ""}, {"team": ""}, True),
        ({}, {"team": ["web"]}, False),
        ({}, {"team": ""}, False),
        ({"team": "web"}, {}, False),
    ],
)
def test_a_tag_excludes_by_its_whole_value(
    tags: dict[str, str], rule: dict[str, str | list[str]], excluded: bool
) -> None:
    """One excluded value of one key is enough; keys and values are compared whole and as they are written."""
    assert bool(parse({"excluded_tags": rule}).exclusions(tags=tags)) is excluded


@given(
    count=st.integers(0, 400),
    size=st.integers(1, 120),
    runs=st.lists(st.uuids(), min_size=2, max_size=2, unique=True),
    draw=st.randoms(),
)
def test_batches_cut_without_loss(count: int, size: int, runs: list[UUID], draw: Random) -> None:
    """Every target is in one batch, and a batch holds a range of ids.

    The same run's batches are the same, however often it is planned and in whatever order accounts were listed.
    """
    targets = [Target(f"{number:012d}", EVERY) for number in range(count)]
    cut = Selection(tuple(draw.sample(targets, count)), {}).batches(size, str(runs[0]))
    assert sorted((target for batch in cut for target in batch), key=lambda target: target.account) == targets
    assert all(cut), "an empty batch would start a function for nothing"
    assert all(len(batch) <= size for batch in cut)
    assert len(cut) == -(-count // size)
    in_order = list(itertools.chain.from_iterable(sorted([target.account for target in batch] for batch in cut)))
    assert in_order == sorted(in_order)
    assert cut == Selection(tuple(draw.sample(targets, count)), {}).batches(size, str(runs[0]))


def test_no_account_is_last_in_every_run() -> None:
    """Each of forty batches begins some run of many, and each ends some."""
    selection = Selection(tuple(Target(f"{number:012d}", EVERY) for number in range(400)), {})
    orders = [selection.batches(10, f"run-{number}") for number in range(1000)]
    for position in (0, -1):
        assert len({order[position][0].account for order in orders}) == 40


class Listing(SimulatedOrganization):
    """An organization whose listing is as a test wants it."""

    def __init__(self, accounts: Sequence[Account]) -> None:
        super().__init__(OrganizationModel(MANAGEMENT, [], {}))
        self._accounts = accounts

    def accounts(self) -> Sequence[Account]:
        """See `Organization.accounts`."""
        return self._accounts


@given(listed=st.lists(st.sampled_from(IDS)), whole=st.booleans(), data=st.data())
def test_a_listing_that_cannot_be_whole_is_no_listing(listed: list[str], whole: bool, data: st.DataObject) -> None:
    """An organization lists its management account: without it nobody is anything, with it each account counts once."""
    accounts = active(*data.draw(st.permutations([*listed, MANAGEMENT] if whole else listed)))

    async def gathered() -> Selection:
        organization = OrganizationModel(MANAGEMENT, [], {kind: make_contact(1, MANAGEMENT, kind) for kind in Kind})
        service = AccountService(organization, clock=virtual_seconds)
        config, clock = parse({}), VirtualClock()
        limiter = RateLimiter({one: TokenBucket(10, 10) for one in Operation}, clock)
        contacts, members = SimulatedContacts(service), Listing(accounts)
        _, selection, error = await gather(
            request(),
            config,
            management=MANAGEMENT,
            contacts=contacts,
            organization=members,
            limiter=limiter,
            clock=clock,
        )
        assert error is None
        return selection

    if not whole:
        with pytest.raises(OrganizationUnreadable):
            run(gathered())
        return
    assert {target.account for target in run(gathered()).targets} == set(listed)
    assert len(run(gathered()).targets) == len(set(listed))
