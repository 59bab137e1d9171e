"""AWS Organizations: who the members are, where they stand, how they are tagged."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from orgsync.contact_sync.core.errors import (
    NotManagementAccount,
    OrganizationUnreadable,
    Temporary,
    Throttled,
    UnexpectedAnswer,
    UnknownUnit,
)
from orgsync.contact_sync.core.targets import Account
from orgsync.shared import aws

Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")

PAGE = 20  # ListAccounts takes no more
FEW = 10
"""Accounts that are looked up one by one: units are five deep at most."""


def _named(ask: Callable[Asked, Answer]) -> Callable[Asked, Answer]:
    """Let AWS's refusals leave as ours, with AWS's name for them.

    What may pass leaves under its own name: the state machine plans again, and closes the run if it lasts.
    """

    @wraps(ask)
    def asked(*arguments: Asked.args, **named: Asked.kwargs) -> Answer:
        try:
            return ask(*arguments, **named)
        except (ClientError, BotoCoreError) as error:
            failure = aws.translated(error, None)
            if isinstance(failure, Temporary | Throttled) or not isinstance(error, ClientError):
                raise failure from error
            raise OrganizationUnreadable(f"{error.operation_name}: {aws.code_of(error)}") from error

    return asked


class Organization:
    """The organization of the management account; botocore's own retries answer its throttling.

    Raises:
        OrganizationUnreadable: AWS refused; from every method of a run's planning.
        AccountError: AWS did not answer, or not now; likewise.
    """

    def __init__(self, management: str) -> None:
        self._management = management
        self._client = aws.client("organizations")

    @_named
    def check_management(self) -> None:
        """See that this account manages an organization.

        Raises:
            NotManagementAccount: it does not.
        """
        try:
            found = self._client.describe_organization()["Organization"]["MasterAccountId"]
        except self._client.exceptions.AWSOrganizationsNotInUseException as error:
            raise NotManagementAccount("this account is in no organization") from error
        if found != self._management:
            raise NotManagementAccount(f"{self._management} is managed by {found}")

    @_named
    def accounts(self) -> list[Account]:
        """Every account of the organization, in every state; empty pages may come before the last."""
        pages = self._client.get_paginator("list_accounts").paginate(PaginationConfig={"PageSize": PAGE})
        return [_account(found) for page in pages for found in page["Accounts"]]

    @_named
    def account(self, account: str) -> Account | None:
        """One account; None when it is no member."""
        try:
            return _account(self._client.describe_account(AccountId=account)["Account"])
        except self._client.exceptions.AccountNotFoundException:
            return None

    @_named
    def accounts_below(self, units: Iterable[str], named: Collection[str] = ()) -> frozenset[str]:
        """Ids of the accounts in any of these units or below.

        Args:
            named: the only accounts that matter, where not all do. Where a few stand takes fewer
                requests to find out than who else is in a large unit.

        Raises:
            UnknownUnit: a unit does not exist, so what it excludes cannot be told.
        """
        waiting = [self._unit(unit) for unit in units]
        if waiting and 0 < len(named) <= FEW:
            return frozenset(account for account in named if not self._above(account).isdisjoint(waiting))
        found: set[str] = set()
        while waiting:
            parent = waiting.pop()
            found.update(account["Id"] for account in self._pages("list_accounts_for_parent", "Accounts", parent))
            waiting += [unit["Id"] for unit in self._children(parent)]
        return frozenset(found)

    async def tags(self, account: str) -> Mapping[str, str]:
        """See `Membership.tags`."""
        call = partial(self._pages, "list_tags_for_resource", "Tags", account, "ResourceId")
        try:
            tags = await asyncio.to_thread(lambda: list(call()))
        except (ClientError, BotoCoreError) as error:
            raise aws.translated(error, account) from error
        return {tag["Key"]: tag["Value"] for tag in tags}

    async def state(self, account: str) -> str | None:
        """See `Membership.state`."""
        try:
            found = await asyncio.to_thread(self.account, account)
        except OrganizationUnreadable as error:
            raise UnexpectedAnswer(f"{account}: {error}") from error
        return found.state if found else None

    def _unit(self, unit: str) -> str:
        if not unit.startswith("/"):
            try:
                self._client.describe_organizational_unit(OrganizationalUnitId=unit)
            except self._client.exceptions.OrganizationalUnitNotFoundException as error:
                raise UnknownUnit(unit) from error
            return unit
        parent: str = self._client.list_roots()["Roots"][0]["Id"]
        for name in unit.removeprefix("/").split("/"):
            below = {child["Name"]: child["Id"] for child in self._children(parent)}
            if name not in below:
                raise UnknownUnit(unit)
            parent = below[name]
        return parent

    def _above(self, account: str) -> set[str]:
        """Ids of the units above an account, and of its root; none of whoever is no member."""
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
    return Account(found["Id"], found.get("State", "UNKNOWN"))
