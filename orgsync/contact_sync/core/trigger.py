"""Bell → request, or a classified refusal.

An event is a bell, never a source of values: it says that something changed, and the run
then reads what is true. AWS delivers events twice, late and out of order, records their
keys in two casings and masks values at will, so little is believed and both casings are
tried. An empty string counts as absent: that is what a rule's input transformer leaves
where the event has no such key.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from orgsync.contact_sync.core.errors import (
    AccountCreationFailed,
    CallFailed,
    ForeignBell,
    MalformedBell,
    MemberWrite,
    OwnWrite,
    UnknownBell,
)
from orgsync.contact_sync.core.request import Request, instant
from orgsync.contact_sync.names import (
    ALTERNATES,
    BELL_SOURCE,
    Bell,
    Cause,
    Kind,
)

EVERY_KIND = frozenset(Kind)
ACCOUNT_ID = re.compile(r"[0-9]{12}")

# `Set…` are the billing console's names for the same edits.
KINDS_OF_CALL: Mapping[str, frozenset[Kind]] = {
    "PutContactInformation": frozenset({Kind.PRIMARY}),
    "SetContactAddress": frozenset({Kind.PRIMARY}),
    "PutAlternateContact": ALTERNATES,
    "DeleteAlternateContact": ALTERNATES,
    "SetAdditionalContacts": ALTERNATES,
}
# Calls that must say which alternate contact they change, be it masked.
TYPED = frozenset({"PutAlternateContact", "DeleteAlternateContact"})

Detail = Mapping[str, Any]


def hear(bell: Any, *, run_id: str, management: str, writer: str | None = None) -> Request:
    """Read one bell.

    Args:
        bell: the state machine's input: an EventBridge event, or one of ours.
        run_id: the run that would answer it; also its identity where the event carries none.
        management: the management account's id.
        writer: name of the role that our worker writes with.

    Raises:
        Refusal: the bell starts no run; its class says why.
    """
    if not isinstance(bell, Mapping) or not isinstance(bell.get("detail"), Mapping):
        raise MalformedBell("the event has no detail")
    detail: Detail = bell["detail"]
    source = bell.get("source")
    if source == BELL_SOURCE:
        return _ours(bell, detail, run_id)
    if source == "aws.organizations":
        return _organizations(bell, detail, run_id, management)
    if "eventName" in detail or source == "aws.account":
        return _contact_call(bell, detail, run_id, management, writer)
    raise UnknownBell("the event is neither ours, nor of contacts, nor of the organization")


def _ours(bell: Detail, detail: Detail, run_id: str) -> Request:
    rung = instant(_text(bell, "time"))
    kind = bell.get("detail-type")
    if kind == Bell.SCHEDULE:
        return Request(Cause.SCHEDULE, None, rung, EVERY_KIND, bells=(run_id,))
    if kind == Bell.DEPLOY:
        return Request(Cause.DEPLOY, _text(detail, "initiator"), rung, EVERY_KIND, bells=(run_id,))
    if kind == Bell.OPERATOR:
        return _operator(detail, rung, run_id)
    if kind == Bell.PENDING:
        try:
            return Request.from_json(detail)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise MalformedBell("the pending request cannot be read") from error
    raise UnknownBell("none of our own bells is called this")


def _operator(detail: Detail, rung: str | None, run_id: str) -> Request:
    try:
        kinds = frozenset(Kind(kind) for kind in detail.get("kinds") or EVERY_KIND)
        accounts = [str(account) for account in detail.get("accounts") or ()]
    except (TypeError, ValueError) as error:
        raise MalformedBell(f"kinds must be of {', '.join(Kind)}, accounts a list of ids") from error
    if not all(ACCOUNT_ID.fullmatch(account) for account in accounts):
        raise MalformedBell("an account id has 12 digits")
    who = _text(detail, "initiator")
    if accounts:
        return Request(Cause.OPERATOR, who, rung, accounts=dict.fromkeys(accounts, kinds), bells=(run_id,))
    return Request(Cause.OPERATOR, who, rung, kinds, bells=(run_id,))


def _contact_call(bell: Detail, detail: Detail, run_id: str, management: str, writer: str | None) -> Request:
    call = _text(detail, "eventName")
    if call is None:
        raise MalformedBell("the event does not name the call")
    if call not in KINDS_OF_CALL:
        raise UnknownBell("the call changes no contact")
    account = _text(bell, "account")
    recipient = _text(detail, "recipientAccountId")
    if account is None or not ACCOUNT_ID.fullmatch(account):
        raise MalformedBell("the event does not say for which account it was recorded")
    if recipient is not None and recipient != account:
        raise ForeignBell("the event's account and the call's recipient differ")
    if _text(detail, "errorCode"):
        raise CallFailed("AWS refused the call")
    who = _caller(detail)
    if writer and who and f":assumed-role/{writer}/" in who:
        raise OwnWrite("the call was our own worker's")

    parameters = _mapping(detail, "requestParameters")
    member = _either(parameters, "accountId")
    if account == management and member is not None:
        raise MemberWrite("the call names a member, so the source did not change")
    named = _either(parameters, "alternateContactType")
    if call in TYPED and named is None:
        # Required by the API, and not sensitive: an event without it is not whole.
        raise MalformedBell("the event does not say which contact was changed")
    kinds = _kinds_named(named) & KINDS_OF_CALL[call] or KINDS_OF_CALL[call]
    bells = (_identity(bell, detail, run_id),)
    rung = instant(_text(bell, "time"))
    if account == management:
        return Request(Cause.SOURCE_CHANGED, who, rung, kinds, bells=bells)
    changed = member if member and ACCOUNT_ID.fullmatch(member) else account
    return Request(Cause.MEMBER_CHANGED, who, rung, accounts={changed: kinds}, bells=bells)


def _kinds_named(named: str | None) -> frozenset[Kind]:
    """The kind that an alternate contact's event names; none where it is masked or unknown."""
    try:
        return frozenset({Kind((named or "").lower())})
    except ValueError:
        return frozenset()


def _organizations(bell: Detail, detail: Detail, run_id: str, management: str) -> Request:
    name = _text(detail, "eventName") or _text(bell, "detail-type") or ""
    bells = (_identity(bell, detail, run_id),)
    who = _caller(detail)
    rung = instant(_text(bell, "time"))
    if name == "CreateAccountResult":
        status = _mapping(_mapping(detail, "serviceEventDetails"), "createAccountStatus")
        state = _text(status, "state")
        if state == "FAILED":
            raise AccountCreationFailed("the account was not created")
        account = _text(status, "accountId")
        if state != "SUCCEEDED" or account in (None, management) or not ACCOUNT_ID.fullmatch(account or ""):
            raise MalformedBell("the event does not say which account was created")
        return Request(Cause.ACCOUNT_CREATED, who, rung, accounts={account: EVERY_KIND}, bells=bells)
    # No sample of this event has been seen: its name may stand in either place, with or
    # without spaces, and the id under any key.
    if name.replace(" ", "") == "AccountJoinedOrganization":
        joined = {text for text in _strings(detail) if ACCOUNT_ID.fullmatch(text)} - {management}
        if not joined:
            raise MalformedBell("the event does not say which account joined")
        return Request(Cause.ACCOUNT_JOINED, who, rung, accounts=dict.fromkeys(joined, EVERY_KIND), bells=bells)
    raise UnknownBell("the organization's event brings no account")


def _identity(bell: Detail, detail: Detail, run_id: str) -> str:
    """CloudTrail's id of the call, which a duplicate shares; else the envelope's; else the run's own."""
    return _text(detail, "eventID") or _text(bell, "id") or run_id


def _caller(detail: Detail) -> str | None:
    """Who made the call, as an ARN or not at all: the field is passed on to people."""
    arn = _text(_mapping(detail, "userIdentity"), "arn")
    return arn if arn and arn.startswith("arn:") else None


def _text(mapping: Detail, key: str) -> str | None:
    value = mapping.get(key)
    return value if isinstance(value, str) and value else None


def _mapping(mapping: Detail, key: str) -> Detail:
    value = mapping.get(key)
    return value if isinstance(value, Mapping) else {}


def _either(parameters: Detail, key: str) -> str | None:
    """A request parameter in camelCase or PascalCase, whatever its type: presence is what counts."""
    for spelling in (key, key[0].upper() + key[1:]):
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
