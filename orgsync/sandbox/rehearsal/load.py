"""Scenario files: reading and validation, before anything is started."""

import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from orgsync.sandbox.model.organization import OrganizationInvalid, OrganizationModel, from_document
from orgsync.sandbox.rehearsal.explain import explain
from orgsync.sandbox.rehearsal.model import AccountDocument, Scenario
from orgsync.sandbox.rehearsal.references import unknown_accounts


class ScenarioInvalid(ValueError):
    """A file that is wrong; each line of the message has a path in it and what is allowed there."""


def load(path: Path) -> Scenario:
    """Read a scenario: YAML, or JSON where the name ends in `.json`.

    Raises:
        ScenarioInvalid: it cannot be read, is no mapping, or holds something that is not allowed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioInvalid(f"{path}: cannot be read: {error}") from error
    try:
        document = _json(text) if path.suffix == ".json" else yaml.load(text, Loader=_UniqueKeyLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ScenarioInvalid(f"{path}: is not readable {_language(path)}: {error}") from error
    return validate(document)


def validate(document: Any) -> Scenario:
    """Validate a document that is already read.

    Raises:
        ScenarioInvalid: one line for each error, with its path such as `steps.3.edit_source.via`.
    """
    if not isinstance(document, dict):
        raise ScenarioInvalid("the file: must be a mapping with the keys of a scenario (name, organization, steps ...)")
    try:
        scenario = Scenario.model_validate(document)
    except ValidationError as error:
        raise ScenarioInvalid("\n".join(explain(error))) from error
    try:
        organization = organization_of(scenario)
    except OrganizationInvalid as refusal:
        raise ScenarioInvalid(str(refusal)) from refusal
    unknown = unknown_accounts(scenario, {account.id for account in organization.accounts})
    if unknown:
        raise ScenarioInvalid("\n".join(unknown))
    return scenario


def organization_of(scenario: Scenario) -> OrganizationModel:
    """The organization and the source that the scenario starts with."""
    part = scenario.organization
    accounts: Any = part.accounts
    if not isinstance(accounts, int):
        accounts = [_described(account) for account in accounts]
    organization = {"management": part.management, "seed": part.seed, "accounts": accounts}
    return from_document({"organization": organization, "source": scenario.source.given()})


def _described(account: AccountDocument) -> dict[str, Any]:
    return account.model_dump(exclude_unset=True) | {"contacts": account.contacts.given()}


def _language(path: Path) -> str:
    return "JSON" if path.suffix == ".json" else "YAML"


def _json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_unique_keys)


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise ValueError(f"the key {twice[0]!r} stands twice in one mapping; the first would be dropped")
    return dict(pairs)


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML as strict as JSON: a key occurs once in a mapping, and dates stay text."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Refuse equal keys, of which the parent class keeps the last and says nothing."""
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key must be text", key.start_mark)
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                text = f"the key {key.value!r} stands twice in one mapping; the first would be dropped"
                raise yaml.constructor.ConstructorError(None, None, text, key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


_UniqueKeyLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
