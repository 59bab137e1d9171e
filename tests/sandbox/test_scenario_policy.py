"""The rehearsal's own decision about what a policy wants."""

from typing import Any

import pytest

from orgsync.sandbox.contact_sync.policy import ContactPolicy
from orgsync.sandbox.rehearsal.accounts import ListedAccount
from orgsync.sandbox.rehearsal.snapshot import Contacts

MANAGEMENT, ACCOUNT = "100000000001", "200000000001"
DESK = {"Name": "Desk", "EmailAddress": "desk@example.com"}


def member(**changes: Any) -> ListedAccount:
    plain = {
        "name": "web",
        "path": "/Workloads/Prod",
        "unit_ids": frozenset({"r-1", "ou-1", "ou-2"}),
        "state": "ACTIVE",
    }
    return ListedAccount(**{"id": ACCOUNT, "tags": {"team": "web"}, **plain, **changes})


def differences(source: Any, found: Any, config: dict[str, Any] | None = None, kind: str = "security") -> set[Any]:
    contacts = {MANAGEMENT: {kind: source}, ACCOUNT: {kind: found}}
    return ContactPolicy({"contact_types": [kind], **(config or {})}).differences([member()], contacts, MANAGEMENT)


@pytest.mark.parametrize(
    ("config", "changes", "reason"),
    [
        ({}, {}, None),
        ({}, {"state": "SUSPENDED"}, "is SUSPENDED"),
        ({"excluded_accounts": [ACCOUNT]}, {}, "excluded by id"),
        ({"excluded_units": ["/Workloads"]}, {}, "excluded with unit /Workloads"),
        ({"excluded_units": ["/Workloads/Prod"]}, {}, "excluded with unit /Workloads/Prod"),
        ({"excluded_units": ["/Work"]}, {}, None),
        ({"excluded_units": ["ou-1"]}, {}, "excluded with unit ou-1"),
        ({"excluded_units": ["/Workloads"]}, {"path": "/"}, None),
        ({"excluded_tags": {"team": "web"}}, {}, "excluded by tag team"),
        ({"excluded_tags": {"team": ["data", "web"]}}, {}, "excluded by tag team"),
        ({"excluded_tags": {"team": "we"}}, {}, None),
        ({"excluded_tags": {"stage": "web"}}, {}, None),
    ],
)
def test_who_is_skipped(config: dict[str, Any], changes: dict[str, Any], reason: str | None) -> None:
    """Accounts that are not ACTIVE, and those excluded by id, unit with all below, or tag."""
    assert ContactPolicy(config).skip_reason(member(**changes)) == reason


@pytest.mark.parametrize(
    ("source", "found", "equal"),
    [
        (DESK, DESK, True),
        (DESK, {"Name": " Desk ", "EmailAddress": "desk@example.com", "Title": " "}, True),
        (DESK, {**DESK, "Name": "desk"}, False),
        (DESK, {**DESK, "Title": "x"}, False),
        (DESK, None, False),
    ],
)
def test_equal_is_equal_but_for_white_space(source: Any, found: Any, equal: bool) -> None:
    """White space around values and empty fields make no difference, everything else does."""
    assert (not differences(source, found)) == equal


@pytest.mark.parametrize(("policy", "may_remain"), [("ignore", True), ("alert", True), ("propagate", False)])
def test_an_alternate_that_the_source_lacks(policy: str, may_remain: bool) -> None:
    """Only `propagate` wants it gone from the members."""
    assert (not differences(None, DESK, {"on_source_delete": policy})) == may_remain
    assert not differences(None, None, {"on_source_delete": policy})


def test_a_primary_contact_is_never_wanted_gone() -> None:
    """AWS has no such deletion."""
    assert not differences(None, {"FullName": "x"}, {"on_source_delete": "propagate"}, kind="primary")


def test_kinds_that_are_not_configured_do_not_count() -> None:
    """`contact_types` bounds what is compared."""
    contacts: Contacts = {MANAGEMENT: {"billing": DESK}, ACCOUNT: {"billing": None}}
    assert not ContactPolicy({"contact_types": ["security"]}).differences([member()], contacts, MANAGEMENT)
    assert ContactPolicy({}).differences([member()], contacts, MANAGEMENT) == {(ACCOUNT, "billing")}
