"""The project's own documents in a stack file.

A key that is misspelt must not pass for one that is not given: without its exclusions a
system would write where it must not.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from orgsync.components.shared.arguments import SecretText
from orgsync.shared.configuration import ConfigurationRefused

_PROJECT = "orgsync"


def stack_file(values: Mapping[str, Any], documents: Sequence[str], secrets: Collection[str] = ()) -> dict[str, Any]:
    """Return the project's own documents in a stack's configuration, by their names without `orgsync:`.

    Args:
        values: the whole configuration as the engine hands it to a program: full keys, values as JSON text.
        documents: names of the documents that there may be.
        secrets: full keys in which a secret stands; the engine does not say where in them. Every text there is one.

    Raises:
        ConfigurationRefused: with a line for each key that is none of ours, and each value that is no mapping.
    """
    own = {key: value for key, value in values.items() if key.partition(":")[0] == _PROJECT}
    allowed = [f"{_PROJECT}:{name}" for name in documents]
    lines = [f"{key}: is not a key here; allowed: {', '.join(allowed)}" for key in sorted(own.keys() - set(allowed))]
    found = {key.partition(":")[2]: _mapping(own[key], key in secrets) for key in allowed if key in own}
    lines += [
        f"{_PROJECT}:{name}: must be a mapping; write {{}} or leave the key out for the defaults"
        for name, document in found.items()
        if document is None
    ]
    if lines:
        raise ConfigurationRefused("\n".join(lines))
    return {name: document for name, document in found.items() if document is not None}


def _mapping(text: Any, secret: bool) -> dict[str, Any] | None:
    """Return the mapping that a configuration value holds; None where it holds anything else."""
    try:
        value = json.loads(text)
        return (_secret(value) if secret else value) if isinstance(value, dict) else None
    except (TypeError, ValueError, RecursionError):
        return None


def _secret(value: Any) -> Any:
    """Return a document in which every text is marked as a secret."""
    if isinstance(value, dict):
        return {key: _secret(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_secret(item) for item in value]
    return SecretText(value) if isinstance(value, str) else value
