"""Names that the declared cloud and the running code share."""

import importlib

import pytest

from orgsync.contact_sync.config import AWS_QUOTAS
from orgsync.contact_sync.names import (
    ALTERNATES,
    ContactCall,
    FunctionName,
    Kind,
    Operation,
    batch_key,
    manifest_key,
    report_key,
)


@pytest.mark.parametrize("name", list(FunctionName))
def test_every_function_leads_to_a_handler(name: FunctionName) -> None:
    """A handler string names a callable of the entry point's module: a wrong one would fail at the first event."""
    module, _, attribute = name.handler.rpartition(".")
    assert module == f"orgsync.handlers.contact_sync.{name.module}"
    assert callable(getattr(importlib.import_module(module), attribute))


def test_every_function_has_names_of_its_own() -> None:
    """Modules can be imported, name ends can stand in resource names, and no two functions share either."""
    assert all(name.module.isidentifier() for name in FunctionName)
    assert len({name.module for name in FunctionName}) == len({name.handler for name in FunctionName}) == 4
    assert all(name.replace("-", "").isalpha() for name in FunctionName)


def test_every_operation_has_a_quota() -> None:
    """No operation is called without a pace."""
    assert set(AWS_QUOTAS) == set(Operation)


@pytest.mark.parametrize("kind", list(Kind))
def test_every_write_of_ours_is_among_the_calls_that_change_a_contact(kind: Kind) -> None:
    """A member's own call is the same as ours: each operation that writes a kind stands in the table with it."""
    assert kind in ContactCall.by_name()[Operation.put(kind)].kinds
    assert ContactCall.by_name()[Operation.DELETE_ALTERNATE].kinds == ALTERNATES
    assert Operation.get(kind) not in ContactCall.by_name()


@pytest.mark.parametrize("spellings", [ContactCall.ACCOUNT_PARAMETERS, ContactCall.KIND_PARAMETERS])
def test_a_parameter_has_two_spellings(spellings: tuple[str, str]) -> None:
    """Parameters are looked for in camelCase and in PascalCase, which differ in the first letter only."""
    camel, pascal = spellings
    assert camel[0].islower()
    assert pascal == camel[0].upper() + camel[1:]


def test_kinds_are_awss_own_names() -> None:
    """An alternate's kind in capitals is what the API calls it."""
    assert {kind.upper() for kind in Kind} == {"PRIMARY", "BILLING", "OPERATIONS", "SECURITY"}


def test_the_keys_of_two_runs_never_meet() -> None:
    """All that a run writes into the bucket stands below a prefix of its own."""
    keys = {key("a") for key in (manifest_key, report_key)} | {batch_key("a", number) for number in (0, 1, 99_999)}
    assert len(keys) == 5
    assert all(key.startswith("runs/a/") for key in keys)
