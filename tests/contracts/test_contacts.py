"""The contract of `Contacts`: reads, writes and failures; the adapter over HTTP and the simulation."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from botocore import exceptions as botocore_errors

from orgsync.contact_sync.adapters.account_contacts import AccountContacts
from orgsync.contact_sync.core import errors
from orgsync.contact_sync.core.contacts import Contact
from orgsync.contact_sync.core.errors import contact_errors
from orgsync.contact_sync.core.protocols import Contacts
from orgsync.contact_sync.names import Kind
from orgsync.sandbox.contact_sync.simulation import SimulatedContacts
from orgsync.sandbox.model.account import AccountService, ApiError
from orgsync.sandbox.model.organization import OrganizationModel, make
from orgsync.shared import aws
from orgsync.shared import errors as shared_errors
from tests.account_endpoint import AccountEndpoint
from tests.world import Refuse

CANARY = "canary-value"
WRONG_IDS = ["", " ", "12345", "200000000001 ", "***", "2000000000010", "None"]


class ContactsCloud:
    """A small organization behind the Account API.

    Attributes:
        refuses: AWS's answer to every call; a test may put its own in its place.
    """

    def __init__(self) -> None:
        self.organization: OrganizationModel = make(7, 2)
        self.management = self.organization.management
        self.members = [account.id for account in self.organization.accounts]
        self.refuses: Refuse = lambda operation, account: None
        self.service = AccountService(
            self.organization,
            clock=lambda: 0.0,
            refuse=lambda operation, account: self.refuses(operation, account),
        )


@pytest.fixture
def cloud() -> ContactsCloud:
    """The organization whose contacts are read and written."""
    return ContactsCloud()


@pytest.fixture
def adapter(cloud: ContactsCloud, account_endpoint: AccountEndpoint) -> AccountContacts:
    """The adapter, whose endpoint serves the organization."""
    account_endpoint.serve(cloud.service)
    return AccountContacts(cloud.management)


@pytest.fixture(params=["adapter", "memory"])
def contacts(request: pytest.FixtureRequest, cloud: ContactsCloud) -> Contacts:
    """The contacts of the organization."""
    if request.param == "memory":
        return SimulatedContacts(cloud.service)
    made: AccountContacts = request.getfixturevalue("adapter")
    return made


@pytest.fixture
def sent(cloud: ContactsCloud) -> list[str]:
    """The operation of every call that reaches the Account API."""
    operations: list[str] = []

    def note(operation: str, account: str) -> None:
        operations.append(operation)

    cloud.refuses = note
    return operations


def contact(kind: Kind = Kind.SECURITY, **changes: str) -> Contact:
    """Make a contact that AWS would accept."""
    fields = {"Name": "Bo Chen", "Title": "Lead", "EmailAddress": "bo@example.com", "PhoneNumber": "555-0100"}
    return Contact.of(kind, fields | changes)


Calls = list[Callable[[], Awaitable[object]]]


def every_call(contacts: Contacts, account: str) -> Calls:
    """Return each call about an account."""
    return [
        lambda: contacts.read(account, Kind.PRIMARY),
        lambda: contacts.read(account, Kind.BILLING),
        lambda: contacts.write(account, contact()),
        lambda: contacts.delete(account, Kind.SECURITY),
    ]


def of_call(number: int, error: type[shared_errors.CallError]) -> type[shared_errors.CallError]:
    """Return what an error is for one of these calls: only the third, a write, can be refused for a content."""
    return errors.ContactRefused if number == 2 and error is shared_errors.RefusedCall else error


async def ask(call: Callable[[], Awaitable[object]]) -> object:
    """Await one call."""
    return await call()


@pytest.mark.parametrize("kind", list(Kind))
def test_a_written_contact_is_read(cloud: ContactsCloud, contacts: Contacts, kind: Kind) -> None:
    """A member's contact of each kind, copied from the source, reads back as it was written."""
    member = cloud.members[0]
    source = asyncio.run(contacts.read(None, kind))
    assert source is not None
    asyncio.run(contacts.write(member, source))
    assert asyncio.run(contacts.read(member, kind)) == source
    assert asyncio.run(contacts.read(cloud.members[1], kind)) != source


def test_the_source_is_read_without_an_id(cloud: ContactsCloud, contacts: Contacts) -> None:
    """No account means the management account itself."""
    found = asyncio.run(contacts.read(None, Kind.PRIMARY))
    assert found == Contact.of(Kind.PRIMARY, cloud.organization.source["primary"])


def test_the_management_account_is_called_without_its_id(
    adapter: AccountContacts, account_endpoint: AccountEndpoint
) -> None:
    """AWS refuses the management account's own id: the source is read as the caller itself."""
    asyncio.run(adapter.read(None, Kind.PRIMARY))
    assert [document for _, document in account_endpoint.requests] == [{}]


def test_a_contact_that_does_not_exist_is_none(cloud: ContactsCloud, contacts: Contacts) -> None:
    """No such contact is an answer, not a failure; deleting it again is none either."""
    member = cloud.members[0]
    asyncio.run(contacts.write(member, contact(Kind.BILLING)))
    asyncio.run(contacts.delete(member, Kind.BILLING))
    assert asyncio.run(contacts.read(member, Kind.BILLING)) is None
    asyncio.run(contacts.delete(member, Kind.BILLING))


def test_a_member_without_a_primary_contact_is_a_failure(cloud: ContactsCloud, contacts: Contacts) -> None:
    """Every member has one: an answer without it is no contact that could be compared."""
    cloud.refuses = lambda operation, account: ApiError("ResourceNotFoundException", "none")
    with pytest.raises(errors.ContactNotFound):
        asyncio.run(contacts.read(cloud.members[0], Kind.PRIMARY))
    assert asyncio.run(contacts.read(None, Kind.PRIMARY)) is None


@pytest.mark.parametrize("kind", list(Kind))
def test_a_write_that_finds_nothing_is_a_refusal(cloud: ContactsCloud, contacts: Contacts, kind: Kind) -> None:
    """A write needs no contact that is there, so an answer that there is none claims nothing about the contact."""
    source = asyncio.run(contacts.read(None, kind))
    assert source is not None
    cloud.refuses = lambda operation, account: ApiError("ResourceNotFoundException", "none")
    with pytest.raises(shared_errors.RefusedCall) as failed:
        asyncio.run(contacts.write(cloud.members[0], source))
    assert type(failed.value) is shared_errors.RefusedCall


@pytest.mark.parametrize("account", [*WRONG_IDS, "management"])
def test_a_wrong_id_never_reaches_aws(cloud: ContactsCloud, contacts: Contacts, sent: list[str], account: str) -> None:
    """Blank, an id silently means the caller, which is the source: nothing is sent for it, nor for the source's."""
    named = cloud.management if account == "management" else account
    for call in every_call(contacts, named):
        with pytest.raises(ValueError, match="no member account"):
            asyncio.run(ask(call))
    assert sent == []


def test_the_primary_contact_is_never_deleted(cloud: ContactsCloud, contacts: Contacts, sent: list[str]) -> None:
    """There is no such call, and nothing is sent."""
    with pytest.raises(ValueError, match="cannot be deleted"):
        asyncio.run(contacts.delete(cloud.members[0], Kind.PRIMARY))
    assert sent == []


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("AccessDeniedException", shared_errors.AccessDenied),
        ("ValidationException", shared_errors.RefusedCall),
        ("TooManyRequestsException", shared_errors.Throttled),
        ("ConflictException", shared_errors.Conflicted),
        ("InternalServerException", shared_errors.ServiceFailed),
    ],
)
def test_every_refusal_of_the_api_becomes_ours(
    cloud: ContactsCloud, contacts: Contacts, code: str, expected: type[shared_errors.CallError]
) -> None:
    """AWS's refusal is one of our classes, and says whom and AWS's code: nothing of AWS's own words."""
    cloud.refuses = lambda operation, account: ApiError(code, f"'{CANARY}' is wrong", (("Name", CANARY),))
    member = cloud.members[0]
    for number, call in enumerate(every_call(contacts, member)):
        with pytest.raises(expected) as failed:
            asyncio.run(ask(call))
        assert type(failed.value) is of_call(number, expected)
        assert str(failed.value) == f"{member}: {code}"
        assert failed.value.__cause__ is None
        assert failed.value.__context__ is None


FAILURES = [
    (403, "AccessDeniedException", shared_errors.AccessDenied),
    (400, "ValidationException", shared_errors.RefusedCall),
    (429, "TooManyRequestsException", shared_errors.Throttled),
    (400, "ThrottlingException", shared_errors.Throttled),
    (429, "SomethingNew", shared_errors.Throttled),
    (409, "ConflictException", shared_errors.Conflicted),
    (500, "InternalServerException", shared_errors.ServiceFailed),
    (503, "ServiceUnavailable", shared_errors.ServiceFailed),
    (502, None, shared_errors.ServiceFailed),
    (403, "ExpiredTokenException", shared_errors.AccessDenied),
    (400, "SomethingNew", shared_errors.UnexpectedAnswer),
    (None, None, shared_errors.NetworkFailed),
]


@pytest.mark.parametrize(("status", "code", "expected"), FAILURES)
def test_every_failure_becomes_ours_after_one_call(
    cloud: ContactsCloud,
    adapter: AccountContacts,
    account_endpoint: AccountEndpoint,
    status: int | None,
    code: str | None,
    expected: type[shared_errors.CallError],
) -> None:
    """AWS's answer is one of our classes, made of one single request: botocore's own retries are off."""
    for number, call in enumerate(every_call(adapter, cloud.members[0])):
        account_endpoint.script, account_endpoint.requests[:] = [(status, code, {"message": "no"})], []
        with pytest.raises(shared_errors.CallError) as failed:
            asyncio.run(ask(call))
        assert type(failed.value) is of_call(number, expected)
        assert len(account_endpoint.requests) == 1


@pytest.mark.parametrize(("status", "code", "expected"), FAILURES)
def test_a_failure_repeats_nothing_of_awss_words(
    cloud: ContactsCloud,
    adapter: AccountContacts,
    account_endpoint: AccountEndpoint,
    status: int | None,
    code: str | None,
    expected: type[shared_errors.CallError],
) -> None:
    """AWS's messages may repeat what was written; ours name the account and AWS's code, with nothing chained behind."""
    account_endpoint.script = [
        (status, code, {"message": f"'{CANARY}' is wrong", "fieldList": [{"name": "x", "message": CANARY}]})
    ]
    with pytest.raises(expected) as failed:
        asyncio.run(adapter.write(cloud.members[0], contact(Name=CANARY)))
    assert cloud.members[0] in str(failed.value)
    assert CANARY not in str(failed.value)
    assert failed.value.__cause__ is None
    assert failed.value.__context__ is None


def test_a_refused_value_is_not_repeated(cloud: ContactsCloud, contacts: Contacts) -> None:
    """The model's own refusal, with the value in its message, arrives without it."""
    with pytest.raises(errors.ContactRefused) as failed:
        asyncio.run(contacts.write(cloud.members[0], contact(EmailAddress=CANARY)))
    assert CANARY not in str(failed.value)


def test_nobody_listening_is_a_network_failure(aws_cloud: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that cannot be made may be made later: it is temporary."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL_ACCOUNT", f"http://127.0.0.1:{free.getsockname()[1]}")
        with pytest.raises(shared_errors.NetworkFailed):
            asyncio.run(AccountContacts("100000000001").read(None, Kind.PRIMARY))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("EndpointConnectionError", shared_errors.NetworkFailed),
        ("ConnectTimeoutError", shared_errors.NetworkFailed),
        ("ReadTimeoutError", shared_errors.NetworkFailed),
        ("ConnectionClosedError", shared_errors.NetworkFailed),
        ("SSLError", shared_errors.NetworkFailed),
        ("ProxyConnectionError", shared_errors.NetworkFailed),
        ("NoCredentialsError", shared_errors.UnexpectedAnswer),
    ],
)
def test_botocores_own_failures_are_told_apart(name: str, expected: type[shared_errors.CallError]) -> None:
    """No answer is temporary; a mistake of the caller's own is not."""
    error: Any = getattr(botocore_errors, name)(endpoint_url="https://x", error=CANARY, proxy_url="x")
    found = aws.call_error(error, "200000000001", contact_errors("put_alternate_contact"))
    assert type(found) is expected
    assert CANARY not in str(found)
