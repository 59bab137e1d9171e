"""The Account API's model, called directly under a clock of the test's own."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orgsync.sandbox.errors import UnknownOperation
from orgsync.sandbox.model.account import AccountService, ApiError, CallerIdentity, Write
from orgsync.sandbox.model.organization import OrganizationModel, make
from orgsync.sandbox.model.quotas import AWS

MANAGEMENT = CallerIdentity("100000000001", "arn:aws:sts::100000000001:assumed-role/worker/run")
MEMBER = "200000000001"
CONTACT = {"Name": "N", "Title": "T", "EmailAddress": "a@example.com", "PhoneNumber": "+1 555-0100"}


class Clock:
    """A clock whose seconds pass when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def organization() -> OrganizationModel:
    return make(seed=1, count=3)


@pytest.fixture
def service(organization: OrganizationModel) -> AccountService:
    return AccountService(organization, clock=Clock())


def put(
    service: AccountService,
    account: str | None = MEMBER,
    caller: CallerIdentity = MANAGEMENT,
    fields: Mapping[str, str | None] | None = None,
) -> None:
    whose = {"AlternateContactType": "SECURITY"} | ({} if account is None else {"AccountId": account})
    service.call("PutAlternateContact", {**whose, **CONTACT, **(fields or {})}, caller)


def refusal(service: AccountService, operation: str, parameters: dict[str, Any], caller: CallerIdentity) -> ApiError:
    with pytest.raises(ApiError) as refused:
        service.call(operation, parameters, caller)
    return refused.value


def test_what_was_put_is_what_is_got(service: AccountService) -> None:
    """A contact comes back with every field and its type."""
    put(service)
    got = service.call("GetAlternateContact", {"AccountId": MEMBER, "AlternateContactType": "SECURITY"}, MANAGEMENT)
    assert got == {"AlternateContact": {"AlternateContactType": "SECURITY", **CONTACT}}


def test_the_management_account_is_refused_its_own_id(service: AccountService) -> None:
    """AWS: the management account is managed in the standalone context only."""
    refused = refusal(service, "GetContactInformation", {"AccountId": MANAGEMENT.account}, MANAGEMENT)
    assert (refused.code, refused.status) == ("AccessDeniedException", 403)
    assert "standalone context from the management account" in refused.message


def test_without_an_id_the_callers_own_account_is_meant(service: AccountService) -> None:
    """Leaving the id out never touches a member; it silently targets the caller."""
    put(service, account=None)
    held = service.contacts()
    assert held[MANAGEMENT.account]["security"] == CONTACT
    assert held[MEMBER]["security"] != CONTACT


@pytest.mark.parametrize("caller", [CallerIdentity(MEMBER, "arn:member"), MANAGEMENT])
def test_nobody_reaches_an_account_outside_the_organization(service: AccountService, caller: CallerIdentity) -> None:
    """A member may read no other account, the management account its members only."""
    refused = refusal(service, "GetContactInformation", {"AccountId": "999999999999"}, caller)
    assert refused.code == "AccessDeniedException"


def test_a_suspended_account_is_read_but_not_written(organization: OrganizationModel, service: AccountService) -> None:
    """A closed account stays readable for a while [field]; writing to it is refused [inferred]."""
    organization.accounts[0].state = "SUSPENDED"
    service.call("GetContactInformation", {"AccountId": MEMBER}, MANAGEMENT)
    with pytest.raises(ApiError, match="AccessDenied"):
        put(service)


def test_a_missing_contact_is_not_found(service: AccountService) -> None:
    """Get and Delete of a contact that does not exist answer ResourceNotFoundException, 404."""
    named = {"AccountId": MEMBER, "AlternateContactType": "SECURITY"}
    put(service)
    service.call("DeleteAlternateContact", named, MANAGEMENT)
    for operation in ("GetAlternateContact", "DeleteAlternateContact"):
        refused = refusal(service, operation, named, MANAGEMENT)
        assert (refused.code, refused.status) == ("ResourceNotFoundException", 404)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Name", "x" * 65),
        ("Title", ""),
        ("EmailAddress", "nobody"),
        ("PhoneNumber", "call me"),
        ("PhoneNumber", None),
    ],
)
def test_an_alternate_contact_that_breaks_a_rule_is_refused(
    service: AccountService, field: str, value: str | None
) -> None:
    """Lengths, patterns and required fields are AWS's, and the refusal names the field."""
    with pytest.raises(ApiError) as refused:
        put(service, fields={field: value})
    assert refused.value.code == "ValidationException"
    assert [name for name, _ in refused.value.fields] == [field]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"PhoneNumber": "555-0100"}, "PhoneNumber"),
        ({"CountryCode": "USA"}, "CountryCode"),
        ({"FullName": None}, "FullName"),
        ({"CountryCode": "US", "StateOrRegion": None}, "StateOrRegion"),
    ],
)
def test_a_primary_contact_that_breaks_a_rule_is_refused(
    organization: OrganizationModel, service: AccountService, change: dict[str, Any], field: str
) -> None:
    """The primary phone needs its plus, some countries a state."""
    contact = organization.source["primary"] | change
    parameters = {"AccountId": MEMBER, "ContactInformation": contact}
    refused = refusal(service, "PutContactInformation", parameters, MANAGEMENT)
    assert [name for name, _ in refused.fields] == [field]


def test_quotas_are_buckets_of_one_operation_and_one_caller() -> None:
    """Aws: 15 reads at once, then 10 a second; another operation and another caller are untouched."""
    clock = Clock()
    service = AccountService(make(1, 3), clock=clock, quotas=AWS)
    read = {"AccountId": MEMBER}

    for now, admitted in ((0.0, 15), (1.0, 10)):
        clock.now = now
        for _ in range(admitted):
            service.call("GetContactInformation", read, MANAGEMENT)
        refused = refusal(service, "GetContactInformation", read, MANAGEMENT)
        assert (refused.code, refused.status) == ("TooManyRequestsException", 429)
    service.call("GetContactInformation", {}, CallerIdentity(MEMBER, "arn:member"))
    put(service)
    counts = service.calls["GetContactInformation"]
    assert counts == {"made": 27, "throttled": 2, "failed": 0}


def test_only_the_management_accounts_calls_about_members_count(service: AccountService) -> None:
    """The source's own contacts, members' own calls and the sandbox's do not show in calls or writes."""
    put(service)
    put(service, account=None)
    put(service, account=None, caller=CallerIdentity(MEMBER, "arn:member"))
    put(service, caller=CallerIdentity(MANAGEMENT.account, "arn:sandbox", sandbox=True))
    assert service.calls == {"PutAlternateContact": {"made": 1, "throttled": 0, "failed": 0}}
    assert service.writes == [{"operation": "PutAlternateContact", "account": MEMBER, "kind": "security"}]


def test_a_refused_call_counts_as_failed_and_a_missing_contact_does_not(service: AccountService) -> None:
    """That there is no such contact is an answer."""
    named = {"AccountId": MEMBER, "AlternateContactType": "SECURITY"}
    put(service)
    service.call("DeleteAlternateContact", named, MANAGEMENT)
    refusal(service, "GetAlternateContact", named, MANAGEMENT)
    refusal(service, "GetAlternateContact", {**named, "AlternateContactType": "LEGAL"}, MANAGEMENT)
    assert service.calls["GetAlternateContact"] == {"made": 2, "throttled": 0, "failed": 1}


def test_a_lagging_service_answers_what_stood_there_before() -> None:
    """Eventual consistency: a read right after a write may show the former contact; `contacts` has the present one."""
    clock = Clock()
    service = AccountService(make(1, 3), clock=clock, lag_s=2.0)
    named = {"AccountId": MEMBER, "AlternateContactType": "SECURITY"}
    put(service, fields={"Name": "Before"})
    clock.now = 2.0
    put(service, fields={"Name": "After"})
    assert service.call("GetAlternateContact", named, MANAGEMENT)["AlternateContact"]["Name"] == "Before"
    assert (service.contacts()[MEMBER]["security"] or {})["Name"] == "After"
    clock.now = 4.0
    assert service.call("GetAlternateContact", named, MANAGEMENT)["AlternateContact"]["Name"] == "After"


@settings(max_examples=60, deadline=None)
@given(
    lag=st.floats(0.5, 5000),
    edits=st.lists(st.tuples(st.floats(0, 3000), st.booleans(), st.booleans()), min_size=1, max_size=12),
    look=st.floats(0, 20000),
)
def test_a_read_shows_what_stood_there_before_the_lag(
    lag: float, edits: list[tuple[float, bool, bool]], look: float
) -> None:
    """Of any edits, at any times, by the API or by another user, of the source or of a member: a read shows that one
    which stood there `lag_s` ago."""
    for own in (False, True):
        clock = Clock()
        service = AccountService(make(1, 3), clock=lambda: 0.0, lag_clock=clock, lag_s=lag)
        named = {"AlternateContactType": "SECURITY"} | ({} if own else {"AccountId": MEMBER})
        history: list[tuple[float, str | None]] = [(-lag, held(service, MANAGEMENT.account if own else MEMBER))]
        for number, (later, deletes, directly) in enumerate(edits):
            clock.now += later
            there = history[-1][1] is not None
            operation = "DeleteAlternateContact" if deletes and there else "PutAlternateContact"
            fields = {} if operation.startswith("Delete") else {**CONTACT, "Name": f"N{number}"}
            (service.write_directly if directly else service.call)(operation, {**named, **fields}, MANAGEMENT)
            history.append((clock.now, fields.get("Name")))
        clock.now += look
        shown = [name for at, name in history if at + lag <= clock.now][-1]
        answer = None
        with suppress(ApiError):  # no such contact
            answer = service.call("GetAlternateContact", named, MANAGEMENT)["AlternateContact"]["Name"]
        assert answer == shown


def held(service: AccountService, account: str) -> str | None:
    contact = service.contacts()[account]["security"]
    return contact["Name"] if contact else None


@pytest.mark.parametrize("change", [{"trusted_access": False}, {"features": "consolidated_billing"}])
def test_without_trusted_access_only_own_contacts_are_reached(
    organization: OrganizationModel, change: dict[str, Any]
) -> None:
    """Every call with an AccountId is refused, whoever makes it and for whomever; each account still has its own."""
    organization.delegated_administrators.append("200000000002")
    service = AccountService(replace(organization, **change), clock=Clock())
    for caller in (MANAGEMENT, CallerIdentity("200000000002", "arn:delegated"), CallerIdentity(MEMBER, "arn:member")):
        for target in (MANAGEMENT.account, MEMBER, "200000000002", "999999999999"):
            assert refusal(service, "GetContactInformation", {"AccountId": target}, caller).code == (
                "AccessDeniedException"
            )
        service.call("GetContactInformation", {}, caller)
        put(service, account=None, caller=caller)


def test_a_delegated_administrator_manages_members_and_never_the_source(organization: OrganizationModel) -> None:
    """Also itself, by its own id; another member manages nobody, and its right ends with its membership."""
    desk = CallerIdentity("200000000002", "arn:delegated")
    service = AccountService(organization, clock=Clock())
    assert refusal(service, "GetContactInformation", {"AccountId": MEMBER}, desk).code == "AccessDeniedException"
    organization.delegated_administrators.append(desk.account)
    put(service, caller=desk)
    put(service, account=desk.account, caller=desk)
    assert [write["account"] for write in service.writes] == [MEMBER, desk.account]
    refused = refusal(service, "GetContactInformation", {"AccountId": MANAGEMENT.account}, desk)
    assert refused.code == "AccessDeniedException"
    other = CallerIdentity("200000000003", "arn:other")
    assert refusal(service, "GetContactInformation", {"AccountId": MEMBER}, other).code == "AccessDeniedException"


@pytest.mark.parametrize("written", [False, True])
def test_a_fault_that_has_written_writes_before_it_fails(organization: OrganizationModel, written: bool) -> None:
    """The caller sees one error either way; what is held, and the events, tell the two apart. Reads just fail."""
    received: list[Write] = []
    lost = ApiError("InternalServerException", "lost", written=written)
    service = AccountService(
        organization, clock=Clock(), refuse=lambda operation, target: lost, on_write=received.append
    )
    before = service.contacts()[MEMBER]["security"]
    with pytest.raises(ApiError, match="InternalServerException"):
        put(service)
    assert service.contacts()[MEMBER]["security"] == (CONTACT if written else before)
    assert len(received) == len(service.writes) == int(written)
    assert service.calls["PutAlternateContact"] == {"made": 1, "throttled": 0, "failed": 1}
    with pytest.raises(ApiError, match="InternalServerException"):
        service.call("GetContactInformation", {"AccountId": MEMBER}, MANAGEMENT)


def test_what_aws_would_refuse_is_not_written_by_a_fault(organization: OrganizationModel) -> None:
    """A contact that breaks a rule is refused for that, and nothing is stored."""
    lost = ApiError("InternalServerException", "lost", written=True)
    service = AccountService(organization, clock=Clock(), refuse=lambda operation, target: lost)
    with pytest.raises(ApiError, match="ValidationException"):
        put(service, fields={"Title": ""})


def test_an_account_that_left_is_out_of_reach(service: AccountService) -> None:
    """For the management account; for itself it is as before."""
    service.remove_account(MEMBER)
    assert refusal(service, "GetContactInformation", {"AccountId": MEMBER}, MANAGEMENT).code == "AccessDeniedException"
    service.call("GetContactInformation", {}, CallerIdentity(MEMBER, "arn:member"))


def test_a_write_is_told_with_its_caller(organization: OrganizationModel) -> None:
    """The listener gets every write with its account and caller; a refused write is not passed on."""
    received: list[Write] = []
    service = AccountService(organization, clock=Clock(), on_write=received.append)
    put(service)
    with pytest.raises(ApiError):
        put(service, fields={"Title": ""})
    assert [(write.operation, write.account, write.kind, write.caller) for write in received] == [
        ("PutAlternateContact", MEMBER, "security", MANAGEMENT)
    ]


def test_an_operation_that_is_not_emulated_is_refused_by_name(service: AccountService) -> None:
    """Never a silent success."""
    with pytest.raises(UnknownOperation, match="ListRegions"):
        service.call("ListRegions", {}, MANAGEMENT)
