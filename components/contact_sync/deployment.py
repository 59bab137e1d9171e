"""What a stack decides about its own running: `orgsync:deployment` in the stack file.

What the owner decides about contacts is `orgsync:contact_sync` (`orgsync.contact_sync.config`).
Both are validated before anything is declared, so a mistake fails the preview.
"""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pulumi
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from orgsync.contact_sync import config
from orgsync.contact_sync.names import FailOn

PROJECT = "orgsync"
DOCUMENTS = ("contact_sync", "deployment")
"""What a stack file may hold under the project's name."""

# What CloudWatch Logs accepts (PutRetentionPolicy).
RETENTIONS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)


def _unit_id(value: str) -> str:
    if not re.fullmatch(r"ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}", value):
        raise ValueError(
            "must be a unit's id such as ou-ab12-34cd56ef; "
            "`aws organizations list-organizational-units-for-parent` shows it"
        )
    return value


def _units_once(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) != len(values):
        raise ValueError("name each unit once")
    return values


UnitId = Annotated[str, AfterValidator(_unit_id)]

Memory = Annotated[int, Field(ge=128, le=10240)]


def _retention(days: int) -> int:
    if days not in RETENTIONS:
        raise ValueError(f"CloudWatch Logs keeps one of {', '.join(map(str, RETENTIONS))} days")
    return days


class MemorySizes(BaseModel):
    """Megabytes a function; processor share grows with them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    plan: Memory = 512
    process: Memory = 1024
    report: Memory = 512
    deploy: Memory = 256


class InitialSync(BaseModel):
    """How a deployment takes the reconciliation that it starts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    wait: Literal["end", "start"] = "end"
    fail_on: FailOn = FailOn.FAILED


class Deployment(BaseModel):
    """How one stack runs; the defaults are production's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_retention_days: Annotated[int, AfterValidator(_retention)] = 90
    receipt_retention_days: int = Field(default=90, ge=1, le=3653)
    tracing: bool = False
    point_in_time_recovery: bool = True
    protect: bool = False
    trail: bool = False
    memory: MemorySizes = MemorySizes()
    initial_sync: InitialSync = InitialSync()
    member_events: bool = True
    # CloudFormation takes no more units at once.
    member_units: Annotated[tuple[UnitId, ...], AfterValidator(_units_once)] = Field(default=(), max_length=50)
    throttles_tolerated: int = Field(default=50, ge=1)


class SettingsRefused(ValueError):
    """Settings that cannot be declared; one line a mistake: its path, what is wrong, what is allowed."""


def stack_file(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The project's own documents in a stack's configuration, by their names without `orgsync:`.

    A key that is misspelt must not pass for one that is not given: without its exclusions a
    system would write where it must not.

    Args:
        values: the whole configuration as the engine hands it to a program: full keys, values as JSON text.

    Raises:
        SettingsRefused: with a line for each key that is none of ours, and each value that is no mapping.
    """
    own = {key: value for key, value in values.items() if key.partition(":")[0] == PROJECT}
    allowed = [f"{PROJECT}:{name}" for name in DOCUMENTS]
    lines = [f"{key}: is not a key here; allowed: {', '.join(allowed)}" for key in sorted(own.keys() - set(allowed))]
    documents = {key.partition(":")[2]: _mapping(own[key]) for key in allowed if key in own}
    lines += [
        f"{PROJECT}:{name}: must be a mapping; write {{}} or leave the key out for the defaults"
        for name, document in documents.items()
        if document is None
    ]
    if lines:
        raise SettingsRefused("\n".join(lines))
    return {name: document for name, document in documents.items() if document is not None}


def arguments(given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The component's two documents, by their names; one that is not given, or None, is empty.

    Raises:
        SettingsRefused: for an argument that is none of them, or no mapping, or holds what is known only once something
            is made: what is configured must be known before.
    """
    unknown = sorted(given.keys() - set(DOCUMENTS))
    lines = [f"{name}: is not an argument here; allowed: {', '.join(DOCUMENTS)}" for name in unknown]
    documents = {name: given.get(name) for name in DOCUMENTS}
    for name, document in documents.items():
        if document is not None and not isinstance(document, Mapping):
            lines.append(f"{name}: must be a mapping")
        lines += [f"{path}: must be written out: an Output is known only later" for path in _outputs(document, name)]
    if lines:
        raise SettingsRefused("\n".join(lines))
    return {name: dict(document or {}) for name, document in documents.items()}


def _outputs(value: Any, path: str) -> list[str]:
    """Where in a document something stands that is known only later."""
    if isinstance(value, pulumi.Output):
        return [path]
    inside = (
        value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list | tuple) else ()
    )
    return [found for key, item in inside for found in _outputs(item, f"{path}.{key}")]


def deployment(document: Mapping[str, Any]) -> Deployment:
    """Validate `orgsync:deployment`.

    Raises:
        SettingsRefused: with a line for each mistake.
    """
    try:
        return Deployment.model_validate(document)
    except ValidationError as error:
        lines = [_explain(mistake) for mistake in error.errors(include_url=False)]
    raise SettingsRefused("\n".join(lines))


def contact_sync(document: Mapping[str, Any]) -> config.ContactSyncConfig:
    """Validate `orgsync:contact_sync` with the model that the running code uses.

    Raises:
        SettingsRefused: with a line for each mistake.
    """
    try:
        return config.parse(document)
    except config.ConfigurationRefused as refused:
        lines = [f"orgsync:contact_sync {line}" for line in str(refused).splitlines()]
    raise SettingsRefused("\n".join(lines))


def canonical(document: Any) -> str:
    """A document as JSON that is equal when the documents are: sorted, whole numbers without a fraction.

    The engine hands numbers on as floats when the component is used from another program.
    """
    return json.dumps(config.whole(document), sort_keys=True, separators=(",", ":"))


def _mapping(text: Any) -> dict[str, Any] | None:
    """The mapping that a configuration value holds; None where it holds anything else."""
    try:
        value = json.loads(text)
    except (TypeError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _explain(mistake: Any) -> str:
    path = ".".join(["orgsync:deployment", *map(str, mistake["loc"])])
    if mistake["type"] != "extra_forbidden":
        return f"{path}: {mistake['msg'].removeprefix('Value error, ')}"
    inside: dict[str, type[BaseModel]] = {"memory": MemorySizes, "initial_sync": InitialSync}
    model = inside[mistake["loc"][0]] if len(mistake["loc"]) > 1 else Deployment
    return f"{path}: is not a key here; allowed: {', '.join(sorted(model.model_fields))}"
