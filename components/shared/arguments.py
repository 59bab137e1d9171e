"""Arguments of a component: typed dictionaries, read strictly, with mistakes named as the caller wrote them.

A key that is misspelt must not pass for one that is not given: without its exclusions a system
would write where it must not. Pulumi drops such keys, so arguments are read here before it does.

No `from __future__ import annotations` here or in a module of arguments: Pulumi infers the
package's schema from the annotations themselves.
"""

import inspect
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NotRequired, Required, TypeAlias, TypeVar, get_args, get_origin, is_typeddict

import pulumi
from pulumi.provider.experimental.util import camel_case
from pydantic import BaseModel

from orgsync.components.shared.stack_context import short_hash
from orgsync.shared.configuration import ConfigurationRefused, validate

Member = TypeVar("Member", bound=StrEnum)
Model = TypeVar("Model", bound=BaseModel)

if TYPE_CHECKING:
    Choice: TypeAlias = Member | str
    """A member of a closed set, or its text."""
    OneOrMore: TypeAlias = str | Sequence[str]
    """A text, or a list of texts."""
else:
    # Pulumi infers no unions. The schema names the closed set, and the list, whichever the program writes.
    class Choice:
        def __class_getitem__(cls, closed_set):
            return closed_set

    OneOrMore = Sequence[str]

Path = tuple[str | int, ...]

WRITTEN_OUT = (
    "must be written out: it decides what is declared, so it must be known before anything is made; use a "
    "configuration value, or what a stack reference gives at once (`get_output_details`, `getOutputValue`)"
)


@dataclass(frozen=True)
class Spelling:
    """The spelling of keys and paths in the language of whoever wrote the arguments."""

    key: Callable[[str], str]
    path: Callable[[Path], str]


def _dotted(path: Path) -> str:
    return ".".join(map(str, path))


def _property_path(path: Path) -> str:
    """Return a path as Pulumi writes it: `contactSync.excludedAccounts[0]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif re.fullmatch(r"[\w$]+", step):
            text += f".{step}" if text else step
        else:
            text += f'["{step}"]'
    return text


PYTHON = Spelling(str, _dotted)
"""A Python program that imports the component: `contact_sync.excluded_accounts.0`."""

PACKAGE = Spelling(camel_case, _property_path)
"""A program in any language that uses the package: `contactSync.excludedAccounts[0]`."""


@dataclass(frozen=True)
class Mistake:
    """A mistake in arguments.

    Attributes:
        path: in our own keys.
        unknown: the key at the end of the path that is none of ours, as it was written.
    """

    path: Path
    sentence: str
    unknown: str = ""

    @property
    def full_path(self) -> Path:
        """Return the path with the unknown key, if there is one."""
        return (*self.path, self.unknown) if self.unknown else self.path


@dataclass(frozen=True)
class RefusedArgument:
    """A mistake as its author reads it.

    Attributes:
        path: in the author's spelling; empty where the mistake is no argument's.
        private: the value at the path may hold somebody's address or password.
    """

    path: str
    sentence: str
    private: bool = False

    def __str__(self) -> str:
        return f"{self.path}: {self.sentence}" if self.path else self.sentence


class ArgumentsRefused(ConfigurationRefused):
    """Arguments that cannot be used; every mistake has its path."""

    def __init__(self, mistakes: Sequence[Mistake], written: "Written") -> None:
        self.refusals = [written.refusal(mistake) for mistake in mistakes]
        super().__init__("\n".join(map(str, self.refusals)))


class SecretText(str):
    """A text of a stack file that Pulumi keeps as a secret."""

    __slots__ = ()


@dataclass(frozen=True)
class LaterValues:
    """Values that a document passes on: those that are known only once something is made, and secrets.

    Attributes:
        outputs: values that come later, by the text that stands for each in the document.
        secrets: texts that were given as secrets.
    """

    outputs: Mapping[str, pulumi.Output[str]] = field(default_factory=dict)
    secrets: Collection[str] = ()

    def __contains__(self, text: object) -> bool:
        return text in self.outputs

    def is_secret(self, text: str) -> bool:
        """Return whether Pulumi must keep a text as a secret.

        A web address always is one: a password, a query or the path itself lets its owner in.
        """
        return text in self.secrets or text.startswith("https://")

    def value(self, text: str) -> pulumi.Input[str]:
        """Return what a text of a validated document stands for: the value that comes later, or itself."""
        return pulumi.Output.secret(text) if self.is_secret(text) else self.outputs.get(text, text)

    def name(self, index: int, *words: str) -> str:
        """Return the part of a resource's name that tells one entry of a list from the others.

        It follows from the entry's own words, so that adding another entry renames none, unless one of them is
        known only later: then it is the entry's index. A password or a query takes no part: what follows from it could
        be guessed from the name.
        """
        return str(index) if any(word in self for word in words) else short_hash(*map(_without_credentials, words))


@dataclass(frozen=True)
class Written:
    """Arguments as they are written: their type, and the spelling of whoever wrote them."""

    type: type
    spelling: Spelling

    def path(self, path: Path, unknown: str = "") -> str:
        """Return a path of ours in the caller's spelling; keys of a map are the caller's own, as is an unknown one."""
        kind: Any = self.type
        spelled: list[str | int] = []
        for step in path:
            spelled.append(self.spelling.key(step) if isinstance(step, str) and step in fields(kind) else step)
            kind = _inside(kind, step)
        return self.spelling.path((*spelled, unknown) if unknown else tuple(spelled))

    def spelled_keys(self) -> dict[str, str]:
        """Return every key at any depth, with its spelling."""
        return {key: self.spelling.key(key) for key in _keys(self.type)}

    def sentence(self, text: str) -> str:
        """Return a sentence with our keys in it in the caller's spelling."""
        spelled = self.spelled_keys()
        return re.sub(r"[a-z]+(?:_[a-z]+)+", lambda word: spelled.get(word[0], word[0]), text)

    def refusal(self, mistake: Mistake) -> RefusedArgument:
        """Return a mistake as its author reads it."""
        kind: Any = self.type
        for step in mistake.path:
            kind = _inside(kind, step)
        path = self.path(mistake.path, mistake.unknown)
        return RefusedArgument(path, self.sentence(mistake.sentence), private=not mistake.unknown and _has_input(kind))

    def refusals(self, message: str) -> list[RefusedArgument]:
        """Return the lines of a message of ours, `path: sentence` or a sentence only, as their author reads them."""
        found = []
        for line in message.splitlines():
            head, colon, rest = line.partition(": ")
            path = _steps(head)
            known = bool(colon) and path[0] in fields(self.type)
            found.append(self.refusal(Mistake(path, rest)) if known else RefusedArgument("", self.sentence(line)))
        return found


class Documents:
    """The documents among a component's arguments, read once; `validate` them, then `check` for mistakes.

    Args:
        written: the arguments' type and spelling.
        given: the arguments as they are written; None is nothing.
    """

    def __init__(self, written: Written, given: Mapping[str, Any] | None) -> None:
        self.written = written
        self._mistakes: list[Mistake] = []
        self._outputs: dict[str, pulumi.Output[str]] = {}
        self._secrets: set[str] = set()
        given = {name: value for name, value in (given or {}).items() if value is not None}
        self._documents: dict[str, Any] = {}
        for name, value in given.items():
            try:
                self._documents |= self._read_fields(written.type, {name: value}, ())
            except RecursionError:
                self._mistakes.append(Mistake((), f"{name}: is nested too deeply, or contains itself"))
        self.later = LaterValues(self._outputs, self._secrets)

    def __getitem__(self, name: str) -> Any:
        """Return a document in our own keys; an argument that is not given is an empty one."""
        return self._documents.get(name, {})

    def validate(self, model: type[Model], name: str) -> Model | None:
        """Validate a document; None where it has mistakes, which `check` raises."""
        try:
            return validate(model, self[name], name, self._outputs)
        except ConfigurationRefused as refused:
            seen = [mistake.full_path for mistake in self._mistakes]
            for line in str(refused).splitlines():
                head, _, sentence = line.partition(": ")
                path = _steps(head)
                # A value that was refused above is missing now, and nothing more can be said of it.
                if not any(path[: len(other)] == other for other in seen):
                    self._mistakes.append(Mistake(path, sentence))
            return None

    def refuse(self, path: Path, sentence: str) -> None:
        """Add a mistake that a model alone does not see."""
        self._mistakes.append(Mistake(path, sentence))

    def given(self) -> dict[str, Any]:
        """Return the arguments in our own keys, values that come later among them."""
        given: dict[str, Any] = _restored(self._documents, self._outputs)
        return given

    def check(self) -> None:
        """See that the arguments are without mistakes.

        Raises:
            ArgumentsRefused: with every mistake that was found.
        """
        if self._mistakes:
            raise ArgumentsRefused(self._mistakes, self.written)

    def without_destinations(self, name: str) -> dict[str, Any]:
        """Return a document without the addresses that are only passed on, and the list entries around them."""
        document: dict[str, Any] = _public(fields(self.written.type)[name], self[name])
        return document

    def _read(self, kind: Any, value: Any, path: Path) -> Any:
        """Return a value in our own keys, with a text for each Output that is only passed on."""
        if _is_later(value):
            return self._passed_on(kind, value, path)
        if is_typeddict(kind) and isinstance(value, Mapping):
            return self._read_fields(kind, value, path)
        if isinstance(value, Mapping):
            item = _inside(kind, "")
            return {key: self._read(item, inner, (*path, str(key))) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            item = _inside(kind, 0)
            return [self._read(item, inner, (*path, index)) for index, inner in enumerate(value)]
        if isinstance(value, SecretText):
            self._secrets.add(str(value))
        return value

    def _read_fields(self, kind: type, value: Mapping[str, Any], path: Path) -> dict[str, Any]:
        spelled = {self.written.spelling.key(name): name for name in fields(kind)}
        noun = "a key" if path else "an argument"
        for unknown in sorted(map(str, value.keys() - spelled.keys())):
            allowed = ", ".join(sorted(fields(kind)))
            self._mistakes.append(Mistake(path, f"is not {noun} here; allowed: {allowed}", unknown))
        return {
            name: self._read(fields(kind)[name], value[key], (*path, name))
            for key, name in spelled.items()
            if key in value
        }

    def _passed_on(self, kind: Any, value: Any, path: Path) -> str | None:
        if not _is_input(kind):
            self._mistakes.append(Mistake(path, WRITTEN_OUT))
            return None
        text = f"the value of {_dotted(path)}, known later"
        self._outputs[text] = value if isinstance(value, pulumi.Output) else pulumi.Output.from_input(value)
        return text


def fields(kind: Any) -> dict[str, Any]:
    """Return the fields of a typed dictionary with their types; none for any other type."""
    if not is_typeddict(kind):
        return {}
    # `typing.get_type_hints` would look for the names inside Pulumi's `Input` in the dictionary's own module.
    return {name: _unwrapped(annotation) for name, annotation in inspect.get_annotations(kind).items()}


def pairs(kind: Any, annotation: Any) -> Iterator[tuple[type, type[BaseModel]]]:
    """Yield each typed dictionary at or below a type with the model that validates it."""
    models = list(_models(annotation))
    if is_typeddict(kind) and models:
        yield kind, models[0]
        for name, inner in fields(kind).items():
            if name in models[0].model_fields:
                yield from pairs(inner, models[0].model_fields[name].annotation)
    else:
        for inner in get_args(kind):
            yield from pairs(inner, annotation)


def _unwrapped(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) in (NotRequired, Required) else annotation


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _keys(kind: Any) -> set[str]:
    """Return every key of the typed dictionaries at or below a type."""
    own = fields(kind)
    return set(own).union(*(_keys(inner) for inner in (*own.values(), *get_args(kind))))


def _inside(kind: Any, step: str | int) -> Any:
    """Return the type of what stands at a step inside a value; Any where nothing is said of it."""
    if is_typeddict(kind):
        return fields(kind).get(str(step), Any)
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Mapping, dict):
        return inner[1]
    return inner[0] if origin in (Sequence, list) else Any


def _is_input(kind: Any) -> bool:
    """Return whether a type is Pulumi's Input of something: a value that may come later."""
    return any(get_origin(inner) is pulumi.Output or "Output[" in str(inner) for inner in get_args(kind))


def _has_input(kind: Any) -> bool:
    """Return whether a type, or anything in it, is an Input: what is passed on is an address of somebody's."""
    return _is_input(kind) or any(_has_input(inner) for inner in (*fields(kind).values(), *get_args(kind)))


def _is_later(value: Any) -> bool:
    return isinstance(value, pulumi.Output) or inspect.isawaitable(value)


def _steps(dotted: str) -> Path:
    return tuple(int(step) if step.isdecimal() else step for step in dotted.split("."))


def _restored(value: Any, outputs: Mapping[str, pulumi.Output[str]]) -> Any:
    """Return a document with the values that come later in place of the texts that stand for them."""
    if isinstance(value, Mapping):
        return {key: _restored(item, outputs) for key, item in value.items()}
    if isinstance(value, list):
        return [_restored(item, outputs) for item in value]
    return outputs.get(value, value) if isinstance(value, str) else value


def _public(kind: Any, value: Any) -> Any:
    """Return a value of a type without what its type only passes on; an entry of a list goes whole."""
    if not is_typeddict(kind):
        return value
    # Half a subscription is none, but settings around a list of them are settings still.
    kept = {key: inner for key, inner in fields(kind).items() if is_typeddict(inner) or not _has_input(inner)}
    return {key: _public(kept[key], inner) for key, inner in value.items() if key in kept}


def _without_credentials(word: str) -> str:
    """Return a web address without its name and password and without its query; any other word as it is."""
    return re.sub(r"^https://(?:[^\s/?#]*@)?([^\s?#]*).*", r"https://\1", word)
