"""Plan: a run that cannot be carried out ends before any write, by name, with a receipt for every account."""

from contextlib import suppress
from typing import Any

import pytest

from orgsync.contact_sync import services
from orgsync.contact_sync.core.errors import ConfigurationUnreadable, NotManagementAccount
from orgsync.contact_sync.names import OwnEvent
from orgsync.handlers.contact_sync.plan import plan
from orgsync.sandbox.model.account import ApiError
from orgsync.sandbox.model.organization import KINDS, MANAGEMENT, make, make_contact
from orgsync.shared.errors import CallError, NetworkFailed, NotInForce, ServiceFailed, Throttled
from tests.actors import Actor
from tests.crashes import Crash, crash_once
from tests.sample_events import own_event, sample_event
from tests.timed import TimedWorld
from tests.world import QUICK, STARTED, MakeWorld, World, schedule


@pytest.fixture
def old_source(make_world: MakeWorld) -> World:
    """A world whose source has an old primary contact, with a phone number that AWS would no longer take."""
    primary = make_contact(7, MANAGEMENT, "primary") | {"PhoneNumber": "555 0100"}
    made = make_world(primary=primary)
    made.configure()
    return made


def test_an_unwritable_kind_stops_that_kind_only(old_source: World) -> None:
    """A contact that every member would refuse is said once, by kind and field; all other kinds are written."""
    world = old_source
    assert world.run()["status"] == "completed"
    assert world.differing(["billing", "operations", "security"]) == []
    assert world.ends() == {
        (account, kind): ("skipped", "SourceUnwritable") if kind == "primary" else ("success", None)
        for account in world.members
        for kind in KINDS
    }
    run = world.header()
    assert (run.error, run.scenario, run.severity) == (None, "configuration_errors", "medium")
    assert "primary.PhoneNumber" in str(run.detail)
    assert "555 0100" not in str(run.detail)


def test_an_unwritable_kind_that_is_not_asked_for_does_not_matter(old_source: World) -> None:
    """A field error of the primary contact stops no change of an alternate."""
    assert old_source.run(event=sample_event("transformed-source-changed"))["status"] == "completed"


def test_a_source_that_cannot_be_read_ends_the_run(world: World) -> None:
    """Without the source nothing can be decided: nothing is written, and the run fails loudly."""
    world.refuse("*", world.management, "AccessDeniedException")
    before = world.account.contacts()
    answer = world.run()
    assert (answer["status"], answer["severity"]) == ("failed", "high")
    assert world.header().error == "SourceUnreadable"
    assert world.account.contacts() == before


@pytest.mark.parametrize("code", ["AccessDeniedException", "InternalServerException"])
def test_a_kind_that_cannot_be_read_stops_that_kind_only(world: World, code: str) -> None:
    """Refused, or failing after every retry: that kind has failed in every account, and the others are written."""
    world.refuse("GetContactInformation", world.management, code)
    assert world.run()["status"] == "completed"
    assert world.differing(["billing", "operations", "security"]) == []
    assert {world.ends()[account, "primary"] for account in world.members} == {("failed", "SourceUnreadable")}
    run = world.header()
    assert (run.error, run.scenario) == (None, "partial_failure")
    assert str(run.detail).startswith("primary: ")


def test_a_short_failure_of_the_sources_own_read_is_retried(world: World) -> None:
    """A temporary failure of the source's own read is tried again like any other."""
    world.refuse("GetContactInformation", world.management, "InternalServerException", 2)
    assert world.run()["status"] == "completed"


def test_an_unknown_unit_fails_closed(world: World) -> None:
    """A misspelt unit excludes nobody knows whom: no account is written."""
    world.configure(excluded_units=["/Sandbax"])
    before = world.account.contacts()
    answer = world.run()
    assert (answer["status"], answer["severity"]) == ("failed", "medium")
    assert (world.header().error, world.header().detail) == ("UnknownUnit", "/Sandbax")
    assert world.account.contacts() == before


def deeply_nested() -> dict[str, Any]:
    """Return a document that Python itself gives up on."""
    document: dict[str, Any] = {}
    for _ in range(5000):
        document = {"retry_config": document}
    return document


def self_containing() -> dict[str, Any]:
    """Return a document that contains itself."""
    document: dict[str, Any] = {}
    document["retry_config"] = document
    return document


BY_HAND = {
    "a kind that is none": {"contact_types": ["privacy"]},
    "a set": {"contact_types": {"billing"}},
    "bytes": {"excluded_units": b"/Sandbox"},
    "a number for a text": {"schedule": 5},
    "another release's field": {"contact_types": ["billing"], "excluded_names": ["x"]},
    "nested deeply": deeply_nested(),
    "in itself": self_containing(),
}


@pytest.mark.parametrize("how", BY_HAND)
@pytest.mark.parametrize("members", [1, 30])
def test_a_table_edited_by_hand_ends_as_a_configuration_error(make_world: MakeWorld, how: str, members: int) -> None:
    """A newest version that cannot be read is no silent refusal: its run fails by name, with a receipt for every
    account and kind, somebody is notified, and the lease is free for the run after it."""
    world = make_world(members)
    world.configure()
    world.configs.edit(2, BY_HAND[how])
    before = world.account.contacts()
    answer = world.run()
    assert (answer["status"], answer["severity"]) == ("failed", "medium")
    assert world.header().error == "ConfigurationUnreadable"
    unreadable = ("skipped", "ConfigurationUnreadable")
    assert world.ends() == {(account, kind): unreadable for account in world.members for kind in KINDS}
    (message,) = world.messages()
    assert "ConfigurationUnreadable" in message.body
    assert world.account.contacts() == before
    assert world.holder() is None
    world.configs.write(QUICK | {"contact_types": ["billing"]}, at=STARTED, by="ann")
    assert world.run("run-2")["status"] == "completed"


def test_a_version_that_becomes_unreadable_under_a_run_ends_it(world: World) -> None:
    """Its worker cannot go on with what it began: the run is closed, every account has its receipt."""
    world.start()
    world.configs.edit(1, {"contact_types": {"billing"}})
    with pytest.raises(ConfigurationUnreadable):
        world.work()
    world.report(error={"Error": "ConfigurationUnreadable"})
    assert world.header().closed
    assert set(world.ends()) == {(account, kind) for account in world.members for kind in KINDS}
    assert len(world.messages()) == 1
    assert world.holder() is None


def test_another_account_than_the_management_account_is_a_configuration_error(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stack in a member account could write nobody: it says so."""

    def check_management() -> None:
        raise NotManagementAccount("this account is in no organization")

    monkeypatch.setattr(world.services.organization, "check_management", check_management)
    answer = world.run()
    assert (answer["status"], world.header().error) == ("failed", "NotManagementAccount")
    assert world.differing() == world.members


@pytest.mark.parametrize("why", ["UnknownUnit", "SourceUnreadable", "ConfigurationUnreadable"])
def test_a_run_that_ends_while_planning_leaves_receipts(world: World, why: str) -> None:
    """Every account has a receipt that says why it was skipped, and nothing was written."""
    if why == "UnknownUnit":
        world.configure(excluded_units=["/Nowhere"])
    elif why == "SourceUnreadable":
        world.refuse("*", world.management, "AccessDeniedException")
    else:
        world.configs.edit(9, {"contact_types": ["x"]})
    world.run()
    assert world.header().error == why
    assert set(world.ends().values()) == {("skipped", why)}
    assert {account for account, _ in world.ends()} == set(world.members)
    assert world.header().counts == {"success": 0, "failed": 0, "skipped": 3 * 4}
    assert world.account.writes == []


@pytest.mark.parametrize("failure", [Throttled, ServiceFailed, NetworkFailed])
@pytest.mark.parametrize("method", ["check_management", "accounts", "accounts_below"])
def test_an_organization_that_does_not_answer_is_asked_again(
    world: World, monkeypatch: pytest.MonkeyPatch, failure: type[CallError], method: str
) -> None:
    """The plan fails, so that the state machine calls it again; once AWS answers, the run is as if nothing had been."""
    world.organization.accounts[0].ou = "/Sandbox"
    world.configure(excluded_units=["/Sandbox"])
    with monkeypatch.context() as patch:

        def fail(*_: object) -> None:
            raise failure("the organization")

        patch.setattr(world.services.organization, method, fail)
        for _ in range(20):
            with pytest.raises(failure):
                world.start()
        assert world.ends() == {}
    assert world.plan("run-1")["outcome"] == "process"
    world.work()
    assert world.report()["status"] == "completed"
    assert world.differing() == world.members[:1]


@pytest.mark.parametrize(("method", "known"), [("accounts_below", True), ("accounts", False)])
def test_a_plan_that_nobody_asks_again_ends_the_run(
    world: World, monkeypatch: pytest.MonkeyPatch, method: str, known: bool
) -> None:
    """The last time it ends by name, with a receipt for every account where the accounts are known."""
    world.organization.accounts[0].ou = "/Sandbox"
    world.configure(excluded_units=["/Sandbox"])

    def fail(*_: object) -> None:
        raise Throttled("the organization")

    monkeypatch.setattr(world.services.organization, method, fail)
    with pytest.raises(Throttled):
        world.start()
    assert plan("run-1", STARTED, schedule(), world.services, last=True)["outcome"] == "report"
    world.report()
    assert (world.header().error, world.header().detail) == ("OrganizationUnreadable", "Throttled")
    receipts = {(a, kind): ("skipped", "OrganizationUnreadable") for a in world.members for kind in KINDS}
    assert world.ends() == (receipts if known else {})
    assert world.holder() is None


@pytest.mark.parametrize("kinds", [["GetAlternateContact"], ["GetAlternateContact", "GetContactInformation"]])
@pytest.mark.parametrize("until", [480.0, 890.0, 5000.0])
def test_a_source_that_is_throttled_is_asked_for_a_quarter_of_an_hour(
    monkeypatch: pytest.MonkeyPatch, kinds: list[str], until: float
) -> None:
    """Throttled for less, the source is read and every account is in sync; for longer, what can be read is."""
    world = TimedWorld(make(3, 5), monkeypatch)
    world.services.configs.write({}, at=world.now(), by="test")

    def throttle(operation: str, account: str) -> ApiError | None:
        busy = account == world.management and operation in kinds and world.timeline.seconds() < until
        return ApiError("TooManyRequestsException", "slow down") if busy else None

    monkeypatch.setattr(world, "refuses", throttle)
    started = world.now()
    world.executions.start("pass", schedule())
    for last in (False, False, True):  # as the state machine asks
        with suppress(Throttled):
            plan("pass", started, schedule(), world.services, last=last)
            break
    if world.header("pass").error:
        world.report("pass")
    else:
        world.live("pass")
    if len(kinds) == 1:
        assert world.written[0][0] < 600, "what can be read does not wait"
    if until < 900:
        assert world.header("pass").error is None
        assert world.differing() == []
    else:
        unreadable = {kind for kind in KINDS if kind != "primary" or len(kinds) == 2}
        ends = world.ends("pass")
        assert {kind for (_, kind), end in ends.items() if end != ("success", None)} == unreadable
        assert {ends[pair][1] for pair in ends if pair[1] in unreadable} == {"SourceUnreadable"}
        assert world.timeline.seconds() > 900


@pytest.mark.parametrize("settings", [{}, {"verify_config": {"delay": 55, "max_attempts": 3}}])
@pytest.mark.parametrize("operation", ["GetContactInformation", "GetAlternateContact"])
@pytest.mark.parametrize("cold", [False, True])
def test_a_plan_ends_within_its_functions_life(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], operation: str, cold: bool
) -> None:
    """It takes up a rest, so that it reads for two runs, and the source is throttled all the while."""
    world = TimedWorld(make(3, 200), monkeypatch)
    world.services.configs.write(settings, at=world.now(), by="test")
    world.start("pass", schedule(), world.now())
    world.timeline.at(world.timeline.now + 50, lambda: world.edit_source("security", "New Name"))
    world.live("pass", until=lambda: world.holder() != "pass")
    following = str(world.holder())
    assert world.executions.events()[following]["detail"]["unconfirmed"]

    def throttle(called: str, account: str) -> ApiError | None:
        busy = called == operation and account == world.management
        return ApiError("TooManyRequestsException", "slow down") if busy else None

    monkeypatch.setattr(world, "refuses", throttle)
    for last in (False, False, True):
        if cold:
            services._token_buckets.cache_clear()
        began = world.timeline.seconds()
        with suppress(Throttled):
            plan(following, world.now(), world.executions.events()[following], world.services, last=last)
        assert world.timeline.seconds() - began < 870
    assert world.header(following).planned


@pytest.mark.parametrize(("part", "method", "call"), [("bucket", "write_skipped", 1), ("states", "save_run", 2)])
@pytest.mark.parametrize("after", [False, True])
def test_a_plan_that_was_given_up_does_not_block_its_repetition(
    world: World, monkeypatch: pytest.MonkeyPatch, part: str, method: str, call: int, after: bool
) -> None:
    """The source could not be read, and the plan died before its header was final: asked again it reads the source,
    and every account is worked on; once the header is final the run has failed, whoever asks again.
    """
    world.refuse("*", world.management, "AccessDeniedException", times=len(KINDS))
    crash_once(monkeypatch, getattr(world, part), method, after=after, call=call)
    with pytest.raises(Crash):
        world.start()
    final = method == "save_run" and after
    answer = world.plan("run-1")
    assert answer["outcome"] == ("report" if final else "process")
    if not final:
        world.work()
    world.report()
    expected = ("skipped", "SourceUnreadable") if final else ("success", None)
    assert world.ends() == {(account, kind): expected for account in world.members for kind in KINDS}
    assert bool(world.differing()) is final


def test_an_overtaken_plan_records_nothing(world: World) -> None:
    """Two plans of one run: the one that could not read the source comes to its end after the other's work was done."""
    world.executions.start("run-1", schedule())
    slow = Actor("slow", world, lambda services: plan("run-1", STARTED, schedule(), services))
    world.refuse("*", world.management, "AccessDeniedException", times=len(KINDS))
    while slow.waits != "bucket.write_skipped":
        slow.advance()
    assert world.plan("run-1")["outcome"] == "process"
    world.work()
    receipts = world.receipts()
    assert slow.finish()["outcome"] == "process", "it answers as the plan that stands"
    assert world.receipts() == receipts
    assert world.report()["status"] == "completed"
    assert world.differing() == []


@pytest.mark.parametrize("refused", ["GetContactInformation", "GetAlternateContact", "*"])
def test_fresh_permissions_of_the_first_deployment_are_asked_again(world: World, refused: str) -> None:
    """Until two minutes after the start a refusal says nothing: the plan is asked again; afterwards it is judged."""
    world.configure(retry_config={"base_delay": 0, "fresh_permissions": 120})
    event = own_event(OwnEvent.INITIAL_SYNC, initiator="arn:aws:iam::100000000001:user/ada", create=True)
    world.refuse(refused, world.management, "AccessDeniedException", times=len(KINDS) * 3)
    with pytest.raises(NotInForce):
        world.start(event=event)
    assert world.ends() == {}
    for _ in range(20):
        try:
            answer = world.plan("run-1")
            break
        except NotInForce:
            continue
    assert answer["outcome"] == "process"
    world.work()
    assert world.report()["status"] == "completed"
    assert world.differing() == []


def test_a_refusal_without_fresh_permissions_is_judged_at_once(world: World) -> None:
    """An update of the stack has roles that are in force."""
    world.refuse("*", world.management, "AccessDeniedException")
    assert world.start(event=own_event(OwnEvent.INITIAL_SYNC, initiator="ada"))["outcome"] == "report"
    assert world.report()["status"] == "failed"
