"""Triggers: the request that each event makes, and the class of every event that is refused."""

import json
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgsync.contact_sync.core import errors
from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.core.trigger import parse_trigger
from orgsync.contact_sync.names import ALTERNATES, Cause, Kind, OwnEvent
from tests.sample_events import ANOTHER_MEMBER, MANAGEMENT, MEMBER, WRITER, event_names, own_event, sample_event

EVERY = frozenset(Kind)
Kinds = frozenset[Kind]
NO_KIND: Kinds = frozenset()

# The request of each event: cause, kinds of everyone, kinds of single accounts.
REQUESTED: Mapping[str, tuple[Cause, Kinds, Mapping[str, Kinds]]] = {
    "source-changed-camel-with-values": (Cause.SOURCE_CHANGED, frozenset({Kind.SECURITY}), {}),
    "source-changed-pascal-masked": (Cause.SOURCE_CHANGED, ALTERNATES, {}),
    "source-changed-unknown-type": (Cause.SOURCE_CHANGED, ALTERNATES, {}),
    "source-primary-changed": (Cause.SOURCE_CHANGED, frozenset({Kind.PRIMARY}), {}),
    "source-deleted": (Cause.SOURCE_CHANGED, frozenset({Kind.BILLING}), {}),
    "console-primary-edited": (Cause.SOURCE_CHANGED, frozenset({Kind.PRIMARY}), {}),
    "console-alternates-edited": (Cause.SOURCE_CHANGED, ALTERNATES, {}),
    "account-created": (Cause.ACCOUNT_CREATED, NO_KIND, {MEMBER: EVERY}),
    "account-joined-service-event": (Cause.ACCOUNT_JOINED, NO_KIND, {MEMBER: EVERY}),
    "account-joined-own-detail-type": (Cause.ACCOUNT_JOINED, NO_KIND, {MEMBER: EVERY}),
    "member-changed-forwarded": (Cause.MEMBER_CHANGED, NO_KIND, {MEMBER: frozenset({Kind.OPERATIONS})}),
    "member-changed-by-delegate": (Cause.MEMBER_CHANGED, NO_KIND, {ANOTHER_MEMBER: frozenset({Kind.OPERATIONS})}),
    "member-changed-masked-id": (Cause.MEMBER_CHANGED, NO_KIND, {MEMBER: ALTERNATES}),
    "transformed-source-changed": (Cause.SOURCE_CHANGED, frozenset({Kind.SECURITY}), {}),
    "transformed-source-changed-pascal": (Cause.SOURCE_CHANGED, frozenset({Kind.SECURITY}), {}),
    "transformed-bare": (Cause.SOURCE_CHANGED, frozenset({Kind.PRIMARY}), {}),
    "transformed-console-edited": (Cause.SOURCE_CHANGED, ALTERNATES, {}),
    "transformed-account-created": (Cause.ACCOUNT_CREATED, NO_KIND, {MEMBER: EVERY}),
}
REFUSED: Mapping[str, type[errors.Refusal]] = {
    "member-written-camel": errors.MemberWrite,
    "member-written-pascal": errors.MemberWrite,
    "member-written-masked": errors.MemberWrite,
    "transformed-member-written": errors.MemberWrite,
    "own-write": errors.MemberWrite,
    "own-write-without-parameters": errors.MemberWrite,
    "transformed-own-write": errors.MemberWrite,
    "refused-call": errors.CallFailed,
    "account-creation-failed": errors.CallFailed,
    "transformed-account-creation-failed": errors.CallFailed,
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


def parsed(sent: object, run_id: str = "run-1", writer: str | None = WRITER) -> Request:
    """Return the request that an event makes in the organization of the samples."""
    return parse_trigger(sent, run_id=run_id, management=MANAGEMENT, writer=writer)


def test_every_recorded_event_has_its_meaning() -> None:
    """Each event file has a request or a refusal in the tables above."""
    assert set(event_names()) == set(REQUESTED) | set(REFUSED)


@pytest.mark.parametrize("name", sorted(REQUESTED))
def test_an_event_asks_for_what_changed(name: str) -> None:
    """Each event asks for the kinds and the accounts that it speaks of; a masked or unknown kind for all alternates."""
    request = parsed(sample_event(name))
    assert (request.cause, request.everyone, request.accounts) == REQUESTED[name]


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_refused_event_is_classified(name: str) -> None:
    """Each event that must start no run is refused with the class that says why."""
    with pytest.raises(errors.Refusal) as refused:
        parsed(sample_event(name))
    assert type(refused.value) is REFUSED[name]


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_refusal_repeats_nothing_of_the_event(name: str) -> None:
    """A refusal is logged: it says what is wrong in words of its own."""
    with pytest.raises(errors.Refusal) as refused:
        parsed(sample_event(name))
    for part in ("example.com", "Ana Adler", "555-0100", MEMBER):
        assert part not in str(refused.value)


@pytest.mark.parametrize("key", ["accountId", "AccountId"])
@pytest.mark.parametrize("value", [MEMBER, "***", 200000000001, ["hidden"], {"masked": True}, MANAGEMENT])
def test_a_named_account_is_never_the_source(key: str, value: object) -> None:
    """A call that names an account, in either casing and with any value, does not change the source."""
    with pytest.raises(errors.MemberWrite):
        parsed(sample_event("source-changed-camel-with-values", requestParameters={key: value}))


@pytest.mark.parametrize("key", ["accountId", "AccountId"])
@pytest.mark.parametrize("value", ["", None])
def test_an_empty_account_is_none(key: str, value: str | None) -> None:
    """An empty string is what an input transformer puts where there is no such key."""
    sent = sample_event("source-primary-changed", requestParameters={key: value})
    assert parsed(sent).cause is Cause.SOURCE_CHANGED


@pytest.mark.parametrize("key", ["alternateContactType", "AlternateContactType"])
@pytest.mark.parametrize("kind", sorted(ALTERNATES))
@pytest.mark.parametrize("spell", [str.upper, str.lower, str.title])
def test_a_kind_is_read_in_any_spelling(key: str, kind: Kind, spell: Callable[[str], str]) -> None:
    """The kind is AWS's word in any casing, under a key in either."""
    sent = sample_event("source-changed-camel-with-values", requestParameters={key: spell(str(kind))})
    assert parsed(sent).everyone == {kind}


@pytest.mark.parametrize("value", ["***", "****", "PRIMARY", "PRIVACY", 7, ["SECURITY", "BILLING"], {}])
def test_a_kind_that_cannot_be_read_is_every_alternate(value: object) -> None:
    """Rather compare too much than miss the change."""
    sent = sample_event("source-changed-camel-with-values", requestParameters={"alternateContactType": value})
    assert parsed(sent).everyone == ALTERNATES


@pytest.mark.parametrize("call", ["PutAlternateContact", "DeleteAlternateContact"])
def test_an_alternates_call_without_a_type_is_malformed(call: str) -> None:
    """The API requires the type: without it in either casing the event was cut off or made up."""
    nothing: tuple[dict[str, str], ...] = ({}, {"alternateContactType": "", "AlternateContactType": ""})
    for parameters in nothing:
        with pytest.raises(errors.MalformedEvent):
            parsed(sample_event("source-deleted", eventName=call, requestParameters=parameters))


@pytest.mark.parametrize("call", ["PutContactInformation", "SetContactAddress"])
@pytest.mark.parametrize("value", ["SECURITY", "***", ""])
def test_a_primary_call_asks_for_the_primary_whatever_else_it_carries(call: str, value: str) -> None:
    """A change of the primary contact is never lost to a parameter that does not belong to it."""
    sent = sample_event("source-primary-changed", eventName=call, requestParameters={"alternateContactType": value})
    assert parsed(sent).everyone == {Kind.PRIMARY}


@pytest.mark.parametrize("name", ["SetContactAddress", "SetAdditionalContacts", "DeleteAlternateContact"])
def test_our_own_role_is_recognised_in_every_call(name: str) -> None:
    """The second guard against a loop holds without any parameter, and only for our very role."""
    arn = f"arn:aws:sts::{MANAGEMENT}:assumed-role/{{}}/session"
    with pytest.raises(errors.MemberWrite):
        parsed(sample_event("source-deleted", eventName=name, userIdentity={"arn": arn.format(WRITER)}))
    other = sample_event("source-deleted", eventName=name, userIdentity={"arn": arn.format(f"{WRITER}-2")})
    assert parsed(other).cause is Cause.SOURCE_CHANGED


def test_without_a_known_writer_no_call_is_our_own() -> None:
    """A stack that does not say who writes refuses nothing for it."""
    sent = sample_event("own-write-without-parameters", eventName="PutContactInformation")
    assert parsed(sent, writer=None).cause is Cause.SOURCE_CHANGED


def test_the_initiator_is_an_arn_or_nobody() -> None:
    """The initiator is shown to people: an ARN, or nothing where the event masks it."""
    assert parsed(sample_event("source-deleted")).initiator == f"arn:aws:iam::{MANAGEMENT}:user/ann"
    assert parsed(sample_event("source-deleted", userIdentity={"arn": "***"})).initiator is None
    assert parsed(sample_event("transformed-bare")).initiator is None


def test_duplicates_share_an_identity() -> None:
    """An event delivered twice is recognised by its id; another event has another."""
    first, again = (
        parsed(sample_event("source-deleted"), run_id="a"),
        parsed(sample_event("source-deleted"), run_id="b"),
    )
    assert first.event_ids == again.event_ids
    assert parsed(sample_event("source-primary-changed")).event_ids != first.event_ids


def test_an_event_without_an_id_has_the_runs() -> None:
    """The run's own id stands for the id of an event that has none."""
    assert parsed(sample_event("transformed-bare"), run_id="run-7").event_ids == ("run-7",)
    assert parsed(own_event(OwnEvent.SCHEDULE), run_id="run-8").event_ids == ("run-8",)


@pytest.mark.parametrize("time", ["yesterday", "", None, 5, "2026-13-01T00:00:00Z", "2026-11-01T10:00:00"])
@pytest.mark.parametrize("name", ["source-deleted", "account-created", "member-changed-forwarded"])
def test_a_time_is_an_instant_or_absent(name: str, time: object) -> None:
    """A run computes with its event's time: only an instant gets so far."""
    triggered_at = parsed(sample_event(name) | {"time": time}).triggered_at
    assert triggered_at in (None, "2026-11-01T10:00:00.000+00:00")


def test_a_schedule_asks_for_everything() -> None:
    """The daily pass compares every kind of every account."""
    request = parsed(own_event(OwnEvent.SCHEDULE))
    assert (request.cause, request.everyone, request.accounts) == (Cause.SCHEDULE, EVERY, {})


def test_an_initial_sync_asks_for_everything_and_says_who() -> None:
    """A deployment's run is a full one, by the stack that asked for it."""
    request = parsed(own_event(OwnEvent.INITIAL_SYNC, initiator="arn:aws:cloudformation:us-east-1:1:stack/a"))
    assert (request.cause, request.everyone) == (Cause.DEPLOY, EVERY)
    assert request.initiator == "arn:aws:cloudformation:us-east-1:1:stack/a"


@pytest.mark.parametrize(
    ("detail", "everyone", "accounts"),
    [
        ({}, EVERY, {}),
        ({"kinds": ["billing"]}, frozenset({Kind.BILLING}), {}),
        ({"accounts": [MEMBER]}, NO_KIND, {MEMBER: EVERY}),
        (
            {"kinds": ["primary"], "accounts": [MEMBER, ANOTHER_MEMBER]},
            NO_KIND,
            dict.fromkeys((MEMBER, ANOTHER_MEMBER), frozenset({Kind.PRIMARY})),
        ),
        ({"kinds": [], "accounts": None}, EVERY, {}),
    ],
)
def test_an_operator_names_kinds_and_accounts(
    detail: dict[str, object], everyone: Kinds, accounts: dict[str, Kinds]
) -> None:
    """The command asks for what it was given: all kinds and accounts where it was given none."""
    request = parsed(own_event(OwnEvent.OPERATOR, **detail))
    assert request.cause is Cause.OPERATOR
    assert (request.everyone, request.accounts) == (everyone, accounts)


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
def test_an_operators_mistake_is_malformed(detail: dict[str, object]) -> None:
    """A kind or an id that is none is refused: never taken for everything."""
    with pytest.raises(errors.MalformedEvent):
        parsed(own_event(OwnEvent.OPERATOR, **detail))


def test_a_pending_request_is_read_as_it_was_written() -> None:
    """A run that waited does exactly what its events asked for."""
    request = Request(
        Cause.MEMBER_CHANGED,
        None,
        "2026-11-01T10:00:00.000+00:00",
        frozenset({Kind.BILLING}),
        {MEMBER: EVERY},
        ("e-1", "e-2"),
    )
    assert parsed(own_event(OwnEvent.PENDING, **request.to_json())) == request


@pytest.mark.parametrize("key", ["cause", "everyone", "accounts", "event_ids", "triggered_at", "initiator"])
@pytest.mark.parametrize("value", [None, ["nonsense"], 7])
def test_a_broken_pending_request_is_malformed(key: str, value: object) -> None:
    """A pending request that is no longer one is refused, and never half read."""
    document = Request(Cause.SCHEDULE, None, None, EVERY, event_ids=("e-1",)).to_json() | {key: value}
    try:
        request = parsed(own_event(OwnEvent.PENDING, **document))
    except errors.MalformedEvent:
        return
    assert (key, value) in (("triggered_at", None), ("initiator", None), ("event_ids", ["nonsense"]))
    assert request.everyone == EVERY


@pytest.mark.parametrize("kind", ["Nonsense", "", None, "schedule"])
def test_an_unknown_event_of_ours_is_refused(kind: str | None) -> None:
    """Our own source is no pass for an event that we do not send."""
    with pytest.raises(errors.UnknownEvent):
        parsed(own_event(kind))


@pytest.mark.parametrize("source", ["orgsyncs", "", None, "aws.orgsync"])
def test_our_events_come_from_our_source_only(source: str | None) -> None:
    """Nobody else speaks as the schedule, the deployment or the operator."""
    with pytest.raises(errors.UnknownEvent):
        parsed(own_event(OwnEvent.SCHEDULE) | {"source": source})


@pytest.mark.parametrize(
    "sent", [None, [], "event", 7, {}, {"detail": None}, {"detail": "{}"}, {"source": "aws.account"}]
)
def test_an_input_that_is_no_event_is_malformed(sent: object) -> None:
    """An input with which somebody started the state machine by hand, and which is no event, is refused by name."""
    with pytest.raises(errors.MalformedEvent):
        parsed(sent)


@given(
    name=st.sampled_from(event_names()),
    path=st.sampled_from(["account", "time", "source", "id", "detail-type", "detail"]),
    inner=st.sampled_from(
        ["eventName", "requestParameters", "userIdentity", "recipientAccountId", "serviceEventDetails", "eventID", None]
    ),
    value=JSON,
)
def test_no_event_breaks_the_parser(name: str, path: str, inner: str | None, value: object) -> None:
    """Any event is a request that asks for something of real ids, or a classified refusal."""
    sent = sample_event(name)
    if inner and isinstance(sent.get("detail"), dict):
        sent["detail"][inner] = value
    else:
        sent[path] = value
    try:
        request = parsed(sent)
    except errors.Refusal:
        return
    assert request.kinds()
    assert request.event_ids
    assert all(account.isdecimal() and len(account) == 12 for account in request.accounts)
    assert Request.from_json(json.loads(json.dumps(request.to_json()))) == request


def test_the_management_account_is_nobodys_new_account() -> None:
    """A result that names the source as created is made up."""
    sent = sample_event("account-created")
    sent["detail"]["serviceEventDetails"]["createAccountStatus"]["accountId"] = MANAGEMENT
    with pytest.raises(errors.MalformedEvent):
        parsed(sent)
