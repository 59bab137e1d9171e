"""`orgsync plan`: what it says is what a run would do, and its totals add up."""

import asyncio
import re
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orgsync.cli.plan import _print_text, account_totals, compare
from orgsync.contact_sync.config import parse
from orgsync.contact_sync.core.outcome import RunSummary
from orgsync.contact_sync.core.receipts import Receipt
from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.names import Cause, Kind
from orgsync.shared.errors import ServiceFailed, explain
from tests.world import QUICK, World, make_world

KINDS = frozenset(Kind)


def compared(world: World, accounts: tuple[str, ...] = (), **config: Any) -> list[Receipt]:
    """Return the receipts of a dry run over some accounts, or over the whole organization."""
    request = Request(Cause.OPERATOR, None, None, frozenset() if accounts else KINDS, dict.fromkeys(accounts, KINDS))
    document = parse(QUICK | config)
    services = world.services
    return asyncio.run(
        compare(
            request,
            document,
            management=world.management,
            contacts=services.contacts,
            organization=services.organization,
            limiter=services.limiter(document),
            clock=services.clock,
        )
    )


@settings(max_examples=8, deadline=None)
@given(
    refused=st.floats(0.01, 0.6),
    seed=st.integers(0, 10**6),
    side_by_side=st.booleans(),
    operation=st.sampled_from(["*", "GetAlternateContact", "GetContactInformation"]),
)
def test_refusals_of_some_accounts_leave_no_other_uncompared(
    refused: float, seed: int, side_by_side: bool, operation: str
) -> None:
    """However many accounts refuse, scattered or side by side: every other one is compared, and none is given up."""
    world = make_world(300)
    count = int(300 * refused)
    refusing = world.members[:count] if side_by_side else Random(seed).sample(world.members, count)
    for account in refusing:
        world.refuse(operation, account, "AccessDeniedException")
    receipts = compared(world)
    assert len({(one.account, one.kind) for one in receipts}) == len(receipts) == 300 * 4
    assert "CircuitOpen" not in {one.error for one in receipts}
    unknown = {one.account for one in receipts if one.error}
    assert unknown == set(refusing)
    assert not world.account.writes


def test_a_dry_run_ends_where_aws_answers_for_nobody() -> None:
    """It gives up as a run does, and says of every contact that it was not compared."""
    world = make_world(300)
    world.refuse("*", "*", "AccessDeniedException")
    receipts = compared(world)
    assert {one.error for one in receipts} <= {"AccessDenied", "CircuitOpen"}
    assert len(receipts) == 1200


@settings(max_examples=40, deadline=None)
@given(
    units=st.lists(st.sampled_from(["/Sandbox", "/Prod", "/"]), min_size=20, max_size=20),
    tags=st.lists(st.sampled_from([{}, {"contacts": "own"}]), min_size=20, max_size=20),
    states=st.lists(st.sampled_from(["ACTIVE", "ACTIVE", "SUSPENDED"]), min_size=20, max_size=20),
    refusing=st.sets(st.integers(0, 19), max_size=8),
    named=st.lists(st.integers(0, 24), max_size=15, unique=True),
    missing=st.booleans(),
)
def test_totals_add_up_to_the_accounts_that_were_asked_for(
    units: list[str],
    tags: list[dict[str, str]],
    states: list[str],
    refusing: set[int],
    named: list[int],
    missing: bool,
) -> None:
    """Each account that was asked for is in exactly one total: members, excluded, not ACTIVE, unknown, refused."""
    world = make_world(20)
    for account, ou, tag, state in zip(world.organization.accounts[1:], units, tags, states, strict=False):
        account.ou, account.tags, account.state = ou, tag, state
    world.organization.accounts[0].ou = "/Sandbox"
    if missing:
        world.edit("security", None)
    for number in refusing:
        world.refuse("*", world.members[number], "AccessDeniedException")
    accounts = tuple(f"{200_000_000_001 + number:012d}" for number in named)
    config: dict[str, Any] = {
        "excluded_units": ["/Sandbox"],
        "excluded_tags": {"contacts": "own", "Contacts": "own"},
    }
    receipts = compared(world, accounts, **config)
    totals, whole = account_totals(receipts)
    assert sum(totals.values()) + sum(whole.values()) == (len(accounts) or 20)
    assert len(receipts) == (len(accounts) or 20) * 4


def test_what_cannot_be_compared_is_said_with_what_was_seen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error of the call, and whose credentials made it: a dry run says nothing of the functions' roles."""
    world = make_world(3)

    async def failing(account: str, _page: str | None = None) -> Any:
        raise ServiceFailed(account)

    monkeypatch.setattr(world.services.organization, "tags", failing)
    config: dict[str, Any] = {"excluded_tags": {"contacts": "own"}}
    receipts = compared(world, **config)
    document = parse(QUICK | config)
    _print_text(receipts, RunSummary.of(receipts, everyone=True, exclusions=document.exclusions()), document)
    said = capsys.readouterr().out
    assert said.count("not compared: ExclusionUnknown (ServiceFailed)") == 12
    assert explain("ServiceFailed").remedy in said
    assert "right to" not in said
    assert "with your own credentials" in said
    assert "tag contacts=own: no account's tags were read" in said


def test_exclusions_are_said_with_their_counts(capsys: pytest.CaptureFixture[str]) -> None:
    """Those that match somebody with how many, those that match nobody as such; so is a paused stack."""
    world = make_world(4)
    for account, ou in zip(world.organization.accounts, ["/Sandbox", "/Sandbox", "/", "/"], strict=True):
        account.ou, account.tags = ou, {"contacts": "own"} if account.id.endswith("3") else {}
    config: dict[str, Any] = {
        "excluded_units": ["/Sandbox"],
        "excluded_tags": {"Contacts": "own", "contacts": "own"},
        "paused": True,
    }
    receipts = compared(world, **config)
    document = parse(QUICK | config)
    _print_text(receipts, RunSummary.of(receipts, everyone=True, exclusions=document.exclusions()), document)
    said = capsys.readouterr().out
    assert "Accounts: 4 asked for: 1 to write, 0 in sync, 0 not compared in full, 3 skipped (Excluded)." in said
    assert "unit /Sandbox: 2 accounts excluded" in said
    assert "tag contacts=own: 1 account excluded" in said
    assert "tag Contacts=own: matches no account whose tags were read" in said
    assert re.search("paused: no run starts", said)
