"""Strict documents: one base model, one explainer of mistakes, one YAML reader.

Every document that people write (configuration, deployment, scenario) is validated with these, so a
mistake reads the same everywhere: the path of its place, what is wrong, what is allowed.
"""

import json
import types
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Tag, ValidationError, ValidationInfo


class StrictModel(BaseModel):
    """A document or a part of one: no key but those it knows, no conversions, never changed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ConfigurationRefused(ValueError):
    """A document that cannot be used; the message has one line a mistake: its path, what is wrong, what is allowed."""


Model = TypeVar("Model", bound=BaseModel)


def validate(model: type[Model], document: Any, path: str = "", later: Collection[str] = ()) -> Model:
    """Validate a document.

    Args:
        document: mappings, lists, text, numbers, true, false and None only.
        path: where the document stands; every mistake's own path is below it.
        later: texts that stand for values which are known only later; their shape is not checked.

    Raises:
        ConfigurationRefused: with a line for each mistake; none repeats a value.
    """
    try:
        lines = [f"{key}: {_UNQUOTED}" for key in _unquoted_keys(document, path)]
        text = json.dumps(whole_numbers(document))
    except TypeError as error:
        raise ConfigurationRefused(
            f"{path or 'the document'}: {error}: use text, numbers, lists and mappings only"
        ) from error
    except (RecursionError, ValueError) as error:
        raise ConfigurationRefused(
            f"{path or 'the document'}: is nested too deeply, or has too large a number"
        ) from error
    try:
        # As JSON and strictly: text is no number and no truth, but a list may stand for a tuple.
        found = model.model_validate_json(text, context=frozenset(later))
        if not lines:
            return found
    except ValidationError as error:
        lines += explain(error, model, path)
    # Raised outside the handler: pydantic's own error repeats the input, and the chain is printed.
    raise ConfigurationRefused("\n".join(lines))


def known_later(value: str, info: ValidationInfo) -> bool:
    """Return whether a text stands for a value that is known only later, as the caller of `validate` said."""
    return value in (info.context or ())


def explain(error: ValidationError, model: type[BaseModel], path: str = "") -> list[str]:
    """Return one line for each mistake that pydantic found in a document of `model`."""
    mistakes = error.errors(include_url=False)
    # A list with a wrong entry is also counted as too short: one mistake, not two.
    inside = {mistake["loc"][:-1] for mistake in mistakes}
    shown = [m for m in mistakes if not (m["type"] == "too_short" and m["loc"] in inside)]
    return list(dict.fromkeys(f"{_path(m['loc'], path)}: {_sentence(m, model)}" for m in shown))


def whole_numbers(value: Any) -> Any:
    """Return the same document with whole numbers written whole: Pulumi's engine hands all numbers on as floats."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: whole_numbers(item) for key, item in value.items()}
    return [whole_numbers(item) for item in value] if isinstance(value, list | tuple) else value


def _unquoted_keys(document: Any, path: str) -> Iterator[str]:
    """Yield the paths of keys that are no text: YAML makes a truth of `on`, of which JSON would make "true"."""
    if isinstance(document, Mapping):
        for key, value in document.items():
            name = key if isinstance(key, str) else json.dumps(key, default=str)
            inside = f"{path}.{name}" if path else name
            if not isinstance(key, str):
                yield inside
            yield from _unquoted_keys(value, inside)
    elif isinstance(document, list | tuple):
        for index, value in enumerate(document):
            yield from _unquoted_keys(value, f"{path}.{index}" if path else str(index))


_UNQUOTED = "the key must be text: put it in quotes, or YAML makes something else of it"


def canonical_json(document: Any) -> str:
    """Return a document as JSON that is equal when the documents are: sorted, whole numbers without a fraction."""
    return json.dumps(whole_numbers(document), sort_keys=True, separators=(",", ":"))


def _path(loc: Sequence[int | str], below: str) -> str:
    # Tags of a union's members begin with ~ and are ours, not the document's.
    steps = [str(step) for step in loc if not str(step).startswith("~") and step != "[key]"]
    return ".".join([below, *steps] if below else steps) or "the document"


def _sentence(mistake: Any, model: type[BaseModel]) -> str:
    """Say what is wrong and what is allowed, in words of ours: pydantic's speak of Python."""
    kind, context = mistake["type"], mistake.get("ctx", {})
    if kind == "extra_forbidden":
        return f"is not a key here; allowed: {', '.join(_keys(model, mistake['loc'][:-1])) or 'none'}"
    if kind == "string_type" and isinstance(mistake["input"], bool | int | float):
        return "must be text: put it in quotes, or YAML makes something else of it"
    if kind in ("literal_error", "enum"):
        return f"must be {context['expected'].replace(chr(39), '')}"
    if kind == "value_error":
        return str(context["error"])
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        number = context[key]
        return words.format(f"{number:g}", "" if number == 1 else "s", "y" if number == 1 else "ies")
    if kind in _WANTED:
        return _WANTED[kind]
    # A custom error of ours (`PydanticCustomError`) has a message for people already.
    return "is not valid here" if kind in _PYDANTICS else str(mistake["msg"])


_BOUNDS = {
    "string_too_short": ("must have at least {0} character{1}", "min_length"),
    "string_too_long": ("must have at most {0} character{1}", "max_length"),
    "too_short": ("must have at least {0} entr{2}", "min_length"),
    "too_long": ("must have at most {0} entr{2}", "max_length"),
    "greater_than": ("must be greater than {0}", "gt"),
    "greater_than_equal": ("must be at least {0}", "ge"),
    "less_than": ("must be less than {0}", "lt"),
    "less_than_equal": ("must be at most {0}", "le"),
}
"""Sentence of a bound that is not kept, and where pydantic puts the bound."""

_WANTED = {
    "missing": "is missing",
    "string_type": "must be text",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a number",
    "dict_type": "must be a mapping",
    "mapping_type": "must be a mapping",
    "model_type": "must be a mapping",
    "none_required": "must be left out",
}
"""Meaning of a type's mistake to someone who writes YAML."""

_PYDANTICS = frozenset({"string_pattern_mismatch", "union_tag_invalid", "union_tag_not_found", "json_invalid"})
"""Mistakes whose own message shows a pattern or a name inside our models."""


def _keys(model: type[BaseModel], loc: Sequence[int | str]) -> list[str]:
    """Return the keys that a document of `model` may hold at a place."""
    models = [model]
    annotations: list[Any] = []
    for step in loc:
        fields = [field for one in models for name, field in one.model_fields.items() if step in (name, field.alias)]
        if fields:
            annotations = [field.annotation for field in fields]
        elif str(step).startswith("~"):
            annotations = [found for annotation in annotations for found in _tagged(annotation, str(step))]
        if found := [one for annotation in annotations for one in _models(annotation)]:
            models = found
    return sorted({field.alias or name for one in models for name, field in one.model_fields.items()})


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _tagged(annotation: Any, tag: str) -> Iterator[Any]:
    """Yield the members of a union that carry a tag."""
    if get_origin(annotation) is Annotated and Tag(tag) in annotation.__metadata__:
        yield annotation
    elif get_origin(annotation) in (Union, types.UnionType, list, tuple, dict, Annotated):
        for part in get_args(annotation):
            yield from _tagged(part, tag)


def read_yaml(text: str) -> Any:
    """Read a YAML document as JSON would be understood: a key stands once in a mapping, and dates stay text.

    Raises:
        ConfigurationRefused: the text is no such document; the message has the line and the column, and no value.
    """
    # Here, because functions import this module and their layer has no YAML.
    import yaml

    try:
        return yaml.load(text, Loader=_strict_loader())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        reason = f"{error.problem or error.context}{place}"
    except (yaml.YAMLError, RecursionError) as error:
        reason = str(error)
    # Raised outside the handlers: YAML's own error repeats the line, and the chain is printed.
    raise ConfigurationRefused(f"is not readable YAML: {reason}")


def read_json(text: str) -> Any:
    """Read a JSON document in which a key stands once in a mapping.

    Raises:
        ConfigurationRefused: the text is no such document; the message has the line and the column, or the path of a
            mapping in which a key stands twice, and no value.
    """
    try:
        document = json.loads(text, object_pairs_hook=_object)
        twice = next(_doubled(document, ""), None)
    except (ValueError, RecursionError) as error:
        reason = str(error)
    else:
        if twice is None:
            return document
        reason = f"{_TWICE.format(twice[1])}, in {twice[0] or 'the document'}"
    # Raised outside the handler: JSON's own error carries the text.
    raise ConfigurationRefused(f"is not readable JSON: {reason}")


class _Doubled(dict[str, Any]):
    """A JSON object in which a key stood twice; it keeps the last of the values."""

    key = ""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    keys = [key for key, _ in pairs]
    doubled = _Doubled(found)
    doubled.key = next(key for index, key in enumerate(keys) if key in keys[:index])
    return doubled


def _doubled(document: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield the path of each object in which a key stood twice, and the key."""
    if isinstance(document, _Doubled):
        yield path, document.key
    items = (
        document.items() if isinstance(document, dict) else enumerate(document if isinstance(document, list) else ())
    )
    for step, value in items:
        yield from _doubled(value, f"{path}.{step}" if path else str(step))


_TWICE = "the key {!r} stands twice, and the first would be lost"


def _strict_loader() -> type:
    import yaml

    class Loader(yaml.SafeLoader):
        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
            """Refuse what the parent would settle silently: it keeps the last of two equal keys."""
            seen: set[str] = set()
            for key, _ in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    raise yaml.constructor.ConstructorError(None, None, "a key must be text", key.start_mark)
                if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                    raise yaml.constructor.ConstructorError(None, None, _TWICE.format(key.value), key.start_mark)
                seen.add(str(key.value))
            return super().construct_mapping(node, deep)

    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    return Loader
