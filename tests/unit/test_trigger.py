"""Bells: what each event asks for, and the class of every one that is refused."""

import copy
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgsync.contact_sync.core import errors
from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.core.trigger import parse_trigger
from orgsync.contact_sync.names import (
    ALTERNATES,
    Cause,
    Kind,
    OwnEvent,
)

MANAGEMENT, MEMBER, ANOTHER = "100000000001", "200000000001", "200000000002"
WRITER = "orgsync-dev-contact-sync-process"
EVERY = frozenset(Kind)
EVENTS = {path.stem: json.loads(path.read_text()) for path in (Path(__file__).parents[1] / "events").glob("*.json")}

# What each event asks for: cause, kinds of everyone, kinds of single accounts.
HEARD = {
    "source-changed-camel-with-values": (Cause.SOURCE_CHANGED, {Kind.SECURITY}, {}),
    "source-changed-pascal-masked": (Cause.SOURCE_CHANGED, ALTERNATES, {}),
    "source-changed-unknown-type": (Cause.SOURCE_CHANGED, ALTERNATES, {}),
    "source-primary-changed": (Cause.SOURCE_CHANGED, {Kind.PRIMARY}, {}),
    "source-deleted": (Cause.SOURCE_CHANGED, {Kind.BILLING}, {}),
    "console-primary-edited": (Cause.SOURCE_CHANGED, {Kind.PRIMARY}, {}),
    "console-alternates-edited": (Cause.SOURCE_CHANGED, ALTERNATES, {}),
    "account-created": (Cause.ACCOUNT_CREATED, set(), {MEMBER: EVERY}),
    "account-joined-service-event": (Cause.ACCOUNT_JOINED, set(), {MEMBER: EVERY}),
    "account-joined-own-detail-type": (Cause.ACCOUNT_JOINED, set(), {MEMBER: EVERY}),
    "member-changed-forwarded": (Cause.MEMBER_CHANGED, set(), {MEMBER: {Kind.OPERATIONS}}),
    "member-changed-by-delegate": (Cause.MEMBER_CHANGED, set(), {ANOTHER: {Kind.OPERATIONS}}),
    "member-changed-masked-id": (Cause.MEMBER_CHANGED, set(), {MEMBER: ALTERNATES}),
    "transformed-source-changed": (Cause.SOURCE_CHANGED, {Kind.SECURITY}, {}),
    "transformed-source-changed-pascal": (Cause.SOURCE_CHANGED, {Kind.SECURITY}, {}),
    "transformed-bare": (Cause.SOURCE_CHANGED, {Kind.PRIMARY}, {}),
    "transformed-console-edited": (Cause.SOURCE_CHANGED, ALTERNATES, {}),
    "transformed-account-created": (Cause.ACCOUNT_CREATED, set(), {MEMBER: EVERY}),
}
REFUSED = {
    "member-written-camel": errors.MemberWrite,
    "member-written-pascal": errors.MemberWrite,
    "member-written-masked": errors.MemberWrite,
    "transformed-member-written": errors.MemberWrite,
    "own-write": errors.OwnWrite,
    "own-write-without-parameters": errors.OwnWrite,
    "transformed-own-write": errors.OwnWrite,
    "refused-call": errors.CallFailed,
    "account-creation-failed": errors.AccountCreationFailed,
    "transformed-account-creation-failed": errors.AccountCreationFailed,
    "account-joined-without-id": errors.MalformedEvent,
    "malformed-account-created-without-id": errors.MalformedEvent,
    "malformed-detail-is-a-list": errors.MalformedEvent,
    "malformed-no-account": errors.MalformedEvent,
    "truncated-no-name": errors.MalformedEvent,
    "truncated-parameters": errors.MalformedEvent,
    "truncated-no-detail": errors.MalformedEvent,
    "forged-recipient-differs": errors.ForeignEvent,
    "account-left": errors.UnknownEvent,
    "another-call": errors.UnknownEvent,
    "another-service": errors.UnknownEvent,
    "not-a-call": errors.UnknownEvent,
}
JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.sampled_from([MEMBER, MANAGEMENT, "***"])
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def ask(bell, run_id="run-1", writer=WRITER):
    return parse_trigger(bell, run_id=run_id, management=MANAGEMENT, writer=writer)


def ours(kind, source="orgsync", **detail):
    return {"source": source, "detail-type": str(kind), "detail": detail}


def changed(name, **changes):
    """An event with parts of its `detail` replaced; None takes a key out."""
    event = copy.deepcopy(EVENTS[name])
    detail = event["detail"] | changes
    return event | {"detail": {key: value for key, value in detail.items() if value is not None}}


def test_every_event_file_is_told_apart():
    """No event file stands there without a word on what it means."""
    assert set(EVENTS) == set(HEARD) | set(REFUSED)


@pytest.mark.parametrize("name", sorted(HEARD))
def test_an_event_asks_for_what_changed(name):
    """Each event asks for the kinds and the accounts that it speaks of; a masked or unknown kind for all alternates."""
    cause, everyone, accounts = HEARD[name]
    request = ask(EVENTS[name])
    assert (request.cause, set(request.everyone), dict(request.accounts)) == (cause, set(everyone), accounts)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_refused_event_is_classified(name):
    """Each event that must start no run is refused with the class that says why."""
    with pytest.raises(errors.Refusal) as refused:
        ask(EVENTS[name])
    assert type(refused.value) is REFUSED[name]


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_refusal_repeats_nothing_of_the_event(name):
    """A refusal is logged: it says what is wrong in words of its own."""
    with pytest.raises(errors.Refusal) as refused:
        ask(EVENTS[name])
    for part in ("example.com", "Ana Adler", "555-0100", MEMBER):
        assert part not in str(refused.value)


@pytest.mark.parametrize("key", ["accountId", "AccountId"])
@pytest.mark.parametrize("value", [MEMBER, "***", 200000000001, ["hidden"], {"masked": True}, MANAGEMENT])
def test_a_named_account_is_never_the_source(key, value):
    """In either casing and whatever stands there: who names an account does not change the source."""
    with pytest.raises(errors.MemberWrite):
        ask(changed("source-changed-camel-with-values", requestParameters={key: value}))


@pytest.mark.parametrize("key", ["accountId", "AccountId"])
@pytest.mark.parametrize("value", ["", None])
def test_an_empty_account_is_none(key, value):
    """An empty string is what an input transformer leaves where there is no such key."""
    event = changed("source-primary-changed", requestParameters={key: value})
    assert ask(event).cause is Cause.SOURCE_CHANGED


@pytest.mark.parametrize("key", ["alternateContactType", "AlternateContactType"])
@pytest.mark.parametrize("kind", sorted(ALTERNATES))
@pytest.mark.parametrize("spell", [str.upper, str.lower, str.title])
def test_a_kind_is_read_in_any_spelling(key, kind, spell):
    """The kind is AWS's word in any casing, under a key in either."""
    event = changed("source-changed-camel-with-values", requestParameters={key: spell(str(kind))})
    assert ask(event).everyone == {kind}


@pytest.mark.parametrize("value", ["***", "****", "PRIMARY", "PRIVACY", 7, ["SECURITY", "BILLING"], {}])
def test_a_kind_that_cannot_be_read_is_every_alternate(value):
    """Rather compare too much than miss the change."""
    event = changed("source-changed-camel-with-values", requestParameters={"alternateContactType": value})
    assert ask(event).everyone == ALTERNATES


@pytest.mark.parametrize("call", ["PutAlternateContact", "DeleteAlternateContact"])
def test_an_alternates_call_without_a_type_is_not_whole(call):
    """The API requires it: without it in either casing the event was cut off or made up."""
    for nothing in ({}, {"alternateContactType": "", "AlternateContactType": ""}):
        with pytest.raises(errors.MalformedEvent):
            ask(changed("source-deleted", eventName=call, requestParameters=nothing))


@pytest.mark.parametrize("call", ["PutContactInformation", "SetContactAddress"])
@pytest.mark.parametrize("value", ["SECURITY", "***", ""])
def test_a_primary_call_asks_for_the_primary_whatever_else_it_carries(call, value):
    """A change of the primary contact is never lost to a parameter that does not belong to it."""
    event = changed("source-primary-changed", eventName=call, requestParameters={"alternateContactType": value})
    assert ask(event).everyone == {Kind.PRIMARY}


@pytest.mark.parametrize("name", ["SetContactAddress", "SetAdditionalContacts", "DeleteAlternateContact"])
def test_our_own_role_is_recognised_in_every_call(name):
    """The second guard against a loop holds without any parameter, and only for our very role."""
    arn = f"arn:aws:sts::{MANAGEMENT}:assumed-role/{{}}/session"
    with pytest.raises(errors.OwnWrite):
        ask(changed("source-deleted", eventName=name, userIdentity={"arn": arn.format(WRITER)}))
    other = changed("source-deleted", eventName=name, userIdentity={"arn": arn.format(f"{WRITER}-2")})
    assert ask(other).cause is Cause.SOURCE_CHANGED


def test_without_a_known_writer_no_call_is_our_own():
    """A stack that does not say who writes refuses nothing for it."""
    event = changed("own-write-without-parameters", eventName="PutContactInformation")
    assert ask(event, writer=None).cause is Cause.SOURCE_CHANGED


def test_the_initiator_is_an_arn_or_nobody():
    """Who rang is passed on to people: an ARN, or nothing where the event masks it."""
    assert ask(EVENTS["source-deleted"]).initiator == f"arn:aws:iam::{MANAGEMENT}:user/ann"
    assert ask(changed("source-deleted", userIdentity={"arn": "***"})).initiator is None
    assert ask(EVENTS["transformed-bare"]).initiator is None


def test_duplicates_share_an_identity():
    """An event delivered twice, transformed or not, is the same bell; another event is another."""
    whole, again = ask(EVENTS["source-deleted"], run_id="a"), ask(EVENTS["source-deleted"], run_id="b")
    assert whole.event_ids == again.event_ids
    assert ask(EVENTS["source-primary-changed"]).event_ids != whole.event_ids


def test_a_bell_without_identity_is_its_own():
    """Where an event has no id, the run's own stands for it."""
    assert ask(EVENTS["transformed-bare"], run_id="run-7").event_ids == ("run-7",)
    assert ask(ours(OwnEvent.SCHEDULE), run_id="run-8").event_ids == ("run-8",)


@pytest.mark.parametrize("time", ["yesterday", "", None, 5, "2026-13-01T00:00:00Z", "2026-11-01T10:00:00"])
@pytest.mark.parametrize("name", ["source-deleted", "account-created", "member-changed-forwarded"])
def test_a_time_is_an_instant_or_absent(name, time):
    """A run reckons with the time at which its bell rang: what is no time must not get so far."""
    triggered_at = ask(EVENTS[name] | {"time": time}).triggered_at
    assert triggered_at in (None, "2026-11-01T10:00:00.000+00:00")


def test_a_schedule_asks_for_everything():
    """The daily pass compares every kind of every account."""
    request = ask(ours(OwnEvent.SCHEDULE))
    assert (request.cause, request.everyone, request.accounts) == (Cause.SCHEDULE, EVERY, {})


def test_a_deploy_asks_for_everything_and_says_who():
    """The deploy's first run is a full one, by the stack that asked for it."""
    request = ask(ours(OwnEvent.DEPLOY, initiator="arn:aws:cloudformation:us-east-1:1:stack/a"))
    assert (request.cause, request.everyone) == (Cause.DEPLOY, EVERY)
    assert request.initiator == "arn:aws:cloudformation:us-east-1:1:stack/a"


@pytest.mark.parametrize(
    ("detail", "everyone", "accounts"),
    [
        ({}, EVERY, {}),
        ({"kinds": ["billing"]}, {Kind.BILLING}, {}),
        ({"accounts": [MEMBER]}, set(), {MEMBER: EVERY}),
        (
            {"kinds": ["primary"], "accounts": [MEMBER, ANOTHER]},
            set(),
            {key: {Kind.PRIMARY} for key in (MEMBER, ANOTHER)},
        ),
        ({"kinds": [], "accounts": None}, EVERY, {}),
    ],
)
def test_an_operator_names_kinds_and_accounts(detail, everyone, accounts):
    """The command asks for what it was given: all kinds and accounts where it was given none."""
    request = ask(ours(OwnEvent.OPERATOR, **detail))
    assert request.cause is Cause.OPERATOR
    assert (set(request.everyone), dict(request.accounts)) == (set(everyone), accounts)


@pytest.mark.parametrize(
    "detail",
    [
        {"kinds": ["privacy"]},
        {"kinds": "billing"},
        {"kinds": 3},
        {"kinds": [["billing"]]},
        {"accounts": MEMBER},
        {"accounts": ["12345"]},
        {"accounts": [MEMBER, ""]},
        {"accounts": [None]},
        {"accounts": 7},
    ],
)
def test_an_operators_mistake_is_malformed(detail):
    """A kind or an id that is none is refused: never taken for everything."""
    with pytest.raises(errors.MalformedEvent):
        ask(ours(OwnEvent.OPERATOR, **detail))


def test_a_pending_request_is_read_as_it_was_written():
    """The run that was waited for does exactly what the bells asked for."""
    request = Request(
        Cause.MEMBER_CHANGED,
        None,
        "2026-11-01T10:00:00.000+00:00",
        frozenset({Kind.BILLING}),
        {MEMBER: EVERY},
        ("e-1", "e-2"),
    )
    assert ask(ours(OwnEvent.PENDING, **request.to_json())) == request


@pytest.mark.parametrize("key", ["cause", "everyone", "accounts", "bells", "rung", "initiator"])
@pytest.mark.parametrize("value", [None, ["nonsense"], 7])
def test_a_broken_pending_request_is_malformed(key, value):
    """A pending request that is no longer one is refused, and never half read."""
    document = Request(Cause.SCHEDULE, None, None, EVERY, event_ids=("e-1",)).to_json() | {key: value}
    try:
        request = ask(ours(OwnEvent.PENDING, **document))
    except errors.MalformedEvent:
        return
    assert (key, value) in (("rung", None), ("initiator", None), ("bells", ["nonsense"]))
    assert request.everyone == EVERY


@pytest.mark.parametrize("kind", ["Nonsense", "", None, "schedule"])
def test_an_unknown_bell_of_ours_is_refused(kind):
    """Our own source is no pass for a bell that we do not ring."""
    with pytest.raises(errors.UnknownEvent):
        ask({"source": "orgsync", "detail-type": kind, "detail": {}})


@pytest.mark.parametrize("source", ["orgsyncs", "", None, "aws.orgsync"])
def test_our_bells_come_from_our_source_only(source):
    """Nobody else rings as the schedule, the deploy or the operator."""
    with pytest.raises(errors.UnknownEvent):
        ask(ours(OwnEvent.SCHEDULE, source=source))


@pytest.mark.parametrize(
    "bell", [None, [], "bell", 7, {}, {"detail": None}, {"detail": "{}"}, {"source": "aws.account"}]
)
def test_what_is_no_event_is_malformed(bell):
    """Whatever starts the state machine with no event in hand is refused by name."""
    with pytest.raises(errors.MalformedEvent):
        ask(bell)


@given(
    name=st.sampled_from(sorted(EVENTS)),
    path=st.sampled_from(["account", "time", "source", "id", "detail-type", "detail"]),
    inner=st.sampled_from(
        ["eventName", "requestParameters", "userIdentity", "recipientAccountId", "serviceEventDetails", "eventID", None]
    ),
    value=JSON,
)
def test_no_event_breaks_the_ear(name, path, inner, value):
    """Whatever an event carries: a request that asks for something of real ids, or a classified refusal."""
    event = copy.deepcopy(EVENTS[name])
    if inner and isinstance(event.get("detail"), dict):
        event["detail"][inner] = value
    else:
        event[path] = value
    try:
        request = ask(event)
    except errors.Refusal:
        return
    assert request.kinds()
    assert request.event_ids
    assert all(account.isdecimal() and len(account) == 12 for account in request.accounts)
    assert Request.from_json(json.loads(json.dumps(request.to_json()))) == request


def test_the_management_account_is_nobodys_new_account():
    """A result that names the source as created is made up."""
    event = copy.deepcopy(EVENTS["account-created"])
    event["detail"]["serviceEventDetails"]["createAccountStatus"]["accountId"] = MANAGEMENT
    with pytest.raises(errors.MalformedEvent):
        ask(event)
