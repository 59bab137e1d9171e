from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from orgsync.contact_sync.config import parse
from orgsync.contact_sync.core.accounts import Account
from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.core.selection import Selection
from orgsync.contact_sync.names import Cause, Kind
from orgsync.sandbox.contact_sync.simulation import (
    SimulatedOrganization,
    reconcile,
    run,
    virtual_seconds,
)
from orgsync.sandbox.model.account import AccountService
from orgsync.sandbox.model.organization import MANAGEMENT, OrganizationModel
from tests.properties.strategies import normalised, organizations


@given(
    organization=organizations(),
    lost=st.sets(st.sampled_from((Kind.BILLING, Kind.OPERATIONS, Kind.SECURITY))),
    policy=st.sampled_from(("ignore", "propagate", "alert")),
    lag=st.sampled_from((0.0, 1.0, 5.0)),
    excluded=st.integers(0, 2),
)
def test_every_account_that_is_not_excluded_ends_equal_to_the_source(
    organization: OrganizationModel,
    lost: set[Kind],
    policy: Literal["ignore", "propagate", "alert"],
    lag: float,
    excluded: int,
) -> None:
    """Feature: aws-contact-sync, Property 2: Contact Information Propagation Consistency.

    All fields of all kinds arrive, also where reads show a write late; a contact that is
    excluded, not ACTIVE or lost at the source stays as the policy says; nothing that was
    equal is written.
    """
    organization.source = {kind: fields for kind, fields in organization.source.items() if kind not in lost}
    before = {account.id: dict(account.contacts) for account in organization.accounts}
    out = {account.id for account in organization.accounts[:excluded]}
    config = parse({"excluded_accounts": sorted(out), "on_source_delete": policy})

    async def one_pass() -> AccountService:
        service = AccountService(organization, clock=virtual_seconds, lag_s=lag)
        selection = Selection.of(
            Request(Cause.SCHEDULE, None, "", frozenset(Kind)),
            [Account(a.id, a.state) for a in SimulatedOrganization(organization).accounts()],
            config,
            management=MANAGEMENT,
            in_excluded_units=(),
            missing_at_source=lost,
        )
        await reconcile(organization, service, config, targets=selection.targets)
        return service

    service = run(one_pass())
    after = service.contacts()
    written = {(write["account"], write["kind"]) for write in service.writes}
    assert len(written) == len(service.writes), "a contact was written twice"
    for account in organization.accounts:
        for kind in Kind:
            wanted = normalised(organization.source.get(kind))
            had = normalised(before[account.id].get(kind))
            has = normalised(after[account.id][kind])
            untouched = account.id in out or account.state != "ACTIVE" or (wanted is None and policy != "propagate")
            assert has == (had if untouched else wanted)
            assert ((account.id, kind) in written) == (has != had)
    assert after[MANAGEMENT] == {kind: organization.source.get(kind) for kind in map(str, Kind)}
