"""Triggers: from an event to the request that it makes, or to a classified refusal.

An event is a signal, never a source of values: it says that something changed, and the run
then reads what is true. AWS delivers events twice, late and out of order, records their
keys in two casings and masks values at will, so little is believed and both casings are
tried. An empty string counts as absent: that is what a rule's input transformer leaves
where the event has no such key.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from orgsync.contact_sync.core.errors import (
    CallFailed,
    ForeignEvent,
    MalformedEvent,
    MemberWrite,
    UnknownEvent,
)
from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.names import (
    Cause,
    ContactCall,
    Kind,
    OwnEvent,
)
from orgsync.shared.clock import as_timestamp

_EVERY_KIND = frozenset(Kind)
_ACCOUNT_ID = re.compile(r"[0-9]{12}")

_Detail = Mapping[str, Any]


def parse_trigger(event: Any, *, run_id: str, management: str, writer: str | None = None) -> Request:
    """Read one event.

    Args:
        event: the state machine's input: an EventBridge event, or one of ours.
        run_id: the run that would answer it; also its identity where the event carries none.
        management: the management account's id.
        writer: name of the role that our worker writes with.

    Raises:
        Refusal: the event starts no run; its class says why.
    """
    if not isinstance(event, Mapping) or not isinstance(event.get("detail"), Mapping):
        raise MalformedEvent("the event has no detail")
    detail: _Detail = event["detail"]
    source = event.get("source")
    if source == OwnEvent.source():
        return _own_event(event, detail, run_id)
    if source == "aws.organizations":
        return _organization_event(event, detail, run_id, management)
    if "eventName" in detail or source == "aws.account":
        return _contact_call(event, detail, run_id, management, writer)
    raise UnknownEvent("the event is neither ours, nor of contacts, nor of the organization")


def _own_event(event: _Detail, detail: _Detail, run_id: str) -> Request:
    triggered_at = as_timestamp(_text(event, "time"))
    detail_type = event.get("detail-type")
    if detail_type == OwnEvent.SCHEDULE:
        return Request(Cause.SCHEDULE, None, triggered_at, _EVERY_KIND, event_ids=(run_id,))
    if detail_type == OwnEvent.INITIAL_SYNC:
        return Request(Cause.DEPLOY, _text(detail, "initiator"), triggered_at, _EVERY_KIND, event_ids=(run_id,))
    if detail_type == OwnEvent.OPERATOR:
        return _operator_event(detail, triggered_at, run_id)
    if detail_type == OwnEvent.PENDING:
        try:
            return Request.from_json(detail)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise MalformedEvent("the pending request cannot be read") from error
    raise UnknownEvent("none of our own events has this detail-type")


def _operator_event(detail: _Detail, triggered_at: str | None, run_id: str) -> Request:
    try:
        kinds = frozenset(Kind(kind) for kind in detail.get("kinds") or _EVERY_KIND)
        accounts = [str(account) for account in detail.get("accounts") or ()]
    except (TypeError, ValueError) as error:
        raise MalformedEvent(f"kinds must be of {', '.join(Kind)}, accounts a list of ids") from error
    if not all(_ACCOUNT_ID.fullmatch(account) for account in accounts):
        raise MalformedEvent("an account id has 12 digits")
    initiator = _text(detail, "initiator")
    if accounts:
        named = dict.fromkeys(accounts, kinds)
        return Request(Cause.OPERATOR, initiator, triggered_at, accounts=named, event_ids=(run_id,))
    return Request(Cause.OPERATOR, initiator, triggered_at, kinds, event_ids=(run_id,))


def _contact_call(event: _Detail, detail: _Detail, run_id: str, management: str, writer: str | None) -> Request:
    name = _text(detail, "eventName")
    if name is None:
        raise MalformedEvent("the event does not name the call")
    call = ContactCall.by_name().get(name)
    if call is None:
        raise UnknownEvent("the call changes no contact")
    account = _text(event, "account")
    recipient = _text(detail, "recipientAccountId")
    if account is None or not _ACCOUNT_ID.fullmatch(account):
        raise MalformedEvent("the event does not say for which account it was recorded")
    if recipient is not None and recipient != account:
        raise ForeignEvent("the event's account and the call's recipient differ")
    if _text(detail, "errorCode"):
        raise CallFailed("AWS refused the call")
    initiator = _initiator(detail)
    if writer and initiator and f":assumed-role/{writer}/" in initiator:
        raise MemberWrite("the call was our own worker's")

    parameters = _mapping(detail, "requestParameters")
    member = _parameter(parameters, ContactCall.ACCOUNT_PARAMETERS)
    if account == management and member is not None:
        raise MemberWrite("the call names a member, so the source did not change")
    kind = _parameter(parameters, ContactCall.KIND_PARAMETERS)
    if call.names_kind and kind is None:
        # Required by the API, and not sensitive: an event without it is not whole.
        raise MalformedEvent("the event does not say which contact was changed")
    kinds = _named_kinds(kind) & call.kinds or call.kinds
    event_ids = (_event_id(event, detail, run_id),)
    triggered_at = as_timestamp(_text(event, "time"))
    if account == management:
        return Request(
            Cause.SOURCE_CHANGED,
            initiator,
            triggered_at,
            kinds,
            event_ids=event_ids,
            source_changed_at=triggered_at,
        )
    changed = member if member and _ACCOUNT_ID.fullmatch(member) else account
    return Request(Cause.MEMBER_CHANGED, initiator, triggered_at, accounts={changed: kinds}, event_ids=event_ids)


def _named_kinds(named: str | None) -> frozenset[Kind]:
    """Return the kind that an alternate contact's event names; none where it is masked or unknown."""
    try:
        return frozenset({Kind((named or "").lower())})
    except ValueError:
        return frozenset()


def _organization_event(event: _Detail, detail: _Detail, run_id: str, management: str) -> Request:
    name = _text(detail, "eventName") or _text(event, "detail-type") or ""
    event_ids = (_event_id(event, detail, run_id),)
    initiator = _initiator(detail)
    triggered_at = as_timestamp(_text(event, "time"))
    if name == "CreateAccountResult":
        status = _mapping(_mapping(detail, "serviceEventDetails"), "createAccountStatus")
        state = _text(status, "state")
        if state == "FAILED":
            raise CallFailed("the account was not created")
        account = _text(status, "accountId")
        if state != "SUCCEEDED" or account in (None, management) or not _ACCOUNT_ID.fullmatch(account or ""):
            raise MalformedEvent("the event does not say which account was created")
        return Request(
            Cause.ACCOUNT_CREATED, initiator, triggered_at, accounts={account: _EVERY_KIND}, event_ids=event_ids
        )
    # No sample of this event has been seen: its name may stand in either place, with or
    # without spaces, and the id under any key.
    if name.replace(" ", "") == "AccountJoinedOrganization":
        joined = {text for text in _strings(detail) if _ACCOUNT_ID.fullmatch(text)} - {management}
        if not joined:
            raise MalformedEvent("the event does not say which account joined")
        return Request(
            Cause.ACCOUNT_JOINED,
            initiator,
            triggered_at,
            accounts=dict.fromkeys(joined, _EVERY_KIND),
            event_ids=event_ids,
        )
    raise UnknownEvent("the organization's event brings no account")


def _event_id(event: _Detail, detail: _Detail, run_id: str) -> str:
    """Return CloudTrail's id of the call, which a duplicate shares; else the envelope's; else the run's own."""
    return _text(detail, "eventID") or _text(event, "id") or run_id


def _initiator(detail: _Detail) -> str | None:
    """Return the caller's ARN, or None: the field is passed on to people."""
    arn = _text(_mapping(detail, "userIdentity"), "arn")
    return arn if arn and arn.startswith("arn:") else None


def _text(mapping: _Detail, key: str) -> str | None:
    value = mapping.get(key)
    return value if isinstance(value, str) and value else None


def _mapping(mapping: _Detail, key: str) -> _Detail:
    value = mapping.get(key)
    return value if isinstance(value, Mapping) else {}


def _parameter(parameters: _Detail, spellings: Iterable[str]) -> str | None:
    """Return a request parameter in whichever casing, whatever its type: presence is what counts."""
    for spelling in spellings:
        value = parameters.get(spelling)
        if value not in (None, ""):
            return str(value)
    return None


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
