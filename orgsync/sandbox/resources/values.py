"""Property values as the Pulumi engine sends them, made plain.

Both engines hand resources the same thing: a JSON-like mapping with Pulumi's camelCase names, in
which an unknown (during a preview) is one of the engine's marker strings and an asset or archive
is a mapping with the engine's signature key.
"""

import json
from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format, struct_pb2  # type: ignore[import-untyped]
from pulumi.runtime import rpc

Properties = dict[str, Any]

SIGNATURE = rpc._special_sig_key
ASSET = rpc._special_asset_sig
ARCHIVE = rpc._special_archive_sig

UNKNOWN = rpc.UNKNOWN
# The wire protocol has one marker for each kind of value (pulumi sdk/go/common/resource/plugin/rpc.go).
_UNKNOWNS = frozenset(
    {
        UNKNOWN,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # boolean
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # list
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # mapping
    }
)


def plain(message: struct_pb2.Struct) -> Properties:
    """Read the properties in a message: whole numbers as `int`, secrets opened, absent keys left out."""
    opened: Properties = _open(json_format.MessageToDict(message))
    return opened


def to_struct(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """Make the message that carries the given properties."""
    return json_format.ParseDict(dict(properties), struct_pb2.Struct())


def is_unknown(value: Any) -> bool:
    """Return whether a value is known only after the deployment."""
    return isinstance(value, str) and value in _UNKNOWNS


def has_unknown(value: Any) -> bool:
    """Return whether a value, or anything inside it, is unknown."""
    if isinstance(value, Mapping):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return is_unknown(value)


def is_code(value: Any) -> bool:
    """Return whether a value is an asset or an archive."""
    return isinstance(value, Mapping) and value.get(SIGNATURE) in (ASSET, ARCHIVE)


def comparable(value: Any) -> Any:
    """Make a form in which equal values are equal: archives by their hash, JSON text by what it says."""
    if is_code(value):
        return value["hash"]
    if isinstance(value, Mapping):
        return {key: comparable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [comparable(item) for item in value]
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _open(value: Any) -> Any:
    if isinstance(value, list):
        return [_open(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, dict):
        return value
    match value.get(SIGNATURE):
        case rpc._special_secret_sig | rpc._special_output_value_sig:
            return _open(value.get("value", UNKNOWN))
        case rpc._special_resource_sig:
            return value.get("id") or UNKNOWN
    return {key: _open(item) for key, item in value.items() if item is not None}
