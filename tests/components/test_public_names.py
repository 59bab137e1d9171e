"""Public names: an interface from the first release, whose changes are seen in review."""

import json
from typing import Any

import pytest

from tools.public_names import FILE, public_names

pytestmark = pytest.mark.slow

KNOWN: dict[str, Any] = json.loads(FILE.read_text())


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    return public_names()


@pytest.mark.parametrize("section", KNOWN)
def test_no_public_name_changes_unseen(names: dict[str, Any], section: str) -> None:
    """Alarms, policies, queries and scripts of others are built on each of them."""
    assert names.get(section) == KNOWN[section], (
        f"{section}: a public name has changed, which breaks those who rely on it. If that is meant, "
        "`make names` (or `python -m tools.public_names`) writes the list anew, and the difference is reviewed"
    )


def test_no_section_of_names_is_missing(names: dict[str, Any]) -> None:
    """A section that the list lacks would not be compared."""
    assert list(names) == list(KNOWN), "`make names` (or `python -m tools.public_names`) writes the list anew"


def test_every_json_document_names_its_version(names: dict[str, Any]) -> None:
    """A program that parses one can refuse a version that it does not know."""
    documents = names["documents of --json"]
    assert {command for command, keys in documents.items() if "version" not in keys} == set()
