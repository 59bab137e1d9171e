"""The report of a rehearsal: the document of SCENARIO.md, and a few words more beside it."""

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
    """Every member account and every contact, the management account's included, at one moment."""

    members: list[ListedAccount]
    contacts: Contacts
    management: str

    def differences(self, policy: ContactPolicy) -> set[tuple[str, str]]:
        """Account and kind of everything that is not as the policy wants it."""
        return policy.differences(self.members, self.contacts, self.management)


def take_snapshot(cloud: Cloud, management: str) -> Snapshot:
    """How things stand in the sandbox now."""
    return Snapshot(list_accounts(cloud.client("organizations"), management), cloud.account.contacts(), management)


def report(stage: Session, ledger: Observations, before: Snapshot, steps: list[Document]) -> Document:
    """The report, once the last step has ended.

    Beside SCENARIO.md's fields: `expect`; `as_expected`, which the exit code tells; `accounts`
    (each member's name, unit, state, why it is left alone, and the kinds that differed before,
    null for a newcomer, and after); `minimum`, the reads and writes that the same outcome takes; `lost`, what was
    delivered to nobody.
    """
    cloud, scenario = stage.cloud, stage.scenario
    after = take_snapshot(cloud, before.management)
    policy = None if stage.config is None else ContactPolicy(stage.config)
    ok = all(step["ok"] for step in steps)
    converged = policy is not None and not after.differences(policy)
    played = [inner["step"] for step in steps for inner in step.get("steps", [step])]
    declared = [name for name in played if name in ("deploy", "destroy")]
    return {
        "scenario": scenario.name,
        "engine": stage.engine.name,
        "ok": ok,
        "converged": converged,
        "expect": scenario.expect,
        "as_expected": ok and (converged or scenario.expect != "converged"),
        "steps": steps,
        "runs": ledger.in_order(),
        "refused": list(ledger.refused.values()),
        "contacts": after.contacts,
        "accounts": _accounts(before, after, policy),
        "calls": cloud.account.calls,
        "minimum": _minimum(ledger),
        "writes": cloud.account.writes,
        "notifications": cloud.notifications,
        "dead_letters": ledger.dead_letters,
        "lost": cloud.lost,
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
            "left_alone": policy.left_alone(member),
            "before": [kind for kind in KINDS if (member.id, kind) in differed] if member.id in there else None,
            "after": [kind for kind in KINDS if (member.id, kind) in differ],
        }
        for member in after.members
    }


def _minimum(ledger: Observations) -> Mapping[str, int]:
    """One read for each account and kind of each run; one write and one verifying read for each difference."""
    receipts = [receipt for run in ledger.in_order() for receipt in run["receipts"] if receipt["status"] != "skipped"]
    writes = sum(1 for receipt in receipts if receipt["changed"])
    return {"reads": len(receipts) + writes, "writes": writes}
