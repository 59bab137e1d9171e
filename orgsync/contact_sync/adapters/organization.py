"""AWS Organizations as `Organization`: the members, where they stand, how they are tagged."""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial, wraps
from typing import Any, ParamSpec, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from orgsync.contact_sync.core.accounts import Account
from orgsync.contact_sync.core.errors import AccountNotFound, NotManagementAccount, OrganizationUnreadable, UnknownUnit
from orgsync.shared import aws
from orgsync.shared.clock import timestamp
from orgsync.shared.errors import CallError, Temporary, Throttled, UnexpectedAnswer
from orgsync.shared.organization_units import find_unit, is_path
from orgsync.shared.rate_limiter import TokenBucket

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


# ListAccounts takes 8 requests a second, 12 at once [doc]; quotas of the other calls are not published: they share it.
_PACE = (8, 12)

# Seconds in which planning waits out AWS: a function lives for 15 minutes, and what comes after must fit too.
_PATIENCE = 10 * 60.0

# Seconds before each further try of a request that AWS failed at, or did not answer.
_DELAYS = (0.5, 1, 2, 4, 8)

_THREADS = 16
"""Lookups of the worker that are under way at once."""


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
    """The organization of the management account.

    Planning waits until AWS answers: what is throttled is asked again, ever more slowly, for as long as a function
    may live. The worker's calls are its own to pace and to repeat: each is one request, in threads of their own, so
    that no lookup for a stop waits behind them.

    Raises:
        OrganizationUnreadable: AWS refused, or its answer is not whole; from every method of a run's planning.
        CallError: AWS did not answer, or not now; likewise.

    Args:
        management: the management account's id.
        sleep, monotonic: time, in seconds.
    """

    def __init__(
        self,
        management: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._management = management
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="organizations")
        self._sleep, self._monotonic = sleep, monotonic
        self._bucket = TokenBucket(*_PACE)
        self._until = monotonic() + _PATIENCE

    @cached_property
    def _client(self) -> Any:
        return aws.client("organizations", aws.COUNTED)

    @_planning
    def check_management(self) -> None:
        """See `Organization.check_management`. It is what planning begins with, and its patience too."""
        self._until = self._monotonic() + _PATIENCE
        try:
            found = self._ask("describe_organization")["Organization"]["MasterAccountId"]
        except self._client.exceptions.AWSOrganizationsNotInUseException as error:
            raise NotManagementAccount("this account is in no organization") from error
        if found != self._management:
            raise NotManagementAccount(f"{self._management} is managed by {found}")

    @_planning
    def accounts(self) -> list[Account]:
        """See `Organization.accounts`; empty pages may come before the last, and an account on two of them."""
        listed = (_account(found) for found in self._pages("list_accounts", "Accounts", MaxResults=PAGE))
        found = {account.id: account for account in listed}
        if self._management not in found:
            raise OrganizationUnreadable("ListAccounts: the listing lacks the management account")
        return list(found.values())

    @_planning
    def account(self, account: str) -> Account | None:
        """See `Organization.account`."""
        try:
            return _account(self._ask("describe_account", AccountId=account)["Account"])
        except self._client.exceptions.AccountNotFoundException:
            return None

    @_planning
    def accounts_below(self, units: Iterable[str], named: Collection[str] = ()) -> dict[str, Collection[str]]:
        """See `Organization.accounts_below`."""
        found = {unit: self._unit(unit) for unit in units}
        # To find out where a few accounts stand takes fewer requests than to list a large unit.
        if found and 0 < len(named) <= FEW:
            above = {account: self._above(account) for account in named}
            return {unit: {one for one in named if of in above[one]} for unit, of in found.items()}
        return {unit: self._below(of) for unit, of in found.items()}

    async def tags(self, account: str, page: str | None = None) -> tuple[dict[str, str], str | None]:
        """See `Organization.tags`."""
        token = {"NextToken": page} if page else {}
        answer = await self._look_up(self._client.list_tags_for_resource, account, ResourceId=account, **token)
        return {tag["Key"]: tag["Value"] for tag in answer["Tags"]}, answer.get("NextToken") or None

    async def state(self, account: str) -> str | None:
        """See `Organization.state`."""
        try:
            answer = await self._look_up(self._client.describe_account, account, AccountId=account)
            return _account(answer["Account"]).state
        except AccountNotFound:
            return None
        except OrganizationUnreadable as error:
            raise UnexpectedAnswer(f"{account}: {error}") from error

    async def _look_up(self, operation: Callable[..., Any], account: str, **parameters: str) -> Mapping[str, Any]:
        """Make one request for the worker, in a thread of its own pool."""
        loop = asyncio.get_running_loop()
        try:
            answer: Mapping[str, Any] = await loop.run_in_executor(self._threads, partial(operation, **parameters))
            return answer
        except (ClientError, BotoCoreError) as error:
            raise aws.call_error(error, account, ORGANIZATION_ERRORS) from error

    def _ask(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        """Make one request for planning, again and again while AWS wants it slower or fails for a moment."""
        delays = iter(_DELAYS)
        while True:
            while wait := self._bucket.take(self._monotonic()):
                self._sleep(wait)
            sent = self._monotonic()
            try:
                answer: Mapping[str, Any] = getattr(self._client, operation)(**parameters)
                return answer
            except (ClientError, BotoCoreError) as error:
                failure = aws.call_error(error, "the organization", ORGANIZATION_ERRORS)
                if not isinstance(failure, Temporary | Throttled) or self._monotonic() >= self._until:
                    raise
                if isinstance(failure, Throttled):
                    self._bucket.throttled(sent, self._monotonic())
                elif (delay := next(delays, None)) is None:
                    raise
                else:
                    self._sleep(delay)

    def _unit(self, unit: str) -> str:
        if not is_path(unit):
            try:
                self._ask("describe_organizational_unit", OrganizationalUnitId=unit)
            except self._client.exceptions.OrganizationalUnitNotFoundException as error:
                raise UnknownUnit(unit) from error
            return unit
        found = find_unit(unit, self._ask("list_roots")["Roots"][0]["Id"], self._child)
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
                (parent,) = self._ask("list_parents", ChildId=child)["Parents"]
            except self._client.exceptions.ChildNotFoundException:
                return set()
            child = parent["Id"]
            above.add(child)
        return above

    def _below(self, unit: str) -> set[str]:
        """Return the ids of the accounts in a unit or below."""
        found, waiting = set[str](), [unit]
        while waiting:
            parent = waiting.pop()
            found.update(one["Id"] for one in self._pages("list_accounts_for_parent", "Accounts", ParentId=parent))
            waiting += [unit["Id"] for unit in self._children(parent)]
        return found

    def _children(self, parent: str) -> Iterator[Mapping[str, Any]]:
        return self._pages("list_organizational_units_for_parent", "OrganizationalUnits", ParentId=parent)

    def _pages(self, operation: str, key: str, **parameters: Any) -> Iterator[Mapping[str, Any]]:
        token: dict[str, str] = {}
        while True:
            page = self._ask(operation, **parameters, **token)
            yield from page[key]
            if not page.get("NextToken"):
                return
            token = {"NextToken": page["NextToken"]}


def _account(found: Mapping[str, Any]) -> Account:
    # `Status` was retired on 2026-09-09. Without `State` nothing is known of the account, also not that it is closed.
    if not found.get("State"):
        raise OrganizationUnreadable(f"{found['Id']} is listed without its State")
    joined = found.get("JoinedTimestamp")
    return Account(found["Id"], found["State"], timestamp(joined) if joined else None)
