"""AWS Organizations in moto: an organization with given ids, and the real API's differences from moto.

ListAccounts answers at most 20 accounts a page, an empty page may come before the last one, and
`Status` is retired in favour of `State` (botocore's model): so it is here.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from moto.core.exceptions import JsonRESTError, ServiceException
from moto.core.utils import unix_time, utcnow
from moto.organizations.models import (
    FakeAccount,
    FakeDelegatedAdministrator,
    OrganizationsBackend,
    organizations_backends,
)

from orgsync.sandbox.cloud.patches import Patches
from orgsync.sandbox.errors import RenameRefused, StackError, UnknownAccount
from orgsync.sandbox.model.organization import MemberAccount, OrganizationModel

PAGE = 20
ACCOUNT_MANAGEMENT = "account.amazonaws.com"
"""The service whose trusted access lets an organization manage its accounts' contacts."""
STACK_SETS = "member.org.stacksets.cloudformation.amazonaws.com"
"""The service that needs trusted access for service-managed stack sets."""


_LONG_AGO = datetime(2020, 1, 1)  # noqa: DTZ001 (moto's own times have no zone)
"""The time at which the accounts joined that the organization has from the start: none of them is new."""


class _Member(FakeAccount):
    """A member that grows older by the sandbox's clock, as whoever waits for it does."""

    joined: float | None
    clock: Callable[[], float]

    def describe(self) -> dict[str, Any]:
        """Describe it as moto does, with the time at which it joined."""
        joined = _LONG_AGO if self.joined is None else utcnow() - timedelta(seconds=self.clock() - self.joined)
        return {**super().describe(), "JoinedTimestamp": unix_time(joined)}


class OrganizationsService:
    """The management account's organization in moto.

    Args:
        clock: of the seconds that have passed since an account joined.
    """

    def __init__(self, organization: OrganizationModel, clock: Callable[[], float]) -> None:
        self._management = organization.management
        self._clock = clock
        self._backend: Any = organizations_backends[organization.management]["aws"]
        whole = organization.features == "all"
        self._backend.create_organization(
            region="us-east-1", FeatureSet="ALL" if whole else organization.features.upper()
        )
        # [doc] Services are trusted in organizations with all features only.
        for service in (STACK_SETS, *([ACCOUNT_MANAGEMENT] if organization.trusted_access else [])):
            if whole:
                self._backend.enable_aws_service_access(ServicePrincipal=service)
        self._units: dict[str, str] = {"/": self._backend.list_roots()["Roots"][0]["Id"]}
        self._accounts: dict[str, Any] = {organization.management: self._backend.accounts[0]}
        for account in organization.accounts:
            self.add_account(account)
        for identity in organization.delegated_administrators:
            self._backend.register_delegated_administrator(AccountId=identity, ServicePrincipal=ACCOUNT_MANAGEMENT)
        self._accounts[organization.management].create_time = _LONG_AGO
        for account in organization.accounts:
            self._accounts[account.id].joined = None

    @property
    def id(self) -> str:
        """The organization's id, `o-…`."""
        return str(self._backend.org.id)

    @property
    def ids(self) -> frozenset[str]:
        """The ids of all accounts, the management account's included."""
        return frozenset(self._accounts)

    def add_account(self, account: MemberAccount, joined: str = "CREATED") -> None:
        """Add a member to the unit of its path, which is made if it does not exist."""
        member = _Member.__new__(_Member)
        # moto's own constructor makes an IAM role in every account: seconds for a large organization.
        member.__dict__.update(vars(self._accounts[self._management]))
        member.__dict__.update(
            id=account.id,
            name=account.name,
            email=account.email,
            status=account.state,
            state=account.state,
            joined_method=joined,
            create_time=utcnow(),
            joined=self._clock(),
            clock=self._clock,
            parent_id=self.unit(account.ou),
            attached_policies=[],
            tags=dict(account.tags),
        )
        self._backend.accounts.append(member)
        self._accounts[account.id] = member
        organizations_backends.master_accounts[account.id] = (self._management, "aws")

    def remove_account(self, account: str) -> None:
        """Let a member leave."""
        member = self._member(account)
        self._backend.accounts.remove(member)
        self._backend.admins = [admin for admin in self._backend.admins if admin.account is not member]
        del self._accounts[account]
        organizations_backends.master_accounts.pop(account, None)

    def unit(self, path: str) -> str:
        """Find the id of the unit at a path from the root; missing units are made."""
        if path not in self._units:
            above, _, name = path.rpartition("/")
            made = self._backend.create_organizational_unit(ParentId=self.unit(above or "/"), Name=name)
            self._units[path] = made["OrganizationalUnit"]["Id"]
        return self._units[path]

    def rename_unit(self, path: str, name: str) -> str:
        """Give the unit at a path another name; what is below it keeps its place.

        Returns:
            its id.

        Raises:
            RenameRefused: there is none, or the name is in use beside it.
        """
        if path == "/" or path not in self._units:
            raise RenameRefused(f"there is no unit {path} that could be renamed")
        renamed = f"{path.rpartition('/')[0]}/{name}"
        if renamed in self._units:
            raise RenameRefused(f"the name is in use: there is a unit {renamed} already")
        (unit,) = (unit for unit in self._backend.ou if unit.id == self._units[path])
        unit.name = name
        self._units = {moved_path(known, path, renamed): identity for known, identity in self._units.items()}
        return str(unit.id)

    def below(self, units: Iterable[str]) -> list[str]:
        """List the ids of the ACTIVE members of these units (or of the root) and of all units below them.

        Raises:
            StackError: there is no such unit.
        """
        above = {unit.id: unit.parent_id for unit in self._backend.ou}
        wanted = set(units)
        unknown = sorted(wanted - above.keys())
        if unknown:
            raise StackError(f"ValidationError: OrganizationalUnitId {unknown[0]} does not exist")

        def inside(parent: str | None) -> bool:
            return parent in wanted or (parent in above and inside(above[parent]))

        return [
            account
            for account, member in self._accounts.items()
            if account != self._management and member.state == "ACTIVE" and inside(member.parent_id)
        ]

    def trusts(self, service: str) -> bool:
        """Return whether the organization gave a service trusted access."""
        found = self._backend.list_aws_service_access_for_organization()["EnabledServicePrincipals"]
        return service in {principal["ServicePrincipal"] for principal in found}

    def set_state(self, account: str, state: str) -> None:
        """Put an account in another state."""
        member = self._member(account)
        member.state = member.status = state

    def move(self, account: str, path: str) -> None:
        """Put an account in another unit."""
        self._member(account).parent_id = self.unit(path)

    def tag(self, account: str, tags: Mapping[str, str | None]) -> None:
        """Give an account further tags, and take from it those that are None."""
        retag(self._member(account).tags, tags)

    def _member(self, account: str) -> Any:
        if account not in self._accounts or account == self._management:
            raise UnknownAccount(f"{account} is no member of the organization")
        return self._accounts[account]


def moved_path(path: str, unit: str, renamed: str) -> str:
    """Give the path of a place after a unit was renamed: its own, or that below the unit's new path."""
    return renamed + path[len(unit) :] if path == unit or path.startswith(f"{unit}/") else path


def retag(tags: dict[str, str], changes: Mapping[str, str | None]) -> None:
    """Change tags: a new value for each key, or None to take the tag away."""
    for key, value in changes.items():
        if value is None:
            tags.pop(key, None)
        else:
            tags[key] = value


def install(patches: Patches) -> None:
    """Patch moto's ListAccounts, ListParents and account descriptions to be like AWS's."""
    patches.replace(OrganizationsBackend, "list_accounts", _list_accounts)
    patches.wrap(OrganizationsBackend, "list_parents", _list_parents)
    patches.wrap(FakeAccount, "describe", _describe)
    patches.wrap_static(
        FakeDelegatedAdministrator,
        "supported_service",
        lambda original, service: service == ACCOUNT_MANAGEMENT or original(service),
    )


def reset() -> None:
    """Clear what moto's own reset leaves behind."""
    organizations_backends.master_accounts.clear()


def _list_accounts(
    backend: Any, max_results: int | None = None, next_token: str | None = None
) -> tuple[list[dict[str, Any]], str | None]:
    """List pages of at most 20 accounts; after the first of several comes an empty one."""
    if max_results is not None and not 1 <= max_results <= PAGE:
        raise JsonRESTError("InvalidInputException", f"MaxResults must be 1 to {PAGE}")
    size = max_results or PAGE
    _, _, position = (next_token or "0").rpartition("empty-")
    start = int(position)
    if next_token == f"empty-{start}":
        return [], str(start)
    accounts = backend.accounts[start : start + size]
    following = start + size
    if following >= len(backend.accounts):
        return [account.describe() for account in accounts], None
    token = f"empty-{following}" if start == 0 else str(following)
    return [account.describe() for account in accounts], token


def _list_parents(original: Callable[..., dict[str, Any]], backend: Any, **request: Any) -> dict[str, Any]:
    """Give this operation's own error for an account or unit that does not exist."""
    try:
        return original(backend, **request)
    except ServiceException as error:
        said = "We can't find an organizational unit or account with the ChildId that you specified."
        raise JsonRESTError("ChildNotFoundException", said) from error


def _describe(original: Callable[..., dict[str, Any]], account: Any) -> dict[str, Any]:
    return {key: value for key, value in original(account).items() if key != "Status"}
