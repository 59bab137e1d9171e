"""A scenario file, read and judged before anything is started."""

import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from orgsync.sandbox.model.organization import Organization, OrganizationRefused, from_document
from orgsync.sandbox.rehearsal.explain import explain
from orgsync.sandbox.rehearsal.model import NamedAccount, Scenario
from orgsync.sandbox.rehearsal.references import strangers


class ScenarioRefused(ValueError):
    """The file is wrong; each line of the message names a place in it and what is allowed there."""


def load(path: Path) -> Scenario:
    """Read a scenario: YAML, or JSON where the name ends in `.json`.

    Raises:
        ScenarioRefused: it cannot be read, is no mapping, or says something it may not.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioRefused(f"{path}: cannot be read: {error}") from error
    try:
        document = _json(text) if path.suffix == ".json" else yaml.load(text, Loader=_OnceLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ScenarioRefused(f"{path}: is not readable {_language(path)}: {error}") from error
    return validate(document)


def validate(document: Any) -> Scenario:
    """Judge a document that is already read.

    Raises:
        ScenarioRefused: one line a mistake, with its path such as `steps.3.edit_source.via`.
    """
    if not isinstance(document, dict):
        raise ScenarioRefused("the file: must be a mapping with the keys of a scenario (name, organization, steps ...)")
    try:
        scenario = Scenario.model_validate(document)
    except ValidationError as error:
        raise ScenarioRefused("\n".join(explain(error))) from error
    try:
        organization = organization_of(scenario)
    except OrganizationRefused as refusal:
        raise ScenarioRefused(str(refusal)) from refusal
    unknown = strangers(scenario, {account.id for account in organization.accounts})
    if unknown:
        raise ScenarioRefused("\n".join(unknown))
    return scenario


def organization_of(scenario: Scenario) -> Organization:
    """The organization and the source that the scenario starts with."""
    part = scenario.organization
    accounts: Any = part.accounts
    if not isinstance(accounts, int):
        accounts = [_described(account) for account in accounts]
    organization = {"management": part.management, "seed": part.seed, "accounts": accounts}
    return from_document({"organization": organization, "source": scenario.source.given()})


def _described(account: NamedAccount) -> dict[str, Any]:
    return account.model_dump(exclude_unset=True) | {"contacts": account.contacts.given()}


def _language(path: Path) -> str:
    return "JSON" if path.suffix == ".json" else "YAML"


def _json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise ValueError(f"the key {twice[0]!r} stands twice in one place; the first would be lost")
    return dict(pairs)


class _OnceLoader(yaml.SafeLoader):
    """YAML as JSON understands it: a key stands once in a mapping, and dates stay text."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """As the parent's, which keeps the last of two equal keys and says nothing."""
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key must be text", key.start_mark)
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                said = f"the key {key.value!r} stands twice in one place; the first would be lost"
                raise yaml.constructor.ConstructorError(None, None, said, key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


_OnceLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
