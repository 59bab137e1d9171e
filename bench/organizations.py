"""Organizations for the benchmarks, and the time that AWS's quotas force for the calls about them."""

from collections.abc import Mapping

from orgsync.contact_sync.config import AWS_QUOTAS
from orgsync.contact_sync.names import Kind, Operation
from orgsync.sandbox.model.organization import OrganizationModel


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
    """Return the seconds that the quotas force for these calls, whoever makes them.

    The slowest operation's calls over its rate, less its burst; operations do not wait for each other.
    """
    return max(
        max(counts["made"] - AWS_QUOTAS[Operation(name)].burst, 0) / AWS_QUOTAS[Operation(name)].rate
        for name, counts in calls.items()
    )
