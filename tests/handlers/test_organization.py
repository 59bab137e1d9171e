"""The organization's adapter: members and their states, units by path, tags; moto, and pages as AWS may send them."""

import asyncio

import pytest

from orgsync.contact_sync.adapters.organization import FEW, PAGE
from orgsync.contact_sync.core import errors
from orgsync.contact_sync.core.accounts import Account
from orgsync.contact_sync.core.protocols import Organization
from orgsync.shared import aws
from tests.loopback import served

MANAGEMENT = "123456789012"  # moto's own account


@pytest.fixture
def client(aws_cloud):
    """An organization in moto."""
    made = aws.session().client("organizations")
    made.create_organization(FeatureSet="ALL")
    return made


@pytest.fixture
def organization(client):
    return Organization(MANAGEMENT)


def create(client, name, parent=None, **tags):
    """A member account, below a unit if one is given."""
    made = client.create_account(AccountName=name, Email=f"{name}@example.com")["CreateAccountStatus"]["AccountId"]
    root = client.list_roots()["Roots"][0]["Id"]
    if parent:
        client.move_account(AccountId=made, SourceParentId=root, DestinationParentId=parent)
    if tags:
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        client.tag_resource(ResourceId=made, Tags=listed)
    return made


def unit(client, name, parent=None):
    parent = parent or client.list_roots()["Roots"][0]["Id"]
    return client.create_organizational_unit(ParentId=parent, Name=name)["OrganizationalUnit"]["Id"]


def test_every_account_is_listed_with_its_state(client, organization):
    """All accounts, the management account among them, each with Organizations' word for its state."""
    ids = {create(client, f"member-{number}") for number in range(2 * PAGE + 3)}
    found = list(organization.accounts())
    assert {account.id for account in found} == ids | {MANAGEMENT}
    assert {account.state for account in found} == {"ACTIVE"}
    assert len(found) == len(ids) + 1


def test_one_account_is_found_or_none(client, organization):
    """A member by its id; None for whoever is none."""
    member = create(client, "web")
    assert organization.account(member) == Account(member, "ACTIVE")
    assert organization.account("299999999999") is None
    assert asyncio.run(organization.state(member)) == "ACTIVE"
    assert asyncio.run(organization.state("299999999999")) is None


def test_the_management_account_is_checked(client, organization):
    """The stack must stand in the account that manages the organization."""
    organization.check_management()
    with pytest.raises(errors.NotManagementAccount, match="100000000001"):
        Organization("100000000001").check_management()


def test_an_account_without_an_organization_is_told(aws_cloud):
    """No organization at all is the same mistake."""
    with pytest.raises(errors.NotManagementAccount):
        Organization(MANAGEMENT).check_management()


def test_accounts_below_a_unit_are_found_at_any_depth(client, organization):
    """A unit, by its path or its id, means all accounts in it and below it; a like-named unit elsewhere is another."""
    sandbox, workloads = unit(client, "Sandbox"), unit(client, "Workloads")
    team, elsewhere = unit(client, "Team A", sandbox), unit(client, "Sandbox", workloads)
    shallow, deep, other = create(client, "a", sandbox), create(client, "b", team), create(client, "c", elsewhere)
    create(client, "d")
    assert organization.accounts_below(["/Sandbox"]) == {shallow, deep}
    assert organization.accounts_below([sandbox]) == {shallow, deep}
    assert organization.accounts_below(["/Sandbox/Team A"]) == {deep}
    assert organization.accounts_below(["/Workloads/Sandbox", "/Sandbox/Team A"]) == {deep, other}
    assert organization.accounts_below([]) == frozenset()


def test_a_few_named_accounts_are_asked_where_they_stand(client, organization, monkeypatch):
    """The same answer for them, whoever else is in the units."""
    sandbox = unit(client, "Sandbox")
    deep, other = create(client, "deep", unit(client, "Team A", sandbox)), create(client, "other")
    many = [create(client, f"lab-{number}", sandbox) for number in range(FEW + 1)]
    assert organization.accounts_below(["/Sandbox"], many) >= set(many)
    monkeypatch.setattr(organization, "_pages", lambda *_: pytest.fail("walked the units"))
    for units in ([sandbox], [sandbox, sandbox]):
        assert organization.accounts_below(units, [deep, other]) == {deep}
    assert organization.accounts_below([], [deep]) == frozenset()


@pytest.mark.parametrize("path", ["/Nowhere", "/Sandbox/Nowhere", "/sandbox", "ou-ab12-34cd56ef"])
def test_an_unknown_unit_is_named(client, organization, path):
    """A unit that does not exist excludes nobody knows whom: it is an error that names it."""
    unit(client, "Sandbox")
    with pytest.raises(errors.UnknownUnit) as unknown:
        organization.accounts_below(["/Sandbox", path])
    assert str(unknown.value) == path


def test_tags_are_a_mapping(client, organization):
    """An account's tags by key."""
    assert asyncio.run(organization.tags(create(client, "web", team="web", env="test"))) == {
        "team": "web",
        "env": "test",
    }
    assert asyncio.run(organization.tags(create(client, "bare"))) == {}


@pytest.fixture
def organizations_endpoint(aws_cloud, monkeypatch):
    """Organizations over HTTP on loopback, answering what a test has written down, in order."""
    script, asked = [], []

    def answer(_path, headers, document):
        asked.append((headers["X-Amz-Target"].rpartition(".")[2], document))
        status, answered = script.pop(0)
        return status, {"Content-Type": "application/x-amz-json-1.1"}, answered

    with served(answer) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_ORGANIZATIONS", address)
        yield script, asked


def test_whoever_is_no_member_is_in_no_unit(organizations_endpoint):
    """As Organizations says of an account that left, or never was."""
    script, _ = organizations_endpoint
    script += [(200, {"OrganizationalUnit": {"Id": "ou-abcd-11111111"}}), (400, {"__type": "ChildNotFoundException"})]
    assert Organization(MANAGEMENT).accounts_below(["ou-abcd-11111111"], ["299999999999"]) == frozenset()


def test_empty_pages_are_no_end(organizations_endpoint):
    """Empty pages may come before the last one; only a missing token ends the list. Pages are as small as AWS wants."""
    script, asked = organizations_endpoint
    accounts = [{"Id": f"{200_000_000_000 + number:012d}", "State": "ACTIVE"} for number in (1, 2)]
    script += [
        (200, {"Accounts": [], "NextToken": "1"}),
        (200, {"Accounts": accounts[:1], "NextToken": "2"}),
        (200, {"Accounts": [], "NextToken": "3"}),
        (200, {"Accounts": accounts[1:]}),
    ]
    assert [account.id for account in Organization(MANAGEMENT).accounts()] == ["200000000001", "200000000002"]
    assert all(document["MaxResults"] <= 20 for _, document in asked)


@pytest.mark.parametrize(
    ("found", "state"),
    [
        ({"State": "SUSPENDED", "Status": "ACTIVE"}, "SUSPENDED"),
        ({"State": "PENDING_CLOSURE"}, "PENDING_CLOSURE"),
        ({"Status": "ACTIVE"}, "UNKNOWN"),
    ],
)
def test_the_state_is_organizations_state(organizations_endpoint, found, state):
    """`State` is what counts; an answer without it never counts as ACTIVE."""
    script, _ = organizations_endpoint
    script.append((200, {"Accounts": [{"Id": "200000000001", **found}]}))
    assert list(Organization(MANAGEMENT).accounts()) == [Account("200000000001", state)]


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "AccessDeniedException", errors.AccessDenied),
        (400, "TargetNotFoundException", errors.AccountNotFound),
        (400, "InvalidInputException", errors.UnexpectedAnswer),
    ],
)
def test_unreadable_tags_are_our_failure(organizations_endpoint, status, code, expected):
    """Whoever asks for tags gets them, or one of our classes."""
    script, _ = organizations_endpoint
    script.append((status, {"__type": code, "Message": "no"}))
    with pytest.raises(expected):
        asyncio.run(Organization(MANAGEMENT).tags("200000000001"))
