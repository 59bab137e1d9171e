"""Places of a document where a value may stand, found in its model: for laws about every key of a configuration."""

import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from orgsync.contact_sync.config import Pace, TagValues
from orgsync.shared.notification_settings import EmailContact, SlackChannel, Subscription, TeamsChannel

_UUID = "00000000-0000-4000-8000-000000000001"
REQUIRED: Mapping[type[BaseModel], dict[str, Any]] = {
    Pace: {"rate": 1, "burst": 1},
    EmailContact: {"address": "security@example.com"},
    Subscription: {"protocol": "email", "endpoint": "security@example.com"},
    SlackChannel: {"workspace": "T00000001", "channel": "C00000001"},
    TeamsChannel: {"tenant": _UUID, "team": _UUID, "channel": "19%3aexample%40thread.tacv2"},
}
"""A valid document of each model that has required keys."""

KEYS = {"pacing": "PutAlternateContact", "excluded_tags": "team"}
"""A valid key of each mapping whose keys are the owner's."""


@dataclass(frozen=True)
class Place:
    """A place in a document where a value stands.

    Attributes:
        path: its path, as a mistake names it.
        accepted: the JSON types that it accepts.
        models: the models of which one may stand there.
        build: returns a document that has a value at this place, and is valid everywhere else.
    """

    path: str
    accepted: frozenset[str]
    models: tuple[type[BaseModel], ...]
    build: Callable[[Any], Any]


def _bare(annotation: Any) -> Any:
    """Return an annotation without its metadata."""
    return _bare(get_args(annotation)[0]) if get_origin(annotation) is Annotated else annotation


def _json_types(annotation: Any) -> frozenset[str]:
    """Return the JSON types that an annotation accepts."""
    if annotation == TagValues:
        return frozenset({"string", "array"})  # one value may stand for a list of it
    bare = _bare(annotation)
    origin = get_origin(bare)
    if origin in (Union, types.UnionType):
        return frozenset().union(*(_json_types(member) for member in get_args(bare)))
    if origin is tuple:
        return frozenset({"array"})
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return frozenset({"object"})
    if origin is Literal or (isinstance(bare, type) and issubclass(bare, Enum)):
        return frozenset({"string"})
    if isinstance(bare, type) and issubclass(bare, BaseModel):
        return frozenset({"object"})
    simple = {str: {"string"}, bool: {"boolean"}, int: {"integer"}, float: {"integer", "number"}, type(None): {"null"}}
    return frozenset(simple[bare])


def _models(annotation: Any) -> tuple[type[BaseModel], ...]:
    """Return the models that may stand at a place itself."""
    bare = _bare(annotation)
    if isinstance(bare, type) and issubclass(bare, BaseModel):
        return (bare,)
    if get_origin(bare) in (Union, types.UnionType):
        return tuple(found for member in get_args(bare) for found in _models(member))
    return ()


def places(
    annotation: Any, path: str, build: Callable[[Any], Any] = lambda value: value, name: str = ""
) -> Iterator[Place]:
    """Yield a place and every place below it, list entries and mappings' values too.

    Args:
        annotation: the model of a document, or the type of the value at this place.
        name: the field that the place belongs to.
    """
    yield Place(path, _json_types(annotation), _models(annotation), build)
    for model in _models(annotation):
        for key, field in model.model_fields.items():
            # The metadata tell tag values from any other list.
            inner = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
            yield from places(inner, f"{path}.{key}", partial(_with_key, build, key, REQUIRED.get(model, {})), key)
    bare = _bare(annotation)
    origin = get_origin(bare)
    if origin is tuple and annotation != TagValues:
        yield from places(get_args(bare)[0], f"{path}.0", lambda value: build([value]))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        yield from places(get_args(bare)[1], f"{path}.{KEYS[name]}", partial(_with_key, build, KEYS[name], {}))


def _with_key(build: Callable[[Any], Any], key: str, others: Mapping[str, Any], value: Any) -> Any:
    return build({**others, key: value})
