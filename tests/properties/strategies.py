"""Strategies of the properties: contacts that AWS accepts, and organizations that hold them."""

from collections.abc import Mapping

from hypothesis import strategies as st

from orgsync.contact_sync.core.contacts import Contact
from orgsync.contact_sync.names import ALTERNATES, Kind
from orgsync.sandbox.model.organization import MANAGEMENT, Fields, MemberAccount, OrganizationModel

WORDS = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=12)
SHAPED = {
    "EmailAddress": st.from_regex(r"[a-z]{1,8}[+.]?[a-z]{1,8}@[a-z]{1,8}\.(com|org)", fullmatch=True),
    "PhoneNumber": st.from_regex(r"[+]1 555[0-9 -]{3,8}[0-9]", fullmatch=True),
    "CountryCode": st.sampled_from(("US", "DE", "NO", "PT")),
}


@st.composite
def contacts(draw: st.DrawFn, kind: Kind) -> Fields:
    """Draw a contact of a kind that AWS would accept; optional fields come and go."""
    fields = {}
    for name, rule in Contact.rules(kind).items():
        wanted = rule.required or name == "StateOrRegion" or draw(st.booleans())
        if wanted:
            fields[name] = draw(SHAPED.get(name, WORDS))
    return fields


@st.composite
def holdings(draw: st.DrawFn) -> dict[str, Fields]:
    """Draw one account's contacts: a primary contact, and some of the alternates."""
    held = {str(Kind.PRIMARY): draw(contacts(Kind.PRIMARY))}
    for kind in sorted(ALTERNATES):
        if draw(st.booleans()):
            held[str(kind)] = draw(contacts(kind))
    return held


@st.composite
def organizations(draw: st.DrawFn, most: int = 8, least: int = 1) -> OrganizationModel:
    """Draw a management account that has every contact, and members that hold anything, equal or not."""
    source = {str(kind): draw(contacts(kind)) for kind in Kind}
    # A few distinct holdings, shared out: drawing every account's own would spend the examples on text.
    pool = [source, *draw(st.lists(holdings(), min_size=1, max_size=3))]
    accounts = [
        MemberAccount(
            id=f"{200_000_000_001 + number}",
            name=f"a{number}",
            email=f"a{number}@example.com",
            ou=draw(st.sampled_from(("/", "/Workloads", "/Workloads/Prod", "/Sandbox"))),
            state=draw(st.sampled_from(("ACTIVE",) * 8 + ("SUSPENDED", "PENDING_CLOSURE"))),
            tags=draw(st.sampled_from(({}, {"team": "web"}, {"team": "data"}))),
            contacts=dict(draw(st.sampled_from(pool))),
        )
        for number in range(draw(st.integers(least, most)))
    ]
    return OrganizationModel(MANAGEMENT, accounts, source)


def normalised(fields: Mapping[str, str] | None) -> dict[str, str] | None:
    """Return a contact as a person would compare it: no white space around values, no empty fields."""
    return None if fields is None else {name: value.strip() for name, value in fields.items() if value.strip()}
