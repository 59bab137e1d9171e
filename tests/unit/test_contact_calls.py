"""Calls that change a contact: event rules and parser follow from one table, and agree about every call."""

from itertools import product
from typing import Any

import pytest

from orgsync.contact_sync.core import errors
from orgsync.contact_sync.core.trigger import parse_trigger
from orgsync.contact_sync.names import (
    Cause,
    ContactCall,
    Kind,
    Operation,
)
from tests.error_codes import refused
from tests.event_bus import matching_rules
from tests.sample_events import MANAGEMENT, MEMBER, WRITER, sample_event

CALLS = sorted(ContactCall.by_name())


def sent(call: str, **parameters: str) -> dict[str, Any]:
    """Return the event of a call in the management account, as CloudTrail records it."""
    found = sample_event(
        "source-deleted",
        eventName=call,
        eventSource=ContactCall.by_name()[call].event_source
        if call in ContactCall.by_name()
        else "account.amazonaws.com",
        requestParameters=parameters,
    )
    return found | {"source": f"aws.{found['detail']['eventSource'].partition('.')[0]}"}


def starts(given: Any) -> list[str]:
    """Return the rules of the default bus that an event matches."""
    return matching_rules(given)


@pytest.mark.parametrize(("call", "kind", "key"), list(product(CALLS, Kind, ContactCall.KIND_PARAMETERS)))
def test_a_call_matches_one_rule_and_asks_for_what_it_changed(call: str, kind: Kind, key: str) -> None:
    """Each call, naming any kind in either spelling, starts one run, for a kind that it may have changed."""
    given = sent(call, **{key: kind.upper()})
    assert len(starts(given)) == 1
    request = parse_trigger(given, run_id="run-1", management=MANAGEMENT, writer=WRITER)
    may_change = ContactCall.by_name()[call].kinds
    assert (request.cause, request.everyone) == (
        Cause.SOURCE_CHANGED,
        frozenset({kind}) if kind in may_change else may_change,
    )


@pytest.mark.parametrize("call", CALLS)
def test_a_call_without_its_kind_asks_for_all_that_it_may_have_changed(call: str) -> None:
    """Cut off, masked or left out: rather compare too much than miss the change."""
    given = sent(call)
    assert len(starts(given)) == 1
    request = parse_trigger(given, run_id="run-1", management=MANAGEMENT)
    assert request.everyone == ContactCall.by_name()[call].kinds


@pytest.mark.parametrize(("call", "key"), list(product(CALLS, ContactCall.ACCOUNT_PARAMETERS)))
def test_a_call_about_a_member_is_no_change_of_the_source(call: str, key: str) -> None:
    """A member's id in either spelling is refused by the parser, and by the rule of the API that our writes use."""
    given = sent(call, **{key: MEMBER, ContactCall.KIND_PARAMETERS[0]: "SECURITY"})
    assert "source-changed" not in starts(given)
    with refused(errors.RefusalReason.MEMBER_WRITE):
        parse_trigger(given, run_id="run-1", management=MANAGEMENT)


@pytest.mark.parametrize("call", CALLS)
def test_a_refused_call_starts_nothing(call: str) -> None:
    """AWS's refusal changed nothing: neither rule nor parser takes it."""
    given = sent(call, **{ContactCall.KIND_PARAMETERS[0]: "SECURITY"})
    given["detail"]["errorCode"] = "AccessDenied"
    assert starts(given) == []
    with refused(errors.RefusalReason.CALL_FAILED):
        parse_trigger(given, run_id="run-1", management=MANAGEMENT)


@pytest.mark.parametrize("call", sorted({*Operation, "PutSomethingElse"} - set(ContactCall.by_name())))
def test_a_call_that_is_not_in_the_table_starts_nothing(call: str) -> None:
    """Reading a contact changes none: neither rule nor parser takes it."""
    given = sent(call, **{ContactCall.KIND_PARAMETERS[0]: "SECURITY"})
    assert starts(given) == []
    with refused(errors.RefusalReason.UNKNOWN_EVENT):
        parse_trigger(given, run_id="run-1", management=MANAGEMENT)
