"""Contacts: what may be written, when two are equal, where they differ."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgsync.contact_sync.core.contacts import (
    STATE_REQUIRED_IN,
    Contact,
    decide,
    field_errors,
    fields_of,
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
FIELDS = [(kind, name) for kind in (Kind.PRIMARY, Kind.BILLING) for name in fields_of(kind)]
VALUES = st.one_of(st.none(), st.text(max_size=70), st.from_regex(r"\+[0-9 ()-]{0,24}", fullmatch=True))


def contact(kind=Kind.PRIMARY, **changes):
    return Contact.of(kind, VALID[kind] | changes)


def named(found):
    return {flaw.field for flaw in found}


@pytest.mark.parametrize("kind", list(Kind))
def test_a_good_contact_has_no_flaw(kind):
    """What AWS would take is not refused."""
    assert field_errors(contact(kind)) == ()


@pytest.mark.parametrize(("kind", "name"), FIELDS)
def test_a_field_may_be_as_long_as_aws_takes_it(kind, name):
    """One character more than AWS takes is a flaw of that very field; exactly as many is none."""
    longest = fields_of(kind)[name].longest
    shape = {"CountryCode": "N" * 300, "PhoneNumber": "+" + "5" * 300, "EmailAddress": "a@" + "b" * 300}
    text = shape.get(name, "x" * 300)
    fits = text[:longest] if name != "EmailAddress" else f"a@{'b' * (longest - 4)}.c"
    assert named(field_errors(contact(kind, **{name: fits}))) == set()
    assert named(field_errors(contact(kind, **{name: fits + fits[-1]}))) == {name}


@pytest.mark.parametrize(("kind", "name"), FIELDS)
def test_a_required_field_that_is_missing_or_blank_is_a_flaw(kind, name):
    """A field that AWS requires may neither be missing nor blank; any other may be both."""
    expected = {name} if fields_of(kind)[name].required else set()
    for absent in (None, "", "  \t"):
        assert named(field_errors(contact(kind, **{name: absent}))) == expected


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
def test_a_field_in_the_wrong_shape_is_a_flaw(kind, name, value):
    """What AWS's pattern would refuse is found before AWS does, an old phone number without its + too."""
    assert named(field_errors(contact(kind, **{name: value}))) == {name}


@pytest.mark.parametrize("country", sorted(STATE_REQUIRED_IN))
def test_some_countries_need_a_state(country):
    """Where AWS requires a state or region, its absence is a flaw, and its presence none."""
    assert named(field_errors(contact(CountryCode=country))) == {"StateOrRegion"}
    assert field_errors(contact(CountryCode=country, StateOrRegion="WA")) == ()


def test_the_countries_that_need_a_state_are_those_of_the_documentation():
    """The product and the sandbox, each written from AWS's documentation, agree."""
    assert STATE_REQUIRED_IN == contact_rules.STATE_REQUIRED


@pytest.mark.parametrize("kind", [Kind.PRIMARY, Kind.BILLING])
def test_the_limits_are_those_of_the_service_model(kind):
    """The product's limits agree with those by which the sandbox judges."""
    rules = contact_rules.PRIMARY if kind is Kind.PRIMARY else contact_rules.ALTERNATE
    assert {name: (limit.longest, limit.required) for name, limit in fields_of(kind).items()} == {
        name: (rule.longest, rule.required) for name, rule in rules.items()
    }


@given(kind=st.sampled_from([Kind.PRIMARY, Kind.BILLING]), changes=st.data())
def test_what_has_no_flaw_is_taken_by_aws(kind, changes):
    """Whatever a source holds: if no flaw is found in it, AWS's own rules take what would be written."""
    raw = {name: changes.draw(VALUES) for name in changes.draw(st.sets(st.sampled_from(sorted(fields_of(kind)))))}
    checked = contact(kind, **raw)
    if not field_errors(checked):
        assert contact_rules.field_errors(str(kind), checked.fields) == []


@pytest.mark.parametrize("kind", list(Kind))
def test_a_flaw_names_the_field_and_never_the_value(kind):
    """A flaw goes into headers and notices: it must not repeat what stands in the contact."""
    broken = contact(kind, PhoneNumber="canary-value")
    assert [str(flaw) for flaw in field_errors(broken)] != []
    assert "canary" not in " ".join(map(repr, field_errors(broken)))


@given(kind=st.sampled_from(list(Kind)), raw=st.dictionaries(st.text(max_size=12), VALUES))
def test_normalising_twice_is_normalising_once(kind, raw):
    """A contact that went through AWS or the state table is still the same contact."""
    once = Contact.of(kind, VALID[kind] | raw)
    assert Contact.of(kind, once.fields) == once


def test_blanks_case_and_foreign_keys_do_not_count():
    """Surrounding white space, empty fields, a country in small letters and keys of other kinds are no decide."""
    noisy = contact(City=" Oslo\n", CountryCode="no", AddressLine2="", CompanyName=None, AlternateContactType="BILLING")
    assert decide(contact(), noisy) == ()
    assert noisy == contact()


def test_letters_within_a_value_count():
    """Case and inner spaces of a value are part of it."""
    assert decide(contact(City="Oslo"), contact(City="OSLO")) == ("City",)
    assert decide(contact(FullName="Ana Adler"), contact(FullName="Ana  Adler")) == ("FullName",)


def test_a_difference_names_fields_sorted():
    """Fields that are other, missing or too many are named, in order; the same on either side."""
    a, b = contact(City="Bergen", CompanyName="Example"), contact(WebsiteUrl="https://example.com")
    assert decide(a, b) == decide(b, a) == ("City", "CompanyName", "WebsiteUrl")


def test_a_missing_contact_differs_in_all_that_the_other_has():
    """No contact against one differs in each of its fields; none against none in nothing."""
    assert decide(contact(Kind.BILLING), None) == tuple(sorted(ALTERNATE))
    assert decide(None, contact(Kind.BILLING)) == tuple(sorted(ALTERNATE))
    assert decide(None, None) == ()


@pytest.mark.parametrize("show", [repr, str, "{!r}".format, lambda c: repr([c]), lambda c: f"{ ({'held': c}) }"])
def test_a_contact_shows_no_value(show):
    """However a contact gets into a log line, its fields are named and no value is shown."""
    shown = show(contact(Kind.SECURITY, Name="canary-value", EmailAddress="canary@values.example"))
    assert "canary" not in shown
    assert "EmailAddress" in shown
