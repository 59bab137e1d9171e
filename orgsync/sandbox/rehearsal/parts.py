"""The small parts of scenario files: ids, units, contacts, faults and counts."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    Tag,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue

from orgsync.sandbox.cloud.faults import SOURCE, Faults
from orgsync.sandbox.errors import SandboxError
from orgsync.shared.configuration import StrictModel
from orgsync.shared.organization_units import account_id, is_path, unit_path_or_id


class ScenarioPart(StrictModel, use_attribute_docstrings=True):
    """A part of a scenario file; the text below each key is its description in the JSON Schema."""


class _WithoutNull:
    """Takes `null` out of a type's JSON Schema."""

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        described = handler(schema)
        forms = [form for form in described.pop("anyOf", []) if form != {"type": "null"}]
        return {**forms[0], **described} if len(forms) == 1 else {**described, "anyOf": forms}


Value = TypeVar("Value")
OrNotGiven = Annotated[Value | None, _WithoutNull()]
"""The type of a key that need not be given. To write `null` says nothing, so the JSON Schema does not offer it."""


def _unit_path(value: str) -> str:
    if value == "/":
        return value
    try:
        if is_path(value):
            return unit_path_or_id(value)
    except ValueError:
        pass
    raise ValueError("must be a path from the root such as /Workloads/Prod, or / for the root itself")


Text = Annotated[str, StringConstraints(min_length=1)]
Seconds = Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)]
"""A length of time, in AWS's seconds."""
AccountId = Annotated[str, AfterValidator(account_id), WithJsonSchema({"type": "string", "pattern": "^[0-9]{12}$"})]
UnitPath = Annotated[
    str, AfterValidator(_unit_path), WithJsonSchema({"type": "string", "pattern": "^(/|(/[^/]{1,128})+)$"})
]
Tags = dict[str, str]
"""Tags: key to value."""


def _account_or_source(value: str) -> str:
    if value == SOURCE:
        return value
    try:
        return account_id(value)
    except ValueError as error:
        raise ValueError(f"{error}, or {SOURCE} for the management account's own contacts") from error


AccountOrSource = Annotated[
    str, AfterValidator(_account_or_source), WithJsonSchema({"type": "string", "pattern": f"^([0-9]{{12}}|{SOURCE})$"})
]


class PrimaryContactDocument(ScenarioPart):
    """A primary contact, in AWS's own field names. Any text is allowed: AWS's refusals can be rehearsed."""

    FullName: str = ""
    """The full name of the person or the team."""
    AddressLine1: str = ""
    """The first line of the address."""
    AddressLine2: str = ""
    """The second line of the address."""
    AddressLine3: str = ""
    """The third line of the address."""
    City: str = ""
    """The city."""
    StateOrRegion: str = ""
    """The state or region; AWS asks for it in some countries."""
    DistrictOrCounty: str = ""
    """The district or county."""
    PostalCode: str = ""
    """The postal code, in quotes."""
    CountryCode: str = ""
    """The country, as two capital letters of ISO 3166, in quotes (YAML reads NO as false)."""
    PhoneNumber: str = ""
    """The phone number, in quotes."""
    CompanyName: str = ""
    """The company's name."""
    WebsiteUrl: str = ""
    """The address of the company's web site."""


class AlternateContactDocument(ScenarioPart):
    """A billing, operations or security contact, in AWS's own field names."""

    Name: str = ""
    """The name of the person or the team."""
    Title: str = ""
    """The title of the person or the team."""
    EmailAddress: str = ""
    """The e-mail address."""
    PhoneNumber: str = ""
    """The phone number, in quotes."""


class ContactsDocument(ScenarioPart):
    """Contacts by kind: a kind that is null does not exist, which differs from a kind that is not mentioned."""

    primary: OrNotGiven[PrimaryContactDocument] = None
    """The primary contact. It cannot be null: every account has one."""
    billing: AlternateContactDocument | None = None
    """The billing contact; null for one that does not exist."""
    operations: AlternateContactDocument | None = None
    """The operations contact; null for one that does not exist."""
    security: AlternateContactDocument | None = None
    """The security contact; null for one that does not exist."""

    @field_validator("primary")
    @classmethod
    def _always_there(cls, value: PrimaryContactDocument | None) -> PrimaryContactDocument | None:
        if value is None:
            raise ValueError("every account has a primary contact; it cannot be null")
        return value

    def given(self) -> dict[str, dict[str, str] | None]:
        """List the kinds that the file mentions, each with its fields, or None for one that shall not exist."""
        kinds = sorted(self.model_fields_set & set(ContactsDocument.model_fields))
        return {kind: _fields(getattr(self, kind)) for kind in kinds}


def _fields(contact: BaseModel | None) -> dict[str, str] | None:
    return None if contact is None else contact.model_dump(exclude_unset=True)


class CallFault(ScenarioPart):
    """Calls that answer with an error: of the Account API (`*`: every operation), or of another service."""

    operation: Text
    """An operation such as PutAlternateContact or ListAccounts; "*" stands for all operations of the Account API."""
    error: Text
    """The error's code, such as AccessDeniedException."""
    account: OrNotGiven[AccountOrSource] = None
    """Only calls that concern this account; source for the management account's own contacts. For operations of the
    Account API only."""
    rate: OrNotGiven[float] = Field(default=None, gt=0, le=1)
    """The share of the calls that fail, above 0 and at most 1; every call without it."""
    times: OrNotGiven[int] = Field(default=None, ge=1)
    """The number of calls that fail; without an end if it is not given."""
    for_s: OrNotGiven[Seconds] = None
    """The seconds for which the fault is in force; without an end if they are not given."""
    written: bool = False
    """True for calls that fail although they have written; for operations that write."""

    @model_validator(mode="after")
    def _known_to_the_cloud(self) -> "CallFault":
        try:
            Faults(seed=0, functions=tuple).add(self.model_dump(exclude_none=True))
        except SandboxError as refusal:
            raise ValueError(str(refusal).removeprefix("fault: ")) from refusal
        return self


class CrashFault(ScenarioPart):
    """The death of a function's process: before it does anything, or when it has done all but not yet answered."""

    # `deploy` is the former name of the initial sync's function, which older files have.
    function: Annotated[Text, BeforeValidator(lambda name: "initial_sync" if name == "deploy" else name)]
    """The function, such as process."""
    crash: Literal["before", "after"]
    """before: the process dies before it does anything. after: its work is done, but it has not answered."""
    rate: OrNotGiven[float] = Field(default=None, gt=0, le=1)
    """The share of the invocations that crash, above 0 and at most 1; every one without it."""
    times: OrNotGiven[int] = Field(default=None, ge=1)
    """The number of times that the process dies; without an end if it is not given."""
    for_s: OrNotGiven[Seconds] = None
    """The seconds for which the fault is in force; without an end if they are not given."""


def _form_of_fault(value: Any) -> str:
    crash = isinstance(value, CrashFault) or (isinstance(value, dict) and {"function", "crash"} & set(value))
    return "~crash" if crash else "~call"


Fault = Annotated[
    Annotated[CallFault, Tag("~call")] | Annotated[CrashFault, Tag("~crash")],
    Discriminator(_form_of_fault),
]


class CountRange(ScenarioPart):
    """A number of things with a lower bound, an upper bound or both."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    at_least: int = Field(default=0, ge=0)
    """The lower bound."""
    at_most: OrNotGiven[int] = Field(default=None, ge=0)
    """The upper bound; none if it is not given."""

    @model_validator(mode="after")
    def _can_be_met(self) -> "CountRange":
        if not self.model_fields_set:
            raise ValueError("give at_least, at_most or both")
        if self.at_most is not None and self.at_most < self.at_least:
            raise ValueError("at_most must not be less than at_least")
        return self


def _form_of_count(value: Any) -> str:
    return "~range" if isinstance(value, dict | CountRange) else "~exact"


Count = Annotated[
    Annotated[Annotated[int, Field(ge=0)], Tag("~exact")] | Annotated[CountRange, Tag("~range")],
    Discriminator(_form_of_count),
]
"""A number of things: exactly so many, or a range."""
