from hypothesis import given
from hypothesis import strategies as st

from orgsync.contact_sync.config import parse
from orgsync.contact_sync.core.receipts import Status
from orgsync.contact_sync.names import Kind
from orgsync.sandbox.contact_sync.simulation import reconcile, run, virtual_seconds
from orgsync.sandbox.model.account import AccountService, ApiError
from orgsync.sandbox.model.organization import OrganizationModel
from tests.properties.strategies import normalised, organizations

PERMANENT = ("AccessDeniedException", "ValidationException")
TEMPORARY = ("InternalServerException", "TooManyRequestsException")


@given(organization=organizations(most=9), data=st.data())
def test_every_account_that_can_be_brought_in_sync_is_whatever_happens_to_the_others(
    organization: OrganizationModel, data: st.DataObject
) -> None:
    """Feature: aws-contact-sync, Property 4: Resilient Processing.

    Any accounts fail in any way, for good or for a while, on any of their calls: they end
    as failed with a reason, and every other account ends equal to the source. Only where
    nothing succeeds are calls spared, and their kinds skipped with that reason.
    """
    for member in organization.accounts:
        member.state = "ACTIVE"
    ids = [member.id for member in organization.accounts]
    broken = data.draw(st.dictionaries(st.sampled_from(ids), st.sampled_from(PERMANENT + TEMPORARY)))
    config = parse({})

    def refuse(operation: str, account: str) -> ApiError | None:
        return ApiError(broken[account], "no") if account in broken else None

    async def one_pass() -> tuple[AccountService, list[tuple[str, Kind, Status, str | None]]]:
        service = AccountService(organization, clock=virtual_seconds, refuse=refuse)
        result = await reconcile(organization, service, config)
        assert result.done
        return service, [(r.account, r.kind, r.status, r.error) for r in result.receipts]

    service, receipts = run(one_pass())
    assert {(account, kind) for account, kind, _, _ in receipts} == {(i, kind) for i in ids for kind in Kind}
    assert len(receipts) == len(ids) * len(Kind)
    after = service.contacts()
    for account, kind, status, error in receipts:
        if account in broken:
            spared = (Status.SKIPPED, "CircuitOpen")
            assert error is not None
            assert status is Status.FAILED or ((status, error) == spared and set(ids) == set(broken))
        else:
            assert (status, error) == (Status.SUCCESS, None)
            assert normalised(after[account][kind]) == normalised(organization.source[kind])
