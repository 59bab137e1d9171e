"""The configuration of contact sync: one shape in the stack file, the table and at run time.

`pulumi preview`, the deploy's custom resource and a run that reads the table all validate
with `parse`, so that nothing reaches the table that a run could not use. Keys are the spec's,
in snake_case. The model is frozen: a run keeps the version it has read to its end.
"""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from orgsync.contact_sync.names import Kind, Operation
from orgsync.shared.notification_settings import Frozen, NotificationSettings
from orgsync.shared.schedule import schedule as schedule_that_fires

AccountId = Annotated[str, StringConstraints(pattern=r"^[0-9]{12}$")]


def _unit(value: str) -> str:
    """A path of unit names from the root (`/Sandbox/Team A`) or a unit's own id."""
    if re.fullmatch(r"ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}", value):
        return value
    if re.fullmatch(r"(/[^/]{1,128})+", value):
        return value
    raise ValueError("write a path from the root such as /Sandbox, or a unit id such as ou-ab12-34cd56ef")


def _unique(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) != len(values):
        raise ValueError("name each entry once")
    return values


def _listed(value: Any) -> Any:
    """One tag value is a list of one."""
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value


TagValues = Annotated[tuple[str, ...], BeforeValidator(_listed), Field(min_length=1)]


class RetryConfig(Frozen):
    """How a temporary failure of one call is tried again; delays in seconds, doubling."""

    max_attempts: int = Field(default=3, ge=0, le=10)
    base_delay: float = Field(default=2, ge=0, le=60)
    max_delay: float = Field(default=60, ge=0, le=300)

    @model_validator(mode="after")
    def _order(self) -> "RetryConfig":
        if self.max_delay < self.base_delay:
            raise ValueError("max_delay must not be below base_delay")
        return self

    def delays(self) -> tuple[float, ...]:
        """Seconds before each retry: 2, 4, 8 by default."""
        return tuple(min(self.base_delay * 2**i, self.max_delay) for i in range(self.max_attempts))


class VerifyConfig(Frozen):
    """How a write is read back: seconds before the first look, doubling before each further one."""

    delay: float = Field(default=2, ge=0, le=60)
    max_attempts: int = Field(default=4, ge=1, le=10)

    def delays(self) -> tuple[float, ...]:
        """Seconds before each look: 2, 4, 8, 16 by default."""
        return tuple(self.delay * 2**i for i in range(self.max_attempts))


class Pace(Frozen):
    """A quota: calls per second and how many may come at once."""

    rate: float = Field(gt=0, le=1000)
    burst: float = Field(ge=1, le=2000)


# Commercial quotas per calling account (AWS: Account Management quotas). ListTagsForResource
# belongs to Organizations, whose quota for it is not published: a guess on the careful side.
AWS_QUOTAS: Mapping[Operation, Pace] = {
    Operation.GET_PRIMARY: Pace(rate=10, burst=15),
    Operation.PUT_PRIMARY: Pace(rate=5, burst=8),
    Operation.GET_ALTERNATE: Pace(rate=10, burst=15),
    Operation.PUT_ALTERNATE: Pace(rate=5, burst=8),
    Operation.DELETE_ALTERNATE: Pace(rate=1, burst=6),
    Operation.LIST_TAGS: Pace(rate=10, burst=15),
}


class ContactSyncConfig(Frozen):
    """Everything an owner decides about contact sync; an empty mapping is a safe default."""

    contact_types: Annotated[tuple[Kind, ...], AfterValidator(_unique)] = Field(default=tuple(Kind), min_length=1)
    excluded_accounts: Annotated[tuple[AccountId, ...], AfterValidator(_unique)] = ()
    excluded_units: Annotated[tuple[Annotated[str, AfterValidator(_unit)], ...], AfterValidator(_unique)] = ()
    excluded_tags: Mapping[Annotated[str, Field(min_length=1, max_length=128)], TagValues] = Field(default_factory=dict)
    on_source_delete: Literal["ignore", "propagate", "alert"] = "alert"
    retry_config: RetryConfig = RetryConfig()
    verify_config: VerifyConfig = VerifyConfig()
    pacing: Mapping[Operation, Pace] = Field(default_factory=dict)
    schedule: Annotated[str, AfterValidator(schedule_that_fires)] = "rate(1 day)"
    notification_settings: NotificationSettings = NotificationSettings()
    paused: bool = False

    def pace(self, operation: Operation) -> Pace:
        """The pace of one operation: the owner's, or AWS's quota."""
        return self.pacing.get(operation, AWS_QUOTAS[operation])


class ConfigurationRefused(ValueError):
    """A configuration that cannot be used; the message names every place and what is allowed there."""


def parse(document: Mapping[str, Any]) -> ContactSyncConfig:
    """Validate a configuration document.

    Raises:
        ConfigurationRefused: with one line a mistake: its path, what is wrong, what is allowed.
    """
    try:
        text = json.dumps(whole(document))
    except TypeError as error:
        raise ConfigurationRefused(f"contact_sync: {error}: use text, numbers, lists and mappings only") from error
    try:
        # As JSON and strictly: text is no number and no truth, but a list may stand for a tuple.
        return ContactSyncConfig.model_validate_json(text)
    except ValidationError as error:
        mistakes = error.errors(include_url=False)
        # A list with a wrong entry is also counted as too short: one mistake, not two.
        inside = {mistake["loc"][:-1] for mistake in mistakes}
        told = [m for m in mistakes if not (m["type"] == "too_short" and m["loc"] in inside)]
        lines = list(dict.fromkeys(_explain(mistake) for mistake in told))
    # Raised outside the handler: pydantic's own error repeats the input, and the chain is printed.
    raise ConfigurationRefused("\n".join(lines))


def _explain(mistake: Any) -> str:
    path = ".".join(str(step) for step in mistake["loc"]) or "contact_sync"
    message = mistake["msg"].removeprefix("Value error, ")
    if mistake["type"] == "extra_forbidden":
        message = f"is not a key here; allowed: {', '.join(_keys_beside(mistake['loc']))}"
    elif path.startswith("excluded_accounts."):
        message = "must be an account id of 12 digits, in quotes"
    elif path.startswith("excluded_tags.") and mistake["loc"][-1] != "[key]":
        path = ".".join(str(step) for step in mistake["loc"][:2])
        message = "must be a value in quotes, or a list of such values"
    elif mistake["type"] in PLAINLY:
        message = f"must be {PLAINLY[mistake['type']]}"
    return f"{path}: {message}"


PLAINLY = {
    "string_type": "text, in quotes where it looks like a number",
    "tuple_type": "a list",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}
"""What a type's mistake means to someone who writes YAML."""


def whole(value: Any) -> Any:
    """The same document with whole numbers written whole: Pulumi's engine hands all numbers on as floats."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: whole(item) for key, item in value.items()}
    return [whole(item) for item in value] if isinstance(value, list | tuple) else value


def _keys_beside(path: tuple[str | int, ...]) -> list[str]:
    """The keys that a model accepts at the place where a wrong one was found."""
    model: Any = ContactSyncConfig
    for step in path[:-1]:
        annotation = model.model_fields[step].annotation if step in model.model_fields else None
        nested = list(_models_in(annotation))
        if nested:
            model = nested[0]
    return sorted(model.model_fields)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models_in(part)]
