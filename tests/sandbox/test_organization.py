"""Organizations made from a seed or a file."""

from typing import Any

import pytest

from orgsync.sandbox.model.contact_rules import field_errors
from orgsync.sandbox.model.organization import OrganizationInvalid, from_document, make


def test_the_same_seed_makes_the_same_organization() -> None:
    """Nothing but the seed and the count decides what an organization is."""
    assert make(7, 20) == make(7, 20)
    assert make(7, 20) != make(8, 20)


def test_every_contact_made_is_one_that_aws_accepts() -> None:
    """Made-up contacts pass AWS's own rules, so that a rehearsal fails for no reason of ours."""
    organization = make(3, 50)
    held = [organization.source, *(account.contacts for account in organization.accounts)]
    assert [m for contacts in held for kind, fields in contacts.items() for m in field_errors(kind, fields)] == []


def test_every_account_differs_from_the_source_and_from_the_others() -> None:
    """A fresh organization has work to do everywhere."""
    organization = make(3, 50)
    primaries = [organization.source["primary"], *(account.contacts["primary"] for account in organization.accounts)]
    assert len({repr(primary) for primary in primaries}) == 51


def test_a_kind_not_given_does_not_exist_in_a_member_but_the_primary_does() -> None:
    """A listed account has the alternate contacts it names and always a primary one."""
    listed = [{"id": "200000000001", "contacts": {"billing": {"Name": "N"}}}]
    account = from_document({"organization": {"accounts": listed}}).accounts[0]
    assert set(account.contacts) == {"billing", "primary"}


def test_a_kind_not_given_at_the_source_is_made_and_null_does_not_exist() -> None:
    """The source has every kind but those the file takes away."""
    source = from_document({"source": {"security": None}}).source
    assert set(source) == {"primary", "billing", "operations"}


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"organization": {"accounts": "many"}}, "organization.accounts:"),
        ({"organization": {"accounts": [{"id": 200000000001}]}}, "organization.accounts[0].id:"),
        ({"organization": {"accounts": [{"id": "200000000001", "state": "OPEN"}]}}, "organization.accounts[0].state:"),
        ({"organization": {"accounts": [{"id": "200000000001"}] * 2}}, "organization.accounts:"),
        ({"organization": {"acounts": 3}}, "organization.acounts:"),
        ({"source": {"primary": None}}, "source.primary:"),
        ({"source": {"security": {"Email": "a@b.c"}}}, "source.security.Email:"),
        ({"source": {"legal": {}}}, "source.legal:"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(document: dict[str, Any], place: str) -> None:
    """The error has the path in the file that is wrong."""
    with pytest.raises(OrganizationInvalid) as refusal:
        from_document(document)
    assert str(refusal.value).startswith(place)
