"""The stack file: a key that nobody reads must not pass."""

import json
from pathlib import Path

import pytest

from orgsync.components.contact_sync.component import DOCUMENTS
from orgsync.components.shared.stack_file import stack_file
from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.contact_sync.configuration import STACK_KEY
from orgsync.sandbox.engines.inline import InlineEngine
from orgsync.sandbox.engines.opener import open_engine
from orgsync.sandbox.engines.program import Program
from orgsync.sandbox.engines.protocol import DeployFailed
from orgsync.sandbox.model.organization import make
from orgsync.shared.configuration import ConfigurationRefused

ROOT = Path(__file__).parents[2]
EXCLUDING = {"excluded_accounts": ["200000000001"]}
MISSPELT = [
    "orgsync:contact-sync",
    "orgsync:contactsync",
    "orgsync:contact_sync.schedule",
    "orgsync:deploy",
    "orgsync:",
]


def test_the_two_documents_are_read() -> None:
    """A key under another name belongs to others."""
    values = {"aws:region": "us-east-1", "orgsync:contact_sync": json.dumps(EXCLUDING), "orgsync:deployment": "{}"}
    assert stack_file(values, DOCUMENTS) == {"contact_sync": EXCLUDING, "deployment": {}}
    assert stack_file({"aws:region": "us-east-1"}, DOCUMENTS) == {}


@pytest.mark.parametrize("key", MISSPELT)
def test_a_misspelt_key_is_refused(key: str) -> None:
    """Its path is named, and what is allowed."""
    with pytest.raises(ConfigurationRefused) as refused:
        stack_file({key: json.dumps(EXCLUDING), "orgsync:deployment": "{}"}, DOCUMENTS)
    assert str(refused.value) == f"{key}: is not a key here; allowed: orgsync:contact_sync, orgsync:deployment"


@pytest.mark.parametrize("value", ["", "null", "true", "[]", '"text"', "not json", "1", '{"a":' * 100_000])
def test_what_is_no_mapping_is_refused(value: str) -> None:
    """Also nothing at all: whoever wants the defaults says so."""
    with pytest.raises(ConfigurationRefused, match=r"^orgsync:contact_sync: must be a mapping; write \{\}"):
        stack_file({"orgsync:contact_sync": value}, DOCUMENTS)


@pytest.mark.parametrize("key", ["orgsync:contact-sync", "orgsync:contactsync"])
def test_the_preview_fails_on_a_misspelt_key(key: str) -> None:
    """With the exclusions under a key that nobody reads, nothing is declared."""
    with Cloud(make(seed=3, count=2)) as cloud, open_engine("inline", cloud, ROOT, STACK_KEY) as engine:
        assert isinstance(engine, InlineEngine)
        engine.program = Program(ROOT, stack_key=key)
        with pytest.raises(DeployFailed, match=f"{key}: is not a key here; allowed: orgsync:contact_sync"):
            engine.preview("dev", EXCLUDING)
        assert cloud.leftovers() == []
