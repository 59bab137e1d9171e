"""An organization to rehearse with: accounts, units, tags and contacts, from a seed or from a file.

Pure data. Contacts carry AWS's own field names; a kind of contact that an account does not
have is not a key. The same seed always makes the same organization.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Fields = dict[str, str]
"""One contact: AWS field name to value."""

MANAGEMENT = "100000000001"
PRIMARY = "primary"
KINDS = (PRIMARY, "billing", "operations", "security")
STATES = ("PENDING_ACTIVATION", "ACTIVE", "SUSPENDED", "PENDING_CLOSURE", "CLOSED")
FEATURES = ("all", "consolidated_billing")
_REQUIRED = ("FullName", "AddressLine1", "City", "PostalCode", "CountryCode", "PhoneNumber")
_OPTIONAL = ("AddressLine2", "AddressLine3", "StateOrRegion", "DistrictOrCounty", "CompanyName", "WebsiteUrl")
PRIMARY_FIELDS = frozenset({*_REQUIRED, *_OPTIONAL})
ALTERNATE_FIELDS = frozenset({"Name", "Title", "EmailAddress", "PhoneNumber"})

_UNITS = ("/Workloads/Prod", "/Workloads/Prod", "/Workloads/Dev", "/Sandbox", "/Security", "/")
_TEAMS = ("web", "data", "mobile", "search", "payments", "platform", "research")
_FIRST = ("Ana", "Bo", "Chidi", "Dana", "Eve", "Farid", "Grace", "Hana", "Ivo", "Jun", "Kofi", "Lena")
_LAST = ("Adler", "Brandt", "Chen", "Diaz", "Eriksen", "Fofana", "Gupta", "Haas", "Ito", "Jansen")
_ADDRESSES = (
    ("Seattle", "WA", "US", "98101"),
    ("Berlin", "BE", "DE", "10115"),
    ("Toronto", "ON", "CA", "M5H 2N2"),
    ("Oslo", None, "NO", "0150"),
    ("Lisboa", None, "PT", "1100-148"),
)
_ORGANIZATION = {"management", "accounts", "seed", "trusted_access", "features", "delegated_administrators"}
_TITLES = {"billing": "Finance Lead", "operations": "Operations Lead", "security": "Security Lead"}


class OrganizationInvalid(ValueError):
    """A description of an organization that cannot be used; the message has the path in it."""


@dataclass
class MemberAccount:
    """One member account; `ou` is a path of unit names from the root (`/` is the root itself)."""

    id: str
    name: str
    email: str
    ou: str = "/"
    state: str = "ACTIVE"
    tags: dict[str, str] = field(default_factory=dict)
    contacts: dict[str, Fields] = field(default_factory=dict)


@dataclass
class OrganizationModel:
    """The management account's id and contacts, and its members in the order they joined."""

    management: str
    accounts: list[MemberAccount]
    source: dict[str, Fields]
    trusted_access: bool = True
    """Trusted access of Account Management, without which nobody reaches another account's contacts."""
    features: str = "all"
    """One of `FEATURES`; Account Management asks for all features."""
    delegated_administrators: list[str] = field(default_factory=list)
    """The members that administer Account Management beside the management account."""


def make(seed: int, count: int, management: str = MANAGEMENT) -> OrganizationModel:
    """Make an organization of `count` members, the same for the same seed, every account with contacts of its own."""
    accounts = [_account(seed, f"{200_000_000_000 + number:012d}", number) for number in range(1, count + 1)]
    source = {kind: make_contact(seed, management, kind) for kind in KINDS}
    return OrganizationModel(management, accounts, source)


def make_contact(seed: int, account: str, kind: str) -> Fields:
    """Make a contact that AWS would accept, the same for the same seed, account and kind."""
    draw = random.Random(f"{seed}/{account}/{kind}")
    person = f"{draw.choice(_FIRST)} {draw.choice(_LAST)}"
    phone = f"+1 555-{draw.randrange(100, 1000)}-{draw.randrange(10_000):04d}"
    if kind != PRIMARY:
        email = f"{kind}.{draw.randrange(1000):03d}@{account}.example.com"
        return {"Name": person, "Title": _TITLES[kind], "EmailAddress": email, "PhoneNumber": phone}
    city, state, country, postal_code = draw.choice(_ADDRESSES)
    fields = {
        "FullName": person,
        "AddressLine1": f"{draw.randrange(1, 999)} Example Street",
        "City": city,
        "PostalCode": postal_code,
        "CountryCode": country,
        "PhoneNumber": phone,
        "CompanyName": f"Example {account[-4:]}",
    }
    return fields | ({"StateOrRegion": state} if state else {})


def from_document(document: Mapping[str, Any]) -> OrganizationModel:
    """Make the organization that a scenario file describes under `organization` and `source`.

    Raises:
        OrganizationInvalid: with the path in the file that is wrong, and what is allowed there.
    """
    described = _mapping(document.get("organization", {}), "organization", _ORGANIZATION)
    seed = described.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise OrganizationInvalid("organization.seed: must be a whole number")
    management = _account_id(described.get("management", MANAGEMENT), "organization.management")
    organization = make(seed, 0, management)
    organization.accounts = _accounts(described.get("accounts", 3), seed)
    _administer(organization, described)
    ids = [management, *(account.id for account in organization.accounts)]
    twice = sorted({account for account in ids if ids.count(account) > 1})
    if twice:
        raise OrganizationInvalid(f"organization.accounts: {', '.join(twice)} stands there twice")
    for kind, fields in contacts(document.get("source", {}), "source").items():
        if fields is None:
            del organization.source[kind]
        else:
            organization.source[kind] = fields
    return organization


def _administer(organization: OrganizationModel, described: Mapping[str, Any]) -> None:
    """Read who may manage the accounts' contacts."""
    trusted, features = described.get("trusted_access", True), described.get("features", "all")
    if not isinstance(trusted, bool):
        raise OrganizationInvalid("organization.trusted_access: must be true or false")
    if features not in FEATURES:
        raise OrganizationInvalid(f"organization.features: must be {' or '.join(FEATURES)}")
    members = {account.id for account in organization.accounts}
    delegated = described.get("delegated_administrators", [])
    if not isinstance(delegated, list):
        raise OrganizationInvalid("organization.delegated_administrators: must be a list of account ids")
    for position, account in enumerate(delegated):
        path = f"organization.delegated_administrators.{position}"
        if _account_id(account, path) not in members:
            raise OrganizationInvalid(f"{path}: {account} is no member account of this organization")
    organization.trusted_access, organization.features = trusted, features
    organization.delegated_administrators = list(delegated)


def contacts(described: Any, path: str) -> dict[str, Fields | None]:
    """Read kinds with their fields, or None for a contact that does not exist; only names are checked, never values.

    Raises:
        OrganizationInvalid: for a kind or a field that AWS does not know, or a primary contact that is None.
    """
    result: dict[str, Fields | None] = {}
    for kind, fields in _mapping(described, path, set(KINDS)).items():
        if fields is None and kind == PRIMARY:
            raise OrganizationInvalid(f"{path}.primary: every account has a primary contact; it cannot be null")
        allowed = PRIMARY_FIELDS if kind == PRIMARY else ALTERNATE_FIELDS
        result[kind] = None if fields is None else _strings(fields, f"{path}.{kind}", set(allowed))
    return result


def _account(seed: int, account: str, number: int) -> MemberAccount:
    draw = random.Random(f"{seed}/{account}")
    team = draw.choice(_TEAMS)
    kinds = [kind for kind in KINDS if kind == PRIMARY or draw.random() < 0.75]
    return MemberAccount(
        id=account,
        name=f"{team}-{number}",
        email=f"{team}-{number}@example.com",
        ou=draw.choice(_UNITS),
        tags={"team": team},
        contacts={kind: make_contact(seed, account, kind) for kind in kinds},
    )


def _accounts(described: Any, seed: int) -> list[MemberAccount]:
    if isinstance(described, int) and not isinstance(described, bool) and described >= 0:
        return make(seed, described).accounts
    if not isinstance(described, Sequence) or isinstance(described, str):
        raise OrganizationInvalid("organization.accounts: must be a number of accounts or a list of them")
    return [_listed_account(entry, f"organization.accounts[{i}]", seed) for i, entry in enumerate(described)]


def _listed_account(entry: Any, path: str, seed: int) -> MemberAccount:
    entry = _mapping(entry, path, {"id", "name", "email", "ou", "state", "tags", "contacts"})
    account = _account_id(entry.get("id"), f"{path}.id")
    texts = {key: entry[key] for key in ("name", "email", "ou", "state") if key in entry}
    texts = {"name": f"account-{account[-4:]}", "email": f"{account}@example.com"} | _strings(texts, path, set(texts))
    if texts.get("state", "ACTIVE") not in STATES:
        raise OrganizationInvalid(f"{path}.state: must be one of {', '.join(STATES)}")
    if not re.fullmatch(r"/|(/[^/]+)+", texts.get("ou", "/")):
        raise OrganizationInvalid(f"{path}.ou: must be a path from the root such as /Workloads/Prod")
    given = contacts(entry.get("contacts", {}), f"{path}.contacts")
    held = {kind: fields for kind, fields in given.items() if fields is not None}
    held.setdefault(PRIMARY, make_contact(seed, account, PRIMARY))
    return MemberAccount(id=account, tags=_strings(entry.get("tags", {}), f"{path}.tags"), contacts=held, **texts)


def _account_id(value: Any, path: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"\d{12}", value):
        raise OrganizationInvalid(f"{path}: must be an account id of 12 digits, in quotes")
    return value


def _mapping(value: Any, path: str, allowed: set[str] | None = None) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise OrganizationInvalid(f"{path}: must be a mapping")
    unknown = sorted(str(key) for key in value if allowed is not None and key not in allowed)
    if unknown:
        raise OrganizationInvalid(
            f"{path}.{unknown[0]}: is not a key here; allowed: {', '.join(sorted(allowed or ()))}"
        )
    return value


def _strings(value: Any, path: str, allowed: set[str] | None = None) -> Fields:
    for key, text in _mapping(value, path, allowed).items():
        if not isinstance(text, str):
            raise OrganizationInvalid(f"{path}.{key}: must be text, in quotes")
    return dict(value)
