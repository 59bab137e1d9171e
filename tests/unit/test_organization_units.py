"""Organizational units and accounts as people name them, and the one walk along a unit's path."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgsync.shared.organization_units import account_id, find_unit, is_path, unit_id, unit_path_or_id

NAMES = st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), min_size=1, max_size=128)
PATHS = st.lists(NAMES, min_size=1, max_size=5)
UNIT_IDS = st.from_regex(r"ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}", fullmatch=True)


@given(names=PATHS)
def test_a_path_is_walked_from_the_root_one_name_at_a_time(names: list[str]) -> None:
    """Every name is looked up once, in order, in the unit that the name before it led to."""
    asked: list[tuple[str, str]] = []

    def child(parent: str, name: str) -> str:
        asked.append((parent, name))
        return f"unit-{len(asked)}"

    found = find_unit(f"/{'/'.join(names)}", "root", child)
    assert found == f"unit-{len(names)}"
    parents = ["root", *(f"unit-{number}" for number in range(1, len(names)))]
    assert asked == list(zip(parents, names, strict=True))


@given(names=PATHS, data=st.data())
def test_a_path_that_leads_nowhere_is_no_unit(names: list[str], data: st.DataObject) -> None:
    """One missing unit on the way ends the walk: nothing below it is asked for, and the answer is None."""
    missing = data.draw(st.integers(0, len(names) - 1))
    asked: list[str] = []

    def child(_parent: str, name: str) -> str | None:
        asked.append(name)
        return None if len(asked) == missing + 1 else f"unit-{len(asked)}"

    assert find_unit(f"/{'/'.join(names)}", "root", child) is None
    assert asked == names[: missing + 1]


def test_units_of_one_name_below_different_parents_are_different() -> None:
    """A name is unique among its siblings only: /A/X and /B/X are two units."""
    tree = {("root", "A"): "a", ("root", "B"): "b", ("a", "X"): "ax", ("b", "X"): "bx"}

    def child(parent: str, name: str) -> str | None:
        return tree.get((parent, name))

    assert [find_unit(path, "root", child) for path in ("/A", "/A/X", "/B/X", "/X")] == ["a", "ax", "bx", None]


@given(names=PATHS)
def test_a_path_is_taken_as_it_is_written(names: list[str]) -> None:
    """Names of up to 128 characters of any kind but the slash make a path."""
    path = f"/{'/'.join(names)}"
    assert unit_path_or_id(path) == path
    assert is_path(path)


@given(unit=UNIT_IDS)
def test_a_units_id_is_taken_as_it_is_written(unit: str) -> None:
    """An id is no path, and may stand wherever a unit is named."""
    assert unit_id(unit) == unit_path_or_id(unit) == unit
    assert not is_path(unit)


@pytest.mark.parametrize("unit", ["", "/", "Sandbox", "/Sandbox/", "//Sandbox", "/A//B", f"/{'a' * 129}", "r-ab12"])
def test_a_text_that_names_no_unit_is_refused(unit: str) -> None:
    """Neither a path from the root nor an id: the message says what to write."""
    with pytest.raises(ValueError, match=r"^write a path from the root such as /Sandbox, or a unit id such as ou-"):
        unit_path_or_id(unit)


@pytest.mark.parametrize(
    "unit", ["/Sandbox", "ou-ab12", "ou-AB12-34CD56EF", "ou-ab12-34cd56ef ", "ou-ab12-34cd56ef\n", "ou-ab12-34cd5"]
)
def test_a_text_that_is_no_units_id_is_refused(unit: str) -> None:
    """Exactly AWS's form and nothing around it: the message says what to write and how to find it."""
    with pytest.raises(ValueError, match=r"^must be a unit's id such as ou-ab12-34cd56ef; .*aws organizations list-"):
        unit_id(unit)


@given(account=st.from_regex(r"[0-9]{12}", fullmatch=True))
def test_an_accounts_id_is_twelve_digits(account: str) -> None:
    """Twelve digits are an id as they stand, leading zeros too."""
    assert account_id(account) == account


@pytest.mark.parametrize("spoil", [lambda a: a[1:], lambda a: f"{a}0", lambda a: f"{a}\n", int, lambda a: f"٣{a[1:]}"])
def test_a_value_that_is_no_accounts_id_is_refused(spoil: Callable[[str], object]) -> None:
    """Eleven or thirteen digits, a number, other digits than ASCII's: the message says what to write."""
    with pytest.raises(ValueError, match=r"^must be an account id of 12 digits, in quotes$"):
        account_id(spoil("200000000001"))
