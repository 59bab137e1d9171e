"""Accounts and organizational units as people name them: an account id, a unit's path from the root, a unit's id."""

import re
from collections.abc import Callable

_ACCOUNT_ID = re.compile(r"[0-9]{12}")
_UNIT_ID = re.compile(r"ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}")
_UNIT_PATH = re.compile(r"(/[^/]{1,128})+")


def account_id(value: object) -> str:
    """Return an account's id.

    Raises:
        ValueError: it is none; the message says what to write.
    """
    if not isinstance(value, str) or not _ACCOUNT_ID.fullmatch(value):
        raise ValueError("must be an account id of 12 digits, in quotes")
    return value


def unit_id(value: str) -> str:
    """Return a unit's own id.

    Raises:
        ValueError: it is none; the message says what to write and how to find it.
    """
    if not _UNIT_ID.fullmatch(value):
        raise ValueError(
            "must be a unit's id such as ou-ab12-34cd56ef; "
            "`aws organizations list-organizational-units-for-parent` shows it"
        )
    return value


def unit_path_or_id(value: str) -> str:
    """Return a unit, named by its path from the root (`/Sandbox/Team A`) or by its own id.

    Raises:
        ValueError: it is neither; the message says what to write.
    """
    if _UNIT_ID.fullmatch(value) or _UNIT_PATH.fullmatch(value):
        return value
    raise ValueError("write a path from the root such as /Sandbox, or a unit id such as ou-ab12-34cd56ef")


def is_path(unit: str) -> bool:
    """Return whether a unit is named by its path."""
    return unit.startswith("/")


def find_unit(path: str, root: str, child: Callable[[str, str], str | None]) -> str | None:
    """Walk a path from the root; return the unit's id, or None where there is no such unit.

    Args:
        child: returns the id of the unit of a name (second) directly below a root or unit (first), or None.
    """
    found: str | None = root
    for name in path.removeprefix("/").split("/"):
        found = child(found, name) if found is not None else None
    return found
