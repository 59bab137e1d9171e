import asyncio
import contextlib
from datetime import datetime, timedelta
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orgsync.contact_sync.config import parse
from orgsync.contact_sync.core.accounts import Target
from orgsync.contact_sync.core.trigger import parse_trigger
from orgsync.contact_sync.names import Kind
from orgsync.sandbox.contact_sync.simulation import (
    EPOCH,
    reconcile,
    run,
    virtual_seconds,
)
from orgsync.sandbox.model.account import AccountService, ApiError, CallerIdentity
from orgsync.sandbox.model.organization import MANAGEMENT, OrganizationModel, make
from orgsync.sandbox.model.quotas import AWS
from tests.timed import TimedWorld


def source_event(kind: Kind, casing: str) -> dict[str, object]:
    """Return the event of a change of the source, its keys in one of two casings."""
    key = "AlternateContactType" if casing == "pascal" else "alternateContactType"
    return {
        "source": "aws.account",
        "detail-type": "AWS API Call via CloudTrail",
        "account": MANAGEMENT,
        "time": EPOCH.isoformat(),
        "id": "e-1",
        "detail": {
            "eventName": "PutContactInformation" if kind is Kind.PRIMARY else "PutAlternateContact",
            "eventSource": "account.amazonaws.com",
            "recipientAccountId": MANAGEMENT,
            "requestParameters": {} if kind is Kind.PRIMARY else {key: kind.upper()},
        },
    }


@given(
    kind=st.sampled_from(Kind),
    casing=st.sampled_from(("camel", "pascal")),
    accounts=st.integers(1, 200),
    changed_fields=st.integers(1, 4),
    latency=st.floats(0.02, 2.0),
    rival=st.floats(0.1, 5.0),
    seed=st.integers(0, 5),
)
def test_a_change_is_answered_by_a_first_write_within_five_minutes(
    kind: Kind, casing: str, accounts: int, changed_fields: int, latency: float, rival: float, seed: int
) -> None:
    """Feature: aws-contact-sync, Property 1: Contact Change Detection Timing.

    From the event to the first write, within AWS's quotas, with some latency and beside
    another tool that uses the same quotas: at most five minutes, whatever kind changed and in
    however many fields. (CloudTrail's own delivery comes before the event and is AWS's.)
    """
    organization = differing_in(make(seed, accounts, MANAGEMENT), kind, changed_fields)
    writes: list[float] = []

    async def work() -> None:
        service = AccountService(
            organization, clock=virtual_seconds, quotas=AWS, on_write=lambda _write: writes.append(virtual_seconds())
        )
        request = parse_trigger(source_event(kind, casing), run_id="r", management=MANAGEMENT)
        assert request.kinds() == {kind}
        targets = [Target(a.id, tuple(sorted(request.kinds_for(a.id)))) for a in organization.accounts]
        other_tool = asyncio.ensure_future(use_quotas(service, rival))
        config = parse({"contact_types": [str(kind)]})
        await reconcile(organization, service, config, targets=targets, latency=latency)
        other_tool.cancel()

    run(work())
    assert len(writes) == accounts
    assert writes[0] <= timedelta(minutes=5).total_seconds()


@settings(max_examples=25, deadline=None)
@given(
    edited=st.sampled_from(Kind),
    passing=st.one_of(st.none(), st.sampled_from(Kind)),
    accounts=st.integers(1, 250),
    share=st.floats(0, 1),
    batch_size=st.integers(10, 1000),
)
def test_a_change_in_the_midst_of_a_pass_is_answered_as_soon(
    edited: Kind, passing: Kind | None, accounts: int, share: float, batch_size: int
) -> None:
    """Feature: aws-contact-sync, Property 1: Contact Change Detection Timing.

    The same holds while a run goes on, of any cause and of any kinds, at any moment of it: it makes way as soon as it
    has brought an account to its end, the old value is written no longer than what was under way, and in the end every
    account holds the new one.
    """
    with pytest.MonkeyPatch.context() as patch:
        world = TimedWorld(make(accounts % 5, accounts, MANAGEMENT), patch)
        world.services.configs.write({}, at=world.now(), by="test")
        moment = share * accounts * (0.8 if passing is None else 0.25)
        world.timeline.at(moment, partial(world.edit_source, edited, "New Name"))
        whole = {"source": "orgsync", "detail-type": "Schedule", "detail": {}}
        world.start("pass", source_event(passing, "camel") if passing else whole, world.now())
        world.live("pass", batch_size=batch_size)
        if world.timeline.now < moment:
            return  # the pass was over before
        written = [(at - moment, value) for at, _, kind, value in world.written if kind == edited and at > moment]
        first = next((after for after, value in written if value == "New Name"), None)
        assert first is not None
        assert first <= timedelta(minutes=1).total_seconds()
        first_end = min(datetime.fromisoformat(receipt.at) for receipt in world.receipts("pass")) - EPOCH
        asked = max(first_end.total_seconds() - moment, 0)
        assert all(after <= asked + 20 for after, value in written if value != "New Name")
        assert world.differing([str(edited)]) == []


@settings(max_examples=25, deadline=None)
@given(
    edits=st.lists(st.tuples(st.floats(0, 40), st.sampled_from(Kind)), min_size=2, max_size=6),
    accounts=st.integers(1, 90),
    lag=st.floats(0.1, 28),
    batch_size=st.integers(10, 100),
)
def test_edits_that_show_late_reach_everybody_however_they_meet(
    edits: list[tuple[float, Kind]], accounts: int, lag: float, batch_size: int
) -> None:
    """Feature: aws-contact-sync, Property 1: Contact Change Detection Timing.

    Events come before AWS shows what they speak of, and while runs for other edits go on. A run that makes way before
    its last look at the source leaves that look to the run after it: no schedule has to come.
    """
    with pytest.MonkeyPatch.context() as patch:
        world = TimedWorld(make(accounts % 5, accounts, MANAGEMENT), patch, lag_s=lag)
        world.services.configs.write({}, at=world.now(), by="test")
        for number, (moment, kind) in enumerate(edits):
            world.timeline.at(moment, partial(world.edit_source, kind, f"Edit {number}"))
        while world.timeline.skip():
            world.live(world.holder() or "", batch_size=batch_size)
        assert world.differing([str(kind) for _, kind in edits]) == []
        assert world.holder() is None


async def use_quotas(service: AccountService, rate: float) -> None:
    """Read `rate` times a second from the same quotas, as another tool of the management account."""
    caller = CallerIdentity(MANAGEMENT, "arn:aws:sts::role/other-tool")
    while True:
        with contextlib.suppress(ApiError):
            service.call("GetAlternateContact", {"AlternateContactType": "BILLING"}, caller)
            service.call("GetContactInformation", {}, caller)
        await asyncio.sleep(1 / rate)


def differing_in(organization: OrganizationModel, kind: Kind, changed_fields: int) -> OrganizationModel:
    """Let the members equal the source, but for so many fields of one kind."""
    for account in organization.accounts:
        account.contacts = {name: dict(fields) for name, fields in organization.source.items()}
        names = [n for n in account.contacts[kind] if n in ("FullName", "City", "PostalCode", "AddressLine1")] or [
            "Name",
            "Title",
        ]
        for name in names[:changed_fields]:
            account.contacts[kind][name] = f"before {changed_fields}"[:20]
    return organization
