"""Selection: the accounts that a run works on, and the reason for each one that it skips."""

from collections.abc import Collection, Mapping, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgsync.contact_sync.config import parse
from orgsync.contact_sync.core.accounts import Account, Target
from orgsync.contact_sync.core.errors import (
    Excluded,
    NotActive,
    SourceMissing,
    SourceUnwritable,
)
from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.core.selection import Selection
from orgsync.contact_sync.names import Cause, Kind
from tests.sample_events import MANAGEMENT

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
) -> Selection:
    """Return the selection of a run in the organization of the samples."""
    return Selection.of(
        wanted or request(),
        accounts,
        parse(config),
        management=MANAGEMENT,
        in_excluded_units=below,
        missing_at_source=missing,
    )


def active(*ids: str) -> list[Account]:
    """Return ACTIVE accounts."""
    return [Account(account, "ACTIVE") for account in ids]


@given(
    states=st.lists(
        st.sampled_from(["ACTIVE", "SUSPENDED", "PENDING_CLOSURE", "CLOSED", "UNKNOWN"]), min_size=6, max_size=6
    ),
    excluded=st.sets(st.sampled_from(IDS)),
    below=st.sets(st.sampled_from(IDS)),
    everyone=st.frozensets(st.sampled_from(list(Kind))),
    single=st.dictionaries(st.sampled_from([*IDS, MANAGEMENT]), st.frozensets(st.sampled_from(list(Kind)), min_size=1)),
    missing=st.sets(st.sampled_from([Kind.BILLING, Kind.SECURITY])),
    policy=st.sampled_from(["ignore", "propagate", "alert"]),
)
def test_every_account_and_kind_is_a_target_or_skipped(
    states: list[str],
    excluded: set[str],
    below: set[str],
    everyone: frozenset[Kind],
    single: dict[str, frozenset[Kind]],
    missing: set[Kind],
    policy: str,
) -> None:
    """All that was asked for is accounted for once: a target, or skipped for a reason; management never."""
    accounts = [Account(MANAGEMENT, "ACTIVE"), *(Account(i, s) for i, s in zip(IDS, states, strict=True))]
    config = {"excluded_accounts": sorted(excluded), "on_source_delete": policy}
    selection = selected(config, accounts, request(everyone, single), below, missing)
    worked = [(target.account, kind) for target in selection.targets for kind in target.kinds]
    asked = [(i, kind) for i in IDS for kind in everyone | single.get(i, frozenset())]
    assert sorted([*worked, *selection.skipped]) == sorted(asked)
    for account, kind in worked:
        assert account not in excluded | below
        assert states[IDS.index(account)] == "ACTIVE"
        assert policy == "propagate" or kind not in missing


def test_the_management_account_is_never_a_target() -> None:
    """Not even when it was asked for by its id."""
    wanted = request((), {MANAGEMENT: frozenset(Kind), IDS[0]: frozenset({Kind.BILLING})})
    selection = selected({}, active(MANAGEMENT, IDS[0]), wanted)
    assert selection.targets == (Target(IDS[0], (Kind.BILLING,)),)
    assert selection.skipped == {}


def test_an_account_is_skipped_for_its_exclusion_first() -> None:
    """Excluded by id or by unit says Excluded, whatever its state; else its state says NotActive."""
    accounts = [Account(IDS[0], "SUSPENDED"), Account(IDS[1], "ACTIVE"), Account(IDS[2], "PENDING_CLOSURE")]
    selection = selected({"excluded_accounts": [IDS[0]]}, accounts, request({Kind.BILLING}), below={IDS[1]})
    assert selection.skipped == {
        (IDS[0], Kind.BILLING): Excluded,
        (IDS[1], Kind.BILLING): Excluded,
        (IDS[2], Kind.BILLING): NotActive,
    }


@pytest.mark.parametrize(("policy", "worked"), [("ignore", False), ("alert", False), ("propagate", True)])
def test_a_contact_missing_at_the_source_follows_the_policy(policy: str, worked: bool) -> None:
    """Only `propagate` lets a missing alternate reach the members; else they keep theirs, and it is said."""
    selection = selected({"on_source_delete": policy}, active(IDS[0]), missing={Kind.BILLING})
    if worked:
        assert selection == Selection((Target(IDS[0], EVERY),), {})
    else:
        assert selection.targets == (Target(IDS[0], tuple(kind for kind in EVERY if kind is not Kind.BILLING)),)
        assert selection.skipped == {(IDS[0], Kind.BILLING): SourceMissing}


def test_a_selection_that_is_given_up_keeps_every_account() -> None:
    """A run that ends before any write has a reason for each account and kind, for their receipts."""
    selection = selected({}, [*active(*IDS[:2]), Account(IDS[2], "CLOSED")], request({Kind.PRIMARY, Kind.BILLING}))
    given_up = selection.given_up(SourceUnwritable)
    assert given_up.targets == ()
    reasons = {IDS[0]: SourceUnwritable, IDS[1]: SourceUnwritable, IDS[2]: NotActive}
    assert given_up.skipped == {
        (account, kind): reason for account, reason in reasons.items() for kind in (Kind.PRIMARY, Kind.BILLING)
    }


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
    assert parse({"excluded_tags": rule}).excludes(tags) is excluded


@given(count=st.integers(0, 40), size=st.integers(1, 12), draw=st.randoms())
def test_batches_cut_without_loss(count: int, size: int, draw: Random) -> None:
    """Every target is in one batch; batches are full but for the last and follow one another by account id."""
    targets = [Target(f"{number:012d}", EVERY) for number in range(count)]
    shuffled = draw.sample(targets, count)
    cut = Selection(tuple(shuffled), {}).batches(size)
    assert [target for batch in cut for target in batch] == targets
    assert all(len(batch) == size for batch in cut[:-1])
    assert all(cut), "an empty batch would start a function for nothing"
