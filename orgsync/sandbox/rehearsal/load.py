"""Scenario files: reading and validation, before anything is started."""

from pathlib import Path
from typing import Any

from orgsync.sandbox.model.organization import OrganizationInvalid, OrganizationModel, from_document
from orgsync.sandbox.rehearsal.model import AccountDocument, Scenario
from orgsync.sandbox.rehearsal.references import unknown_accounts, unknown_units
from orgsync.shared import configuration
from orgsync.shared.configuration import ConfigurationRefused, read_json, read_yaml


class ScenarioInvalid(ConfigurationRefused):
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
        document = read_json(text) if path.suffix == ".json" else read_yaml(text)
    except ConfigurationRefused as refusal:
        raise ScenarioInvalid(f"{path}: {refusal}") from refusal
    return validate(document)


def validate(document: Any) -> Scenario:
    """Validate a document that is already read.

    Raises:
        ScenarioInvalid: one line for each error, with its path such as `steps.3.edit_source.via`.
    """
    if not isinstance(document, dict):
        raise ScenarioInvalid("the file: must be a mapping with the keys of a scenario (name, organization, steps ...)")
    try:
        scenario = configuration.validate(Scenario, document)
    except ConfigurationRefused as refusal:
        raise ScenarioInvalid(str(refusal)) from refusal
    try:
        organization = organization_of(scenario)
    except OrganizationInvalid as refusal:
        raise ScenarioInvalid(str(refusal)) from refusal
    unknown = [
        *unknown_accounts(scenario, {account.id for account in organization.accounts}),
        *unknown_units(scenario, {account.ou for account in organization.accounts}),
    ]
    if unknown:
        raise ScenarioInvalid("\n".join(unknown))
    return scenario


def organization_of(scenario: Scenario) -> OrganizationModel:
    """The organization and the source that the scenario starts with."""
    part = scenario.organization
    accounts: Any = part.accounts
    if not isinstance(accounts, int):
        accounts = [_described(account) for account in accounts]
    organization = {**part.model_dump(exclude={"accounts"}), "accounts": accounts}
    return from_document({"organization": organization, "source": scenario.source.given()})


def _described(account: AccountDocument) -> dict[str, Any]:
    return account.model_dump(exclude_unset=True) | {"contacts": account.contacts.given()}
