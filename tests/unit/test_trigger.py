"""Triggers: the request that each event makes, and the class of every event that is refused."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orgsync.contact_sync.core import errors
from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.core.trigger import parse_trigger
from orgsync.contact_sync.names import ALTERNATES, Cause, Kind, OrganizationCall, OwnEvent
from orgsync.shared.clock import as_timestamp
from tests.error_codes import refused
from tests.event_bus import matching_rules, transformed
from tests.sample_events import ANOTHER_MEMBER, MANAGEMENT, MEMBER, WRITER, event_names, own_event, sample_event

EVERY = frozenset(Kind)
Kinds = frozenset[Kind]
NO_KIND: Kinds = frozenset()

Outcome = tuple[Cause, Kinds, Mapping[str, Kinds]] | errors.RefusalReason
"""The parser's outcome of an event: cause, kinds of everyone, kinds of single accounts; or its refusal's class."""


def of_source(*kinds: Kind) -> Outcome:
    return Cause.SOURCE_CHANGED, frozenset(kinds) or ALTERNATES, {}


def of_account(cause: Cause, account: str = MEMBER, kinds: Kinds = EVERY) -> Outcome:
    return cause, NO_KIND, {account: kinds}


def of_anybody(cause: Cause) -> Outcome:
    return cause, EVERY, {}


SAMPLES: Mapping[str, tuple[str | None, Outcome]] = {
    # "transformed-…" have passed a rule already: where it asks for an absent key, an empty one matches no more.
    # The source: by API, in both casings; what cannot be read widens the comparison.
    "source-changed-camel-with-values": ("source-changed", of_source(Kind.SECURITY)),
    "source-changed-pascal-masked": ("source-changed", of_source()),
    "source-changed-unknown-type": ("source-changed", of_source()),
    "source-changed-without-parameters": ("source-changed", of_source()),
    "source-primary-changed": ("source-changed", of_source(Kind.PRIMARY)),
    "source-deleted": ("source-changed", of_source(Kind.BILLING)),
    "truncated-parameters": ("source-changed", of_source()),
    "transformed-source-changed": (None, of_source(Kind.SECURITY)),
    "transformed-source-changed-pascal": (None, of_source(Kind.SECURITY)),
    "transformed-bare": (None, of_source(Kind.PRIMARY)),
    # The source: in the console.
    "console-primary-edited": ("console-edited", of_source(Kind.PRIMARY)),
    "console-alternates-edited": ("console-edited", of_source()),
    "console-names-a-member": ("console-edited", errors.RefusalReason.MEMBER_WRITE),
    "transformed-console-edited": ("console-edited", of_source()),
    # Writes to members, our own among them: where the rule cannot tell, the parser does.
    "member-written-camel": (None, errors.RefusalReason.MEMBER_WRITE),
    "member-written-pascal": (None, errors.RefusalReason.MEMBER_WRITE),
    "member-written-masked": (None, errors.RefusalReason.MEMBER_WRITE),
    "transformed-member-written": (None, errors.RefusalReason.MEMBER_WRITE),
    "own-write": (None, errors.RefusalReason.MEMBER_WRITE),
    "own-write-without-parameters": ("source-changed", errors.RefusalReason.MEMBER_WRITE),
    "transformed-own-write": (None, errors.RefusalReason.MEMBER_WRITE),
    # New accounts.
    "account-created": ("account-created", of_account(Cause.ACCOUNT_CREATED)),
    "transformed-account-created": ("account-created", of_account(Cause.ACCOUNT_CREATED)),
    "account-creation-failed": ("account-created", errors.RefusalReason.CALL_FAILED),
    "transformed-account-creation-failed": ("account-created", errors.RefusalReason.CALL_FAILED),
    "malformed-account-created-without-id": ("account-created", errors.RefusalReason.MALFORMED_EVENT),
    "account-created-masked": ("account-created", of_anybody(Cause.ACCOUNT_CREATED)),
    "account-joined-service-event": ("account-joined", of_account(Cause.ACCOUNT_JOINED)),
    "account-joined-own-detail-type": ("account-joined", of_account(Cause.ACCOUNT_JOINED)),
    "account-joined-without-id": ("account-joined", of_anybody(Cause.ACCOUNT_JOINED)),
    # Moves, tags and units.
    "account-moved-camel": ("organization-changed", of_account(Cause.ACCOUNT_CHANGED)),
    "account-moved-pascal": ("organization-changed", of_account(Cause.ACCOUNT_CHANGED)),
    "account-moved-masked": ("organization-changed", of_anybody(Cause.ACCOUNT_CHANGED)),
    "account-moved-without-parameters": ("organization-changed", of_anybody(Cause.ACCOUNT_CHANGED)),
    "account-moved-management": ("organization-changed", errors.RefusalReason.NO_ACCOUNT),
    "account-moved-refused": (None, errors.RefusalReason.CALL_FAILED),
    "forged-move": ("organization-changed", errors.RefusalReason.FOREIGN_EVENT),
    "account-tagged-camel": ("organization-changed", of_account(Cause.ACCOUNT_CHANGED)),
    "account-tagged-pascal": ("organization-changed", of_account(Cause.ACCOUNT_CHANGED)),
    "account-tagged-by-arn": ("organization-changed", of_account(Cause.ACCOUNT_CHANGED)),
    "account-untagged": ("organization-changed", of_account(Cause.ACCOUNT_CHANGED)),
    "masked-tagged": ("organization-changed", of_anybody(Cause.ACCOUNT_CHANGED)),
    "unit-tagged": ("organization-changed", errors.RefusalReason.NO_ACCOUNT),
    "root-tagged": ("organization-changed", errors.RefusalReason.NO_ACCOUNT),
    "policy-untagged": ("organization-changed", errors.RefusalReason.NO_ACCOUNT),
    "management-tagged": ("organization-changed", errors.RefusalReason.NO_ACCOUNT),
    "unit-created": ("organization-changed", of_anybody(Cause.ACCOUNT_CHANGED)),
    "unit-renamed": ("organization-changed", of_anybody(Cause.ACCOUNT_CHANGED)),
    "unit-deleted": ("organization-changed", of_anybody(Cause.ACCOUNT_CHANGED)),
    "account-closed": (None, errors.RefusalReason.UNKNOWN_EVENT),
    "account-left": (None, errors.RefusalReason.UNKNOWN_EVENT),
    # Members' own changes, forwarded: by API and console.
    "member-changed-forwarded": (
        "member-changed",
        of_account(Cause.MEMBER_CHANGED, kinds=frozenset({Kind.OPERATIONS})),
    ),
    "member-changed-pascal": ("member-changed", of_account(Cause.MEMBER_CHANGED, kinds=frozenset({Kind.BILLING}))),
    "member-changed-by-delegate": (
        "member-changed",
        of_account(Cause.MEMBER_CHANGED, ANOTHER_MEMBER, frozenset({Kind.OPERATIONS})),
    ),
    "member-changed-masked-id": ("member-changed", of_account(Cause.MEMBER_CHANGED, kinds=ALTERNATES)),
    "member-changed-by-management": (None, of_account(Cause.MEMBER_CHANGED, kinds=frozenset({Kind.BILLING}))),
    "member-console-primary-edited": (
        "member-changed",
        of_account(Cause.MEMBER_CHANGED, kinds=frozenset({Kind.PRIMARY})),
    ),
    "member-console-alternates-edited": ("member-changed", of_account(Cause.MEMBER_CHANGED, kinds=ALTERNATES)),
    # Refused by both, or by the parser where somebody starts the state machine by hand.
    "refused-call": (None, errors.RefusalReason.CALL_FAILED),
    "forged-recipient-differs": (None, errors.RefusalReason.FOREIGN_EVENT),
    "malformed-detail-is-a-list": (None, errors.RefusalReason.MALFORMED_EVENT),
    "malformed-no-account": ("source-changed", errors.RefusalReason.MALFORMED_EVENT),
    "truncated-no-name": (None, errors.RefusalReason.MALFORMED_EVENT),
    "truncated-no-detail": (None, errors.RefusalReason.MALFORMED_EVENT),
    "another-call": (None, errors.RefusalReason.UNKNOWN_EVENT),
    "another-service": (None, errors.RefusalReason.UNKNOWN_EVENT),
    "not-a-call": (None, errors.RefusalReason.UNKNOWN_EVENT),
}
"""Every sample event: the rule that passes it on, and what the parser makes of it, whole and transformed."""

REFUSED = sorted(name for name, (_, outcome) in SAMPLES.items() if isinstance(outcome, type))
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


def outcome_of(sent: object) -> Outcome:
    """Return what the parser makes of an event."""
    try:
        request = parsed(sent)
    except errors.Refusal as refusal:
        return refusal.reason
    return request.cause, request.everyone, request.accounts


def test_the_table_has_every_sample() -> None:
    """Each event file stands in the table above, and nothing else does."""
    assert set(event_names()) == set(SAMPLES)


@pytest.mark.parametrize("name", SAMPLES)
def test_rule_and_parser_agree_about_every_sample(name: str) -> None:
    """The rule that passes an event on, and what the parser makes of it, whether it comes whole or transformed."""
    rule, outcome = SAMPLES[name]
    event = sample_event(name)
    assert matching_rules(event) == ([rule] if rule else [])
    assert outcome_of(event) == outcome
    if rule:
        assert outcome_of(transformed(rule, event)) == outcome


@pytest.mark.parametrize("name", REFUSED)
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
    with refused(errors.RefusalReason.MEMBER_WRITE):
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
@pytest.mark.parametrize(
    "parameters", [{}, None, "{cut o", [], {"alternateContactType": "", "AlternateContactType": ""}]
)
def test_an_alternates_call_without_a_type_asks_for_every_alternate(call: str, parameters: object) -> None:
    """The API requires the type, so the event was cut off; the change itself is no less true."""
    sent = sample_event("source-deleted", eventName=call)
    sent["detail"]["requestParameters"] = parameters
    assert parsed(sent).everyone == ALTERNATES


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
    with refused(errors.RefusalReason.MEMBER_WRITE):
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
    with refused(errors.RefusalReason.MALFORMED_EVENT):
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
    event = own_event(OwnEvent.PENDING, **document)
    if (key, value) in (("triggered_at", None), ("initiator", None), ("event_ids", ["nonsense"])):
        assert parsed(event).everyone == EVERY
    else:
        with refused(errors.RefusalReason.MALFORMED_EVENT):
            parsed(event)


@pytest.mark.parametrize("kind", ["Nonsense", "", None, "schedule"])
def test_an_unknown_event_of_ours_is_refused(kind: str | None) -> None:
    """Our own source is no pass for an event that we do not send."""
    with refused(errors.RefusalReason.UNKNOWN_EVENT):
        parsed(own_event(kind))


@pytest.mark.parametrize("source", ["orgsyncs", "", None, "aws.orgsync"])
def test_our_events_come_from_our_source_only(source: str | None) -> None:
    """Nobody else speaks as the schedule, the deployment or the operator."""
    with refused(errors.RefusalReason.UNKNOWN_EVENT):
        parsed(own_event(OwnEvent.SCHEDULE) | {"source": source})


@pytest.mark.parametrize(
    "sent", [None, [], "event", 7, {}, {"detail": None}, {"detail": "{}"}, {"source": "aws.account"}]
)
def test_an_input_that_is_no_event_is_malformed(sent: object) -> None:
    """An input with which somebody started the state machine by hand, and which is no event, is refused by name."""
    with refused(errors.RefusalReason.MALFORMED_EVENT):
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
    """A result that names the source as created is made up; a join that names it alone is about nobody known."""
    sent = sample_event("account-created")
    sent["detail"]["serviceEventDetails"]["createAccountStatus"]["accountId"] = MANAGEMENT
    with refused(errors.RefusalReason.MALFORMED_EVENT):
        parsed(sent)
    joined = sample_event("account-joined-service-event")
    joined["detail"]["serviceEventDetails"]["accountJoinedOrganization"]["accountId"] = MANAGEMENT
    assert MANAGEMENT not in parsed(joined).accounts


@pytest.mark.parametrize("name", ["account-created", "account-joined-service-event"])
def test_a_new_account_is_known_as_new(name: str) -> None:
    """The request says since when, so that a refusal is no failure yet; without a time that is the run's own."""
    assert parsed(sample_event(name)).new_accounts == {MEMBER: "2026-11-01T10:00:00.000+00:00"}
    assert parsed(sample_event(name) | {"time": ""}).new_accounts == {}
    assert parsed(sample_event("account-moved-camel")).new_accounts == {}


@pytest.mark.parametrize("resource", ["ou-ab12-34cd56ef", "r-ab12", "p-1234567890", "rp-1234567890", MANAGEMENT])
@pytest.mark.parametrize("key", ["resourceId", "ResourceId"])
@pytest.mark.parametrize("call", ["TagResource", "UntagResource"])
def test_a_tag_of_what_is_no_member_is_refused(call: str, key: str, resource: str) -> None:
    """Units, roots, policies and the management account hold nothing that we write; their ARNs end in their ids."""
    for named in (resource, f"arn:aws:organizations::{MANAGEMENT}:x/o-exampleorgid/{resource}"):
        with refused(errors.RefusalReason.NO_ACCOUNT):
            parsed(sample_event("account-tagged-camel", eventName=call, requestParameters={key: named}))


@pytest.mark.parametrize("value", ["***", "", None, "web", ["200000000001"], {"id": MEMBER}, True, 7.5])
@pytest.mark.parametrize("call", OrganizationCall)
def test_a_change_of_the_organization_that_is_unclear_is_about_everyone(call: OrganizationCall, value: object) -> None:
    """An account that cannot be read may be any account."""
    parameters = dict.fromkeys((*call.subject, "organizationalUnitId"), value)
    request = parsed(sample_event("account-moved-camel", eventName=str(call), requestParameters=parameters))
    assert (request.cause, request.everyone, request.accounts) == (Cause.ACCOUNT_CHANGED, EVERY, {})


def test_only_the_source_and_the_configuration_are_urgent() -> None:
    """A pass under way makes way for them alone."""
    urgent = {
        name
        for name, (_, outcome) in SAMPLES.items()
        if isinstance(outcome, tuple) and parsed(sample_event(name)).urgent
    }
    assert urgent == {
        name
        for name, (_, outcome) in SAMPLES.items()
        if isinstance(outcome, tuple) and outcome[0] is Cause.SOURCE_CHANGED
    }
    assert parsed(own_event(OwnEvent.INITIAL_SYNC)).urgent
    assert not parsed(own_event(OwnEvent.SCHEDULE)).urgent
    assert not parsed(own_event(OwnEvent.OPERATOR)).urgent


@pytest.mark.parametrize(
    ("create", "fresh"), [(True, True), (False, False), (None, False), ("true", False), (1, False)]
)
def test_only_a_first_deployment_is_fresh(create: object, fresh: bool) -> None:
    """Permissions that were just made are in force late; an update's are not new."""
    assert parsed(own_event(OwnEvent.INITIAL_SYNC, create=create)).fresh is fresh


@settings(deadline=None)
@given(
    count=st.integers(0, 20_000), kinds=st.lists(st.sampled_from(list(Kind)), max_size=2000), repeat=st.integers(1, 2)
)
def test_an_operators_request_of_any_size_fits_into_the_lease(count: int, kinds: list[Kind], repeat: int) -> None:
    """None of its ids is lost; more of them than the lease holds are refused, with what to do instead."""
    accounts = [f"{200_000_000_000 + number}" for number in range(count)] * repeat
    event = own_event(OwnEvent.OPERATOR, accounts=accounts, kinds=[str(kind) for kind in kinds])
    if count > Request.MAX_ACCOUNTS:
        with pytest.raises(errors.Refusal) as refused:
            parsed(event)
        assert refused.value.code == "TooManyAccounts"
        return
    request = parsed(event)
    wanted = frozenset(kinds) or EVERY
    assert set(request.accounts) == request.named == set(accounts)
    assert all(request.kinds_for(account) == wanted for account in accounts)
    assert request.kinds() == wanted
    assert len(json.dumps(request.to_json())) < 150_000


@given(
    value=JSON,
    key=st.sampled_from(
        [
            "cause",
            "everyone",
            "accounts",
            "event_ids",
            "triggered_at",
            "initiator",
            "new_accounts",
            "rest",
            "initiators",
            "urgent",
            "fresh",
        ]
    ),
    kind=st.sampled_from([OwnEvent.PENDING, OwnEvent.NOT_READY]),
)
def test_a_pending_request_is_whole_or_refused(value: object, key: str, kind: OwnEvent) -> None:
    """Whatever stands in one of its fields; one that names no event is nobody's duplicate, and is refused."""
    document = Request(Cause.SCHEDULE, None, None, EVERY, event_ids=("e-1",)).to_json() | {key: value}
    try:
        request = parsed(own_event(kind, **document))
    except errors.Refusal:
        return
    assert request.event_ids
    assert request.kinds()
    assert Request.from_json(json.loads(json.dumps(request.to_json()))) == request


@pytest.mark.parametrize("key", ["event_ids", "everyone"])
def test_a_pending_request_without_events_or_work_is_refused(key: str) -> None:
    """No run could say whom it answers, or what it should do."""
    document = Request(Cause.SCHEDULE, None, None, EVERY, event_ids=("e-1",)).to_json() | {key: []}
    with refused(errors.RefusalReason.MALFORMED_EVENT):
        parsed(own_event(OwnEvent.PENDING, **document))


@pytest.mark.parametrize(
    "time",
    [
        "0001-01-01T00:00:00+14:00",
        "0000-01-01T00:00:00Z",
        "-0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59-14:00",
        "10000-01-01T00:00:00Z",
        "2026-11-01T10:00:00+99:99",
        "2026-11-01T10:00:00+23:59:59.999999",
        "2026-11-01T24:00:00Z",
    ],
)
@pytest.mark.parametrize(
    "name", ["source-deleted", "account-created", "account-moved-camel", "member-changed-forwarded"]
)
def test_a_time_beyond_the_calendar_is_none(name: str, time: str) -> None:
    """A time that no calendar has, or only with another offset, is as good as none."""
    triggered_at = parsed(sample_event(name) | {"time": time}).triggered_at
    assert triggered_at is None or as_timestamp(triggered_at) == triggered_at


def holding_itself(depth: int) -> dict[str, Any]:
    """Return a mapping that contains itself, so many levels down."""
    outer: dict[str, Any] = {}
    inner = outer
    for number in range(depth):
        following: dict[str, Any] = {}
        inner["detail" if number % 2 else "accounts"] = [following]
        inner = following
    inner.update({"itself": outer, "list": [outer]})
    return outer


@pytest.mark.parametrize("depth", [0, 1, 5, 3000])
@pytest.mark.parametrize("name", [name for name, (rule, _) in SAMPLES.items() if rule])
def test_a_value_that_contains_itself_breaks_nothing(name: str, depth: int) -> None:
    """In any place of an event: a request or a classified refusal."""
    strange = holding_itself(depth)
    for key in (
        "requestParameters",
        "userIdentity",
        "serviceEventDetails",
        "eventID",
        "eventName",
        "recipientAccountId",
    ):
        assert outcome_of(sample_event(name, **{key: strange}))
    for key in ("account", "time", "id", "detail-type", "source", "detail"):
        assert outcome_of(sample_event(name) | {key: strange})
    for kind in OwnEvent:
        for key in (
            "cause",
            "accounts",
            "kinds",
            "everyone",
            "event_ids",
            "new_accounts",
            "initiator",
            "rest",
            "create",
        ):
            assert outcome_of(own_event(kind, **{key: strange}))
            assert outcome_of(own_event(kind, **{key: [strange]}))


@given(
    text=st.text(st.characters(categories=("Cs", "Lu", "Cc")), max_size=5)
    | st.integers(500, 5000).map(lambda n: "ä" * n)
)
def test_a_text_that_no_store_holds_gets_no_further(text: str) -> None:
    """Halves of characters and endless ids are as good as none: what was made up must not fill the lease."""
    sent = sample_event("source-deleted", eventID=text, userIdentity={"arn": f"arn:{text}"}) | {
        "id": text,
        "time": text,
    }
    request = parsed(sent)
    assert len(json.dumps(request.to_json()).encode()) < 5000
    json.dumps(request.to_json(), ensure_ascii=False).encode()
