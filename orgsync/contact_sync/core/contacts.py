"""Contacts as AWS knows them: what may be written, when two are equal, where they differ.

Field names are AWS's own (`FullName`, `EmailAddress`). Limits come from the Account
Management API's service model; the countries that need a state from its documentation.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from orgsync.contact_sync.names import ALTERNATES, Kind

STATE_REQUIRED_IN = frozenset({"US", "CA", "GB", "DE", "JP", "IN", "BR"})


class Limit(NamedTuple):
    """What AWS accepts for one field: length in characters, and a pattern where it has one."""

    longest: int
    required: bool = True
    pattern: str | None = None
    shape: str = ""


PRIMARY_FIELDS: Mapping[str, Limit] = {
    "FullName": Limit(50),
    "AddressLine1": Limit(60),
    "AddressLine2": Limit(60, required=False),
    "AddressLine3": Limit(60, required=False),
    "City": Limit(50),
    "CompanyName": Limit(50, required=False),
    "CountryCode": Limit(2, pattern=r"[A-Z]{2}", shape="two letters such as DE"),
    "DistrictOrCounty": Limit(50, required=False),
    "PhoneNumber": Limit(20, pattern=r"[+][\s0-9()-]+", shape="a phone number that begins with +"),
    "PostalCode": Limit(20),
    "StateOrRegion": Limit(50, required=False),
    "WebsiteUrl": Limit(256, required=False),
}

ALTERNATE_FIELDS: Mapping[str, Limit] = {
    "EmailAddress": Limit(254, pattern=r"[\w+=.#|!&-]+@[\w.-]+\.[\w]+", shape="an e-mail address"),
    "Name": Limit(64),
    "PhoneNumber": Limit(25, pattern=r"[\s0-9()+-]+", shape="a phone number: digits, spaces, ( ) + -"),
    "Title": Limit(50),
}


def fields_of(kind: Kind) -> Mapping[str, Limit]:
    """The fields that a contact of this kind has at AWS."""
    return ALTERNATE_FIELDS if kind in ALTERNATES else PRIMARY_FIELDS


@dataclass(frozen=True, repr=False)
class Contact:
    """One contact, normalised: no surrounding white space, no empty fields, country in capitals.

    Its `repr` names the fields and never their values: contacts travel through code
    whose exceptions and logs people read.
    """

    kind: Kind
    fields: Mapping[str, str]

    @classmethod
    def of(cls, kind: Kind, raw: Mapping[str, object]) -> "Contact":
        """Take what AWS (or the state table) holds; keys that the kind does not have are left out."""
        known = {name: str(raw[name]).strip() for name in fields_of(kind) if raw.get(name) is not None}
        if "CountryCode" in known:
            known["CountryCode"] = known["CountryCode"].upper()
        return cls(kind, {name: value for name, value in known.items() if value})

    def __repr__(self) -> str:
        return f"Contact({self.kind}: {', '.join(sorted(self.fields))})"


@dataclass(frozen=True)
class Flaw:
    """Why AWS would refuse a contact: the field and the rule, never the value."""

    kind: Kind
    field: str
    rule: str

    def __str__(self) -> str:
        return f"{self.kind}.{self.field} {self.rule}"


def flaws(contact: Contact) -> tuple[Flaw, ...]:
    """Everything for which AWS would refuse to take this contact; empty when it can be written.

    What Get returns may fail Put (an old phone number without its +): checked once at the
    source, it is one clear error instead of one failure for every member.
    """
    found: list[Flaw] = []
    for name, limit in fields_of(contact.kind).items():
        value = contact.fields.get(name)
        if value is None:
            if limit.required:
                found.append(Flaw(contact.kind, name, "is required"))
        elif len(value) > limit.longest:
            found.append(Flaw(contact.kind, name, f"is longer than {limit.longest} characters"))
        elif limit.pattern and not re.fullmatch(limit.pattern, value, re.ASCII):
            found.append(Flaw(contact.kind, name, f"must be {limit.shape}"))
    if (
        contact.kind is Kind.PRIMARY
        and contact.fields.get("CountryCode") in STATE_REQUIRED_IN
        and "StateOrRegion" not in contact.fields
    ):
        found.append(Flaw(contact.kind, "StateOrRegion", "is required in this country"))
    return tuple(found)


def difference(wanted: Contact | None, held: Contact | None) -> tuple[str, ...]:
    """Names of the fields in which two contacts of a kind differ, sorted; a missing contact has none."""
    a = wanted.fields if wanted else {}
    b = held.fields if held else {}
    return tuple(sorted(name for name in a.keys() | b.keys() if a.get(name) != b.get(name)))
