"""The AWS provider's settings that have an effect here."""

import json
from collections.abc import Mapping
from typing import Any

from orgsync.sandbox.resources.context import ProviderContext, ProviderInvalid

# Without effect where there is no AWS.
_IGNORED = frozenset(
    {
        "profile",
        "skipCredentialsValidation",
        "skipMetadataApiCheck",
        "skipRegionValidation",
        "skipRequestingAccountId",
        "version",
    }
)


def configure(context: ProviderContext, arguments: Mapping[str, Any]) -> None:
    """Take the settings of a provider into the context.

    Every provider that a program declares arrives at the same sandbox, and a resource does not say
    which one it belongs to: those of one operation have to be equal; the next may be another stack's.
    (A region of its own is a resource's `region`.)

    Raises:
        ProviderInvalid: for a setting not known here, or providers that differ.
    """
    # Nested settings are sent as JSON text.
    settings = {name: _parsed(value) for name, value in arguments.items() if name not in _IGNORED}
    unknown = sorted(settings.keys() - {"region", "defaultTags"})
    if unknown:
        raise ProviderInvalid(f"AWS provider: the sandbox does not know the setting {', '.join(unknown)}")
    context.use_settings(settings)


def _parsed(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) and value[:1] == "{" else value
