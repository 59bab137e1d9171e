"""The contract of `ConfigStore`: versions are added, never changed, and read as written; on DynamoDB and in memory."""

import threading
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orgsync.contact_sync.adapters.config_table import ConfigTable
from orgsync.contact_sync.config import ContactSyncConfig, parse
from orgsync.contact_sync.core.errors import ConfigurationUnreadable, RefusalReason
from orgsync.contact_sync.core.stores import ConfigStore
from orgsync.sandbox.contact_sync.stores import MemoryConfigStore
from orgsync.shared.configuration import ConfigurationRefused
from tests.error_codes import refused
from tests.memory import tables

AT = "2026-11-01T10:00:00+00:00"
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "retry_config": st.fixed_dictionaries({"base_delay": st.just(0.0) | st.floats(1e-6, 50)}),
        "pacing": st.fixed_dictionaries(
            {
                "PutAlternateContact": st.fixed_dictionaries(
                    {"rate": st.floats(1e-6, 900), "burst": st.integers(1, 2000)}
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

Edit = Callable[[int, Mapping[str, Any]], None]


@pytest.fixture
def config_table(tables_in_cloud: None) -> ConfigTable:
    """The adapter, on an empty table."""
    return ConfigTable("config")


@pytest.fixture(params=["adapter", "memory"])
def configs(request: pytest.FixtureRequest) -> ConfigStore:
    """A store without any version."""
    if request.param == "memory":
        return MemoryConfigStore()
    adapter: ConfigTable = request.getfixturevalue("config_table")
    return adapter


@pytest.fixture
def edit(configs: ConfigStore) -> Edit:
    """Puts a document in a version's place by hand."""
    if isinstance(configs, MemoryConfigStore):
        return configs.edit

    def put(version: int, document: Mapping[str, Any]) -> None:
        tables().Table("config").put_item(Item={"config_key": "default", "version": version, **document})

    return put


def newest(configs: ConfigStore) -> tuple[int, ContactSyncConfig]:
    """Return the newest version, which there is."""
    current = configs.current()
    assert current is not None
    return current


def test_before_the_first_write_there_is_none(configs: ConfigStore) -> None:
    """No version is not a default version."""
    with refused(RefusalReason.CONFIGURATION_MISSING):
        configs.current()
    assert list(configs.authors()) == []


def test_the_newest_version_is_current_and_the_older_stay(configs: ConfigStore) -> None:
    """Each different document is a version of its own; a run can read the one it began with."""
    for number, schedule in enumerate(["rate(1 day)", "rate(2 days)", "rate(3 days)"], start=1):
        assert configs.write({"schedule": schedule}, at=AT, by="ann") == number
    version, config = newest(configs)
    assert (version, config.schedule) == (3, "rate(3 days)")
    assert configs.at(1).schedule == "rate(1 day)"


def test_more_than_nine_versions_are_in_order(configs: ConfigStore) -> None:
    """Version ten comes after nine."""
    for number in range(1, 13):
        configs.write({"schedule": f"rate({number + 1} days)"}, at=AT, by="ann")
    assert newest(configs)[0] == 12


def test_the_same_again_is_no_new_version(configs: ConfigStore) -> None:
    """A document that is current already adds nothing, however its numbers are written; its author stays."""
    first = {"pacing": {"PutAlternateContact": {"rate": 2.0, "burst": 3}}}
    again = {"pacing": {"PutAlternateContact": {"rate": 2, "burst": 3.0}}}
    assert configs.write(first, at=AT, by="ann") == configs.write(again, at=AT, by="bo") == 1
    assert list(configs.authors()) == ["ann"]


def test_an_earlier_document_again_is_a_new_version(configs: ConfigStore) -> None:
    """Going back is a change like any other, and has its own author."""
    for schedule, author in [("rate(1 day)", "ann"), ("rate(2 days)", "bo"), ("rate(1 day)", "cy")]:
        configs.write({"schedule": schedule}, at=AT, by=author)
    assert newest(configs)[0] == 3
    assert list(configs.authors()) == ["cy", "bo", "ann"]


def test_what_was_in_force_before_an_author_is_the_newest_of_another(configs: ConfigStore) -> None:
    """However often the author wrote since; nothing where nobody else did."""
    configs.write({"schedule": "rate(9 days)"}, at=AT, by="ann")
    assert configs.before("ann") is None
    for number in range(2, 15):
        configs.write({"schedule": f"rate({number} days)"}, at=AT, by="bo")
    assert configs.before("bo") == configs.at(1)
    assert configs.before("ann") == newest(configs)[1]


def test_an_invalid_document_is_not_written(configs: ConfigStore) -> None:
    """Validation comes before the store."""
    with pytest.raises(ConfigurationRefused):
        configs.write({"contact_types": ["privacy"]}, at=AT, by="ann")
    with refused(RefusalReason.CONFIGURATION_MISSING):
        configs.current()


@given(document=DOCUMENTS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_document_comes_back_as_it_was_written(configs: ConfigStore, document: dict[str, Any]) -> None:
    """Numbers with decimals, lists, texts and flags: what is read is what was written."""
    version = configs.write(document, at=AT, by="ann")
    assert configs.at(version) == parse(document)


def test_a_stored_document_is_its_own(configs: ConfigStore) -> None:
    """A document that is changed after it was written changes no version."""
    document: dict[str, Any] = {"retry_config": {"base_delay": 1}}
    configs.write(document, at=AT, by="ann")
    document["retry_config"]["base_delay"] = 5
    assert configs.at(1).retry_config.base_delay == 1


def test_concurrent_writers_get_numbers_of_their_own(configs: ConfigStore) -> None:
    """Ten writers at once: ten versions, each with the document its writer meant."""
    written: dict[int, int] = {}

    def write(number: int) -> None:
        written[number] = configs.write({"schedule": f"rate({number} days)"}, at=AT, by=f"writer-{number}")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(2, 12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(written.values()) == list(range(1, 11))
    assert all(configs.at(version).schedule == f"rate({number} days)" for number, version in written.items())


def nested(levels: int) -> dict[str, Any]:
    """Return a document with mappings inside each other; DynamoDB takes 32 levels."""
    document: dict[str, Any] = {}
    for _ in range(levels):
        document = {"retry_config": document}
    return document


BY_HAND: list[dict[str, Any]] = [
    {"contact_types": ["privacy"]},
    {"contact_types": {"security"}},
    {"excluded_accounts": {Decimal(200000000001)}},
    {"excluded_accounts": [Decimal(200000000001)]},
    {"excluded_units": b"/Sandbox"},
    {"excluded_tags": {"team": {b"a"}}},
    {"schedule": Decimal(5)},
    {"paused": "true"},
    {"paused": None},
    {"pacing": {"PutAlternateContact": {"rate": Decimal("1E+100"), "burst": 1}}},
    {"retry_config": "none"},
    nested(2),
    nested(30),
]
"""Documents as only a hand writes them: sets, bytes, numbers for texts, nothing, large numbers, deep nesting."""


@pytest.mark.parametrize("wrong", [*BY_HAND, {"surprise": 1}], ids=str)
def test_a_version_edited_by_hand_is_named_unreadable(configs: ConfigStore, edit: Edit, wrong: dict[str, Any]) -> None:
    """A document that is not valid is an error that names the place, in the newest version as in an older one."""
    edit(1, wrong)
    for read in (configs.current, lambda: configs.at(1)):
        with pytest.raises(ConfigurationUnreadable) as unreadable:
            read()
        said = str(unreadable.value)
        assert next(iter(wrong)) in said or said.startswith("the document: ")
        assert unreadable.value.remedy


@given(edits=st.lists(st.sampled_from(BY_HAND), min_size=1, max_size=30))
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_next_version_follows_whatever_a_hand_left(
    configs: ConfigStore, edit: Edit, edits: list[dict[str, Any]]
) -> None:
    """A deployment writes the version after it, which is readable again; authors are those who said so."""
    first = configs.write({"schedule": "rate(9 days)", "paused": True}, at=AT, by="ann")
    for number, wrong in enumerate(edits, start=first + 1):
        edit(number, wrong)
    version = configs.write({"schedule": "rate(2 days)"}, at=AT, by="bo")
    assert version == first + len(edits) + 1
    assert newest(configs) == (version, parse({"schedule": "rate(2 days)"}))
    assert next(iter(configs.authors())) == "bo"
    assert set(configs.authors()) == {"ann", "bo"}


@pytest.mark.parametrize("number", ["2.5", "-3", "0", "1E+30", "9.9E+125"])
def test_a_number_that_none_can_follow_is_named_unreadable(config_table: ConfigTable, number: str) -> None:
    """A run keeps its version's number to the end, so a number that is none is refused where it is read."""
    tables().Table("config").put_item(Item={"config_key": "default", "version": Decimal(number), "paused": True})
    with pytest.raises(ConfigurationUnreadable, match="number"):
        config_table.current()
    with pytest.raises(ConfigurationUnreadable, match="number"):
        config_table.write({"paused": False}, at=AT, by="ann")


def test_a_field_of_another_release_is_a_named_error(configs: ConfigStore, edit: Edit) -> None:
    """It may be an exclusion: left out of account, a run would write where its owner says it must not."""
    edit(1, {"contact_types": ["billing"], "excluded_names": ["sandbox-*"]})
    with pytest.raises(ConfigurationUnreadable, match="excluded_names: is not a key here; allowed: contact_types"):
        configs.current()


def test_a_version_that_is_gone_is_named_unreadable(configs: ConfigStore) -> None:
    """A run whose version was removed by hand cannot go on as if nothing were."""
    with pytest.raises(ConfigurationUnreadable, match="7"):
        configs.at(7)


def test_bookkeeping_stands_beside_the_document(config_table: ConfigTable) -> None:
    """A version's author and time are in the history, and no part of the configuration."""
    config_table.write({"paused": True, "retry_config": {"base_delay": 0.5}}, at=AT, by="ann")
    (item,) = tables().Table("config").scan()["Items"]
    assert (item["written_at"], item["written_by"], item["version"]) == (AT, "ann", Decimal(1))
    assert item["retry_config"]["base_delay"] == Decimal("0.5")
    assert newest(config_table)[1] == parse({"paused": True, "retry_config": {"base_delay": 0.5}})
