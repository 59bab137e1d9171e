"""Contacts: which may be written, when two are equal, where they differ."""

from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgsync.contact_sync.core.contacts import (
    Change,
    Contact,
    decide,
)
from orgsync.contact_sync.names import Kind
from orgsync.sandbox.model import contact_rules

PRIMARY = {
    "FullName": "Ana Adler",
    "AddressLine1": "1 Example Street",
    "City": "Oslo",
    "PostalCode": "0150",
    "CountryCode": "NO",
    "PhoneNumber": "+47 555 01 00",
}
ALTERNATE = {"Name": "Bo Chen", "Title": "Lead", "EmailAddress": "bo@example.com", "PhoneNumber": "555-0100"}
VALID = {kind: PRIMARY if kind is Kind.PRIMARY else ALTERNATE for kind in Kind}
FIELDS = [(kind, name) for kind in (Kind.PRIMARY, Kind.BILLING) for name in Contact.rules(kind)]
VALUES = st.one_of(st.none(), st.text(max_size=70), st.from_regex(r"\+[0-9 ()-]{0,24}", fullmatch=True))


def contact(kind: Kind = Kind.PRIMARY, **changes: object) -> Contact:
    """Return a contact that AWS would accept, with some of its fields changed."""
    return Contact.of(kind, VALID[kind] | changes)


def named(found: Iterable[str]) -> set[str]:
    """Return the names of the fields that errors speak of."""
    return {error.partition(" ")[0].partition(".")[2] for error in found}


def differing(desired: Contact | None, held: Contact | None) -> tuple[str, ...] | None:
    """Return the fields of the change that one contact would need to become another; None where they are equal."""
    kind = desired.kind if desired else held.kind if held else Kind.BILLING
    change = decide(kind, desired, held)
    return change.fields if change else None


@pytest.mark.parametrize("kind", list(Kind))
def test_a_good_contact_has_no_field_error(kind: Kind) -> None:
    """A contact that AWS would take is not refused."""
    assert contact(kind).field_errors() == ()


@pytest.mark.parametrize(("kind", "name"), FIELDS)
def test_a_field_may_be_as_long_as_aws_takes_it(kind: Kind, name: str) -> None:
    """One character more than AWS takes is an error of that very field; exactly as many is none."""
    longest = Contact.rules(kind)[name].longest
    shape = {"CountryCode": "N" * 300, "PhoneNumber": "+" + "5" * 300, "EmailAddress": "a@" + "b" * 300}
    text = shape.get(name, "x" * 300)
    fits = text[:longest] if name != "EmailAddress" else f"a@{'b' * (longest - 4)}.c"
    assert named(contact(kind, **{name: fits}).field_errors()) == set()
    assert named(contact(kind, **{name: fits + fits[-1]}).field_errors()) == {name}


@pytest.mark.parametrize(("kind", "name"), FIELDS)
def test_a_required_field_may_not_be_missing_or_blank(kind: Kind, name: str) -> None:
    """A field that AWS requires may neither be missing nor blank; any other may be both."""
    expected = {name} if Contact.rules(kind)[name].required else set()
    for absent in (None, "", "  \t"):
        assert named(contact(kind, **{name: absent}).field_errors()) == expected


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (Kind.PRIMARY, "PhoneNumber", "555 01 00"),
        (Kind.PRIMARY, "PhoneNumber", "+47 ext. 5"),
        (Kind.PRIMARY, "CountryCode", "N1"),
        (Kind.PRIMARY, "CountryCode", "N"),
        (Kind.SECURITY, "EmailAddress", "bo"),
        (Kind.SECURITY, "EmailAddress", "bo@example"),
        (Kind.SECURITY, "PhoneNumber", "call me"),
    ],
)
def test_a_field_in_the_wrong_shape_is_found(kind: Kind, name: str, value: str) -> None:
    """A value that AWS's pattern would refuse is found before AWS does, an old phone number without its + too."""
    assert named(contact(kind, **{name: value}).field_errors()) == {name}


@pytest.mark.parametrize("country", sorted(contact_rules.STATE_REQUIRED))
def test_some_countries_need_a_state(country: str) -> None:
    """In a country where AWS requires a state or region, its absence is an error, and its presence none."""
    assert named(contact(CountryCode=country).field_errors()) == {"StateOrRegion"}
    assert contact(CountryCode=country, StateOrRegion="WA").field_errors() == ()


@pytest.mark.parametrize("country", ["NO", "FR", "SE", "AU", "CN"])
def test_other_countries_need_no_state(country: str) -> None:
    """The product asks for a state only where the sandbox, written from the same documentation, does."""
    assert country not in contact_rules.STATE_REQUIRED
    assert contact(CountryCode=country).field_errors() == ()


@pytest.mark.parametrize("kind", [Kind.PRIMARY, Kind.BILLING])
def test_the_limits_are_those_of_the_service_model(kind: Kind) -> None:
    """The product's limits agree with those by which the sandbox judges."""
    rules = contact_rules.PRIMARY if kind is Kind.PRIMARY else contact_rules.ALTERNATE
    assert {name: (limit.longest, limit.required) for name, limit in Contact.rules(kind).items()} == {
        name: (rule.longest, rule.required) for name, rule in rules.items()
    }


@given(kind=st.sampled_from([Kind.PRIMARY, Kind.BILLING]), changes=st.data())
def test_a_contact_without_field_errors_is_taken_by_aws(kind: Kind, changes: st.DataObject) -> None:
    """Any source contact in which no error is found is one that AWS's own rules take."""
    raw = {name: changes.draw(VALUES) for name in changes.draw(st.sets(st.sampled_from(sorted(Contact.rules(kind)))))}
    checked = contact(kind, **raw)
    if not checked.field_errors():
        assert contact_rules.field_errors(str(kind), checked.fields) == []


@pytest.mark.parametrize("kind", list(Kind))
def test_a_field_error_names_the_field_and_never_the_value(kind: Kind) -> None:
    """Field errors go into headers and notifications: they must not repeat what stands in the contact."""
    broken = contact(kind, PhoneNumber="canary-value")
    assert [str(error) for error in broken.field_errors()] != []
    assert "canary" not in " ".join(map(repr, broken.field_errors()))


@given(kind=st.sampled_from(list(Kind)), raw=st.dictionaries(st.text(max_size=12), VALUES))
def test_normalising_twice_is_normalising_once(kind: Kind, raw: dict[str, str | None]) -> None:
    """A contact that went through AWS or the state table is still the same contact."""
    once = Contact.of(kind, {**VALID[kind], **raw})
    assert Contact.of(kind, once.fields) == once


def test_blanks_case_and_foreign_keys_do_not_count() -> None:
    """Surrounding white space, empty fields, a country in small letters and keys of other kinds are no difference."""
    noisy = contact(City=" Oslo\n", CountryCode="no", AddressLine2="", CompanyName=None, AlternateContactType="BILLING")
    assert decide(Kind.PRIMARY, contact(), noisy) is None
    assert noisy == contact()


def test_letters_within_a_value_count() -> None:
    """Case and inner spaces of a value are part of it."""
    assert differing(contact(City="Oslo"), contact(City="OSLO")) == ("City",)
    assert differing(contact(FullName="Ana Adler"), contact(FullName="Ana  Adler")) == ("FullName",)


def test_a_difference_names_fields_sorted() -> None:
    """Fields that are other, missing or too many are named, in order; the same on either side."""
    a, b = contact(City="Bergen", CompanyName="Example"), contact(WebsiteUrl="https://example.com")
    assert differing(a, b) == differing(b, a) == ("City", "CompanyName", "WebsiteUrl")


def test_a_missing_contact_differs_in_all_that_the_other_has() -> None:
    """No contact against one differs in each of its fields; none against none in nothing."""
    assert differing(contact(Kind.BILLING), None) == tuple(sorted(ALTERNATE))
    assert differing(None, contact(Kind.BILLING)) == tuple(sorted(ALTERNATE))
    assert differing(None, None) is None


@st.composite
def held_contacts(draw: st.DrawFn, kind: Kind) -> Contact | None:
    """Draw a contact with few distinct values, so that equal and unequal fields are both common; None is no contact."""
    names = draw(st.none() | st.sets(st.sampled_from(sorted(Contact.rules(kind))), min_size=1))
    if names is None:
        return None
    return Contact.of(kind, {name: draw(st.sampled_from(["NO", "DE"])) for name in names})


@given(kind=st.sampled_from(list(Kind)), draw=st.data())
def test_a_change_is_decided_exactly_where_contacts_differ(kind: Kind, draw: st.DataObject) -> None:
    """None if and only if both are equal; else the kind, the desired contact, and exactly the fields that differ."""
    desired, held = draw.draw(held_contacts(kind)), draw.draw(held_contacts(kind))
    wanted, found = (dict(one.fields) if one else {} for one in (desired, held))
    change = decide(kind, desired, held)
    assert (change is None) == (wanted == found)
    if change is not None:
        unequal = [name for name in Contact.rules(kind) if wanted.get(name) != found.get(name)]
        assert change == Change(kind, desired, tuple(sorted(unequal)))


@pytest.mark.parametrize("kind", list(Kind))
def test_a_deletion_is_a_change_without_a_desired_contact(kind: Kind) -> None:
    """Deleting says so by its missing contact; writing carries the whole contact, whatever part of it differs."""
    deletion = decide(kind, None, contact(kind))
    assert deletion is not None
    assert deletion.desired is None
    creation = decide(kind, contact(kind), None)
    assert creation is not None
    assert creation.desired == contact(kind)
    correction = decide(kind, contact(kind), contact(kind, PhoneNumber="+47 555 99 99"))
    assert correction == Change(kind, contact(kind), ("PhoneNumber",))


@pytest.mark.parametrize("show", [repr, str, "{!r}".format, lambda c: repr([c]), lambda c: f"{ ({'held': c}) }"])
def test_a_contact_shows_no_value(show: Callable[[Contact], str]) -> None:
    """Every way into a log line names a contact's fields and shows no value."""
    shown = show(contact(Kind.SECURITY, Name="canary-value", EmailAddress="canary@values.example"))
    assert "canary" not in shown
    assert "EmailAddress" in shown
