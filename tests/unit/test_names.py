"""The names that the declared cloud and the running code share."""

import importlib

import pytest

from orgsync.contact_sync.config import AWS_QUOTAS
from orgsync.contact_sync.names import (
    Entry,
    Kind,
    Operation,
    batch_key,
    manifest_key,
    report_key,
)


@pytest.mark.parametrize("entry", list(Entry))
def test_every_entry_point_leads_to_a_handler(entry):
    """A handler string names a callable: a wrong one would fail only at the function's first event."""
    module, _, name = entry.rpartition(".")
    assert callable(getattr(importlib.import_module(module), name))


def test_every_operation_has_a_quota():
    """No operation is called without a pace."""
    assert set(AWS_QUOTAS) == set(Operation)


def test_kinds_are_awss_own_names():
    """An alternate's kind in capitals is what the API calls it."""
    assert {kind.upper() for kind in Kind} == {"PRIMARY", "BILLING", "OPERATIONS", "SECURITY"}


def test_the_keys_of_two_runs_never_meet():
    """Whatever a run writes into the bucket stands below a prefix of its own."""
    keys = {key("a") for key in (manifest_key, report_key)} | {batch_key("a", number) for number in (0, 1, 99_999)}
    assert len(keys) == 5
    assert all(key.startswith("runs/a/") for key in keys)
