"""The scenario file's model: the organization, the source, quotas and faults, and the expected end.

The steps have a file of their own. Everything is strict: an unknown key, a number where
text belongs or an id that is not 12 digits is an error, because a rehearsal that quietly
ignored a line would be believed all the same.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, WithJsonSchema, model_validator

from orgsync.sandbox.rehearsal.parts import (
    AccountId,
    ContactsDocument,
    Fault,
    ScenarioPart,
    Tags,
    Text,
    UnitPath,
)
from orgsync.sandbox.rehearsal.steps import Step

SETTLE_S = 120.0
"""The seconds that the sandbox waits after a step, unless the scenario says otherwise."""

State = Literal["PENDING_ACTIVATION", "ACTIVE", "SUSPENDED", "PENDING_CLOSURE", "CLOSED"]


class AccountDocument(ScenarioPart):
    """One member account as the file describes it; fields that are missing are made from the seed."""

    id: AccountId
    """The account's id, 12 digits in quotes; each id belongs to one account."""
    name: Text = ""
    """The account's name; made from the id if it is not given."""
    email: Text = ""
    """The e-mail address of the account's root user; made from the id if it is not given."""
    ou: UnitPath = "/"
    """The path of the account's unit from the root."""
    state: State = "ACTIVE"
    """The account's state, as AWS Organizations has it."""
    tags: Tags = Field(default_factory=dict)
    """The account's tags, key to value."""
    contacts: ContactsDocument = Field(default_factory=ContactsDocument)
    """The account's contacts. A kind that is not given does not exist; a primary contact is made from the seed."""


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


class OrganizationDocument(ScenarioPart):
    """The key `organization`: the management account and its members."""

    management: AccountId = "100000000001"
    """The id of the management account, 12 digits in quotes."""
    accounts: Accounts
    """The member accounts: a number of them, which are made from `seed`, or a list."""
    seed: int = 0
    """The number from which everything that the file does not say is made; the same seed makes the same."""

    @model_validator(mode="after")
    def _management_is_no_member(self) -> "OrganizationDocument":
        if isinstance(self.accounts, list) and self.management in {account.id for account in self.accounts}:
            raise ValueError(f"the management account {self.management} cannot be one of the members")
        return self


class QuotaDocument(ScenarioPart):
    """One operation's quota in calls a second, and how many may come at once."""

    rate: float = Field(gt=0, le=1000)
    """Calls a second."""
    burst: float = Field(ge=1, le=2000)
    """Calls that may come at once."""


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
    Annotated[Literal["off", "aws"], Tag("~all"), WithJsonSchema({"enum": ["off", "aws", False]})]
    | Annotated[dict[QuotaOperation, QuotaDocument], Tag("~each")],
    Discriminator(_form_of_quotas),
]


class Scenario(ScenarioPart):
    """A whole rehearsal; `config` is not validated here, because the product validates it itself at preview."""

    name: Text
    """The title of the rehearsal."""
    organization: OrganizationDocument
    """The organization that the rehearsal begins with."""
    source: ContactsDocument = Field(default_factory=ContactsDocument)
    """The management account's own contacts. A kind that is not given is made from the seed; null does not exist."""
    config: dict[str, Any] = Field(default_factory=dict)
    """The configuration that is laid over `orgsync:contact_sync` of the stack file; the product validates it."""
    quotas: Quotas = "off"
    """The quotas of the Account API: off, aws for AWS's own, or operation to rate and burst."""
    latency_ms: float = Field(default=0, ge=0, le=10_000)
    """The milliseconds before each answer of the Account API."""
    lag_s: float = Field(default=0, ge=0, le=3600)
    """The seconds for which the Account API goes on showing what was there before a write."""
    faults: list[Fault] = Field(default_factory=list)
    """The faults that are in force from the start."""
    expect: Literal["converged", "diverged", "any"] = "converged"
    """The end that is right: every account as its policy wants it, not so, or either."""
    settle_s: float = Field(default=SETTLE_S, gt=0, le=3600)
    """The longest time to wait after each step, in seconds, until nothing runs any more."""
    steps: list[Step] = Field(min_length=1)
    """The steps, in order. After each the sandbox waits until nothing runs any more."""

    @model_validator(mode="before")
    @classmethod
    def _yaml_says_false_for_off(cls, value: Any) -> Any:
        """`quotas: off` without quotation marks is `false` in YAML 1.1."""
        if isinstance(value, dict) and value.get("quotas") is False:
            return {**value, "quotas": "off"}
        return value
