import asyncio
import itertools

from hypothesis import given
from hypothesis import strategies as st

from orgsync.contact_sync.config import parse
from orgsync.contact_sync.core.accounts import Target
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.names import Kind
from orgsync.sandbox.contact_sync.simulation import reconcile, run, virtual_seconds
from orgsync.sandbox.model.account import AccountService, ApiError
from orgsync.sandbox.model.organization import MANAGEMENT, make

OPERATIONS = ("GetContactInformation", "PutContactInformation", "GetAlternateContact", "PutAlternateContact")


@given(
    operation=st.sampled_from(OPERATIONS),
    error=st.sampled_from(("InternalServerException", "ConflictException")),
    failures=st.integers(0, 6),
    accounts=st.integers(1, 5),
)
def test_a_temporary_failure_is_tried_again_exactly_three_times_after_2_4_and_8_seconds(
    operation: str, error: str, failures: int, accounts: int
) -> None:
    """Feature: aws-contact-sync, Property 3: Retry Logic with Exponential Backoff.

    One account's call fails `failures` times. Up to three are outlived, each after exactly
    its delay; a fourth fails the account, with three retries on its receipt. The others
    do not wait for it.
    """
    kind = Kind.PRIMARY if operation.endswith("Information") else Kind.SECURITY
    organization = make(3, accounts, MANAGEMENT)
    unlucky = organization.accounts[0].id
    config = parse({"contact_types": [str(kind)], "verify_config": {"delay": 0}})
    attempts: list[float] = []
    ended: dict[str, float] = {}

    def refuse(called: str, account: str) -> ApiError | None:
        if (called, account) != (operation, unlucky) or len(attempts) > failures:
            return None
        attempts.append(asyncio.get_running_loop().time())
        return ApiError(error, "later") if len(attempts) <= failures else None

    async def one_pass() -> list[tuple[str, Status, int, str | None]]:
        service = AccountService(organization, clock=virtual_seconds, refuse=refuse)

        async def emit(receipt: Receipt) -> None:
            ended[receipt.account] = virtual_seconds()

        targets = [Target(account.id, (kind,)) for account in organization.accounts]
        result = await reconcile(organization, service, config, targets=targets, emit=emit)
        return [(r.account, r.status, r.retries, r.error) for r in result.receipts]

    receipts = {account: rest for account, *rest in run(one_pass())}
    gaps = [round(later - earlier, 3) for earlier, later in itertools.pairwise(attempts)]
    assert gaps == [2.0, 4.0, 8.0][: min(failures, 3)]
    if failures > 3:
        assert receipts[unlucky][:2] == [Status.FAILED, 3]
        assert len(attempts) == 4
    else:
        assert receipts[unlucky] == [Status.SUCCESS, failures, None]
    for account in organization.accounts[1:]:
        assert receipts[account.id] == [Status.SUCCESS, 0, None]
        assert ended[account.id] < 2.0
