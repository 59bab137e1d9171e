"""The contract of `Organization`: members, their states, units and tags; the adapter on moto and the simulation."""

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orgsync.contact_sync.adapters.organization import FEW, PAGE, OrganizationsApi
from orgsync.contact_sync.core import errors
from orgsync.contact_sync.core.accounts import Account
from orgsync.contact_sync.core.protocols import Organization
from orgsync.contact_sync.names import FunctionName
from orgsync.sandbox.contact_sync.simulation import SimulatedOrganization
from orgsync.sandbox.model.organization import MemberAccount, OrganizationModel
from orgsync.shared import errors as shared_errors
from tests.loopback import Answer, served
from tests.memory import CLOUD_ACCOUNT as MANAGEMENT
from tests.memory import client

NO_MEMBER = "299999999999"


class Members(Protocol):
    """Accounts are created here, and asked for through the organization that is tested."""

    organization: Organization

    def create(self, name: str, unit: str = "", **tags: str) -> str:
        """Create a member, below a unit (by its path) if one is given; return its id."""


class CloudMembers:
    """Members of an organization in moto; units are made as they are needed."""

    def __init__(self) -> None:
        self._client = client("organizations")
        self._client.create_organization(FeatureSet="ALL")
        self._root: str = self._client.list_roots()["Roots"][0]["Id"]
        self._units: dict[str, str] = {"": self._root}
        self.organization: Organization = OrganizationsApi(MANAGEMENT)

    def create(self, name: str, unit: str = "", **tags: str) -> str:
        """See `Members.create`."""
        answer = self._client.create_account(AccountName=name, Email=f"{name}@example.com")
        account: str = answer["CreateAccountStatus"]["AccountId"]
        if unit:
            parent = self.unit(unit)
            self._client.move_account(AccountId=account, SourceParentId=self._root, DestinationParentId=parent)
        if tags:
            listed = [{"Key": key, "Value": value} for key, value in tags.items()]
            self._client.tag_resource(ResourceId=account, Tags=listed)
        return account

    def unit(self, path: str) -> str:
        """Return a unit's id; make the unit, and those above it, where there is none."""
        if path not in self._units:
            above, _, name = path.rpartition("/")
            parent = self.unit(above)
            made = self._client.create_organizational_unit(ParentId=parent, Name=name)
            self._units[path] = made["OrganizationalUnit"]["Id"]
        return self._units[path]


class SimulatedMembers:
    """Members of an organization's model."""

    def __init__(self) -> None:
        self._model = OrganizationModel(MANAGEMENT, [], {})
        self._numbers = itertools.count(200_000_000_001)
        self.organization: Organization = SimulatedOrganization(self._model)

    def create(self, name: str, unit: str = "", **tags: str) -> str:
        """See `Members.create`."""
        account = str(next(self._numbers))
        self._model.accounts.append(MemberAccount(account, name, f"{name}@example.com", unit or "/", tags=tags))
        return account


@pytest.fixture
def cloud_members(aws_cloud: None) -> CloudMembers:
    """An organization in moto, without members."""
    return CloudMembers()


@pytest.fixture(params=["adapter", "memory"])
def members(request: pytest.FixtureRequest) -> Members:
    """An organization without members."""
    if request.param == "memory":
        return SimulatedMembers()
    made: CloudMembers = request.getfixturevalue("cloud_members")
    return made


def test_every_account_is_listed_with_its_state(members: Members) -> None:
    """All accounts, the management account among them, each with Organizations' word for its state."""
    ids = {members.create(f"member-{number}") for number in range(2 * PAGE + 3)}
    found = list(members.organization.accounts())
    assert {account.id for account in found} == ids | {MANAGEMENT}
    assert {account.state for account in found} == {"ACTIVE"}
    assert len(found) == len(ids) + 1


def test_one_account_is_found_or_none(members: Members) -> None:
    """A member by its id; None for an id that is no member's."""
    member = members.create("web")
    assert members.organization.account(member) == Account(member, "ACTIVE")
    assert members.organization.account(NO_MEMBER) is None
    assert asyncio.run(members.organization.state(member)) == "ACTIVE"
    assert asyncio.run(members.organization.state(NO_MEMBER)) is None


def test_the_management_account_is_checked(cloud_members: CloudMembers) -> None:
    """The stack must stand in the account that manages the organization."""
    cloud_members.organization.check_management()
    with pytest.raises(errors.NotManagementAccount, match="100000000001"):
        OrganizationsApi("100000000001").check_management()


def test_an_account_without_an_organization_is_named(aws_cloud: None) -> None:
    """No organization at all is the same mistake."""
    with pytest.raises(errors.NotManagementAccount):
        OrganizationsApi(MANAGEMENT).check_management()


def test_accounts_below_a_unit_are_found_at_any_depth(members: Members) -> None:
    """A unit means all accounts in it and below it; a like-named unit elsewhere is another."""
    shallow, deep = members.create("a", "/Sandbox"), members.create("b", "/Sandbox/Team A")
    other, near = members.create("c", "/Workloads/Sandbox"), members.create("e", "/Sandboxes")
    members.create("d")
    below = members.organization.accounts_below
    assert below(["/Sandbox"]) == {"/Sandbox": {shallow, deep}}
    assert below(["/Sandbox/Team A"]) == {"/Sandbox/Team A": {deep}}
    assert below(["/Workloads/Sandbox", "/Sandbox"]) == {"/Workloads/Sandbox": {other}, "/Sandbox": {shallow, deep}}
    assert below(["/Sandboxes", "/Workloads"]) == {"/Sandboxes": {near}, "/Workloads": {other}}
    assert below([]) == {}


def test_a_unit_is_found_by_its_id(cloud_members: CloudMembers) -> None:
    """Its path may change, its id never does."""
    member = cloud_members.create("b", "/Sandbox/Team A")
    sandbox = cloud_members.unit("/Sandbox")
    assert cloud_members.organization.accounts_below([sandbox]) == {sandbox: {member}}
    assert cloud_members.organization.accounts_below([sandbox], [member]) == {sandbox: {member}}


def test_few_named_accounts_are_found_among_many(members: Members) -> None:
    """The same answer for them, whoever else is in the units."""
    deep, other = members.create("deep", "/Sandbox/Team A"), members.create("other")
    many = [members.create(f"lab-{number}", "/Sandbox") for number in range(FEW + 1)]
    below = members.organization.accounts_below
    assert set(below(["/Sandbox"], many)["/Sandbox"]) >= set(many)
    for units in (["/Sandbox"], ["/Sandbox", "/Sandbox"]):
        found = below(units, [deep, other])["/Sandbox"]
        assert (deep in found, other in found) == (True, False)
    assert below([], [deep]) == {}


def test_few_named_accounts_are_looked_up_one_by_one(
    cloud_members: CloudMembers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To find where they stand takes fewer requests than to list large units."""
    deep, other = cloud_members.create("deep", "/Sandbox/Team A"), cloud_members.create("other")
    sandbox = cloud_members.unit("/Sandbox")
    monkeypatch.setattr(cloud_members.organization, "_pages", lambda *_: pytest.fail("listed the units"))
    assert cloud_members.organization.accounts_below([sandbox], [deep, other]) == {sandbox: {deep}}


@pytest.mark.parametrize("unit", ["/Nowhere", "/Sandbox/Nowhere", "/sandbox", "ou-ab12-34cd56ef"])
def test_an_unknown_unit_is_named(members: Members, unit: str) -> None:
    """A unit that does not exist excludes nobody knows whom: it is an error that names it."""
    members.create("a", "/Sandbox")
    with pytest.raises(errors.UnknownUnit) as unknown:
        members.organization.accounts_below(["/Sandbox", unit])
    assert str(unknown.value) == unit


def test_tags_are_a_mapping(members: Members) -> None:
    """An account's tags by key."""
    tagged, bare = members.create("web", team="web", env="test"), members.create("bare")
    assert asyncio.run(members.organization.tags(tagged)) == ({"team": "web", "env": "test"}, None)
    assert asyncio.run(members.organization.tags(bare)) == ({}, None)


def test_tags_of_an_account_that_left_are_a_failure(members: Members) -> None:
    """An account that is no member any more is told apart from one without tags."""
    with pytest.raises(errors.AccountNotFound):
        asyncio.run(members.organization.tags(NO_MEMBER))


Script = list[tuple[int, Any]]
Requests = list[tuple[str, Any]]


@pytest.fixture
def organizations_endpoint(aws_cloud: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Script, Requests]]:
    """Organizations over HTTP on loopback, answering from a test's script, in order."""
    script: Script = []
    requests: Requests = []

    def answer(_path: str, headers: Any, document: Any) -> Answer:
        requests.append((headers["X-Amz-Target"].rpartition(".")[2], document))
        status, answered = script.pop(0)
        return status, {"Content-Type": "application/x-amz-json-1.1"}, answered

    with served(answer) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_ORGANIZATIONS", address)
        yield script, requests


def test_an_account_that_is_no_member_is_in_no_unit(organizations_endpoint: tuple[Script, Requests]) -> None:
    """As Organizations says of an account that left, or never was."""
    script, _ = organizations_endpoint
    script += [(200, {"OrganizationalUnit": {"Id": "ou-abcd-11111111"}}), (400, {"__type": "ChildNotFoundException"})]
    assert OrganizationsApi(MANAGEMENT).accounts_below(["ou-abcd-11111111"], [NO_MEMBER]) == {"ou-abcd-11111111": set()}


def test_empty_pages_are_no_end(organizations_endpoint: tuple[Script, Requests]) -> None:
    """Empty pages may come before the last one; only a missing token ends the list. Pages are as small as AWS wants."""
    script, requests = organizations_endpoint
    accounts = [{"Id": account, "State": "ACTIVE"} for account in (MANAGEMENT, "200000000001", "200000000002")]
    script += [
        (200, {"Accounts": [], "NextToken": "1"}),
        (200, {"Accounts": accounts[:2], "NextToken": "2"}),
        (200, {"Accounts": [], "NextToken": "3"}),
        (200, {"Accounts": accounts[1:]}),
    ]
    listed = OrganizationsApi(MANAGEMENT).accounts()
    assert [account.id for account in listed] == [MANAGEMENT, "200000000001", "200000000002"]
    assert all(document["MaxResults"] <= 20 for _, document in requests)


@pytest.mark.parametrize("pages", [[[]], [[], []], [["200000000001"]], [["200000000001"], ["200000000002"]]])
def test_a_listing_without_the_management_account_is_unreadable(
    organizations_endpoint: tuple[Script, Requests], pages: list[list[str]]
) -> None:
    """An organization always lists the account that manages it: what does not is no listing, however long."""
    script, _ = organizations_endpoint
    for number, page in enumerate(pages, 1):
        more = {"NextToken": str(number)} if number < len(pages) else {}
        script.append((200, {"Accounts": [{"Id": one, "State": "ACTIVE"} for one in page], **more}))
    with pytest.raises(errors.OrganizationUnreadable):
        OrganizationsApi(MANAGEMENT).accounts()


@pytest.mark.parametrize("state", ["ACTIVE", "SUSPENDED", "PENDING_CLOSURE", "A_LATER_STATE"])
def test_the_state_is_organizations_state(organizations_endpoint: tuple[Script, Requests], state: str) -> None:
    """`State` is what counts, whatever the retired `Status` says beside it."""
    script, _ = organizations_endpoint
    found = {"Id": "200000000001", "State": state, "Status": "ACTIVE"}
    script += [(200, {"Accounts": [{"Id": MANAGEMENT, "State": "ACTIVE"}, found]}), *[(200, {"Account": found})] * 2]
    organization = OrganizationsApi(MANAGEMENT)
    assert Account("200000000001", state) in organization.accounts()
    assert organization.account("200000000001") == Account("200000000001", state)
    assert asyncio.run(organization.state("200000000001")) == state


@pytest.mark.parametrize("found", [{}, {"Status": "ACTIVE"}, {"State": ""}, {"State": None, "Status": "SUSPENDED"}])
def test_an_answer_without_a_state_says_nothing(
    organizations_endpoint: tuple[Script, Requests], found: dict[str, str | None]
) -> None:
    """Neither that an account is ACTIVE nor that it is not: the listing is unreadable, and so is a single answer."""
    script, _ = organizations_endpoint
    lacking = {"Id": "200000000001", **found}
    script += [
        (200, {"Accounts": [{"Id": MANAGEMENT, "State": "ACTIVE"}, lacking]}),
        *[(200, {"Account": lacking})] * 2,
    ]
    organization = OrganizationsApi(MANAGEMENT)
    with pytest.raises(errors.OrganizationUnreadable, match="200000000001"):
        organization.accounts()
    with pytest.raises(errors.OrganizationUnreadable, match="200000000001"):
        organization.account("200000000001")
    with pytest.raises(shared_errors.UnexpectedAnswer, match="200000000001"):
        asyncio.run(organization.state("200000000001"))


class Patience:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        """Return the seconds slept."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let so many seconds pass."""
        assert seconds > 0
        self.now += seconds


THROTTLED: tuple[int, Any] = (400, {"__type": "TooManyRequestsException", "Message": "slower"})


class Answers:
    """Pages of a listing, before each of which AWS refuses for a while.

    Attributes:
        made: how many requests were made.
    """

    def __init__(self, throttles: list[int], failures: int = 0) -> None:
        self.made = 0
        refusals = (["TooManyRequestsException"] * times + ["ServiceException"] * failures for times in throttles)
        self._pages = [list(codes) for codes in refusals]
        self._pages_in_all = len(throttles)

    def __call__(self, *, MaxResults: int, NextToken: str = "0") -> dict[str, Any]:
        """Answer as ListAccounts does."""
        self.made += 1
        page = int(NextToken)
        if self._pages[page]:
            code = self._pages[page].pop(0)
            response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 400}}
            raise ClientError(response, "ListAccounts")
        last = page + 1 == self._pages_in_all
        account = f"{200_000_000_000 + page}" if page else MANAGEMENT
        return {"Accounts": [{"Id": account, "State": "ACTIVE"}], **({} if last else {"NextToken": str(page + 1)})}


@given(throttles=st.lists(st.integers(0, 60), min_size=1, max_size=60), failures=st.integers(0, 5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_planning_waits_until_organizations_answers(
    aws_cloud: None, monkeypatch: pytest.MonkeyPatch, throttles: list[int], failures: int
) -> None:
    """However often pages are throttled, the listing is whole in the end, and none is asked for in a rush.

    As long as a function's patience lasts: after it, throttling is a failure that says so.
    """
    time, answers = Patience(), Answers(throttles, failures)
    organization = OrganizationsApi(MANAGEMENT, sleep=time.sleep, monotonic=time.monotonic)
    monkeypatch.setattr(organization._client, "list_accounts", answers)
    listed: list[Account] = []
    with contextlib.suppress(shared_errors.Throttled, shared_errors.Temporary):
        listed = list(organization.accounts())
    if listed:
        assert len(listed) == len(throttles)
        assert answers.made == sum(throttles) + len(throttles) * (failures + 1)
    else:
        assert time.now >= 600
    assert time.now < FunctionName.longest_life() - 120
    assert answers.made <= 12 + 8 * time.now + 1


def test_each_page_of_tags_is_a_call_and_each_call_one_request(
    organizations_endpoint: tuple[Script, Requests],
) -> None:
    """The worker paces and repeats calls itself: nothing is repeated behind its back, no page is fetched unasked."""
    script, requests = organizations_endpoint
    script += [
        THROTTLED,
        (200, {"Tags": [{"Key": "team", "Value": "web"}], "NextToken": "2"}),
        (200, {"Tags": [{"Key": "env", "Value": "test"}]}),
        THROTTLED,
    ]
    organization = OrganizationsApi(MANAGEMENT)
    with pytest.raises(shared_errors.Throttled):
        asyncio.run(organization.tags("200000000001"))
    assert asyncio.run(organization.tags("200000000001")) == ({"team": "web"}, "2")
    assert asyncio.run(organization.tags("200000000001", "2")) == ({"env": "test"}, None)
    assert requests[-1][1] == {"ResourceId": "200000000001", "NextToken": "2"}
    with pytest.raises(shared_errors.Throttled):
        asyncio.run(organization.state("200000000001"))
    assert len(requests) == 4


def test_lookups_leave_the_loops_own_threads_free(aws_cloud: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many lookups hang, what the event loop's own threads are for (the look for a stop) goes on at once."""
    released = threading.Event()
    organization = OrganizationsApi(MANAGEMENT)

    def hang(**_: str) -> dict[str, Any]:
        assert released.wait(30)
        return {"Tags": [], "Account": {"Id": MANAGEMENT, "State": "ACTIVE"}}

    monkeypatch.setattr(organization._client, "list_tags_for_resource", hang)
    monkeypatch.setattr(organization._client, "describe_account", hang)

    async def many() -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        lookups = [asyncio.ensure_future(organization.tags(str(number))) for number in range(200)]
        states = [asyncio.ensure_future(organization.state(str(number))) for number in range(200)]
        await asyncio.wait_for(asyncio.to_thread(released.set), 20)
        await asyncio.gather(*lookups, *states)

    asyncio.run(many())


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "AccessDeniedException", shared_errors.AccessDenied),
        (400, "TargetNotFoundException", errors.AccountNotFound),
        (400, "InvalidInputException", shared_errors.UnexpectedAnswer),
    ],
)
def test_unreadable_tags_are_our_failure(
    organizations_endpoint: tuple[Script, Requests], status: int, code: str, expected: type[shared_errors.CallError]
) -> None:
    """A question for tags is answered, or fails with one of our classes."""
    script, _ = organizations_endpoint
    script.append((status, {"__type": code, "Message": "no"}))
    with pytest.raises(expected):
        asyncio.run(OrganizationsApi(MANAGEMENT).tags("200000000001"))
