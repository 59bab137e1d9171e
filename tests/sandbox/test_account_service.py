"""The Account API's model, called directly under a clock of the test's own."""

from collections.abc import Mapping
from typing import Any

import pytest

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
