import asyncio
import contextlib
from datetime import timedelta

from hypothesis import given
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
