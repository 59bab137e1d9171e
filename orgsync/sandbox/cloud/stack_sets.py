"""Service-managed CloudFormation stack sets: a template in every ACTIVE member of some units, newcomers included.

moto makes instances once, follows no account, and does not report what it cannot make.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

from orgsync.sandbox.cloud.member_stacks import MemberStack, check
from orgsync.sandbox.cloud.organizations import STACK_SETS, OrganizationsService
from orgsync.sandbox.cloud.template import Template, read
from orgsync.sandbox.errors import StackError


@dataclass
class StackSetScope:
    """The instances of a set in one region: the units they are in, and the stack of each account."""

    units: tuple[str, ...]
    region: str
    stacks: dict[str, MemberStack] = field(default_factory=dict)


@dataclass
class _Set:
    name: str
    template: Template
    auto_deploys: bool
    scopes: dict[str, StackSetScope] = field(default_factory=dict)


class StackSets:
    """Stack sets by name, over the members of one organization.

    Accounts come, go and move: `redeploy` updates every set that deploys automatically.
    """

    def __init__(self, organizations: OrganizationsService) -> None:
        self._organizations = organizations
        self._sets: dict[str, _Set] = {}
        self._lock = threading.RLock()

    def create(self, name: str, template: str, *, auto_deploys: bool) -> None:
        """Create a set, without instances.

        Args:
            auto_deploys: whether it is deployed to accounts that join, and deleted from those that leave.

        Raises:
            StackError: the name is taken, trusted access is missing, or the template is not known here.
        """
        parsed = _parsed(template)
        with self._lock:
            if name in self._sets:
                raise StackError(f"NameAlreadyExistsException: StackSet {name} already exists")
            if not self._organizations.trusts(STACK_SETS):
                raise StackError(
                    "ValidationError: You must enable organizations access to operate a service managed stack set"
                )
            self._sets[name] = _Set(name, parsed, auto_deploys)

    def update(self, name: str, template: str, *, auto_deploys: bool) -> None:
        """Change a set; another template takes the place of the former one in every account."""
        parsed = _parsed(template)
        with self._lock:
            found = self._found(name)
            found.auto_deploys = auto_deploys
            if parsed != found.template:
                found.template = parsed
                for scope in found.scopes.values():
                    accounts = list(scope.stacks)
                    _empty(scope, accounts)
                    _fill(found, scope, accounts)

    def delete(self, name: str) -> None:
        """Delete a set; one that does not exist is no error.

        Raises:
            StackError: it has instances.
        """
        with self._lock:
            if name in self._sets and self._sets[name].scopes:
                raise StackError("StackSetNotEmptyException: StackSet is not empty")
            self._sets.pop(name, None)

    def exists(self, name: str) -> bool:
        """Return whether there is a set of this name."""
        return name in self._sets

    def deploy(self, name: str, units: Iterable[str], region: str) -> None:
        """Make a set's stacks in every ACTIVE member of these units (or of the root), in one region.

        Raises:
            StackError: there are instances in that region already, or no such set or unit.
        """
        with self._lock:
            found = self._found(name)
            if region in found.scopes:
                raise StackError(f"OperationInProgressException: StackSet {name} has instances in {region} already")
            scope = StackSetScope(tuple(units), region)
            accounts = self._organizations.below(scope.units)
            found.scopes[region] = scope
            _fill(found, scope, accounts)

    def scope(self, name: str, region: str) -> StackSetScope | None:
        """Find the instances of a set in a region, if there are any."""
        return self._sets[name].scopes.get(region) if name in self._sets else None

    def delete_instances(self, name: str, region: str) -> None:
        """Delete a set's stacks in one region; missing ones are no error."""
        with self._lock:
            scope = self.scope(name, region)
            if scope:
                _empty(scope, list(scope.stacks))
                del self._sets[name].scopes[region]

    def redeploy(self) -> None:
        """Update the sets after accounts have joined, moved or left: AWS does it minutes later."""
        with self._lock:
            for one in self._sets.values():
                for scope in one.scopes.values() if one.auto_deploys else ():
                    wanted = self._organizations.below(scope.units)
                    _empty(scope, [account for account in scope.stacks if account not in set(wanted)])
                    _fill(one, scope, wanted)

    def names(self) -> list[str]:
        """List every set."""
        return sorted(self._sets)

    def _found(self, name: str) -> _Set:
        if name not in self._sets:
            raise StackError(f"StackSetNotFoundException: StackSet {name} not found")
        return self._sets[name]


def _parsed(text: str) -> Template:
    template = read(text)
    check(template)
    return template


def _fill(of: _Set, scope: StackSetScope, accounts: Iterable[str]) -> None:
    for account in accounts:
        if account not in scope.stacks:
            stack = scope.stacks[account] = MemberStack(account, scope.region, of.name)
            stack.make(of.template)


def _empty(scope: StackSetScope, accounts: Iterable[str]) -> None:
    for account in accounts:
        scope.stacks.pop(account).delete()
