from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgsync.contact_sync.names import Kind
from orgsync.shared.configuration import ConfigurationRefused
from tests.laws import broken
from tests.world import make_world

SCRAPS = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=8), st.lists(st.text(max_size=4)))
WRONG = st.one_of(
    st.builds(lambda key: {key: True}, st.text(min_size=1, max_size=12).filter(lambda key: key != "paused")),
    st.builds(lambda ids: {"excluded_accounts": ids}, st.lists(st.from_regex(r"\d{0,11}", fullmatch=True), min_size=1)),
    st.builds(lambda kind: {"contact_types": [kind]}, st.text().filter(lambda text: text not in set(Kind))),
    st.builds(lambda value: {"on_source_delete": value}, SCRAPS),
    st.builds(
        lambda value: {"retry_config": {"max_attempts": value}},
        st.integers(11) | st.text(min_size=1).filter(str.isalpha),
    ),
    st.builds(lambda value: {"schedule": value}, SCRAPS),
    st.builds(lambda value: {"excluded_units": [value]}, st.from_regex(r"[a-z]{1,8}", fullmatch=True)),
    st.builds(lambda value: {"pacing": {"PutAlternateContact": value}}, SCRAPS),
    st.builds(lambda value: {"notification_settings": {"failure_threshold": value}}, st.integers(max_value=0)),
)


@given(wrong=WRONG, kinds=st.lists(st.sampled_from(Kind), min_size=1, unique=True), excluded=st.integers(0, 2))
def test_a_wrong_configuration_is_refused_and_a_right_one_waits_for_the_next_run(
    wrong: dict[str, Any], kinds: list[Kind], excluded: int
) -> None:
    """Feature: aws-contact-sync, Property 7: Configuration Validation and Isolation.

    A document that is not valid is refused before anything is written, with its path in the
    message. A version that is written while a run is under way touches the next run only.
    """
    world = make_world(3)
    first = world.configure()
    with pytest.raises(ConfigurationRefused) as refused:
        world.configure(**wrong)
    assert next(iter(wrong)) in str(refused.value)
    assert world.configuration()[0] == first

    world.start("run-1")
    second = world.configure(
        contact_types=[str(kind) for kind in kinds], excluded_accounts=sorted(world.members)[: excluded + 1]
    )
    world.work("run-1")
    world.report("run-1")
    assert second == first + 1
    assert world.header("run-1").config_version == first
    assert set(world.ends("run-1").values()) == {("success", None)}
    assert world.differing() == []

    world.run("run-2")
    assert broken(world.evidence()) == []
    assert world.header("run-2").config_version == second
    skipped = {member for (member, _), end in world.ends("run-2").items() if end == ("skipped", "Excluded")}
    assert skipped == set(sorted(world.members)[: excluded + 1])
    assert {kind for _, kind in world.ends("run-2")} == set(map(str, kinds))
