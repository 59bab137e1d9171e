from hypothesis import given
from hypothesis import strategies as st

from orgsync.contact_sync.names import Kind
from tests.laws import broken
from tests.world import make_world

UNITS = ("/Sandbox", "/Workloads", "/Workloads/Prod", "/Security")


@given(
    kinds=st.lists(st.sampled_from(Kind), min_size=1, unique=True),
    excluded_ids=st.sets(st.integers(0, 7)),
    excluded_units=st.sets(st.sampled_from(UNITS)),
    excluded_tags=st.dictionaries(
        st.sampled_from(("team", "stage")), st.sampled_from(("web", ["web", "data"])), max_size=2
    ),
    tags=st.lists(st.sampled_from(({}, {"team": "web"}, {"team": "data"}, {"stage": "web"})), min_size=8, max_size=8),
    units=st.lists(st.sampled_from(("/", *UNITS)), min_size=8, max_size=8),
)
def test_only_configured_kinds_of_accounts_that_are_not_excluded_are_read_or_written(
    kinds: list[Kind],
    excluded_ids: set[int],
    excluded_units: set[str],
    excluded_tags: dict[str, str | list[str]],
    tags: list[dict[str, str]],
    units: list[str],
) -> None:
    """Feature: aws-contact-sync, Property 6: Configuration-Based Filtering.

    An account excluded by id, by unit with all below, or by tag stays as it was, is not even
    read, and its receipts say so and name the exclusions; kinds that are not configured stay untouched.
    """
    world = make_world(8)
    for account, ou, tag in zip(world.organization.accounts, (*UNITS, *units[4:]), tags, strict=True):
        account.ou, account.tags = ou, tag
    before = world.account.contacts()
    world.configure(
        contact_types=[str(kind) for kind in kinds],
        excluded_accounts=[world.members[number] for number in sorted(excluded_ids)],
        excluded_units=sorted(excluded_units),
        excluded_tags=excluded_tags,
    )
    world.run()
    assert broken(world.evidence()) == []

    out = {
        account.id
        for number, account in enumerate(world.organization.accounts)
        if number in excluded_ids
        or any(f"{account.ou}/".startswith(f"{unit}/") for unit in excluded_units)
        or any(account.tags.get(key) in ([v] if isinstance(v, str) else v) for key, v in excluded_tags.items())
    }
    for number, account in enumerate(world.organization.accounts):
        rules = [f"account {account.id}"] if number in excluded_ids else []
        rules += [f"unit {unit}" for unit in sorted(excluded_units) if f"{account.ou}/".startswith(f"{unit}/")]
        if not rules:  # whoever is excluded already is not asked for tags
            pairs = [
                (key, v) for key, values in excluded_tags.items() for v in ([values] if values == "web" else values)
            ]
            rules = [f"tag {key}={value}" for key, value in pairs if account.tags.get(key) == value]
        assert {receipt.excluded_by for receipt in world.receipts() if receipt.account == account.id} == {tuple(rules)}
    after = world.account.contacts()
    ends = world.ends()
    for member in world.members:
        for kind in map(str, Kind):
            synced = member not in out and kind in kinds
            assert after[member][kind] == (before[world.management] if synced else before[member])[kind]
            if kind in kinds:
                assert ends[member, kind] == (("skipped", "Excluded") if member in out else ("success", None))
            else:
                assert (member, kind) not in ends
    reads = sum(calls["made"] for name, calls in world.account.calls.items() if name.startswith("Get"))
    assert reads == (len(world.members) - len(out)) * len(kinds) + len(world.account.writes)
