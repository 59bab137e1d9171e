"""The steps from a declaration to a change, the same for both engines."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from orgsync.sandbox.resources.archives import AssetInvalid, add_hashes
from orgsync.sandbox.resources.context import ProviderContext
from orgsync.sandbox.resources.resource import (
    InputError,
    Resource,
    automatic_name,
    is_automatic,
)
from orgsync.sandbox.resources.types import lookup
from orgsync.sandbox.resources.values import UNKNOWN, Properties, comparable


@dataclass(frozen=True)
class InputChange:
    """The difference between two declarations of one resource."""

    added: frozenset[str] = frozenset()
    deleted: frozenset[str] = frozenset()
    updated: frozenset[str] = frozenset()
    replaces: frozenset[str] = frozenset()
    delete_first: bool = False
    """True if the old resource must be deleted before the new one can be created."""

    @property
    def names(self) -> frozenset[str]:
        return self.added | self.deleted | self.updated


@dataclass(frozen=True)
class CheckedInputs:
    """The completed inputs, and why they cannot be used."""

    inputs: Properties
    errors: list[InputError] = field(default_factory=list)


def check(
    token: str,
    name: str,
    old: Properties,
    new: Properties,
    context: ProviderContext,
    *,
    seed: bytes,
    proposed: str = "",
) -> CheckedInputs:
    """Complete the inputs of a resource: defaults, region, tags, hashes and a name of its own.

    `old` are the completed inputs of last time, so that a name made then is kept; `proposed` is a
    name that the engine's own auto-naming settings ask for.

    Raises:
        UnknownResourceType: if there is nothing for the token.
    """
    resource = lookup(token)
    try:
        inputs = resource.complete(add_hashes(new, context.root), context)
    except (AssetInvalid, OSError) as error:
        return CheckedInputs(new, [InputError("code", str(error))])
    naming = resource.naming
    if naming and naming.property not in inputs:
        prefix = f"{naming.property}Prefix"
        if prefix in inputs:
            return CheckedInputs(
                inputs, [InputError(prefix, f"{token}: the sandbox makes names, not prefixes; use {naming.property}")]
            )
        try:
            inputs[naming.property] = _name(resource, name, old, seed, proposed)
        except ValueError as error:
            return CheckedInputs(inputs, [InputError(naming.property, f"{token}: {error}")])
    return CheckedInputs(inputs, resource.errors(inputs, context))


def difference(token: str, name: str, old: Properties, new: Properties, ignore: Collection[str] = ()) -> InputChange:
    """Find what a new declaration changes, property by property; `ignore` are properties that are not compared."""
    resource = lookup(token)
    names = (old.keys() | new.keys()) - set(ignore) - resource.computed
    changed = {key for key in names if comparable(old.get(key)) != comparable(new.get(key))}
    replaces = frozenset(changed & resource.replace_on)
    same_identity = bool(resource.identity) and all(old.get(key) == new.get(key) for key in resource.identity)
    naming = resource.naming
    renamed_at_will = naming is not None and is_automatic(naming, name, new.get(naming.property))
    return InputChange(
        added=frozenset(key for key in changed if key not in old),
        deleted=frozenset(key for key in changed if key not in new),
        updated=frozenset(key for key in changed if key in old and key in new),
        replaces=replaces,
        delete_first=bool(replaces) and same_identity and not renamed_at_will,
    )


def previewed_outputs(token: str, inputs: Properties, old: Properties | None = None) -> Properties:
    """Give the outputs that a preview can promise; those not known yet are marked so."""
    resource = lookup(token)
    unknown = resource.computed if old is None else resource.volatile
    known = {key: value for key, value in (old or {}).items() if key in resource.computed}
    return {**known, **dict.fromkeys(unknown - inputs.keys(), UNKNOWN), **inputs}


def refreshed_inputs(old_inputs: Properties, state: Properties) -> Properties:
    """Give the declared inputs with the values that the cloud has."""
    return {key: state.get(key, value) for key, value in old_inputs.items()}


def seed_of(urn: str, generation: int = 0) -> bytes:
    """Make a seed for automatic names where no engine gives one: the same for the same resource."""
    return hashlib.sha256(f"{urn}#{generation}".encode()).digest()


def _name(resource: Resource, logical: str, old: Properties, seed: bytes, proposed: str) -> str:
    assert resource.naming is not None
    before: Any = old.get(resource.naming.property)
    if is_automatic(resource.naming, logical, before) or (proposed and before == proposed):
        return str(before)
    return proposed or automatic_name(resource.naming, logical, seed)
