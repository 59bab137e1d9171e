"""Triggers: from an event to the request that it makes, or to a classified refusal.

An event is a signal, never a source of values: it says that something changed, and the run
then reads what is true. AWS delivers events twice, late and out of order, records their
keys in two casings and masks values at will, so little is believed and both casings are
tried. An empty string counts as absent: that is what a rule's input transformer leaves
where the event has no such key.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from orgsync.contact_sync.core.errors import Refusal, RefusalReason
from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.names import (
    Cause,
    ContactCall,
    Kind,
    OrganizationCall,
    OwnEvent,
)
from orgsync.shared.clock import as_timestamp

_EVERY_KIND = frozenset(Kind)
_ACCOUNT_ID = re.compile(r"[0-9]{12}")
_OTHER_RESOURCE = re.compile(r"(r|ou|p|rp)-[0-9a-z-]+")
"""Ids of what else can be tagged: the root, units, policies, the resource policy."""

_UNREADABLE = "***"
"""A value that is there and says nothing, as AWS masks it."""

_Detail = Mapping[str, Any]


def parse_trigger(event: Any, *, run_id: str, management: str, writer: str | None = None) -> Request:
    """Read one event.

    Args:
        event: the state machine's input: an EventBridge event, or one of ours.
        run_id: the run that would answer it; also its identity where the event carries none.
        management: the management account's id.
        writer: name of the role that our worker writes with.

    Raises:
        Refusal: the event starts no run; its reason says why.
    """
    if not isinstance(event, Mapping) or not isinstance(event.get("detail"), Mapping):
        raise Refusal(RefusalReason.MALFORMED_EVENT, "the event has no detail")
    detail: _Detail = event["detail"]
    source = event.get("source")
    if source == OwnEvent.source():
        return _own_event(event, detail, run_id)
    if source == "aws.organizations":
        return _organization_event(event, detail, run_id, management)
    if "eventName" in detail or source == "aws.account":
        return _contact_call(event, detail, run_id, management, writer)
    raise Refusal(RefusalReason.UNKNOWN_EVENT, "the event is neither ours, nor of contacts, nor of the organization")


def _own_event(event: _Detail, detail: _Detail, run_id: str) -> Request:
    triggered_at = as_timestamp(_text(event, "time"))
    detail_type = event.get("detail-type")
    if detail_type == OwnEvent.SCHEDULE:
        return Request(Cause.SCHEDULE, None, triggered_at, _EVERY_KIND, event_ids=(run_id,))
    if detail_type == OwnEvent.INITIAL_SYNC:
        return Request(
            Cause.DEPLOY,
            _text(detail, "initiator"),
            triggered_at,
            _EVERY_KIND,
            event_ids=(run_id,),
            urgent=True,
            fresh=detail.get("create") is True,
        )
    if detail_type == OwnEvent.OPERATOR:
        return _operator_event(detail, triggered_at, run_id)
    if detail_type in (OwnEvent.PENDING, OwnEvent.NOT_READY):
        try:
            request = Request.from_json(detail)
        except (KeyError, ValueError) as error:
            raise Refusal(RefusalReason.MALFORMED_EVENT, "the pending request cannot be read") from error
        if not request.event_ids or not (request.kinds() or request.rest):
            raise Refusal(RefusalReason.MALFORMED_EVENT, "the pending request answers no event, or asks for nothing")
        return request.bounded()
    raise Refusal(RefusalReason.UNKNOWN_EVENT, "none of our own events has this detail-type")


def _operator_event(detail: _Detail, triggered_at: str | None, run_id: str) -> Request:
    try:
        kinds = Request.kinds_of(detail.get("kinds") or ()) or _EVERY_KIND
        accounts = [Request.account_id(account) for account in Request.listed(detail.get("accounts") or ())]
    except ValueError as error:
        raise Refusal(
            RefusalReason.MALFORMED_EVENT, f"kinds must be of {', '.join(Kind)}, accounts a list of ids of 12 digits"
        ) from error
    initiator = _text(detail, "initiator")
    everyone = frozenset[Kind]() if accounts else kinds
    named = frozenset(accounts)
    if len(named) > Request.MAX_ACCOUNTS:
        raise Refusal(RefusalReason.TOO_MANY_ACCOUNTS, f"{len(named)} ids, {Request.MAX_ACCOUNTS} at most")
    wanted = dict.fromkeys(accounts, kinds)
    return Request(Cause.OPERATOR, initiator, triggered_at, everyone, wanted, (run_id,), named=named)


def _contact_call(event: _Detail, detail: _Detail, run_id: str, management: str, writer: str | None) -> Request:
    name = _text(detail, "eventName")
    if name is None:
        raise Refusal(RefusalReason.MALFORMED_EVENT, "the event does not name the call")
    call = ContactCall.by_name().get(name)
    if call is None:
        raise Refusal(RefusalReason.UNKNOWN_EVENT, "the call changes no contact")
    account = _text(event, "account")
    recipient = _text(detail, "recipientAccountId")
    if account is None or not _ACCOUNT_ID.fullmatch(account):
        raise Refusal(RefusalReason.MALFORMED_EVENT, "the event does not say for which account it was recorded")
    if recipient is not None and recipient != account:
        raise Refusal(RefusalReason.FOREIGN_EVENT, "the event's account and the call's recipient differ")
    if _text(detail, "errorCode"):
        raise Refusal(RefusalReason.CALL_FAILED, "AWS refused the call")
    initiator = _initiator(detail)
    if writer and initiator and f":assumed-role/{writer}/" in initiator:
        raise Refusal(RefusalReason.MEMBER_WRITE, "the call was our own worker's")

    parameters = _mapping(detail, "requestParameters")
    member = _parameter(parameters, ContactCall.ACCOUNT_PARAMETERS)
    if account == management and member is not None:
        raise Refusal(RefusalReason.MEMBER_WRITE, "the call names a member, so the source did not change")
    kind = _parameter(parameters, ContactCall.KIND_PARAMETERS)
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
            urgent=True,
        )
    changed = member if member and member != management and _ACCOUNT_ID.fullmatch(member) else account
    return Request(Cause.MEMBER_CHANGED, initiator, triggered_at, accounts={changed: kinds}, event_ids=event_ids)


def _named_kinds(named: str | None) -> frozenset[Kind]:
    """Return the kind that an alternate contact's event names; none where it is masked or unknown."""
    try:
        return frozenset({Kind((named or "").lower())})
    except ValueError:
        return frozenset()


def _organization_event(event: _Detail, detail: _Detail, run_id: str, management: str) -> Request:
    name = _text(detail, "eventName") or _text(event, "detail-type") or ""
    if name in list(OrganizationCall):
        return _organization_call(OrganizationCall(name), event, detail, run_id, management)
    # No sample of this event has been seen: its name may stand in either place, and the id under any key.
    if name in OrganizationCall.joined() or event.get("detail-type") in OrganizationCall.joined():
        joined = {value for value in _strings(detail) if _ACCOUNT_ID.fullmatch(value)} - {management}
        return _new_accounts(Cause.ACCOUNT_JOINED, joined, event, detail, run_id)
    if name != "CreateAccountResult":
        raise Refusal(
            RefusalReason.UNKNOWN_EVENT, "the organization's event changes nothing of what an account should hold"
        )
    status = _mapping(_mapping(detail, "serviceEventDetails"), "createAccountStatus")
    state, account = _text(status, "state"), _text(status, "accountId")
    if state == "FAILED":
        raise Refusal(RefusalReason.CALL_FAILED, "the account was not created")
    if state != "SUCCEEDED" or account in (None, management):
        raise Refusal(RefusalReason.MALFORMED_EVENT, "the event does not say which member account was created")
    created = (account,) if account and _ACCOUNT_ID.fullmatch(account) else ()
    return _new_accounts(Cause.ACCOUNT_CREATED, created, event, detail, run_id)


def _new_accounts(cause: Cause, accounts: Collection[str], event: _Detail, detail: _Detail, run_id: str) -> Request:
    """Ask for accounts that may not be ready yet; for every account where the event does not name them."""
    triggered_at = as_timestamp(_text(event, "time"))
    return Request(
        cause,
        _initiator(detail),
        triggered_at,
        everyone=frozenset() if accounts else _EVERY_KIND,
        accounts=dict.fromkeys(sorted(accounts), _EVERY_KIND),
        event_ids=(_event_id(event, detail, run_id),),
        new_accounts=dict.fromkeys(accounts, triggered_at) if triggered_at else {},
    ).bounded()


def _organization_call(
    call: OrganizationCall, event: _Detail, detail: _Detail, run_id: str, management: str
) -> Request:
    """Read a move, a tag, or a change of a unit; one that does not say of which account may be about any."""
    recipient = _text(detail, "recipientAccountId")
    if recipient is not None and recipient != _text(event, "account"):
        raise Refusal(RefusalReason.FOREIGN_EVENT, "the event's account and the call's recipient differ")
    if _text(detail, "errorCode"):
        raise Refusal(RefusalReason.CALL_FAILED, "AWS refused the call")
    request = Request(
        Cause.ACCOUNT_CHANGED,
        _initiator(detail),
        as_timestamp(_text(event, "time")),
        event_ids=(_event_id(event, detail, run_id),),
    )
    # An ARN of the organization's ends in the id as well.
    subject = (_parameter(_mapping(detail, "requestParameters"), call.subject) or "").rpartition("/")[2]
    if subject == management or _OTHER_RESOURCE.fullmatch(subject):
        raise Refusal(RefusalReason.NO_ACCOUNT, "the management account, a unit, the root or a policy changed")
    if _ACCOUNT_ID.fullmatch(subject):
        return replace(request, accounts={subject: _EVERY_KIND})
    return replace(request, everyone=_EVERY_KIND)


def _event_id(event: _Detail, detail: _Detail, run_id: str) -> str:
    """Return CloudTrail's id of the call, which a duplicate shares; else the envelope's; else the run's own."""
    return _text(detail, "eventID") or _text(event, "id") or run_id


def _initiator(detail: _Detail) -> str | None:
    """Return the caller's ARN, or None: the field is passed on to people."""
    arn = _text(_mapping(detail, "userIdentity"), "arn")
    return arn if arn and arn.startswith("arn:") else None


def _text(mapping: _Detail, key: str) -> str | None:
    try:
        return Request.text(mapping.get(key))
    except ValueError:
        return None


def _mapping(mapping: _Detail, key: str) -> _Detail:
    value = mapping.get(key)
    return value if isinstance(value, Mapping) else {}


def _parameter(parameters: _Detail, spellings: Iterable[str]) -> str | None:
    """Return a request parameter in whichever casing; of whatever type, because presence is what counts."""
    for spelling in spellings:
        value = parameters.get(spelling)
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**12:
            return f"{value:012d}"
        if value is not None and value != "":
            return value if isinstance(value, str) else _UNREADABLE
    return None


def _strings(value: Any) -> Iterator[str]:
    """Yield the texts at any depth of a value; one that contains itself is looked into once."""
    waiting, seen = [value], set[int]()
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, str):
            yield inner
        elif isinstance(inner, Mapping | list) and id(inner) not in seen:
            seen.add(id(inner))
            waiting.extend(inner.values() if isinstance(inner, Mapping) else inner)
