import asyncio
import contextlib
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from orgsync.contact_sync.config import parse
from orgsync.contact_sync.core.accounts import Target
from orgsync.contact_sync.core.trigger import parse_trigger
from orgsync.contact_sync.names import Kind
from orgsync.sandbox.contact_sync.simulation import EPOCH, reconcile, run, virtual_seconds
from orgsync.sandbox.model.account import AccountService, ApiError, CallerIdentity
from orgsync.sandbox.model.organization import OrganizationModel, make
from orgsync.sandbox.model.quotas import AWS
from tests.properties.strategies import MANAGEMENT


def bell(kind: Kind, casing: str) -> dict[str, object]:
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

    From the bell to the first write, within AWS's quotas, with some latency and beside
    another tool that drinks from the same quotas: at most five minutes, whatever kind changed and in
    however many fields. (CloudTrail's own delivery comes before the bell and is AWS's.)
    """
    organization = in_step(make(seed, accounts, MANAGEMENT), kind, changed_fields)
    writes: list[float] = []

    async def answer() -> None:
        service = AccountService(
            organization, clock=virtual_seconds, quotas=AWS, on_write=lambda _write: writes.append(virtual_seconds())
        )
        request = parse_trigger(bell(kind, casing), run_id="r", management=MANAGEMENT)
        assert request.kinds() == {kind}
        targets = [Target(a.id, tuple(sorted(request.kinds_for(a.id)))) for a in organization.accounts]
        other_tool = asyncio.ensure_future(drink(service, rival))
        config = parse({"contact_types": [str(kind)]})
        await reconcile(organization, service, config, targets=targets, latency=latency)
        other_tool.cancel()

    run(answer())
    assert len(writes) == accounts
    assert writes[0] <= timedelta(minutes=5).total_seconds()


async def drink(service: AccountService, rate: float) -> None:
    """Another tool of the management account that reads `rate` times a second from the same quota."""
    caller = CallerIdentity(MANAGEMENT, "arn:aws:sts::role/other-tool")
    while True:
        with contextlib.suppress(ApiError):
            service.call("GetAlternateContact", {"AlternateContactType": "BILLING"}, caller)
            service.call("GetContactInformation", {}, caller)
        await asyncio.sleep(1 / rate)


def in_step(organization: OrganizationModel, kind: Kind, changed_fields: int) -> OrganizationModel:
    """Members that equal the source, but for the named number of fields of one kind."""
    for account in organization.accounts:
        account.contacts = {name: dict(fields) for name, fields in organization.source.items()}
        names = [n for n in account.contacts[kind] if n in ("FullName", "City", "PostalCode", "AddressLine1")] or [
            "Name",
            "Title",
        ]
        for name in names[:changed_fields]:
            account.contacts[kind][name] = f"before {changed_fields}"[:20]
    return organization
