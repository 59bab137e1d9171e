"""The settings of the AWS provider that mean something here."""

import json
from typing import Any

from .context import Context
from .values import Properties

# Without meaning where there is no AWS to ask.
_MEANINGLESS = frozenset(
    {
        "profile",
        "skipCredentialsValidation",
        "skipMetadataApiCheck",
        "skipRegionValidation",
        "skipRequestingAccountId",
        "version",
    }
)


class UnusableProvider(ValueError):
    """A provider setting that the sandbox cannot honour."""


def configure(context: Context, arguments: Properties, before: dict[str, Any] | None) -> dict[str, Any]:
    """Take the settings of a provider into the context; answers them, to be given as `before` next time.

    Every provider that a program declares arrives at the same sandbox, and a resource does not say
    which one it belongs to: they have to agree. (A region of its own is a resource's `region`.)

    Raises:
        UnusableProvider: for a setting not known here, or providers that differ.
    """
    # Nested settings are sent as JSON text.
    settings = {name: _parsed(value) for name, value in arguments.items() if name not in _MEANINGLESS}
    unknown = sorted(settings.keys() - {"region", "defaultTags"})
    if unknown:
        raise UnusableProvider(f"AWS provider: the sandbox does not know the setting {', '.join(unknown)}")
    if before is not None and settings != before:
        raise UnusableProvider("the sandbox serves one AWS provider: give resources `region=` instead of a second one")
    context.region = settings.get("region", context.region)
    context.default_tags = (settings.get("defaultTags") or {}).get("tags", {})
    return settings


def _parsed(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) and value[:1] == "{" else value
