"""The configuration table: versions are added, never changed, and read as they were written."""

import threading
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orgsync.contact_sync.config import parse
from orgsync.contact_sync.core.errors import ConfigurationUnreadable
from orgsync.shared.configuration import ConfigurationRefused

AT = "2026-11-01T10:00:00+00:00"
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "retry_config": st.fixed_dictionaries({"base_delay": st.decimals(0, 50, places=3).map(float)}),
        "pacing": st.fixed_dictionaries(
            {
                "PutAlternateContact": st.fixed_dictionaries(
                    {"rate": st.decimals("0.001", 900, places=3).map(float), "burst": st.integers(1, 2000)}
                )
            }
        ),
        "excluded_tags": st.dictionaries(
            st.text("abc", min_size=1), st.text(max_size=5) | st.lists(st.text(max_size=5), min_size=1)
        ),
        "paused": st.booleans(),
        "notification_settings": st.fixed_dictionaries({"failure_threshold": st.integers(1, 99)}),
    },
)


@pytest.fixture
def configs(make_world):
    return make_world(0).services.configs


def items(world):
    return world.table("config").scan()["Items"]


def test_before_the_first_write_there_is_none(configs):
    """No version is not a default version."""
    assert configs.current() is None


def test_the_newest_version_is_current_and_the_older_stay(configs):
    """Each different document is a version of its own; a run can read the one it began with."""
    for number, schedule in enumerate(["rate(1 day)", "rate(2 days)", "rate(3 days)"], start=1):
        assert configs.write({"schedule": schedule}, at=AT, by="ann") == number
    version, config = configs.current()
    assert (version, config.schedule) == (3, "rate(3 days)")
    assert configs.at(1).schedule == "rate(1 day)"


def test_more_than_nine_versions_are_in_order(configs):
    """Version ten comes after nine."""
    for number in range(1, 13):
        configs.write({"schedule": f"rate({number + 1} days)"}, at=AT, by="ann")
    assert configs.current()[0] == 12


def test_the_same_again_is_no_new_version(configs):
    """Who writes what is already current adds nothing, whatever its numbers looked like."""
    first = {"pacing": {"PutAlternateContact": {"rate": 2.0, "burst": 3}}}
    again = {"pacing": {"PutAlternateContact": {"rate": 2, "burst": 3.0}}}
    assert configs.write(first, at=AT, by="ann") == configs.write(again, at=AT, by="bo") == 1


def test_an_invalid_document_is_not_written(configs):
    """Validation comes before the table."""
    with pytest.raises(ConfigurationRefused):
        configs.write({"contact_types": ["privacy"]}, at=AT, by="ann")
    assert configs.current() is None


@given(document=DOCUMENTS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_document_comes_back_as_it_was_written(configs, document):
    """Numbers with decimals, lists, texts and flags: what is read is what was written."""
    version = configs.write(document, at=AT, by="ann")
    assert configs.at(version) == parse(document)


def test_concurrent_writers_get_numbers_of_their_own(configs):
    """Ten writers at once: ten versions, each with the document its writer meant."""
    written = {}

    def write(number):
        written[number] = configs.write({"schedule": f"rate({number} days)"}, at=AT, by=f"writer-{number}")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(2, 12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(written.values()) == list(range(1, 11))
    assert all(configs.at(version).schedule == f"rate({number} days)" for number, version in written.items())


@pytest.mark.parametrize("wrong", [{"contact_types": ["privacy"]}, {"surprise": 1}, {"retry_config": "none"}])
def test_a_version_edited_by_hand_is_named_unreadable(make_world, wrong):
    """What is not valid is an error that names the place, in the newest version as in an older one."""
    world = make_world(0)
    world.table("config").put_item(Item={"config_key": "default", "version": 1, "written_by": "hand", **wrong})
    for read in (world.services.configs.current, lambda: world.services.configs.at(1)):
        with pytest.raises(ConfigurationUnreadable, match=next(iter(wrong))):
            read()


def test_a_version_that_is_gone_is_named_unreadable(configs):
    """A run whose version was removed by hand cannot go on as if nothing were."""
    with pytest.raises(ConfigurationUnreadable, match="7"):
        configs.at(7)


def test_bookkeeping_stands_beside_the_document(make_world):
    """Who wrote a version and when is in the history, and no part of the configuration."""
    world = make_world(0)
    world.services.configs.write({"paused": True, "retry_config": {"base_delay": 0.5}}, at=AT, by="ann")
    (item,) = items(world)
    assert (item["written_at"], item["written_by"], item["version"]) == (AT, "ann", Decimal(1))
    assert item["retry_config"]["base_delay"] == Decimal("0.5")
    assert world.services.configs.current()[1] == parse({"paused": True, "retry_config": {"base_delay": 0.5}})
