"""Ratios of a run's time to the time that AWS's quotas force: `make bench`.

Virtual time: the numbers say how many seconds a run would take, not how fast this machine
is. The floor of a run is the slowest operation's calls over its quota, less the burst.
"""

import tracemalloc
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from orgsync.contact_sync.config import AWS_QUOTAS, parse
from orgsync.contact_sync.names import Kind, Operation
from orgsync.sandbox.contact_sync.simulation import reconcile, run, virtual_seconds
from orgsync.sandbox.model.account import AccountService
from orgsync.sandbox.model.organization import OrganizationModel, make
from orgsync.sandbox.model.quotas import AWS

LATENCY = 0.15
SIZES = (40, 1_000, 5_000)


def in_sync(organization: OrganizationModel) -> OrganizationModel:
    """Let every member equal the source: the daily pass of a quiet day."""
    for account in organization.accounts:
        account.contacts = {kind: dict(fields) for kind, fields in organization.source.items()}
    return organization


def drifted(organization: OrganizationModel, share: int) -> OrganizationModel:
    """Let one account in `share` have another security contact."""
    for account in in_sync(organization).accounts[::share]:
        account.contacts[Kind.SECURITY]["Name"] = "Drifted"
    return organization


def floor(calls: Mapping[str, Mapping[str, int]]) -> float:
    """Return the seconds that the quotas force for these calls, whoever makes them."""
    return max(
        max(counts["made"] - AWS_QUOTAS[Operation(name)].burst, 0) / AWS_QUOTAS[Operation(name)].rate
        for name, counts in calls.items()
    )


def main() -> None:
    """Print one row for each size and state of an organization."""
    table = Table("accounts", "state", "seconds", "floor", "ratio", "calls / account", "throttled", "KiB / account")
    for size in SIZES:
        states = {
            "all differ": make(1, size),
            "in sync": in_sync(make(1, size)),
            "1% drifted": drifted(make(1, size), 100),
        }
        for state, organization in states.items():
            service = AccountService(organization, clock=virtual_seconds, quotas=AWS)
            tracemalloc.start()
            result = run(reconcile(organization, service, parse({}), latency=LATENCY))
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            least = floor(service.calls)
            made = sum(counts["made"] for counts in service.calls.values())
            throttled = sum(counts["throttled"] for counts in service.calls.values())
            table.add_row(
                f"{size:,}",
                state,
                f"{result.seconds:,.1f}",
                f"{least:,.1f}",
                f"{result.seconds / least:.3f}",
                f"{made / size:.2f}",
                str(throttled),
                f"{peak / size / 1024:.1f}",
            )
    Console().print(table)


if __name__ == "__main__":
    main()
