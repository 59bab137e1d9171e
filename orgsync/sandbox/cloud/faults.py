"""Faults on purpose: operations that are refused, functions whose process dies.

The forms are those of a scenario file:

    {"operation": "PutAlternateContact", "account": "200000000001", "error": "AccessDeniedException"}
    {"operation": "*", "error": "InternalServerException", "rate": 0.05}      # every Account API operation
    {"operation": "ListAccounts", "error": "ServiceException", "times": 2}    # an operation of any service
    {"operation": "PutAlternateContact", "error": "InternalServerException", "written": True}  # it has written
    {"operation": "*", "account": "source", "error": "AccessDeniedException", "for_s": 120}    # and then no more
    {"function": "process", "crash": "before" | "after", "times": 1}
"""

import random
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Literal

from orgsync.sandbox.cloud.refusals import COMMON
from orgsync.sandbox.cloud.wire import operations_named
from orgsync.sandbox.errors import InvalidFault, UnknownFunction, UnknownOperation
from orgsync.sandbox.model import account
from orgsync.sandbox.model.account import ApiError
from orgsync.sandbox.model.organization import MANAGEMENT

Crash = Literal["before", "after"]

SOURCE = "source"
"""The management account's own contacts, where a fault names an account."""

# Calls that write nothing, whatever the service; Account Management's own are known one by one.
READING = re.compile(r"(BatchGet|Describe|Filter|Get|Head|List|Lookup|Query|Scan|Search|Select|Simulate|TransactGet)")


@dataclass
class _Fault:
    subject: str
    effect: str
    account: str | None
    rate: float
    times: int | None
    until: float | None
    written: bool


class Faults:
    """The faults in force, looked up at every call and every invocation; thread-safe.

    Args:
        seed: for the faults with a `rate`.
        functions: names that a fault may give a function: the product's, and what is deployed now.
        clock: of the seconds for which a fault is in force.
        management: the account that `source` stands for.
    """

    def __init__(
        self,
        seed: int,
        functions: Callable[[], Iterable[str]],
        clock: Callable[[], float] = lambda: 0.0,
        management: str = MANAGEMENT,
    ) -> None:
        self._random = random.Random(seed)
        self._functions, self._clock, self._management = functions, clock, management
        self._operations: list[_Fault] = []
        self._crashes: list[_Fault] = []
        self._lock = Lock()

    def add(self, fault: Mapping[str, Any]) -> None:
        """Put a fault in force from here on.

        Raises:
            UnknownOperation, UnknownFunction: it names something that does not exist.
            InvalidFault: anything else about it is invalid.
        """
        if "function" in fault:
            _check_keys(fault, {"function", "crash", *_LIMITS})
            if fault["function"] not in (known := sorted(self._functions())):
                raise UnknownFunction(f"fault: there is no function {fault['function']!r}; known: {', '.join(known)}")
            if fault.get("crash") not in ("before", "after"):
                raise InvalidFault("fault: crash must be before or after (the function has done its work)")
            made, faults = self._made(fault, "function", "crash"), self._crashes
        else:
            _check_keys(fault, {"operation", "account", "error", "written", *_LIMITS})
            _check_operation(fault)
            made, faults = self._made(fault, "operation", "error"), self._operations
        with self._lock:
            faults.append(made)

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._operations.clear()
            self._crashes.clear()

    def refusal(self, operation: str, target: str) -> ApiError | None:
        """Give the error that an Account API call about `target` gets, if any."""
        fault = self._matching(self._operations, {operation, "*"}, target)
        if fault is None:
            return None
        return ApiError(fault.effect, f"{operation} was refused by a fault of the rehearsal", written=fault.written)

    def error(self, operation: str) -> tuple[str, bool] | None:
        """Give the error code that a call of another service gets, if any, and whether the call is made first."""
        fault = self._matching(self._operations, {operation}, None)
        return (fault.effect, fault.written) if fault else None

    def crash(self, names: set[str]) -> str | None:
        """Give `before` or `after` if the process of the function with these names is to die now."""
        fault = self._matching(self._crashes, names, None)
        return fault.effect if fault else None

    def _matching(self, faults: list[_Fault], subjects: set[str], target: str | None) -> _Fault | None:
        now = self._clock()
        with self._lock:
            for fault in faults:
                if fault.subject not in subjects or (fault.account and fault.account != target) or fault.times == 0:
                    continue
                if fault.until is not None and now >= fault.until:
                    continue
                if fault.rate < 1 and self._random.random() >= fault.rate:
                    continue
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None

    def _made(self, fault: Mapping[str, Any], subject: str, effect: str) -> _Fault:
        rate, times, for_s = fault.get("rate", 1.0), fault.get("times"), fault.get("for_s")
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate <= 1:
            raise InvalidFault("fault: rate must be above 0 and at most 1")
        if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 1):
            raise InvalidFault("fault: times must be a whole number from 1")
        if for_s is not None and (isinstance(for_s, bool) or not isinstance(for_s, int | float) or not 0 < for_s < 1e9):
            raise InvalidFault("fault: for_s must be a number of seconds above 0")
        until = None if for_s is None else self._clock() + for_s
        account = self._management if fault.get("account") == SOURCE else fault.get("account")
        written = bool(fault.get("written", False))
        return _Fault(fault[subject], fault[effect], account, float(rate), times, until, written)


def _check_operation(fault: Mapping[str, Any]) -> None:
    operation, error, target = fault.get("operation"), fault.get("error"), fault.get("account")
    written = fault.get("written", False)
    if not isinstance(written, bool):
        raise InvalidFault("fault: written must be true or false")
    if operation == "*" or operation in account.OPERATIONS:
        if error not in account.STATUS_OF_ERROR:
            raise InvalidFault(f"fault: error must be one of {', '.join(account.STATUS_OF_ERROR)}")
        if target is not None and target != SOURCE and not re.fullmatch(r"\d{12}", str(target)):
            raise InvalidFault("fault: account must be an account id of 12 digits, in quotes, or source")
        if written and operation in account.READS:
            raise InvalidFault(f"fault: written belongs to operations that write, not to {operation}")
        return
    owners = operations_named(str(operation))
    if not owners or any(service == "account" for service, _ in owners):
        raise UnknownOperation(f"fault: the sandbox knows no operation {operation!r}")
    if target is not None:
        raise InvalidFault(f"fault: account belongs to Account API operations, not to {operation}")
    if written and READING.match(str(operation)):
        raise InvalidFault(f"fault: written belongs to operations that write, not to {operation}")
    declared = {shape.name for _, model in owners for shape in model.error_shapes}
    declared |= {
        str(shape.metadata.get("error", {}).get("code")) for _, model in owners for shape in model.error_shapes
    }
    if error not in COMMON and error not in declared:
        raise InvalidFault(
            f"fault: {operation} has no error {error!r}; it has {', '.join(sorted(declared - {'None'}))}"
        )


_LIMITS = ("rate", "times", "for_s")


def _check_keys(fault: Mapping[str, Any], allowed: set[str]) -> None:
    unknown = sorted(set(fault) - allowed)
    if unknown:
        raise InvalidFault(f"fault: {unknown[0]} is not a key here; allowed: {', '.join(sorted(allowed))}")
