"""One contract for the Account API, whoever answers: the model in memory, or the sandbox over HTTP."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from orgsync.contact_sync.adapters.account_contacts import AccountContacts
from orgsync.contact_sync.core.contacts import Contact
from orgsync.contact_sync.core.errors import ContactRefused
from orgsync.contact_sync.core.protocols import Contacts
from orgsync.contact_sync.names import Kind
from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.contact_sync.simulation import SimulatedContacts
from orgsync.sandbox.model.account import AccountService, ApiError
from orgsync.sandbox.model.organization import OrganizationModel, make
from orgsync.sandbox.model.quotas import parse
from orgsync.shared import aws
from orgsync.shared.errors import AccessDenied, ServiceFailed, Throttled

QUOTAS = {"GetAlternateContact": {"rate": 0.01, "burst": 3}}


@pytest.fixture
def organization() -> OrganizationModel:
    """Two members: the first ACTIVE and without an operations contact, the second suspended."""
    made = make(4, 2)
    made.accounts[0].contacts.pop("operations", None)
    made.accounts[1].state = "SUSPENDED"
    return made


@pytest.fixture(params=["model", "sandbox"])
def api(
    request: pytest.FixtureRequest, organization: OrganizationModel, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Contacts]]:
    """Opens the Account API with quotas and, maybe, one failure for every call."""
    opened: list[Cloud] = []

    def model(quotas: Any = "off", failing: str | None = None) -> Contacts:
        refusal = ApiError(failing, "by the test") if failing else None
        service = AccountService(
            organization, clock=time.monotonic, quotas=parse(quotas), refuse=lambda _operation, _account: refusal
        )
        return SimulatedContacts(service)

    def sandbox(quotas: Any = "off", failing: str | None = None) -> Contacts:
        cloud = Cloud(organization, quotas=quotas)
        opened.append(cloud.__enter__())
        if failing:
            cloud.faults.add({"operation": "*", "error": failing})
        for name, value in cloud.environment.items():
            monkeypatch.setenv(name, value)
        # The sandbox's own key is neither counted nor throttled: call as a function's role does.
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        aws.session.cache_clear()
        return AccountContacts(organization.management)

    yield model if request.param == "model" else sandbox
    for cloud in opened:
        cloud.__exit__(None, None, None)
    aws.session.cache_clear()


def security(**changes: str) -> Contact:
    fields = {"Name": "Desk", "Title": "CISO", "EmailAddress": "desk@example.com", "PhoneNumber": "+1 555 0100"}
    return Contact.of(Kind.SECURITY, fields | changes)


def test_what_was_written_is_read(api: Callable[..., Contacts], organization: OrganizationModel) -> None:
    """An alternate contact and a primary one, field by field."""
    contacts, member = api(), organization.accounts[0].id
    for wanted in (security(), Contact.of(Kind.PRIMARY, organization.source["primary"])):
        asyncio.run(contacts.write(member, wanted))
        assert asyncio.run(contacts.read(member, wanted.kind)) == wanted


def test_the_source_is_read_without_an_account(api: Callable[..., Contacts], organization: OrganizationModel) -> None:
    """None means the management account itself."""
    wanted = Contact.of(Kind.BILLING, organization.source["billing"])
    assert asyncio.run(api().read(None, Kind.BILLING)) == wanted


def test_a_contact_that_does_not_exist_is_none(api: Callable[..., Contacts], organization: OrganizationModel) -> None:
    """No such contact is an answer, and deleting it is no error."""
    contacts, member = api(), organization.accounts[0].id
    assert asyncio.run(contacts.read(member, Kind.OPERATIONS)) is None
    asyncio.run(contacts.delete(member, Kind.OPERATIONS))


def test_a_deleted_contact_is_gone(api: Callable[..., Contacts], organization: OrganizationModel) -> None:
    """Written, deleted, none."""
    contacts, member = api(), organization.accounts[0].id
    asyncio.run(contacts.write(member, security()))
    asyncio.run(contacts.delete(member, Kind.SECURITY))
    assert asyncio.run(contacts.read(member, Kind.SECURITY)) is None


@pytest.mark.parametrize("changes", [{"EmailAddress": "no address"}, {"Name": "x" * 65}, {"PhoneNumber": "call me"}])
def test_what_aws_would_not_take_is_refused(
    api: Callable[..., Contacts], organization: OrganizationModel, changes: dict[str, str]
) -> None:
    """Lengths and patterns are AWS's own; the contact stays as it was."""
    contacts, member = api(), organization.accounts[0].id
    before = asyncio.run(contacts.read(member, Kind.SECURITY))
    with pytest.raises(ContactRefused):
        asyncio.run(contacts.write(member, security(**changes)))
    assert asyncio.run(contacts.read(member, Kind.SECURITY)) == before


@pytest.mark.parametrize("account", ["200000000002", "999999999999"])
def test_an_account_that_is_not_active_or_no_member_cannot_be_written(
    api: Callable[..., Contacts], account: str
) -> None:
    """AWS denies access to it."""
    with pytest.raises(AccessDenied):
        asyncio.run(api().write(account, security()))


def test_beyond_the_quota_calls_are_throttled(api: Callable[..., Contacts], organization: OrganizationModel) -> None:
    """A burst of three, and the fourth call is too many."""
    contacts, member = api(quotas=QUOTAS), organization.accounts[0].id
    for _ in range(3):
        asyncio.run(contacts.read(member, Kind.BILLING))
    with pytest.raises(Throttled):
        asyncio.run(contacts.read(member, Kind.BILLING))


def test_a_failure_of_aws_is_temporary(api: Callable[..., Contacts], organization: OrganizationModel) -> None:
    """A 5xx says nothing of the account."""
    contacts = api(failing="InternalServerException")
    with pytest.raises(ServiceFailed):
        asyncio.run(contacts.read(organization.accounts[0].id, Kind.BILLING))
