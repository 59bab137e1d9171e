"""The core and the worker under virtual time: an hour of pacing passes in a second.

Only the product's ports are replaced. The Account API behind them is the model
that the sandbox serves over HTTP, here called directly, with quotas, latency and lag
measured on the event loop's own clock, which jumps to whatever is due next.
"""

import asyncio
import re
import selectors
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.account_sync import SyncContext
from orgsync.contact_sync.core.accounts import Account, Target
from orgsync.contact_sync.core.contacts import Contact
from orgsync.contact_sync.core.errors import AccountNotFound, ContactNotFound, ContactRefused, UnknownUnit
from orgsync.contact_sync.core.receipts import Receipt
from orgsync.contact_sync.core.source import Source
from orgsync.contact_sync.core.worker import process_batch
from orgsync.contact_sync.names import Kind, Operation
from orgsync.sandbox.model.account import AccountService, CallerIdentity
from orgsync.sandbox.model.account import ApiError as Refusal
from orgsync.sandbox.model.organization import OrganizationModel
from orgsync.shared.errors import AccessDenied, CallError, Conflicted, ServiceFailed, Throttled
from orgsync.shared.rate_limiter import RateLimiter, TokenBucket

# Errors of the model's Account API, as the adapter translates them.
ERRORS: Mapping[str, type[CallError]] = {
    "AccessDeniedException": AccessDenied,
    "ConflictException": Conflicted,
    "InternalServerException": ServiceFailed,
    "ResourceNotFoundException": ContactNotFound,
    "TooManyRequestsException": Throttled,
    "ValidationException": ContactRefused,
}
EPOCH = datetime(2030, 1, 1, tzinfo=UTC)
Result = TypeVar("Result")


class _JumpingSelector(selectors.DefaultSelector):
    """A selector that never waits: the time that the loop wanted to wait passes at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout:
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop with a clock of virtual seconds since its creation."""

    def __init__(self) -> None:
        self._jump = _JumpingSelector()
        super().__init__(self._jump)

    def time(self) -> float:
        """Return the virtual seconds since the loop was made."""
        return self._jump.now


class VirtualClock:
    """The core's `Clock` port on the running loop."""

    def now(self) -> datetime:
        """See `Clock.now`."""
        return EPOCH + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`."""
        await asyncio.sleep(seconds)


def virtual_seconds() -> float:
    """Read the running loop's clock, for the model of the Account API."""
    return asyncio.get_running_loop().time()


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine in virtual time, from zero."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


class SimulatedContacts:
    """The core's `Contacts` port on the model of the Account API, each call taking `latency` seconds."""

    def __init__(self, service: AccountService, latency: float = 0.0) -> None:
        self._service = service
        self._latency = latency
        self._caller = CallerIdentity(service.management, "arn:aws:sts::role/process")

    async def read(self, account: str | None, kind: Kind) -> Contact | None:
        """See `Contacts.read`."""
        try:
            if kind is Kind.PRIMARY:
                answer = await self._call("GetContactInformation", account)
                return Contact.of(kind, answer["ContactInformation"])
            answer = await self._call("GetAlternateContact", account, AlternateContactType=kind.upper())
            return Contact.of(kind, answer["AlternateContact"])
        except ContactNotFound:
            if kind is Kind.PRIMARY and account is not None:
                raise
            return None

    async def write(self, account: str, contact: Contact) -> None:
        """See `Contacts.write`."""
        if contact.kind is Kind.PRIMARY:
            await self._call("PutContactInformation", account, ContactInformation=dict(contact.fields))
        else:
            await self._call(
                "PutAlternateContact", account, AlternateContactType=contact.kind.upper(), **contact.fields
            )

    async def delete(self, account: str, kind: Kind) -> None:
        """See `Contacts.delete`."""
        if kind is Kind.PRIMARY:
            raise ValueError("the primary contact cannot be deleted")
        try:
            await self._call("DeleteAlternateContact", account, AlternateContactType=kind.upper())
        except ContactNotFound:
            return

    def _member(self, account: str) -> str:
        # As the adapter: left out or blank, an id silently means the caller, which is the source.
        if not re.fullmatch(r"[0-9]{12}", account) or account == self._service.management:
            raise ValueError(f"{account!r} is no member account")
        return account

    async def _call(self, operation: str, account: str | None, **parameters: Any) -> dict[str, Any]:
        whose = {} if account is None else {"AccountId": self._member(account)}
        await asyncio.sleep(self._latency / 2)
        failure: CallError
        try:
            answer: dict[str, Any] = self._service.call(operation, whose | parameters, self._caller)
        except Refusal as refusal:
            failure = ERRORS.get(refusal.code, CallError)(f"{account}: {refusal.code}")
        else:
            await asyncio.sleep(self._latency / 2)
            return answer
        await asyncio.sleep(self._latency / 2)
        raise failure


class SimulatedOrganization:
    """The organization's members, as they are at the moment of each call."""

    def __init__(self, organization: OrganizationModel) -> None:
        self._organization = organization

    def check_management(self) -> None:
        """Accept the account: here it always is the management account."""

    def accounts(self) -> Iterable[Account]:
        """Yield every member, and the management account as AWS lists it too."""
        yield Account(self._organization.management, "ACTIVE")
        for account in self._organization.accounts:
            yield Account(account.id, account.state)

    def account(self, account: str) -> Account | None:
        """Find one account; None when it is no member."""
        return next((found for found in self.accounts() if found.id == account), None)

    def accounts_below(self, units: Iterable[str], _named: Collection[str] = ()) -> Mapping[str, Collection[str]]:
        """List the ids of the accounts in each of these units (paths) or below."""
        found: dict[str, Collection[str]] = {}
        known = {account.ou for account in self._organization.accounts}
        for unit in units:
            if not any(f"{ou}/".startswith(f"{unit}/") for ou in known):
                raise UnknownUnit(unit)
            found[unit] = {a.id for a in self._organization.accounts if f"{a.ou}/".startswith(f"{unit}/")}
        return found

    async def tags(self, account: str, _page: str | None = None) -> tuple[Mapping[str, str], str | None]:
        """See `Organization.tags`."""
        found = next((found for found in self._organization.accounts if found.id == account), None)
        if found is None:
            raise AccountNotFound(account)
        return dict(found.tags), None

    async def state(self, account: str) -> str | None:
        """See `Organization.state`."""
        found = self.account(account)
        return found.state if found else None


@dataclass
class SimulatedRun:
    """The result of a simulated batch; `seconds` is virtual time from its first call to its last receipt.

    Attributes:
        breakers: what the batch gives to the run's next one (see `CircuitBreakers.saved`).
    """

    done: bool
    breakers: Mapping[str, str]
    throttles: Mapping[str, int]
    seconds: float
    receipts: list[Receipt] = field(default_factory=list)


def reconcile(
    organization: OrganizationModel,
    service: AccountService,
    config: ContactSyncConfig,
    *,
    targets: Iterable[Target] | None = None,
    latency: float = 0.0,
    emit: Callable[[Receipt], Awaitable[None]] | None = None,
    contacts: SimulatedContacts | None = None,
    context: Mapping[str, Any] | None = None,
    **options: Any,
) -> Coroutine[Any, Any, SimulatedRun]:
    """Reconcile `targets` (default: every account, every configured kind) on the simulated organization.

    Args:
        context: further attributes of the `SyncContext`.
        options: further arguments of `process_batch`.
    """
    every = tuple(Target(account.id, config.contact_types) for account in organization.accounts)
    chosen = tuple(targets) if targets is not None else every
    used = contacts or SimulatedContacts(service, latency)
    return _reconcile(organization, used, config, chosen, emit, dict(context or {}), options)


async def _reconcile(
    organization: OrganizationModel,
    contacts: SimulatedContacts,
    config: ContactSyncConfig,
    targets: tuple[Target, ...],
    also: Callable[[Receipt], Awaitable[None]] | None,
    more: Mapping[str, Any],
    options: Mapping[str, Any],
) -> SimulatedRun:
    clock = VirtualClock()
    receipts: list[Receipt] = []

    async def emit(given: Iterable[Receipt]) -> None:
        for receipt in given:
            receipts.append(receipt)
            if also:
                await also(receipt)

    paces = {operation: config.pace(operation) for operation in Operation}
    explore = config.pacing.explore
    pacer = RateLimiter(
        {one: TokenBucket(pace.rate, pace.burst, explore=explore) for one, pace in paces.items()}, clock
    )
    source = await Source.read(config.contact_types, contacts, config, pacer, clock)
    # As the plan states it.
    deletions = source.missing if config.on_source_delete == "propagate" else frozenset[Kind]()
    stated = [replace(target, deletions=deletions.intersection(target.kinds)) for target in targets]
    organized = SimulatedOrganization(organization)
    given = {"deletions": deletions, **more}
    context = SyncContext(contacts, organized, source.contacts, config, pacer, clock, **given)
    began = clock.monotonic()
    done = await process_batch(stated, context, emit, **options)
    spent = clock.monotonic() - began
    return SimulatedRun(done, context.breakers.saved(), context.throttles, spent, receipts)
