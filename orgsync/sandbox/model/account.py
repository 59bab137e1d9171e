"""The Account Management API as a pure model: contacts of an organization behind AWS's rules.

No HTTP and no clock of its own: the sandbox's server and the simulations use this very model,
one under the wall clock, the other under virtual time. Thread-safe.
"""

import copy
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import RLock
from typing import Any

from orgsync.sandbox.errors import UnknownOperation
from orgsync.sandbox.model import contact_rules
from orgsync.sandbox.model.organization import (
    KINDS,
    Fields,
    MemberAccount,
    OrganizationModel,
)
from orgsync.sandbox.model.quotas import Quota, QuotaLimiter

READS = frozenset({"GetContactInformation", "GetAlternateContact"})
WRITES = frozenset({"PutContactInformation", "PutAlternateContact", "DeleteAlternateContact"})
OPERATIONS = READS | WRITES
STATUS_OF_ERROR: Mapping[str, int] = {
    "ValidationException": 400,
    "AccessDeniedException": 403,
    "ResourceNotFoundException": 404,
    "ConflictException": 409,
    "TooManyRequestsException": 429,
    "InternalServerException": 500,
}
# [field] The wording is quoted by users of other tools.
_NO_TRUSTED_ACCESS = "Your organization must first enable trusted access with AWS Account Management."
# [doc] Account Management needs all features; the wording is [inferred].
_NOT_ALL_FEATURES = "Your organization must enable all features."
_MANAGEMENT_OWN_ID = (
    "The management account can only be managed using the standalone context from the management account."
)

_NO_CONTACT = "No contact of the inputted alternate contact type found."


class ApiError(Exception):
    """An error of the Account API.

    `code` is AWS's error name; `fields` are (name, message) of a failed validation; `written` is true if the call
    had written when its answer was lost.
    """

    def __init__(
        self, code: str, message: str, fields: tuple[tuple[str, str], ...] = (), *, written: bool = False
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.fields = fields
        self.written = written

    @property
    def status(self) -> int:
        """HTTP status of the refusal."""
        return STATUS_OF_ERROR[self.code]


@dataclass(frozen=True)
class CallerIdentity:
    """The caller of an API: its account and its ARN as in CloudTrail.

    `sandbox`: it is the sandbox itself. `reader`: it may only read.
    """

    account: str
    arn: str
    sandbox: bool = False
    reader: bool = False


@dataclass(frozen=True)
class Write:
    """A write that succeeded: the request, and the account and kind that it changed."""

    operation: str
    parameters: Mapping[str, Any]
    caller: CallerIdentity
    account: str
    kind: str


class AccountService:
    """The contacts of a management account and its members.

    Args:
        organization: its accounts' `state`, and who may manage them, are read at every call; its contacts are copied.
        quotas: operation to quota; an operation that is not a key is never throttled.
        clock: seconds, for the quotas.
        lag_clock: seconds, for `lag_s`; the same clock if none is given.
        lag_s: seconds for which a read still answers what stood there before a write. AWS is
            eventually consistent; the Terraform provider had to poll for it. Other users' writes lag as well.
        refuse: called before every call that is not the sandbox's own, with operation and target
            account; an ApiError it returns is what the caller gets, after the write if it is a `written` one.
        on_write: called with every write that succeeded, outside the lock.
    """

    def __init__(
        self,
        organization: OrganizationModel,
        *,
        clock: Callable[[], float],
        lag_clock: Callable[[], float] | None = None,
        quotas: Mapping[str, Quota] | None = None,
        lag_s: float = 0.0,
        refuse: Callable[[str, str], ApiError | None] = lambda operation, account: None,
        on_write: Callable[[Write], None] = lambda write: None,
    ) -> None:
        self.management = organization.management
        self._organization = organization
        self._members = {account.id: account for account in organization.accounts}
        self._contacts = {self.management: copy.deepcopy(organization.source)}
        for account in organization.accounts:
            self._contacts[account.id] = copy.deepcopy(account.contacts)
        self._lagging: dict[tuple[str, str], list[tuple[float, Fields | None]]] = {}
        """Versions of a contact, each with the moment from which reads show it, the oldest one shown first."""
        self._throttle = QuotaLimiter(quotas or {}, clock)
        self._clock, self._lag_s, self._refuse, self._on_write = lag_clock or clock, lag_s, refuse, on_write
        self._counts: dict[str, Counter[str]] = {}
        self._lock = RLock()
        self.writes: list[dict[str, str]] = []
        """The writes to members that took effect, by who may manage them: operation, account, kind."""

    @property
    def calls(self) -> dict[str, dict[str, int]]:
        """The calls about members by who may manage them: operation to made, throttled, failed.

        ResourceNotFoundException is an answer ("no such contact"), not a failure.
        """
        with self._lock:
            return {
                operation: {"made": counts["made"], "throttled": counts["throttled"], "failed": counts["failed"]}
                for operation, counts in sorted(self._counts.items())
            }

    def contacts(self) -> dict[str, dict[str, Fields | None]]:
        """Read every account's contacts now, the management account's included; None: no such contact."""
        with self._lock:
            return {
                account: {kind: copy.copy(held.get(kind)) for kind in KINDS} for account, held in self._contacts.items()
            }

    def contact(self, account: str, kind: str) -> Fields | None:
        """Read one contact now, whatever a caller's read would show; None: no such contact."""
        with self._lock:
            return copy.copy(self._contacts[account].get(kind))

    def add_account(self, account: MemberAccount) -> None:
        """Add a member with the contacts that it has."""
        with self._lock:
            self._members[account.id] = account
            self._contacts[account.id] = copy.deepcopy(account.contacts)

    def remove_account(self, account: str) -> None:
        """Let a member leave; its contacts stay its own, out of everybody else's reach."""
        with self._lock:
            del self._members[account]

    def write_directly(self, operation: str, parameters: Mapping[str, Any], caller: CallerIdentity) -> Write:
        """Write as another user of the API would: neither counted, throttled nor passed to `on_write`.

        Its fields are stored as they come, because accounts do hold what AWS would not take
        today (an old phone number without its plus).

        Raises:
            ApiError: the caller may not write this account.
        """
        kind, target = _kind(operation, parameters), parameters.get("AccountId", caller.account)
        self._authorize(operation, parameters, caller)
        deletes = operation == "DeleteAlternateContact"
        with self._lock:
            self._store(target, kind, None if deletes else _fields(kind, parameters))
        return Write(operation, dict(parameters), caller, target, kind)

    def call(self, operation: str, parameters: Mapping[str, Any], caller: CallerIdentity) -> dict[str, Any]:
        """Call an operation; parameters and answer are as in the service model.

        Raises:
            ApiError: AWS's refusal.
            UnknownOperation: not one of the contact operations.
        """
        if operation not in OPERATIONS:
            raise UnknownOperation(f"account:{operation} is not emulated; known: {', '.join(sorted(OPERATIONS))}")
        counted = self._is_administrator(caller) and "AccountId" in parameters and not caller.sandbox
        try:
            answer = self._call(operation, parameters, caller, counted)
        except ApiError as refusal:
            if counted and refusal.code != "ResourceNotFoundException":
                self._count(operation, "throttled" if refusal.code == "TooManyRequestsException" else "failed")
            raise
        return answer

    def _call(
        self, operation: str, parameters: Mapping[str, Any], caller: CallerIdentity, counted: bool
    ) -> dict[str, Any]:
        target = parameters.get("AccountId", caller.account)
        if counted:
            self._count(operation, "made")
        lost = None
        if not caller.sandbox:
            if not self._throttle.allows(caller.account, operation):
                raise ApiError("TooManyRequestsException", "Too Many Requests")
            lost = self._refuse(operation, str(target))
            if lost and not (lost.written and operation in WRITES):
                raise lost
        kind = _kind(operation, parameters)
        self._authorize(operation, parameters, caller)
        with self._lock:
            if operation in READS:
                return self._read(target, kind)
            self._write(operation, parameters, target, kind)
            if counted:
                self.writes.append({"operation": operation, "account": target, "kind": kind})
        self._on_write(Write(operation, dict(parameters), caller, target, kind))
        if lost:
            raise lost
        return {}

    def _is_administrator(self, caller: CallerIdentity) -> bool:
        return caller.account in (self.management, *self._organization.delegated_administrators)

    def _authorize(self, operation: str, parameters: Mapping[str, Any], caller: CallerIdentity) -> None:
        """Refuse a caller who may not act on the account.

        [field] The wording for the management account's own id is quoted by several tools, and
        suspended accounts can still be read. [inferred] They cannot be written to, and the
        refusal is an AccessDeniedException.
        """
        if "AccountId" not in parameters:
            return
        target = parameters["AccountId"]
        if not isinstance(target, str) or not re.fullmatch(r"\d{12}", target):
            raise _validation_error([("AccountId", "must be 12 digits")])
        why = None
        if not self._is_administrator(caller):
            why = "Only the management account or a delegated administrator can specify an account."
        elif self._organization.features != "all":
            why = _NOT_ALL_FEATURES
        elif not self._organization.trusted_access:
            why = _NO_TRUSTED_ACCESS
        elif target == self.management:
            why = _MANAGEMENT_OWN_ID
        elif target not in self._members or self._members[target].state == "CLOSED":
            why = "The account is not a member of the organization."
        elif operation in WRITES and self._members[target].state != "ACTIVE":
            why = "The account is not active."
        if why:
            raise ApiError(
                "AccessDeniedException",
                f"User: {caller.arn} is not authorized to perform: account:{operation} ({why})",
            )

    def _read(self, account: str, kind: str) -> dict[str, Any]:
        fields = self._contacts[account].get(kind)
        if lagging := self._lagging.get((account, kind)):
            now = self._clock()
            fields = [shown for since, shown in lagging if since <= now][-1]
        if fields is None:
            raise ApiError("ResourceNotFoundException", _NO_CONTACT)
        if kind == "primary":
            return {"ContactInformation": dict(fields)}
        return {"AlternateContact": {"AlternateContactType": kind.upper(), **fields}}

    def _write(self, operation: str, parameters: Mapping[str, Any], account: str, kind: str) -> None:
        if operation == "DeleteAlternateContact":
            if kind not in self._contacts[account]:
                raise ApiError("ResourceNotFoundException", _NO_CONTACT)
            self._store(account, kind, None)
            return
        errors = contact_rules.field_errors(kind, _contact_parameters(kind, parameters))
        if errors:
            raise _validation_error(errors)
        self._store(account, kind, _fields(kind, parameters))

    def _store(self, account: str, kind: str, fields: Fields | None) -> None:
        held = self._contacts[account]
        if self._lag_s:
            now = self._clock()
            lagging = self._lagging.get((account, kind)) or [(now, copy.copy(held.get(kind)))]
            seen = max(position for position, (since, _) in enumerate(lagging) if since <= now)
            self._lagging[account, kind] = [*lagging[seen:], (now + self._lag_s, copy.copy(fields))]
        if fields is None:
            held.pop(kind, None)
        else:
            held[kind] = dict(fields)

    def _count(self, operation: str, what: str) -> None:
        with self._lock:
            self._counts.setdefault(operation, Counter())[what] += 1


def _kind(operation: str, parameters: Mapping[str, Any]) -> str:
    if operation.endswith("ContactInformation"):
        return "primary"
    named = parameters.get("AlternateContactType")
    if named not in ("BILLING", "OPERATIONS", "SECURITY"):
        raise _validation_error([("AlternateContactType", "must be one of BILLING, OPERATIONS, SECURITY")])
    return str(named).lower()


def _contact_parameters(kind: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Find the contact in a write's parameters: nested for the primary one, flat for the alternates."""
    given: Mapping[str, Any] = parameters.get("ContactInformation", {}) if kind == "primary" else parameters
    return given


def _fields(kind: str, parameters: Mapping[str, Any]) -> Fields:
    given = _contact_parameters(kind, parameters)
    rules = contact_rules.PRIMARY if kind == "primary" else contact_rules.ALTERNATE
    return {name: given[name] for name in rules if given.get(name) is not None}


def _validation_error(errors: list[tuple[str, str]]) -> ApiError:
    text = "; ".join(f"{name} {message}" for name, message in errors)
    return ApiError("ValidationException", f"{len(errors)} validation error(s) detected: {text}", tuple(errors))
