"""AWS Organizations as `Organization`: the members, where they stand, how they are tagged."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from orgsync.contact_sync.core.accounts import Account
from orgsync.contact_sync.core.errors import (
    AccountNotFound,
    NotManagementAccount,
    OrganizationUnreadable,
    UnknownUnit,
)
from orgsync.shared import aws
from orgsync.shared.clock import timestamp
from orgsync.shared.errors import CallError, Temporary, Throttled, UnexpectedAnswer
from orgsync.shared.organization_units import find_unit, is_path

_Params = ParamSpec("_Params")
_Answer = TypeVar("_Answer")

PAGE = 20  # ListAccounts takes no more
FEW = 10
"""Accounts that are looked up one by one: units are five deep at most."""

ORGANIZATION_ERRORS: Mapping[str, type[CallError]] = {
    "AccountNotFoundException": AccountNotFound,
    "TargetNotFoundException": AccountNotFound,
}
"""Errors of Organizations by AWS's code, besides those that any service has."""


def _planning(call: Callable[_Params, _Answer]) -> Callable[_Params, _Answer]:
    """Raise AWS's refusals as ours, with AWS's name for them.

    What may pass keeps its own class: the state machine plans again, and closes the run if it lasts.
    """

    @wraps(call)
    def wrapped(*args: _Params.args, **kwargs: _Params.kwargs) -> _Answer:
        try:
            return call(*args, **kwargs)
        except (ClientError, BotoCoreError) as error:
            failure = aws.call_error(error, "the organization", ORGANIZATION_ERRORS)
            if isinstance(failure, Temporary | Throttled) or not isinstance(error, ClientError):
                raise failure from error
            raise OrganizationUnreadable(f"{error.operation_name}: {aws.error_code(error)}") from error

    return wrapped


class OrganizationsApi:
    """The organization of the management account; botocore's own retries answer its throttling.

    Raises:
        OrganizationUnreadable: AWS refused; from every method of a run's planning.
        CallError: AWS did not answer, or not now; likewise.
    """

    def __init__(self, management: str) -> None:
        self._management = management
        self._client = aws.client("organizations")

    @_planning
    def check_management(self) -> None:
        """See `Organization.check_management`."""
        try:
            found = self._client.describe_organization()["Organization"]["MasterAccountId"]
        except self._client.exceptions.AWSOrganizationsNotInUseException as error:
            raise NotManagementAccount("this account is in no organization") from error
        if found != self._management:
            raise NotManagementAccount(f"{self._management} is managed by {found}")

    @_planning
    def accounts(self) -> list[Account]:
        """See `Organization.accounts`; empty pages may come before the last."""
        pages = self._client.get_paginator("list_accounts").paginate(PaginationConfig={"PageSize": PAGE})
        return [_account(found) for page in pages for found in page["Accounts"]]

    @_planning
    def account(self, account: str) -> Account | None:
        """See `Organization.account`."""
        try:
            return _account(self._client.describe_account(AccountId=account)["Account"])
        except self._client.exceptions.AccountNotFoundException:
            return None

    @_planning
    def accounts_below(self, units: Iterable[str], named: Collection[str] = ()) -> frozenset[str]:
        """See `Organization.accounts_below`."""
        waiting = [self._unit(unit) for unit in units]
        # To find out where a few accounts stand takes fewer requests than to list a large unit.
        if waiting and 0 < len(named) <= FEW:
            return frozenset(account for account in named if not self._above(account).isdisjoint(waiting))
        found: set[str] = set()
        while waiting:
            parent = waiting.pop()
            found.update(account["Id"] for account in self._pages("list_accounts_for_parent", "Accounts", parent))
            waiting += [unit["Id"] for unit in self._children(parent)]
        return frozenset(found)

    async def tags(self, account: str) -> Mapping[str, str]:
        """See `Organization.tags`."""
        call = partial(self._pages, "list_tags_for_resource", "Tags", account, "ResourceId")
        try:
            tags = await asyncio.to_thread(lambda: list(call()))
        except (ClientError, BotoCoreError) as error:
            raise aws.call_error(error, account, ORGANIZATION_ERRORS) from error
        return {tag["Key"]: tag["Value"] for tag in tags}

    async def state(self, account: str) -> str | None:
        """See `Organization.state`."""
        try:
            found = await asyncio.to_thread(self.account, account)
        except OrganizationUnreadable as error:
            raise UnexpectedAnswer(f"{account}: {error}") from error
        return found.state if found else None

    def _unit(self, unit: str) -> str:
        if not is_path(unit):
            try:
                self._client.describe_organizational_unit(OrganizationalUnitId=unit)
            except self._client.exceptions.OrganizationalUnitNotFoundException as error:
                raise UnknownUnit(unit) from error
            return unit
        found = find_unit(unit, self._client.list_roots()["Roots"][0]["Id"], self._child)
        if found is None:
            raise UnknownUnit(unit)
        return found

    def _child(self, parent: str, name: str) -> str | None:
        return next((child["Id"] for child in self._children(parent) if child["Name"] == name), None)

    def _above(self, account: str) -> set[str]:
        """Return the ids of the units above an account, and of its root; none for one that is no member."""
        above: set[str] = set()
        child = account
        while not child.startswith("r-"):
            try:
                (parent,) = self._client.list_parents(ChildId=child)["Parents"]
            except self._client.exceptions.ChildNotFoundException:
                return set()
            child = parent["Id"]
            above.add(child)
        return above

    def _children(self, parent: str) -> Iterator[Mapping[str, Any]]:
        return self._pages("list_organizational_units_for_parent", "OrganizationalUnits", parent)

    def _pages(self, operation: str, key: str, of: str, named: str = "ParentId") -> Iterator[Mapping[str, Any]]:
        for page in self._client.get_paginator(operation).paginate(**{named: of}):
            yield from page[key]


def _account(found: Mapping[str, Any]) -> Account:
    # `Status` was retired on 2026-09-09; an answer without `State` counts as not ACTIVE.
    joined = found.get("JoinedTimestamp")
    return Account(found["Id"], found.get("State", "UNKNOWN"), timestamp(joined) if joined else None)
