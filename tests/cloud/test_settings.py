"""What a stack file may hold: a key that nobody reads must not pass."""

import json
from pathlib import Path

import pytest

from components.settings import SettingsRefused, stack_file
from sandbox.cloud import Cloud
from sandbox.engine import DeployFailed, open_engine
from sandbox.inline import InlineEngine
from sandbox.organization import make
from sandbox.program import Program

ROOT = Path(__file__).parents[2]
EXCLUDING = {"excluded_accounts": ["200000000001"]}
MISSPELT = [
    "orgsync:contact-sync",
    "orgsync:contactsync",
    "orgsync:contact_sync.schedule",
    "orgsync:deploy",
    "orgsync:",
]


def test_the_two_documents_are_read():
    """Whatever stands beside them under other names is of others."""
    values = {"aws:region": "us-east-1", "orgsync:contact_sync": json.dumps(EXCLUDING), "orgsync:deployment": "{}"}
    assert stack_file(values) == {"contact_sync": EXCLUDING, "deployment": {}}
    assert stack_file({"aws:region": "us-east-1"}) == {}


@pytest.mark.parametrize("key", MISSPELT)
def test_a_misspelt_key_is_refused(key):
    """Its path is named, and what is allowed."""
    with pytest.raises(SettingsRefused) as refused:
        stack_file({key: json.dumps(EXCLUDING), "orgsync:deployment": "{}"})
    assert str(refused.value) == f"{key}: is not a key here; allowed: orgsync:contact_sync, orgsync:deployment"


@pytest.mark.parametrize("value", ["", "null", "true", "[]", '"text"', "not json", "1"])
def test_what_is_no_mapping_is_refused(value):
    """Also nothing at all: whoever wants the defaults says so."""
    with pytest.raises(SettingsRefused, match=r"^orgsync:contact_sync: must be a mapping; write \{\}"):
        stack_file({"orgsync:contact_sync": value})


@pytest.mark.parametrize("key", ["orgsync:contact-sync", "orgsync:contactsync"])
def test_the_preview_fails_on_a_misspelt_key(key):
    """With the exclusions under a key that nobody reads, nothing is declared."""
    with Cloud(make(seed=3, count=2)) as cloud, open_engine("inline", cloud, ROOT) as engine:
        assert isinstance(engine, InlineEngine)
        engine.program = Program(ROOT, overlay_key=key)
        with pytest.raises(DeployFailed, match=f"{key}: is not a key here; allowed: orgsync:contact_sync"):
            engine.preview("dev", EXCLUDING)
        assert cloud.leftovers() == []
