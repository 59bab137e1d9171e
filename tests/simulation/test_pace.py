"""An hour of pacing in a second: what a run costs against what AWS's quotas force."""

import asyncio
import contextlib

import pytest

from bench.ratios import drifted, floor, in_step
from orgsync.contact_sync.config import parse
from orgsync.contact_sync.core.receipts import Status
from orgsync.contact_sync.names import Kind
from orgsync.sandbox.contact_sync.simulation import SimulatedRun, reconcile, run, virtual_seconds
from orgsync.sandbox.model.account import AccountService, ApiError, CallerIdentity
from orgsync.sandbox.model.organization import OrganizationModel, make
from orgsync.sandbox.model.quotas import AWS

FEW_PERCENT = 1.03


def simulate(organization: OrganizationModel, lag: float = 0.0) -> tuple[SimulatedRun, AccountService]:
    """One batch under AWS's quotas, 150 ms a call."""
    service = AccountService(organization, clock=virtual_seconds, quotas=AWS, lag_s=lag)
    return run(reconcile(organization, service, parse({}), latency=0.15)), service


@pytest.mark.parametrize("size", [300, 1500])
@pytest.mark.parametrize("state", ["all differ", "in step", "drifted"])
def test_a_run_takes_no_more_than_a_few_percent_longer_than_the_quota_forces(size: int, state: str) -> None:
    """Whatever there is to do, the slowest operation's quota decides how long it takes."""
    organization = make(1, size)
    if state != "all differ":
        in_step(organization)
    if state == "drifted":
        drifted(organization, 10)
    worked, service = simulate(organization)
    assert worked.seconds <= floor(service.calls) * FEW_PERCENT


def test_no_call_is_made_in_vain() -> None:
    """One read for each account and kind, one write and one look back for each difference, none refused."""
    _, service = simulate(drifted(make(1, 200), 10))
    made = {name: calls["made"] for name, calls in service.calls.items()}
    assert made == {"GetContactInformation": 200, "GetAlternateContact": 600 + 20, "PutAlternateContact": 20}
    assert all(calls["throttled"] == 0 for calls in service.calls.values())


def test_late_reads_cost_looks_and_no_second_write() -> None:
    """Where AWS shows a write only after five seconds, the worker looks again and writes nothing twice."""
    worked, service = simulate(make(1, 50), lag=5.0)
    assert {receipt.status for receipt in worked.receipts} == {Status.SUCCESS}
    assert len(service.writes) == 50 * len(Kind)


def test_beside_another_tool_everything_still_gets_done() -> None:
    """Half of the quota is drunk by somebody else: slower, but every account ends in step."""
    organization = make(1, 100)

    async def both() -> tuple[SimulatedRun, AccountService]:
        service = AccountService(organization, clock=virtual_seconds, quotas=AWS)
        rival = CallerIdentity(organization.management, "arn:aws:sts::role/other-tool")

        async def drink() -> None:
            while True:
                for kind in ("BILLING", "SECURITY"):
                    with contextlib.suppress(ApiError):
                        service.call("GetAlternateContact", {"AlternateContactType": kind}, rival)
                await asyncio.sleep(0.4)

        drinking = asyncio.ensure_future(drink())
        worked = await reconcile(organization, service, parse({}), latency=0.15)
        drinking.cancel()
        return worked, service

    worked, service = run(both())
    assert {receipt.status for receipt in worked.receipts} == {Status.SUCCESS}
    assert worked.seconds < 3 * floor(service.calls)
