"""The small parts of scenario files: ids, units, contacts and faults."""

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from orgsync.sandbox.cloud.faults import Faults
from orgsync.sandbox.errors import SandboxError


class StrictDocument(BaseModel):
    """A strict document: no unknown keys, no conversions, and no changes afterwards."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, value: Any) -> Any:
        """Refuse unknown keys as `extra="forbid"` does, but say what is allowed instead."""
        if isinstance(value, dict):
            allowed = [field.alias or name for name, field in cls.model_fields.items()]
            unknown = [str(key) for key in value if key not in allowed]
            if unknown:
                raise PydanticCustomError("unknown_keys", "unknown keys", {"keys": unknown, "allowed": allowed})
        return value


Text = Annotated[str, StringConstraints(min_length=1)]
AccountId = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
UnitPath = Annotated[str, StringConstraints(pattern=r"^/$|^(/[^/]{1,128})+$")]
Tags = dict[str, str]
"""Tags: key to value."""


class PrimaryContactDocument(StrictDocument):
    """A primary contact, in AWS's own field names. Any text is allowed: AWS's refusals can be rehearsed."""

    FullName: str = ""
    AddressLine1: str = ""
    AddressLine2: str = ""
    AddressLine3: str = ""
    City: str = ""
    StateOrRegion: str = ""
    DistrictOrCounty: str = ""
    PostalCode: str = ""
    CountryCode: str = ""
    PhoneNumber: str = ""
    CompanyName: str = ""
    WebsiteUrl: str = ""


class AlternateContactDocument(StrictDocument):
    """A billing, operations or security contact, in AWS's own field names."""

    Name: str = ""
    Title: str = ""
    EmailAddress: str = ""
    PhoneNumber: str = ""


class ContactsDocument(StrictDocument):
    """Contacts by kind; `given` distinguishes a kind that is not mentioned from one that is null."""

    primary: PrimaryContactDocument | None = None
    billing: AlternateContactDocument | None = None
    operations: AlternateContactDocument | None = None
    security: AlternateContactDocument | None = None

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


class CallFault(StrictDocument):
    """Calls that answer with an error: of the Account API (`*`: every operation), or of another service."""

    operation: Text
    error: Text
    account: AccountId | None = None
    rate: float | None = Field(default=None, gt=0, le=1)
    times: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _known_to_the_cloud(self) -> "CallFault":
        try:
            Faults(seed=0, functions=tuple).add(self.model_dump(exclude_none=True))
        except SandboxError as refusal:
            raise ValueError(str(refusal).removeprefix("fault: ")) from refusal
        return self


class CrashFault(StrictDocument):
    """The death of a function's process: before it does anything, or when it has done all but not yet answered."""

    # `deploy` is the former name of the initial sync's function, which older files have.
    function: Annotated[Text, BeforeValidator(lambda name: "initial_sync" if name == "deploy" else name)]
    crash: Literal["before", "after"]
    rate: float | None = Field(default=None, gt=0, le=1)
    times: int | None = Field(default=None, ge=1)


def _form_of_fault(value: Any) -> str:
    crash = isinstance(value, CrashFault) or (isinstance(value, dict) and {"function", "crash"} & set(value))
    return "~crash" if crash else "~call"


Fault = Annotated[
    Annotated[CallFault, Tag("~call")] | Annotated[CrashFault, Tag("~crash")],
    Discriminator(_form_of_fault),
]
