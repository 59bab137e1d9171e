"""The scenario file's model: the organization, the source, quotas and faults, and the expected end.

The steps have a file of their own. Everything is strict: an unknown key, a number where
text belongs or an id that is not 12 digits is an error, because a rehearsal that quietly
ignored a line would be believed all the same.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from orgsync.sandbox.rehearsal.parts import (
    AccountId,
    ContactsDocument,
    Fault,
    StrictDocument,
    Tags,
    Text,
    UnitPath,
)
from orgsync.sandbox.rehearsal.steps import Step

SETTLE_S = 120.0
"""The seconds that the sandbox waits after a step, unless the scenario says otherwise."""

State = Literal["PENDING_ACTIVATION", "ACTIVE", "SUSPENDED", "PENDING_CLOSURE", "CLOSED"]


class AccountDocument(StrictDocument):
    """One member account as the file describes it; fields that are missing are made from the seed."""

    id: AccountId
    name: Text = ""
    email: Text = ""
    ou: UnitPath = "/"
    state: State = "ACTIVE"
    tags: Tags = Field(default_factory=dict)
    contacts: ContactsDocument = Field(default_factory=ContactsDocument)


def _unique_ids(accounts: list[AccountDocument]) -> list[AccountDocument]:
    ids = [account.id for account in accounts]
    twice = sorted({one for one in ids if ids.count(one) > 1})
    if twice:
        raise ValueError(f"each id belongs to one account; named twice: {', '.join(twice)}")
    return accounts


def _form_of_accounts(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | list):
        return None
    return "~named" if isinstance(value, list) else "~counted"


Accounts = Annotated[
    Annotated[Annotated[int, Field(ge=0, le=2000)], Tag("~counted")]
    | Annotated[Annotated[list[AccountDocument], AfterValidator(_unique_ids)], Tag("~named")],
    Discriminator(
        _form_of_accounts,
        custom_error_type="accounts",
        custom_error_message="must be a number of accounts, or a list of them",
    ),
]
"""A number of accounts made from the seed, or each account by name (tags with `~` are no part of a path)."""


class OrganizationDocument(StrictDocument):
    """The key `organization`: the management account and its members."""

    management: AccountId = "100000000001"
    accounts: Accounts
    seed: int = 0

    @model_validator(mode="after")
    def _management_is_no_member(self) -> "OrganizationDocument":
        if isinstance(self.accounts, list) and self.management in {account.id for account in self.accounts}:
            raise ValueError(f"the management account {self.management} cannot be one of the members")
        return self


class QuotaDocument(StrictDocument):
    """One operation's quota in calls a second, and how many may come at once."""

    rate: float = Field(gt=0, le=1000)
    burst: float = Field(ge=1, le=2000)


QuotaOperation = Literal[
    "GetContactInformation",
    "PutContactInformation",
    "GetAlternateContact",
    "PutAlternateContact",
    "DeleteAlternateContact",
]


def _form_of_quotas(value: Any) -> str:
    return "~each" if isinstance(value, dict) else "~all"


Quotas = Annotated[
    Annotated[Literal["off", "aws"], Tag("~all")] | Annotated[dict[QuotaOperation, QuotaDocument], Tag("~each")],
    Discriminator(_form_of_quotas),
]


class Scenario(StrictDocument):
    """A whole rehearsal; `config` is not validated here, because the product validates it itself at preview."""

    name: Text
    organization: OrganizationDocument
    source: ContactsDocument = Field(default_factory=ContactsDocument)
    config: dict[str, Any] = Field(default_factory=dict)
    quotas: Quotas = "off"
    latency_ms: float = Field(default=0, ge=0, le=10_000)
    faults: list[Fault] = Field(default_factory=list)
    expect: Literal["converged", "diverged", "any"] = "converged"
    settle_s: float = Field(default=SETTLE_S, gt=0, le=3600)
    steps: list[Step] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _yaml_says_false_for_off(cls, value: Any) -> Any:
        """`quotas: off` without quotation marks is `false` in YAML 1.1."""
        if isinstance(value, dict) and value.get("quotas") is False:
            return {**value, "quotas": "off"}
        return value
