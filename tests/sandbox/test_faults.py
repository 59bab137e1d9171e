"""Faults: what may be said, and when they strike."""

from typing import Any

import pytest

from orgsync.sandbox.cloud.clock import SandboxClock
from orgsync.sandbox.cloud.faults import Faults
from orgsync.sandbox.cloud.refusals import refusal
from orgsync.sandbox.errors import InvalidFault, SandboxError, UnknownFunction, UnknownOperation

ACCOUNT = "200000000001"


@pytest.fixture
def faults() -> Faults:
    return Faults(seed=1, functions=lambda: {"process"})


def codes(faults: Faults, operation: str, account: str = ACCOUNT, calls: int = 3) -> list[str | None]:
    refusals = [faults.refusal(operation, account) for _ in range(calls)]
    return [refusal.code if refusal else None for refusal in refusals]


def test_a_fault_strikes_its_operation_and_account_only(faults: Faults) -> None:
    """Another operation and another account are answered."""
    faults.add({"operation": "PutAlternateContact", "account": ACCOUNT, "error": "AccessDeniedException"})
    assert codes(faults, "PutAlternateContact") == ["AccessDeniedException"] * 3
    assert codes(faults, "PutAlternateContact", "200000000002") == [None] * 3
    assert codes(faults, "GetAlternateContact") == [None] * 3


def test_a_fault_strikes_as_often_as_it_says(faults: Faults) -> None:
    """`times` counts strikes."""
    faults.add({"operation": "GetAlternateContact", "error": "TooManyRequestsException", "times": 2})
    assert codes(faults, "GetAlternateContact") == ["TooManyRequestsException"] * 2 + [None]


def test_a_star_is_every_account_api_operation_and_no_other(faults: Faults) -> None:
    """`*` leaves other services alone."""
    faults.add({"operation": "*", "error": "InternalServerException"})
    assert codes(faults, "DeleteAlternateContact", calls=1) == ["InternalServerException"]
    assert faults.error("ListAccounts") is None


def test_a_rate_is_drawn_from_the_seed() -> None:
    """The same seed strikes the same calls."""
    drawn = []
    for _ in range(2):
        faults = Faults(seed=7, functions=tuple)
        faults.add({"operation": "*", "error": "InternalServerException", "rate": 0.3})
        drawn.append(codes(faults, "GetAlternateContact", calls=200))
    assert drawn[0] == drawn[1]
    assert 30 < len([code for code in drawn[0] if code]) < 90


@pytest.mark.parametrize(("for_s", "times"), [(120, None), (120, 2), (0.5, 500), (86_400, 300)])
def test_a_fault_is_in_force_for_its_seconds_and_its_times(for_s: float, times: int | None) -> None:
    """Whichever of the two ends first, by the sandbox's clock and not by the machine's."""
    clock = SandboxClock()
    faults = Faults(seed=1, functions=tuple, clock=clock)
    clock.pass_time(1000)
    limits: dict[str, Any] = {"for_s": for_s} | ({} if times is None else {"times": times})
    faults.add({"operation": "*", "error": "InternalServerException", **limits})
    struck = 0
    while codes(faults, "GetAlternateContact", calls=1) != [None]:
        struck += 1
        if struck % 100 == 0:
            clock.pass_time(for_s / 4)
    assert struck == (400 if times is None else min(400, times))
    faults.add({"operation": "*", "error": "InternalServerException", "for_s": for_s})
    clock.pass_time(for_s * 0.999)
    assert codes(faults, "GetAlternateContact", calls=1) != [None]
    clock.pass_time(for_s * 0.002)
    assert codes(faults, "GetAlternateContact", calls=1) == [None]


def test_the_source_is_the_management_accounts_own_contacts() -> None:
    """`source` strikes calls about that account and about no member."""
    faults = Faults(seed=1, functions=tuple, management="100000000009")
    faults.add({"operation": "*", "account": "source", "error": "AccessDeniedException"})
    assert faults.refusal("GetContactInformation", "100000000009") is not None
    assert faults.refusal("GetContactInformation", ACCOUNT) is None
    assert faults.refusal("GetContactInformation", "100000000001") is None


def test_a_fault_says_that_the_call_has_written(faults: Faults) -> None:
    """For the Account API in the error, for other services beside its code."""
    faults.add({"operation": "PutAlternateContact", "error": "InternalServerException", "written": True, "times": 1})
    faults.add({"operation": "StartExecution", "error": "ServiceUnavailable", "written": True, "times": 1})
    faults.add({"operation": "*", "error": "InternalServerException"})
    found = [faults.refusal("PutAlternateContact", ACCOUNT) for _ in range(2)]
    assert [error and error.written for error in found] == [True, False]
    assert [faults.error("StartExecution") for _ in range(2)] == [("ServiceUnavailable", True), None]


def test_cleared_faults_strike_no_more(faults: Faults) -> None:
    """Operations and functions alike."""
    faults.add({"operation": "*", "error": "InternalServerException"})
    faults.add({"function": "process", "crash": "before"})
    faults.clear()
    assert codes(faults, "GetAlternateContact") == [None] * 3
    assert faults.crash({"process"}) is None


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"operation": "PutContacts", "error": "AccessDeniedException"}, UnknownOperation),
        ({"operation": "ListRegions", "error": "AccessDeniedException"}, UnknownOperation),
        ({"function": "proces", "crash": "before"}, UnknownFunction),
        ({"function": "process", "crash": "during"}, InvalidFault),
        ({"operation": "*", "error": "Oops"}, InvalidFault),
        ({"operation": "ListAccounts", "error": "Oops"}, InvalidFault),
        ({"operation": "ListAccounts", "account": ACCOUNT, "error": "ServiceException"}, InvalidFault),
        ({"operation": "*", "error": "InternalServerException", "rate": 5}, InvalidFault),
        ({"operation": "*", "error": "InternalServerException", "times": 0}, InvalidFault),
        ({"operation": "*", "error": "InternalServerException", "for_s": 0}, InvalidFault),
        ({"operation": "*", "error": "InternalServerException", "for_s": float("nan")}, InvalidFault),
        ({"operation": "*", "error": "InternalServerException", "written": "yes"}, InvalidFault),
        ({"operation": "GetContactInformation", "error": "ConflictException", "written": True}, InvalidFault),
        ({"operation": "DescribeTable", "error": "InternalServerError", "written": True}, InvalidFault),
        ({"operation": "*", "eror": "InternalServerException"}, InvalidFault),
    ],
)
def test_a_fault_that_means_nothing_is_refused_at_once(
    faults: Faults, fault: dict[str, Any], error: type[SandboxError]
) -> None:
    """A typing mistake would otherwise be a rehearsal in which nothing goes wrong."""
    with pytest.raises(error):
        faults.add(fault)


@pytest.mark.parametrize(
    ("service", "code", "status"),
    [
        ("organizations", "ServiceException", 500),
        ("organizations", "TooManyRequestsException", 400),
        ("dynamodb", "InternalServerError", 500),
        ("dynamodb", "ConditionalCheckFailedException", 400),
        ("lambda", "TooManyRequestsException", 429),
        ("s3", "SlowDown", 503),
    ],
)
def test_a_refusal_has_the_status_of_its_service(service: str, code: str, status: int) -> None:
    """botocore's own retries go by it."""
    line, headers, _ = refusal(service, code, "no")
    assert line.startswith(f"{status} ")
    assert service == "s3" or "x-amzn-RequestId" in dict(headers)
