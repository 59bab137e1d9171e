"""The report of a rehearsal: the document of SCENARIO.md with a few more keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.rehearsal.accounts import ListedAccount, list_accounts
from orgsync.sandbox.rehearsal.observations import Observations
from orgsync.sandbox.rehearsal.policy import KINDS, ContactPolicy, Contacts
from orgsync.sandbox.rehearsal.session import Session

Document = dict[str, Any]


@dataclass(frozen=True)
class Snapshot:
    """All member accounts and all contacts, the management account's included, at one moment."""

    members: list[ListedAccount]
    contacts: Contacts
    management: str

    def differences(self, policy: ContactPolicy) -> set[tuple[str, str]]:
        """List account and kind of everything that is not as the policy wants it."""
        return policy.differences(self.members, self.contacts, self.management)


def take_snapshot(cloud: Cloud, management: str) -> Snapshot:
    """Read all accounts and contacts of the sandbox now."""
    return Snapshot(list_accounts(cloud.client("organizations"), management), cloud.account.contacts(), management)


def report(session: Session, observations: Observations, before: Snapshot, steps: list[Document]) -> Document:
    """Make the report, once the last step has ended.

    Beside SCENARIO.md's fields: `expect`; `as_expected`, which decides the exit code; `accounts`
    (each member's name, unit, state, the reason why it is `skipped`, and the kinds that differed before,
    null for a new account, and after); `minimum`, the reads and writes that the same result takes;
    `undelivered`, events and messages that reached no target and no dead-letter queue.
    """
    cloud, scenario = session.cloud, session.scenario
    after = take_snapshot(cloud, before.management)
    policy = None if session.config is None else ContactPolicy(session.config)
    ok = all(step["ok"] for step in steps)
    converged = policy is not None and not after.differences(policy)
    performed = [inner["step"] for step in steps for inner in step.get("steps", [step])]
    declared = [name for name in performed if name in ("deploy", "destroy")]
    return {
        "scenario": scenario.name,
        "engine": session.engine.name,
        "ok": ok,
        "converged": converged,
        "expect": scenario.expect,
        "as_expected": ok and (converged or scenario.expect != "converged"),
        "steps": steps,
        "runs": observations.runs_by_start(),
        "refused": list(observations.refused.values()),
        "contacts": after.contacts,
        "accounts": _accounts(before, after, policy),
        "calls": cloud.account.calls,
        "minimum": _minimum(observations),
        "writes": cloud.account.writes,
        "notifications": cloud.notifications,
        "dead_letters": observations.dead_letters,
        "undelivered": cloud.undelivered,
        "leftovers": cloud.leftovers() if declared[-1:] == ["destroy"] else [],
    }


def _accounts(before: Snapshot, after: Snapshot, policy: ContactPolicy | None) -> dict[str, Document]:
    if policy is None:
        return {}
    differed, differ = before.differences(policy), after.differences(policy)
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


def _minimum(observations: Observations) -> Mapping[str, int]:
    """One read for each account and kind of each run; one write and one verifying read for each difference."""
    receipts = [
        receipt for run in observations.runs_by_start() for receipt in run["receipts"] if receipt["status"] != "skipped"
    ]
    writes = sum(1 for receipt in receipts if receipt["changed"])
    return {"reads": len(receipts) + writes, "writes": writes}
