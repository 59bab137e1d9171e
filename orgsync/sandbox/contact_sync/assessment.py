"""The end of a rehearsal of contact sync: convergence, each account before and after, and the fewest calls."""

from collections.abc import Mapping
from typing import Any

from orgsync.sandbox.contact_sync.policy import KINDS, ContactPolicy
from orgsync.sandbox.rehearsal.snapshot import Snapshot
from orgsync.sandbox.rehearsal.system import Assessment

Document = dict[str, Any]


def assess(before: Snapshot, after: Snapshot, config: Document | None, runs: list[Document]) -> Assessment:
    """Compare every account with the policy of the last accepted configuration.

    Details: `accounts` (each member's name, unit, state, the reason why it is `skipped`, and the kinds that
    differed before, null for a new account, and after); `minimum`, the reads and writes that the same result takes.
    """
    policy = None if config is None else ContactPolicy(config)
    return Assessment(
        converged=policy is not None and not _differences(policy, after),
        details={"accounts": _accounts(before, after, policy), "minimum": _minimum(runs)},
    )


def _differences(policy: ContactPolicy, snapshot: Snapshot) -> set[tuple[str, str]]:
    return policy.differences(snapshot.members, snapshot.contacts, snapshot.management)


def _accounts(before: Snapshot, after: Snapshot, policy: ContactPolicy | None) -> dict[str, Document]:
    if policy is None:
        return {}
    differed, differ = _differences(policy, before), _differences(policy, after)
    there = {member.id for member in before.members}
    return {
        member.id: {
            "name": member.name,
            "unit": member.path,
            "state": member.state,
            "skipped": policy.skip_reason(member),
            "before": [kind for kind in KINDS if (member.id, kind) in differed] if member.id in there else None,
            "after": [kind for kind in KINDS if (member.id, kind) in differ],
        }
        for member in after.members
    }


def _minimum(runs: list[Document]) -> Mapping[str, int]:
    """Count one read for each account and kind of each run; one write and one verifying read for each difference."""
    receipts = [receipt for run in runs for receipt in run["receipts"] if receipt["status"] != "skipped"]
    writes = sum(1 for receipt in receipts if receipt["changed"])
    return {"reads": len(receipts) + writes, "writes": writes}
