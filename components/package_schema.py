"""The schema of the Pulumi package `orgsync`: inferred from the components, completed by what inference has not.

Pulumi infers types, requiredness and docstrings. The package's own description, the defaults and
bounds of the models that validate the arguments, and published names are added here.
"""

import inspect
import json
import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

DESCRIPTION = "Keeps the contacts of every account of an AWS organization equal to one source of truth"

REPOSITORY = "https://git.example.com/orgsync/orgsync"
"""Address of the repository. Its owner fills it in before the first release, here and in `pyproject.toml`: until then
it is of a domain that is reserved for examples, so that nobody else's repository is ever asked for a plugin."""

PUBLISHER = "orgsync"

KEYWORDS = (
    *("pulumi", "aws", "organizations", "account-management", "alternate-contacts", "contacts"),
    # The registry's own: what the package is for, and that it is made of components.
    *("category/infrastructure", "kind/component"),
)

EXAMPLES = {
    "ContactSync": """## Example Usage

```yaml
resources:
  contacts:
    type: orgsync:ContactSync
    properties:
      contactSync:
        excludedUnits: [/Sandbox]
        onSourceDelete: alert
        notificationSettings:
          subscriptions:
            - {protocol: email, endpoint: platform@example.com, severities: [high, medium]}
outputs:
  status: ${contacts.initialSync.status}
```"""
}
"""Examples of the components, for the registry and for editors."""

PUBLISHED_NAMES = {"Kind": "ContactType"}
"""Names of types in the schema that differ from the classes' own, which are short beside contact sync's code."""


def complete(
    inferred: Mapping[str, Any], validators: Iterable[tuple[type, type[BaseModel]]], spelled: Mapping[str, str]
) -> dict[str, Any]:
    """Return the published schema.

    Args:
        inferred: the schema as Pulumi infers it.
        validators: each typed dictionary with the model that validates it.
        spelled: our keys as the package spells them.
    """
    schema: dict[str, Any] = json.loads(_published(json.dumps(inferred)))
    named = {f"{schema['name']}:index:{kind.__name__}": model for kind, model in validators}
    for name, kind in schema["types"].items():
        for key, value in kind.get("properties", {}).items():
            if name in named:
                field = next(field for own, field in named[name].model_fields.items() if spelled.get(own, own) == key)
                value["description"] = " ".join([value["description"].strip(), *_limits(field)])
    _tidy(schema, spelled)
    for name, resource in schema["resources"].items():
        resource["description"] += f"\n\n{EXAMPLES[name.rpartition(':')[2]]}"
    return {"name": schema.pop("name"), "version": schema.pop("version"), **_about(), **schema}


def _published(text: str) -> str:
    """Return the schema's text with the published names of types."""
    for own, published in PUBLISHED_NAMES.items():
        text = text.replace(f':index:{own}"', f':index:{published}"')
    return text


def _about() -> dict[str, Any]:
    """Return what the package says of itself."""
    return {
        "displayName": "orgsync",
        "publisher": PUBLISHER,
        "description": DESCRIPTION,
        "keywords": list(KEYWORDS),
        "homepage": REPOSITORY,
        "repository": REPOSITORY,
        # The folder that `pulumi package add` is given; Pulumi takes it from the repository's tags.
        "pluginDownloadURL": f"git://{REPOSITORY.partition('://')[2]}/components",
    }


def _limits(field: FieldInfo) -> list[str]:
    """Return sentences on a field's default and bounds; none where they say nothing."""
    said = []
    bounds = {type(bound).__name__: bound for bound in field.metadata}
    low, above, high = (bounds.get(name) for name in ("Ge", "Gt", "Le"))
    if low and high:
        said.append(f"From {low.ge:g} to {high.le:g}.")
    elif above and high:
        said.append(f"Above {above.gt:g}, up to {high.le:g}.")
    elif low:
        said.append(f"At least {low.ge:g}.")
    if not field.is_required() and (default := _written(field.default)):
        said.append(f"Default: {default}.")
    return said


def _written(default: Any) -> str:
    """Return a default as a document writes it; empty where its parts have defaults of their own."""
    if isinstance(default, tuple):
        return ", ".join(_written(item) for item in default) or "none"
    if isinstance(default, Enum):
        return f"`{default.value}`"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default:g}`" if isinstance(default, int | float) else f"`{default}`" if isinstance(default, str) else ""


def _tidy(value: Any, spelled: Mapping[str, str]) -> None:
    """Set every description as one paragraph, with keys as the package spells them, and once only."""
    if isinstance(value, dict):
        if isinstance(value.get("description"), str):
            paragraphs = inspect.cleandoc(value["description"]).split("\n\n")
            text = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
            value["description"] = re.sub(
                r"`([a-z_]+)([^`]*)`", lambda code: f"`{spelled.get(code[1], code[1])}{code[2]}`", text
            )
        # Inference repeats a property's description at the items of its list.
        for inside in ("items", "additionalProperties"):
            value[inside].pop("description", None) if isinstance(value.get(inside), dict) else None
        for item in value.values():
            _tidy(item, spelled)
    elif isinstance(value, list):
        for item in value:
            _tidy(item, spelled)
