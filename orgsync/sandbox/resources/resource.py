"""The resource type: facts about its properties, and four operations."""

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple

from orgsync.sandbox.resources.context import ProviderContext
from orgsync.sandbox.resources.values import Properties

Created = tuple[str, Properties]
"""The id of a new resource and its outputs."""


class Naming(NamedTuple):
    """The automatic name of a resource without one: `prefix` + logical name + `-` + 7 hex digits."""

    property: str = "name"
    longest: int = 64
    prefix: str = ""
    lower: bool = False


class InputError(NamedTuple):
    """A reason why the inputs of a resource cannot be used."""

    property: str
    reason: str


class Resource(ABC):
    """A declared type. Subclasses state facts; properties carry Pulumi's names throughout."""

    token: str
    """As the engine sends it, e.g. `aws:sqs/queue:Queue`."""

    handled: frozenset[str] = frozenset()
    """Inputs that this type's code handles."""

    held: frozenset[str] = frozenset()
    """Inputs that the emulator has no place for and that change nothing here: kept in the state only."""

    replace_on: frozenset[str] = frozenset()
    """Inputs that cannot change without a replacement."""

    identity: tuple[str, ...] = ()
    """Inputs that identify it: while they do not change, the old one must be deleted before the new one is created."""

    computed: frozenset[str] = frozenset()
    """Outputs known only when the resource exists."""

    volatile: frozenset[str] = frozenset()
    """Those of them that an update may change."""

    defaults: Mapping[str, Any] = {}
    naming: Naming | None = None
    regional = True
    taggable = False

    def accepts(self, name: str) -> bool:
        """Return whether a top-level input is known."""
        return (
            name in self.handled
            or name in self.held
            or (self.regional and name == "region")
            or (self.taggable and name in ("tags", "tagsAll"))
        )

    def complete(self, inputs: Properties, context: ProviderContext) -> Properties:
        """Complete the inputs with this type's defaults, the region and the provider's tags."""
        result: Properties = {**self.defaults, **inputs}
        if self.regional:
            result.setdefault("region", context.region)
        if self.taggable and isinstance(result.get("tags", {}), Mapping):
            tags = {**context.default_tags, **result.get("tags", {})}
            if tags:
                result["tagsAll"] = tags
        return result

    def errors(self, inputs: Properties, context: ProviderContext) -> list[InputError]:
        """List the reasons why the completed inputs cannot be used."""
        return [
            InputError(name, f"{self.token}: the sandbox does not know the property {name}")
            for name in inputs
            if not self.accepts(name)
        ]

    @abstractmethod
    def create(self, inputs: Properties, context: ProviderContext) -> Created:
        """Create it; returns its id and outputs."""

    @abstractmethod
    def read(self, id: str, state: Properties, context: ProviderContext) -> Properties | None:
        """Read its outputs as the cloud has them now; None if it does not exist."""

    @abstractmethod
    def update(self, id: str, old: Properties, inputs: Properties, context: ProviderContext) -> Properties:
        """Change it in place; `old` are its outputs. Returns the new outputs."""

    @abstractmethod
    def delete(self, id: str, state: Properties, context: ProviderContext) -> None:
        """Delete it; one that does not exist is no error."""


def automatic_name(naming: Naming, logical: str, seed: bytes) -> str:
    """Make the name of a resource that was given none.

    Raises:
        ValueError: if the logical name leaves no room, as Pulumi refuses it too.
    """
    suffix = hashlib.sha256(seed + logical.encode()).hexdigest()[:7]
    name = f"{naming.prefix}{logical}-{suffix}"
    if len(name) > naming.longest:
        raise ValueError(f"'{logical}' plus 7 hex digits is longer than {naming.longest} characters: shorten it")
    return name.lower() if naming.lower else name


def is_automatic(naming: Naming, logical: str, name: Any) -> bool:
    """Return whether a name was made by `automatic_name` for the same logical name."""
    stem = naming.prefix + (logical.lower() if naming.lower else logical)
    return isinstance(name, str) and re.fullmatch(re.escape(stem) + "-[0-9a-f]{7}", name) is not None
