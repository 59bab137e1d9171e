"""AWS's rules for contacts: field lengths, patterns and required fields (botocore's service model).

They are separate from the product's own rules on purpose: the sandbox checks those.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class _Rule:
    longest: int
    pattern: str | None = None
    required: bool = True
    shortest: int = 1


PRIMARY = {
    "FullName": _Rule(50),
    "AddressLine1": _Rule(60),
    "AddressLine2": _Rule(60, required=False),
    "AddressLine3": _Rule(60, required=False),
    "City": _Rule(50),
    "StateOrRegion": _Rule(50, required=False),
    "DistrictOrCounty": _Rule(50, required=False),
    "PostalCode": _Rule(20),
    "CountryCode": _Rule(2, shortest=2),
    "PhoneNumber": _Rule(20, r"[+][\s0-9()-]+"),
    "CompanyName": _Rule(50, required=False),
    "WebsiteUrl": _Rule(256, required=False),
}
ALTERNATE = {
    "Name": _Rule(64),
    "Title": _Rule(50),
    "EmailAddress": _Rule(254, r"[\s]*[\w+=.#|!&-]+@[\w.-]+\.[\w]+[\s]*"),
    "PhoneNumber": _Rule(25, r"[\s0-9()+-]+"),
}
# AWS documentation of ContactInformation: the state or region is required within these countries.
STATE_REQUIRED = frozenset({"US", "CA", "GB", "DE", "JP", "IN", "BR"})


def field_errors(kind: str, fields: Mapping[str, object]) -> list[tuple[str, str]]:
    """List AWS's errors about the fields of a `primary` or alternate contact: (field, message).

    The messages repeat the value: the model marks them sensitive, so callers must expect it.
    """
    rules = PRIMARY if kind == "primary" else ALTERNATE
    found = [(name, message) for name, rule in rules.items() if (message := _field_error(rule, fields.get(name)))]
    if kind == "primary" and fields.get("CountryCode") in STATE_REQUIRED and not fields.get("StateOrRegion"):
        found.append(("StateOrRegion", f"must not be empty for country {fields['CountryCode']}"))
    return found


def _field_error(rule: _Rule, value: object) -> str | None:
    if value is None:
        return "must not be null" if rule.required else None
    if not isinstance(value, str):
        return "must be a string"
    if not rule.shortest <= len(value) <= rule.longest:
        return f"'{value}' must be {rule.shortest} to {rule.longest} characters long"
    if rule.pattern and not re.fullmatch(rule.pattern, value, re.ASCII):
        return f"'{value}' must match {rule.pattern}"
    return None
