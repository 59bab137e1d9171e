"""Plan: a run that cannot be carried out ends before any write, by name, with a receipt for every account."""

import pytest

from orgsync.contact_sync.core.errors import NotManagementAccount
from orgsync.sandbox.model.organization import KINDS, MANAGEMENT, make_contact
from tests.sample_events import sample_event
from tests.world import MakeWorld, World


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


def test_a_table_edited_by_hand_ends_as_a_configuration_error(world: World) -> None:
    """A newest version that cannot be read is no silent refusal: a run fails, says where, and frees the lease."""
    world.configs.edit(2, {"contact_types": ["privacy"]})
    before = world.account.contacts()
    answer = world.run()
    assert (answer["status"], answer["severity"]) == ("failed", "medium")
    assert world.header().error == "ConfigurationUnreadable"
    assert "contact_types.0" in str(world.header().detail)
    assert world.account.contacts() == before
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
