"""The pace of a run against the time that AWS's quotas force: an hour passes in a second."""

import asyncio
import contextlib

import pytest

from bench.ratios import drifted, floor, in_sync
from orgsync.contact_sync.config import parse
from orgsync.contact_sync.core.receipts import Status
from orgsync.contact_sync.names import Kind
from orgsync.sandbox.contact_sync.simulation import SimulatedRun, reconcile, run, virtual_seconds
from orgsync.sandbox.model.account import AccountService, ApiError, CallerIdentity
from orgsync.sandbox.model.organization import OrganizationModel, make
from orgsync.sandbox.model.quotas import AWS

FEW_PERCENT = 1.03


def simulate(organization: OrganizationModel, lag: float = 0.0) -> tuple[SimulatedRun, AccountService]:
    """Process one batch under AWS's quotas, 150 ms a call."""
    service = AccountService(organization, clock=virtual_seconds, quotas=AWS, lag_s=lag)
    return run(reconcile(organization, service, parse({}), latency=0.15)), service


@pytest.mark.parametrize("size", [300, 1500])
@pytest.mark.parametrize("state", ["all differ", "in sync", "drifted"])
def test_a_run_takes_no_more_than_a_few_percent_longer_than_the_quota_forces(size: int, state: str) -> None:
    """For any amount of work the slowest operation's quota decides how long it takes."""
    organization = make(1, size)
    if state != "all differ":
        in_sync(organization)
    if state == "drifted":
        drifted(organization, 10)
    result, service = simulate(organization)
    assert result.seconds <= floor(service.calls) * FEW_PERCENT


def test_no_call_is_made_in_vain() -> None:
    """One read for each account and kind, one write and one look back for each difference, none refused."""
    _, service = simulate(drifted(make(1, 200), 10))
    made = {name: calls["made"] for name, calls in service.calls.items()}
    assert made == {"GetContactInformation": 200, "GetAlternateContact": 600 + 20, "PutAlternateContact": 20}
    assert all(calls["throttled"] == 0 for calls in service.calls.values())


def test_late_reads_cost_looks_and_no_second_write() -> None:
    """A write that AWS shows only after five seconds is looked for again and never made twice."""
    result, service = simulate(make(1, 50), lag=5.0)
    assert {receipt.status for receipt in result.receipts} == {Status.SUCCESS}
    assert len(service.writes) == 50 * len(Kind)


def test_beside_another_tool_everything_still_gets_done() -> None:
    """Half of the quota is used by somebody else: slower, but every account ends in sync."""
    organization = make(1, 100)

    async def both() -> tuple[SimulatedRun, AccountService]:
        service = AccountService(organization, clock=virtual_seconds, quotas=AWS)
        rival = CallerIdentity(organization.management, "arn:aws:sts::role/other-tool")

        async def use_quota() -> None:
            while True:
                for kind in ("BILLING", "SECURITY"):
                    with contextlib.suppress(ApiError):
                        service.call("GetAlternateContact", {"AlternateContactType": kind}, rival)
                await asyncio.sleep(0.4)

        rival_task = asyncio.ensure_future(use_quota())
        result = await reconcile(organization, service, parse({}), latency=0.15)
        rival_task.cancel()
        return result, service

    result, service = run(both())
    assert {receipt.status for receipt in result.receipts} == {Status.SUCCESS}
    assert result.seconds < 3 * floor(service.calls)
