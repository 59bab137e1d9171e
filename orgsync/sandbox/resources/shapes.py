"""Pulumi's names and AWS's own, matched by botocore's service models.

`billingMode` is `BillingMode`; most of what a resource declares needs no table of names, only the
shape that the operation takes. Where names differ a resource says so in its `rename`, as a path
from its property (list positions left out) to the name, or the path, that AWS uses there.
"""

import threading
from collections.abc import Mapping
from functools import cache
from typing import Any, cast

import botocore.session
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape

from orgsync.sandbox.resources.values import is_unknown

_models = threading.Lock()


class UnknownProperty(ValueError):
    """A property that AWS's operation has no parameter for; `path` leads to it."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}: not known here")
        self.path = path


def parameters_of(service: str, operation: str) -> StructureShape:
    """Find the shape of an operation's parameters, such as `parameters_of("sqs", "CreateQueue")`."""
    with _models:
        shape = _service(service).operation_model(operation).input_shape
    if shape is None:
        raise LookupError(f"{service} {operation} takes no parameters")
    return shape


def member(shape: StructureShape, name: str) -> str | None:
    """Find AWS's spelling of a Pulumi name in a structure, or None."""
    return _spellings(shape).get(name.lower())


def to_api(shape: Shape, value: Any, rename: Mapping[str, str], path: str = "") -> Any:
    """Convert a Pulumi value to the form of a shape; unknown values stay unknown.

    Raises:
        UnknownProperty: if a name has no place in the shape.
    """
    if is_unknown(value):
        return value
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        return _structure(shape, value, rename, path)
    if isinstance(shape, ListShape):
        names = _pair(shape.member)
        if names and isinstance(value, Mapping):
            return [dict(zip(names, item, strict=True)) for item in value.items()]
        # Pulumi has one block where AWS allows several.
        items = value if isinstance(value, list) else [value]
        return [to_api(shape.member, item, rename, path) for item in items]
    if isinstance(shape, MapShape) and isinstance(value, Mapping):
        return {key: to_api(shape.value, item, rename, f"{path}.{key}") for key, item in value.items()}
    return _scalar(shape.type_name, value)


def from_api(value: Any) -> Any:
    """Convert an answer of AWS to Pulumi's spelling of names."""
    if isinstance(value, Mapping):
        return {key[:1].lower() + key[1:]: from_api(item) for key, item in value.items()}
    if isinstance(value, list):
        return [from_api(item) for item in value]
    return value


def contains(wanted: Any, found: Any) -> bool:
    """Return whether an answer has all wanted values; it may have more."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return all(contains(item, found.get(key)) for key, item in wanted.items())
    if isinstance(wanted, list) and isinstance(found, list):
        return len(wanted) == len(found) and all(any(contains(item, other) for other in found) for item in wanted)
    return wanted == found or str(wanted) == str(found)


def value_at(document: Any, path: str) -> Any:
    """Read the value at a dotted path (`""` = the document itself), or None."""
    for step in path.split(".") if path else []:
        if isinstance(document, list):
            document = document[int(step)] if int(step) < len(document) else None
        else:
            document = document.get(step) if document is not None else None
    return document


def _structure(shape: StructureShape, value: Mapping[str, Any], rename: Mapping[str, str], path: str) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, item in value.items():
        here = f"{path}.{key}" if path else key
        steps = rename.get(here, key).split(".")
        inside, inner = result, shape
        for step in steps[:-1]:
            name = _known(inner, step, here)
            inside = inside.setdefault(name, {})
            inner = cast(StructureShape, inner.members[name])
        name = _known(inner, steps[-1], here)
        inside[name] = to_api(inner.members[name], item, rename, here)
    return result


def _known(shape: StructureShape, name: str, path: str) -> str:
    spelling = member(shape, name)
    if spelling is None:
        raise UnknownProperty(path)
    return spelling


def _pair(shape: Shape) -> list[str] | None:
    """The two members of a name and its value: Pulumi has a mapping where AWS has a list of these."""
    names = list(shape.members)[:2] if isinstance(shape, StructureShape) else []
    return names if len(names) == 2 and names[1].lower().endswith("value") else None


def _scalar(kind: str, value: Any) -> Any:
    if kind in ("integer", "long") and isinstance(value, str | float):
        return int(value)
    if kind in ("float", "double"):
        return float(value)
    if kind == "blob" and isinstance(value, str):
        return value.encode()
    if kind == "string" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


@cache
def _service(name: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(name)


@cache
def _spellings(shape: StructureShape) -> dict[str, str]:
    return {name.lower(): name for name in shape.members}
