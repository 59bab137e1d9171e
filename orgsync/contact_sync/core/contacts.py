"""Contacts as AWS knows them: their fields, which values may be written, and how two of them differ.

Field names are AWS's own (`FullName`, `EmailAddress`). Limits come from the Account
Management API's service model; the countries that need a state from its documentation.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from orgsync.contact_sync.names import Kind

_STATE_REQUIRED_IN = frozenset({"US", "CA", "GB", "DE", "JP", "IN", "BR"})


class _FieldRule(NamedTuple):
    """Rule of AWS for one field: length in characters, and a pattern where it has one."""

    longest: int
    required: bool = True
    pattern: str | None = None
    shape: str = ""


_PRIMARY_FIELDS: Mapping[str, _FieldRule] = {
    "FullName": _FieldRule(50),
    "AddressLine1": _FieldRule(60),
    "AddressLine2": _FieldRule(60, required=False),
    "AddressLine3": _FieldRule(60, required=False),
    "City": _FieldRule(50),
    "CompanyName": _FieldRule(50, required=False),
    "CountryCode": _FieldRule(2, pattern=r"[A-Z]{2}", shape="two letters such as DE"),
    "DistrictOrCounty": _FieldRule(50, required=False),
    "PhoneNumber": _FieldRule(20, pattern=r"[+][\s0-9()-]+", shape="a phone number that begins with +"),
    "PostalCode": _FieldRule(20),
    "StateOrRegion": _FieldRule(50, required=False),
    "WebsiteUrl": _FieldRule(256, required=False),
}

_ALTERNATE_FIELDS: Mapping[str, _FieldRule] = {
    "EmailAddress": _FieldRule(254, pattern=r"[\w+=.#|!&-]+@[\w.-]+\.[\w]+", shape="an e-mail address"),
    "Name": _FieldRule(64),
    "PhoneNumber": _FieldRule(25, pattern=r"[\s0-9()+-]+", shape="a phone number: digits, spaces, ( ) + -"),
    "Title": _FieldRule(50),
}


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
        """Normalise the fields that AWS (or the state table) holds; keys that the kind does not have are dropped."""
        known = {name: str(raw[name]).strip() for name in cls.rules(kind) if raw.get(name) is not None}
        if "CountryCode" in known:
            known["CountryCode"] = known["CountryCode"].upper()
        return cls(kind, {name: value for name, value in known.items() if value})

    @staticmethod
    def rules(kind: Kind) -> Mapping[str, _FieldRule]:
        """Return the rule of every field that a contact of this kind has."""
        return _PRIMARY_FIELDS if kind is Kind.PRIMARY else _ALTERNATE_FIELDS

    def field_errors(self) -> tuple[str, ...]:
        """Return the fields that AWS would refuse, each with the rule and never with its value; empty when none.

        A contact that Get returns may fail Put (an old phone number without its +): checked once at the
        source, it is one clear error instead of one failure for every member.
        """
        found: list[str] = []
        for name, rule in self.rules(self.kind).items():
            value = self.fields.get(name)
            if value is None:
                if rule.required:
                    found.append(f"{self.kind}.{name} is required")
            elif len(value) > rule.longest:
                found.append(f"{self.kind}.{name} is longer than {rule.longest} characters")
            elif rule.pattern and not re.fullmatch(rule.pattern, value, re.ASCII):
                found.append(f"{self.kind}.{name} must be {rule.shape}")
        if (
            self.kind is Kind.PRIMARY
            and self.fields.get("CountryCode") in _STATE_REQUIRED_IN
            and "StateOrRegion" not in self.fields
        ):
            found.append(f"{self.kind}.StateOrRegion is required in this country")
        return tuple(found)

    def __repr__(self) -> str:
        return f"Contact({self.kind}: {', '.join(sorted(self.fields))})"


@dataclass(frozen=True)
class Change:
    """A difference that would be written.

    Attributes:
        desired: the contact to put; None deletes it.
        fields: names of the fields that differ, sorted.
    """

    kind: Kind
    desired: Contact | None
    fields: tuple[str, ...]


def decide(kind: Kind, desired: Contact | None, held: Contact | None) -> Change | None:
    """Compare what an account should hold with what it holds; None when they are equal.

    A contact that does not exist has no fields.
    """
    wanted = desired.fields if desired else {}
    found = held.fields if held else {}
    fields = tuple(sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name)))
    return Change(kind, desired, fields) if fields else None
