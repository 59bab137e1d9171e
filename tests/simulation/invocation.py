"""One invocation of a function: its process, its services, and what goes wrong with its calls.

Every call of a store or of AWS takes virtual time, takes effect at one moment of it, and can be the one at which the
process is killed, the answer is lost or the call is refused.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from orgsync.contact_sync.adapters.organization import PAGE
from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.accounts import Account
from orgsync.contact_sync.core.errors import AccountNotFound, OrganizationUnreadable, contact_errors
from orgsync.contact_sync.names import Operation
from orgsync.contact_sync.services import Services
from orgsync.sandbox.contact_sync.simulation import EPOCH, ERRORS, SimulatedContacts, SimulatedOrganization
from orgsync.sandbox.model.account import AccountService, ApiError, CallerIdentity
from orgsync.sandbox.model.organization import OrganizationModel
from orgsync.shared.aws import LONGEST_CALL
from orgsync.shared.errors import AccessDenied, CallError, NetworkFailed, ServiceFailed, StoreFailed
from orgsync.shared.rate_limiter import RateLimiter, TokenBucket
from tests.simulation.history import Part
from tests.simulation.scheduler import Killed, Process, Scheduler

Refuse = Callable[[str, str], ApiError | None]
_NOT_STORES = ("manifest", "name")
_PAGE_SECONDS = 0.15
"""Seconds for each further page of a listing: pages come one after the other, below the quota of eight a second."""


class Invocation:
    """One life of a function.

    Args:
        function: the function's name; `number` is the invocation's own, `faults` what goes wrong with its calls.
        note: takes a line of the history for each call at which something goes wrong.
        slow: share of the calls of contacts that last for seconds.
        refused: says whether a store refuses at this moment, because its permissions are not in force yet.

    Attributes:
        struck: whether anything went wrong with it.
    """

    def __init__(
        self,
        function: str,
        number: int,
        scheduler: Scheduler,
        faults: Iterable[Part],
        note: Callable[[str], None],
        refused: Callable[[], bool],
        slow: float,
    ) -> None:
        self.name = f"{function}-{number}"
        self.process: Process
        self.struck = False
        self._scheduler, self._note, self._refused, self._slow = scheduler, note, refused, slow
        self._faults = {fault["call"]: fault for fault in faults if "call" in fault}
        self._forgotten = {fault["write"] for fault in faults if "write" in fault}
        self._writes = 0
        self._latency = Random(self.name)
        self._calls = 0
        self._beside = False

    def call(self, name: str, effect: Callable[[], Any], more: float = 0.0) -> Any:
        """Make a call that the whole process waits for, `more` seconds longer than for most.

        Raises:
            Killed: the process was killed before, meanwhile or after it.
            StoreFailed: it was refused, or its answer was lost.
        """
        if self._beside:
            return effect()
        fault, seconds = self._next(name)
        if fault == "killed before":
            self._die()
        self.process.wait(seconds + more)
        if fault == "refused" or (not name.startswith("organization.") and self._refused()):
            raise StoreFailed(f"{name}: refused by the history")
        answer = effect()
        if fault == "killed after":
            self._die()
        if fault == "lost":
            raise StoreFailed(f"{name}: the answer was lost")
        return answer

    def beside(self, loop: asyncio.AbstractEventLoop, effect: Callable[[], Any], name: str = "") -> Any:
        """Make a call for which only one task of the process waits; return the future of its answer.

        Once sent it takes effect whatever becomes of the process.
        """
        self.process.check()
        future = loop.create_future()
        fault, seconds = self._next(name or "beside")
        lost: Exception | None = None
        if fault in ("refused", "lost"):
            lost = ServiceFailed(name) if name else StoreFailed(fault)
        if fault == "killed before":
            self._die()
        forgotten = name.startswith("account.Put") and self._is_forgotten()

        def arrive() -> None:
            outcome: Any = None
            failure = lost
            if not name and self._refused():
                failure = StoreFailed("refused by the history")
            elif fault != "refused" and not forgotten:
                self._beside = True
                try:
                    outcome = effect()
                except Exception as error:  # the caller's
                    failure = failure or error
                finally:
                    self._beside = False
            if fault == "killed after":
                self.struck = True
                self.process.kill()
                return
            self._scheduler.after(seconds / 2, lambda: answer(outcome, failure))

        def answer(outcome: Any, failure: Exception | None) -> None:
            if self.process.killed or future.done():
                return
            if failure:
                future.set_exception(failure)
            else:
                future.set_result(outcome)
            self.process.wake()

        self._scheduler.after(seconds / 2, arrive)
        return future

    def _is_forgotten(self) -> bool:
        """Return whether AWS confirms a write and forgets it: whoever looks again sees that."""
        self._writes += 1
        forgotten = self._writes - 1 in self._forgotten
        if forgotten:
            self._note(f"{self.name}: write {self._writes - 1} is confirmed and forgotten")
        return forgotten

    def _next(self, name: str) -> tuple[str | None, float]:
        self.process.check()
        fault = self._faults.get(self._calls)
        self._calls += 1
        seconds = self._latency.choice((0.01, 0.02, 0.04)) if name.partition(".")[0] != "account" else 0.15
        if self._slow and name.startswith("account.") and self._latency.random() < self._slow:
            seconds += self._latency.uniform(1, LONGEST_CALL - 2)
        what = fault["what"] if fault else None
        if fault:
            self._note(f"{self.name}: call {self._calls - 1}, {name}, is {what}")
            self.struck = self.struck or what != "slow"
            if what == "slow":
                seconds += fault["seconds"]
        return what, seconds

    def _die(self) -> None:
        self.struck = True
        self.process.killed = True
        raise Killed


class Parted:
    """A store, or a service, whose calls are the invocation's."""

    def __init__(self, name: str, part: Any, invocation: Invocation) -> None:
        self._name, self._part, self._invocation = name, part, invocation

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._part, method)
        if not callable(found) or method in _NOT_STORES:
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            # What a store yields is read at once, and in one call.
            return self._invocation.call(f"{self._name}.{method}", lambda: _whole(found(*arguments, **named)))

        return call


def _whole(answer: Any) -> Any:
    return list(answer) if isinstance(answer, Iterator) else answer


class InvocationClock:
    """The virtual time, as one container's clock shows it."""

    def __init__(self, invocation: Invocation, skew: float) -> None:
        self._invocation, self._skew = invocation, skew

    def now(self) -> datetime:
        """See `Clock.now`."""
        return EPOCH + timedelta(seconds=max(self.monotonic() + self._skew, 0.0))

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return self._invocation.process.seconds()

    async def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`."""
        await asyncio.sleep(seconds)


class InvocationContacts(SimulatedContacts):
    """The Account API, as one invocation calls it."""

    def __init__(self, service: AccountService, invocation: Invocation, role: str) -> None:
        super().__init__(service)
        self._invocation = invocation
        self._caller = CallerIdentity(
            service.management, f"arn:aws:sts::{service.management}:assumed-role/{role}/{invocation.name}"
        )

    async def _call(self, operation: str, account: str | None, **parameters: Any) -> dict[str, Any]:
        whose = {} if account is None else {"AccountId": self._member(account)}

        def send() -> dict[str, Any]:
            try:
                return self._service.call(operation, whose | parameters, self._caller)
            except ApiError as refusal:
                known = {**ERRORS, **contact_errors(operation)}
                raise known.get(refusal.code, CallError)(f"{account}: {refusal.code}") from refusal

        loop = asyncio.get_running_loop()
        answer = self._invocation.beside(loop, send, f"account.{operation}")
        try:
            async with asyncio.timeout(LONGEST_CALL):
                made: dict[str, Any] = await answer
        except TimeoutError as error:
            raise NetworkFailed(f"{account}: no answer") from error
        return made


class InvocationOrganization(SimulatedOrganization):
    """AWS Organizations, as one invocation calls it.

    Args:
        refuse: AWS's answer to a call, by operation and account.
        joined: when accounts joined, where that is not long ago.
    """

    def __init__(
        self, organization: OrganizationModel, invocation: Invocation, refuse: Refuse, joined: Mapping[str, str]
    ) -> None:
        super().__init__(organization)
        self._invocation, self._refuse, self._joined = invocation, refuse, joined

    def check_management(self) -> None:
        """See `Organization.check_management`."""
        self._invocation.call("organization.check_management", lambda: None)

    def accounts(self) -> list[Account]:
        """See `Organization.accounts`."""
        pages = len(self._organization.accounts) // PAGE
        listed: list[Account] = self._asked("ListAccounts", "", self._listed, pages * _PAGE_SECONDS)
        return listed

    def account(self, account: str) -> Account | None:
        """See `Organization.account`."""
        found: Account | None = self._asked(
            "ListAccounts", account, lambda: next((one for one in self._listed() if one.id == account), None)
        )
        return found

    def _listed(self) -> list[Account]:
        return [replace(one, joined=self._joined.get(one.id)) for one in super().accounts()]

    def accounts_below(self, units: Iterable[str], _named: Any = ()) -> Mapping[str, Any]:
        """See `Organization.accounts_below`."""
        found: Mapping[str, Any] = self._asked("ListAccounts", "", lambda: self._below(units))
        return found

    def _below(self, units: Iterable[str]) -> Mapping[str, Any]:
        # A unit is there whether or not an account stands in it.
        accounts = self._organization.accounts
        return {unit: {one.id for one in accounts if f"{one.ou}/".startswith(f"{unit}/")} for unit in units}

    async def tags(self, account: str, _page: str | None = None) -> Any:
        """See `Organization.tags`."""
        return await self._sent("ListTagsForResource", account, lambda: self._tags_of(account))

    async def state(self, account: str) -> Any:
        """See `Organization.state`."""
        return await self._sent("DescribeAccount", account, lambda: self._state_of(account))

    def _asked(self, operation: str, account: str, effect: Callable[[], Any], more: float = 0.0) -> Any:
        """Make a call of planning, which knows refusals by another name."""

        def ask() -> Any:
            if refused := self._refuse(operation, account):
                failure = _translated(refused, account)
                raise OrganizationUnreadable(refused.code) if isinstance(failure, AccessDenied) else failure
            return effect()

        return self._invocation.call(f"organization.{operation}", ask, more)

    async def _sent(self, operation: str, account: str, effect: Callable[[], Any]) -> Any:
        """Make a call of the worker."""

        def ask() -> Any:
            if refused := self._refuse(operation, account):
                raise _translated(refused, account)
            return effect()

        return await self._invocation.beside(asyncio.get_running_loop(), ask, f"organization.{operation}")

    def _tags_of(self, account: str) -> Any:
        found = next((one for one in self._organization.accounts if one.id == account), None)
        if found is None:
            raise AccountNotFound(account)
        return dict(found.tags), None

    def _state_of(self, account: str) -> str | None:
        return next((one.state for one in self._organization.accounts if one.id == account), None)


def _translated(refusal: ApiError, account: str) -> CallError:
    return ERRORS.get(refusal.code, CallError)(f"{account}: {refusal.code}")


@dataclass(frozen=True)
class ContainerServices(Services):
    """The services of one container of a function, which goes on with the rates that it has learned.

    Attributes:
        buckets: those rates, by pace; another container knows nothing of them.
    """

    buckets: dict[Any, Mapping[str, TokenBucket]] = field(default_factory=dict)

    def limiter(self, config: ContactSyncConfig) -> RateLimiter:
        """See `Services.limiter`."""
        paces = tuple((one, config.pace(one)) for one in Operation)
        explore = config.pacing.explore
        fresh = {str(one): TokenBucket(pace.rate, pace.burst, explore=explore) for one, pace in paces}
        known = self.buckets.setdefault((paces, explore), fresh)
        return RateLimiter(known, self.clock)
