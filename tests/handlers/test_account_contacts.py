"""The Account API's adapter against HTTP: whom it calls, what it takes for an answer, and what becomes of failures."""

import asyncio
import socket

import pytest
from botocore import exceptions as botocore_errors

from orgsync.contact_sync.adapters.account_contacts import AccountContacts
from orgsync.contact_sync.core import errors
from orgsync.contact_sync.core.contacts import Contact
from orgsync.contact_sync.names import Kind
from orgsync.sandbox.model.account import AccountService
from orgsync.sandbox.model.organization import make
from orgsync.shared import aws

CANARY = "canary-value"
WRONG_IDS = ["", " ", "12345", "200000000001 ", "***", "2000000000010", "None"]


@pytest.fixture
def cloud(aws_cloud, account_endpoint):
    """An endpoint that serves a small organization."""
    organization = make(7, 2)
    account_endpoint.serve(AccountService(organization, clock=lambda: 0.0))
    account_endpoint.members = [account.id for account in organization.accounts]
    account_endpoint.management = organization.management
    return account_endpoint


@pytest.fixture
def contacts(cloud):
    return AccountContacts(cloud.management)


def contact(kind=Kind.SECURITY, **changes):
    fields = {"Name": "Bo Chen", "Title": "Lead", "EmailAddress": "bo@example.com", "PhoneNumber": "555-0100"}
    return Contact.of(kind, fields | changes)


@pytest.mark.parametrize("kind", list(Kind))
def test_what_is_written_is_read(cloud, contacts, kind):
    """A member's contact of each kind, copied from the source, reads back as it was written."""
    member = cloud.members[0]
    source = asyncio.run(contacts.read(None, kind))
    asyncio.run(contacts.write(member, source))
    assert asyncio.run(contacts.read(member, kind)) == source
    assert asyncio.run(contacts.read(cloud.members[1], kind)) != source


def test_the_management_account_is_read_without_its_id(cloud, contacts):
    """AWS refuses the management account's own id: the source is read as the caller itself."""
    assert asyncio.run(contacts.read(None, Kind.PRIMARY)).fields["FullName"]
    assert [document for _, document in cloud.requests] == [{}]


def test_a_contact_that_does_not_exist_is_none(cloud, contacts):
    """No such contact is an answer, not a failure; deleting it again is none either."""
    member = cloud.members[0]
    asyncio.run(contacts.write(member, contact(Kind.BILLING)))
    asyncio.run(contacts.delete(member, Kind.BILLING))
    assert asyncio.run(contacts.read(member, Kind.BILLING)) is None
    asyncio.run(contacts.delete(member, Kind.BILLING))


def every_call(contacts, account):
    return [
        lambda: contacts.read(account, Kind.PRIMARY),
        lambda: contacts.read(account, Kind.BILLING),
        lambda: contacts.write(account, contact()),
        lambda: contacts.delete(account, Kind.SECURITY),
    ]


@pytest.mark.parametrize("account", [*WRONG_IDS, "management"])
def test_a_wrong_id_never_reaches_aws(cloud, contacts, account):
    """Blank, an id silently means the caller, which is the source: nothing is sent for it, nor for the source's."""
    named = cloud.management if account == "management" else account
    for call in every_call(contacts, named):
        with pytest.raises(ValueError, match="no member account"):
            asyncio.run(call())
    assert cloud.requests == []


def test_the_primary_contact_is_never_deleted(cloud, contacts):
    """There is no such call, and nothing is sent."""
    with pytest.raises(ValueError, match="cannot be deleted"):
        asyncio.run(contacts.delete(cloud.members[0], Kind.PRIMARY))
    assert cloud.requests == []


FAILURES = [
    (403, "AccessDeniedException", errors.AccessDenied),
    (400, "ValidationException", errors.ContactRefused),
    (429, "TooManyRequestsException", errors.Throttled),
    (400, "ThrottlingException", errors.Throttled),
    (429, "SomethingNew", errors.Throttled),
    (409, "ConflictException", errors.Conflicted),
    (500, "InternalServerException", errors.ServiceFailed),
    (503, "ServiceUnavailable", errors.ServiceFailed),
    (502, None, errors.ServiceFailed),
    (403, "ExpiredTokenException", errors.AccessDenied),
    (400, "SomethingNew", errors.UnexpectedAnswer),
    (None, None, errors.NetworkFailed),
]


@pytest.mark.parametrize(("status", "code", "expected"), FAILURES)
def test_every_failure_becomes_ours_after_one_call(cloud, contacts, status, code, expected):
    """AWS's answer is one of our classes, made of one single request: botocore's own retries are off."""
    for call in every_call(contacts, cloud.members[0]):
        cloud.script, cloud.requests[:] = [(status, code, {"message": "no"})], []
        with pytest.raises(errors.AccountError) as failed:
            asyncio.run(call())
        assert type(failed.value) is expected
        assert len(cloud.requests) == 1


@pytest.mark.parametrize(("status", "code", "expected"), FAILURES)
def test_a_failure_repeats_nothing_of_awss_words(cloud, contacts, status, code, expected):
    """AWS's messages may repeat what was written; ours name the account and AWS's code, with nothing chained behind."""
    cloud.script = [
        (status, code, {"message": f"'{CANARY}' is wrong", "fieldList": [{"name": "x", "message": CANARY}]})
    ]
    with pytest.raises(expected) as failed:
        asyncio.run(contacts.write(cloud.members[0], contact(Name=CANARY)))
    assert cloud.members[0] in str(failed.value)
    assert CANARY not in str(failed.value)
    assert failed.value.__cause__ is None
    assert failed.value.__context__ is None


def test_a_refused_value_is_not_repeated(cloud, contacts):
    """What the model itself refuses with the value in its message arrives without it."""
    with pytest.raises(errors.ContactRefused) as failed:
        asyncio.run(contacts.write(cloud.members[0], contact(EmailAddress=CANARY)))
    assert CANARY not in str(failed.value)


def test_nobody_listening_is_a_network_failure(aws_cloud, monkeypatch):
    """A connection that cannot be made may be made later: it is temporary."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL_ACCOUNT", f"http://127.0.0.1:{free.getsockname()[1]}")
        with pytest.raises(errors.NetworkFailed):
            asyncio.run(AccountContacts("100000000001").read(None, Kind.PRIMARY))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("EndpointConnectionError", errors.NetworkFailed),
        ("ConnectTimeoutError", errors.NetworkFailed),
        ("ReadTimeoutError", errors.NetworkFailed),
        ("ConnectionClosedError", errors.NetworkFailed),
        ("SSLError", errors.NetworkFailed),
        ("ProxyConnectionError", errors.NetworkFailed),
        ("NoCredentialsError", errors.UnexpectedAnswer),
    ],
)
def test_botocores_own_failures_are_told_apart(name, expected):
    """No answer is temporary; a mistake of the caller's own is not."""
    error = getattr(botocore_errors, name)(endpoint_url="https://x", error=CANARY, proxy_url="x")
    found = aws.translated(error, "200000000001")
    assert type(found) is expected
    assert CANARY not in str(found)
