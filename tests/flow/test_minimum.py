"""Calls where nothing goes wrong: not one too many, as the sandbox counts them and a model of the world predicts."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from orgsync.sandbox.contact_sync.configuration import overlay
from orgsync.sandbox.contact_sync.policy import KINDS, ContactPolicy
from orgsync.sandbox.rehearsal.accounts import ListedAccount
from orgsync.sandbox.rehearsal.load import organization_of
from orgsync.sandbox.rehearsal.model import Scenario
from orgsync.sandbox.rehearsal.steps import Action

PREDICTED = [
    pytest.param(name, marks=pytest.mark.xdist_group(name))
    for name in (
        "one_account",
        "sixty_accounts",
        "casings",
        "exclusions",
        "source_deletion_ignore",
        "source_deletion_propagate",
        "source_deletion_alert",
    )
]

Write = tuple[str, str, str]


@dataclass
class World:
    """The truth about an organization, without anything that runs: contacts, members, and the calls that are needed."""

    scenario: Scenario
    contacts: dict[str, dict[str, Any]] = field(default_factory=dict)
    members: dict[str, ListedAccount] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    writes: list[Write] = field(default_factory=list)

    def __post_init__(self) -> None:
        organization = organization_of(self.scenario)
        self.management = organization.management
        self.contacts = {self.management: dict(organization.source)}
        for account in organization.accounts:
            self.contacts[account.id] = dict(account.contacts)
            self.members[account.id] = ListedAccount(
                account.id, account.name, account.ou, frozenset(), account.state, account.tags
            )

    def happens(self, action: Action) -> None:
        """Change what is true, then do what the run that it triggers must do."""
        match action.named:
            case "deploy" | "schedule":
                self.run(KINDS)
            case "edit_source":
                self.contacts[self.management] |= action.body.given()
                self.run(action.body.given())
            case "edit_member":
                account, edited = action.body.account, action.body.given()
                self.contacts[account] |= edited
                if action.body.via == "member":
                    self.run(edited, {account})
            case "move_account":
                self._change(action.body.account, path=action.body.ou)
                self.run(KINDS, {action.body.account})
            case "tag_account":
                self._change(action.body.account, tags={**self.members[action.body.account].tags, **action.body.tags})
                self.run(KINDS, {action.body.account})
            case "destroy":
                pass
            case unforeseen:
                raise AssertionError(f"{unforeseen} cannot be predicted")

    def run(self, kinds: Iterable[str], requested_accounts: set[str] | None = None) -> None:
        """One read for each account and kind, one write and one verifying read for each difference."""
        policy = ContactPolicy(overlay(self.scenario, {}))
        source = self.contacts[self.management]
        differ = policy.differences(list(self.members.values()), self.contacts, self.management)
        for account, member in self.members.items():
            for kind in sorted(set(kinds) & set(policy.kinds)):
                unsaid = source.get(kind) is None and policy.config.get("on_source_delete") != "propagate"
                if policy.skip_reason(member) is None and not unsaid and account in (requested_accounts or {account}):
                    self._bring_in_sync(account, kind, (account, kind) in differ)

    def _bring_in_sync(self, account: str, kind: str, differs: bool) -> None:
        noun = "ContactInformation" if kind == "primary" else "AlternateContact"
        self.calls[f"Get{noun}"] += 2 if differs else 1
        if differs:
            wanted = self.contacts[self.management].get(kind)
            operation = f"Put{noun}" if wanted is not None else f"Delete{noun}"
            self.calls[operation] += 1
            self.writes.append((operation, account, kind))
            self.contacts[account][kind] = wanted

    def _change(self, account: str, **change: Any) -> None:
        self.members[account] = replace(self.members[account], **change)


@pytest.mark.slow
@pytest.mark.parametrize("name", PREDICTED)
def test_not_one_call_too_many(
    name: str, scenario: Callable[[str], Scenario], rehearsed: Callable[[str], dict[str, Any]]
) -> None:
    """Calls by operation, and every single write, are what the world needs."""
    world = World(scenario(name))
    for step in world.scenario.steps:
        for action in step.at_once or [step]:
            world.happens(action)
    report = rehearsed(name)
    made = {operation: {"made": times, "throttled": 0, "failed": 0} for operation, times in world.calls.items()}
    assert report["calls"] == made
    written = sorted((write["operation"], write["account"], write["kind"]) for write in report["writes"])
    assert written == sorted(world.writes)


@pytest.mark.slow
@pytest.mark.parametrize("name", PREDICTED)
def test_the_report_knows_the_minimum(name: str, rehearsed: Callable[[str], dict[str, Any]]) -> None:
    """`minimum`, which people are shown beside the calls, is what was made where nothing goes wrong."""
    report = rehearsed(name)
    reads = sum(count["made"] for operation, count in report["calls"].items() if operation.startswith("Get"))
    assert report["minimum"] == {"reads": reads, "writes": len(report["writes"])}
