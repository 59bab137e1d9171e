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
from orgsync.sandbox.model.quotas import AWS, Quota

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


def explored(times: float, rival: float = 0.0) -> tuple[float, float]:
    """Explore quotas that are so many times the documented ones, beside a tool that makes so many reads a second.

    Returns:
        The seconds that the quotas force over those that the run took, and the share of its reads that the tool got.
    """
    organization = in_sync(make(1, 1500))
    quotas = {operation: Quota(quota.rate * times, quota.burst * times) for operation, quota in AWS.items()}
    asked, got = 0, 0

    async def both() -> tuple[SimulatedRun, AccountService]:
        service = AccountService(organization, clock=virtual_seconds, quotas=quotas)
        other = CallerIdentity(organization.management, "arn:aws:sts::role/other-tool")

        async def use_quota() -> None:
            nonlocal asked, got
            while True:
                asked += 1
                with contextlib.suppress(ApiError):
                    service.call("GetAlternateContact", {"AlternateContactType": "BILLING"}, other)
                    got += 1
                await asyncio.sleep(1 / rival)

        task = asyncio.ensure_future(use_quota()) if rival else None
        result = await reconcile(organization, service, parse({"pacing": {"explore": True}}), latency=0.15)
        if task:
            task.cancel()
        return result, service

    result, service = run(both())
    return floor(service.calls) / times / result.seconds, got / asked if asked else 1.0


@pytest.mark.parametrize(("times", "least"), [(1.0, 0.98), (1.5, 0.9), (3.0, 0.88), (6.0, 0.7)])
def test_a_quota_beyond_the_documented_one_is_found(times: float, least: float) -> None:
    """Whoever lets the pace explore comes close to what the server allows; the climb takes a part of a minute."""
    ratio, _ = explored(times)
    assert ratio > least


def test_another_tool_keeps_its_half_of_a_quota_that_is_explored() -> None:
    """It gets what it asks for, and the rest is used."""
    ratio, share = explored(3.0, rival=15.0)
    assert share > 0.9
    assert ratio > 0.45


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
