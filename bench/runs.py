"""Whole runs in virtual time, from trigger to report, beside the time that AWS's quotas force.

The unmodified functions, the declared state machine and the model of the Account API; every second is virtual, so that
no number depends on this machine. Beside them stands what other tools do with the same organization: one function an
account, all at once, the SDK's own retries, no verification.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

from bench.organizations import drifted, floor, in_sync
from orgsync.contact_sync.names import OwnEvent
from orgsync.sandbox.contact_sync.simulation import EPOCH, run, virtual_seconds
from orgsync.sandbox.model.account import AccountService, ApiError, CallerIdentity
from orgsync.sandbox.model.organization import OrganizationModel, make
from orgsync.sandbox.model.quotas import AWS, Quota
from tests.simulation.cloud import Cloud, Played, in_virtual_time
from tests.simulation.history import History

SIZES = (1_000, 10_000, 50_000)
STATES: Mapping[str, Callable[[int], OrganizationModel]] = {
    "all differ": lambda size: make(1, size),
    "in sync": lambda size: in_sync(make(1, size)),
    "1% drifted": lambda size: drifted(make(1, size), 100),
}
_EXPLORED = 3.0
"""Multiple of the documented quotas that the server of the exploring runs allows."""

_LATENCY = 0.15
_ATTEMPTS = 3
"""Attempts of boto3's standard mode [doc: retries]."""
_SDK_SECONDS = 20.0
"""Most seconds that boto3's standard mode waits before a further attempt [doc: retries]."""
_AT_ONCE = 1_000
"""Executions that an account may have at once in a region, unless AWS has granted more [doc: Lambda quotas]."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Work:
    """Calls about members that were made, throttled, and those of them that got an answer in the end."""

    made: int
    throttled: int

    @classmethod
    def of(cls, service: AccountService) -> "Work":
        """Count the calls of a service."""
        calls = service.calls.values()
        return cls(sum(one["made"] for one in calls), sum(one["throttled"] for one in calls))


def times(quotas: Mapping[str, Quota], factor: float) -> dict[str, Quota]:
    """Return quotas so many times as large."""
    return {operation: Quota(one.rate * factor, one.burst * factor) for operation, one in quotas.items()}


def whole_run(
    organization: OrganizationModel, config: Mapping[str, Any], quotas: Mapping[str, Quota] = AWS, rival: float = 0.0
) -> tuple[float, AccountService, float]:
    """Run the daily pass over an organization, beside a tool that makes so many reads a second.

    Returns:
        Seconds from trigger to report, the Account API, and the share of the tool's reads that were answered.
    """
    history = History(1, 0)
    with in_virtual_time():
        cloud = Cloud(history, Played(history), organization, quotas, watched=False)
        cloud.configs.write(config, at=cloud.now(), by="bench")
        cloud.execute("run", OwnEvent.SCHEDULE.document({}))
        other = CallerIdentity(organization.management, "arn:aws:sts::role/other-tool")
        asked = answered = 0

        def use_quota() -> None:
            nonlocal asked, answered
            asked += 1
            with contextlib.suppress(ApiError):
                cloud.accounts.call("GetAlternateContact", {"AlternateContactType": "BILLING"}, other)
                answered += 1
            if not _ended(cloud):
                cloud.scheduler.after(1 / rival, use_quota)

        if rival:
            cloud.scheduler.at(0.0, use_quota)
        cloud.scheduler.run()
    ended = _ended(cloud)
    assert ended is not None, "the run has not ended"
    return ended, cloud.accounts, answered / asked if asked else 1.0


def _ended(cloud: Cloud) -> float | None:
    """Return the second at which the run ended."""
    header = cloud.states.run("run")
    return (datetime.fromisoformat(header.ended) - EPOCH).total_seconds() if header and header.ended else None


def runs(sizes: Sequence[int] = SIZES) -> list[Row]:
    """Return a row for each size and state of an organization."""
    rows = []
    for size in sizes:
        for state, organization in STATES.items():
            seconds, service, _ = whole_run(organization(size), {})
            work, least = Work.of(service), floor(service.calls)
            rows.append(
                {
                    "accounts": size,
                    "state": state,
                    "seconds": round(seconds, 1),
                    "forced_seconds": round(least, 1),
                    "forced_over_ours": round(least / seconds, 3),
                    "calls_per_account": round(work.made / size, 2),
                    "throttled_share": round(work.throttled / work.made, 4),
                }
            )
    return rows


def explored(size: int = 2_000) -> list[Row]:
    """Return a row for each way to meet a server that allows three times the documented quotas."""
    rows = []
    for explore, rival in ((False, 0.0), (True, 0.0), (True, 15.0)):
        organization = in_sync(make(1, size))
        config = {"pacing": {"explore": explore}}
        seconds, service, share = whole_run(organization, config, times(AWS, _EXPLORED), rival)
        work, least = Work.of(service), floor(service.calls)
        rows.append(
            {
                "accounts": size,
                "explore": explore,
                "other_tool_reads_per_second": rival,
                "seconds": round(seconds, 1),
                "documented_over_ours": round(least / seconds, 3),
                "allowed_over_ours": round(least / _EXPLORED / seconds, 3),
                "throttled_share": round(work.throttled / work.made, 4),
                "other_tool_answered_share": round(share, 3),
            }
        )
    return rows


def compared(size: int = 1_000) -> list[Row]:
    """Return a row for ours and for the way of other tools, over the same organization in which all differ."""
    seconds, service, _ = whole_run(make(1, size), {})
    ours = _compared("orgsync", size, seconds, service)
    organization = make(1, size)
    seconds, service = run(_one_function_an_account(organization))
    return [ours, _compared("one function an account", size, seconds, service)]


def _compared(way: str, size: int, seconds: float, service: AccountService) -> Row:
    held, work = service.contacts(), Work.of(service)
    source = held.pop(service.management)
    return {
        "way": way,
        "accounts": size,
        "lost_accounts": sum(contacts != source for contacts in held.values()),
        "seconds": round(seconds, 1),
        "calls_per_account": round(work.made / size, 2),
        "throttled_share": round(work.throttled / work.made, 4),
    }


async def _one_function_an_account(organization: OrganizationModel) -> tuple[float, AccountService]:
    """Let a function for each account write its four contacts, as many at once as Lambda lets."""
    service = AccountService(organization, clock=virtual_seconds, quotas=AWS)
    caller = CallerIdentity(organization.management, "arn:aws:sts::role/other-way")
    draw, room = Random(1), asyncio.Semaphore(_AT_ONCE)
    last = 0.0

    async def call(operation: str, parameters: Mapping[str, Any]) -> bool:
        nonlocal last
        for attempt in range(_ATTEMPTS):
            await asyncio.sleep(_LATENCY)
            last = virtual_seconds()
            try:
                service.call(operation, parameters, caller)
            except ApiError as refusal:
                if refusal.code != "TooManyRequestsException":
                    return False
                await asyncio.sleep(min(draw.random() * 2**attempt, _SDK_SECONDS))
            else:
                return True
        return False

    async def function(account: str) -> None:
        async with room:
            for kind, fields in organization.source.items():
                if kind == "primary":
                    done = await call("PutContactInformation", {"AccountId": account, "ContactInformation": fields})
                else:
                    named = {"AccountId": account, "AlternateContactType": kind.upper(), **fields}
                    done = await call("PutAlternateContact", named)
                if not done:
                    return  # an error that nobody catches ends the function

    await asyncio.gather(*(function(account.id) for account in organization.accounts))
    return last, service
