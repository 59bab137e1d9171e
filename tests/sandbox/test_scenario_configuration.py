"""The configuration that a rehearsal lays over the stack file."""

from typing import Any

import pytest

from orgsync.contact_sync.config import parse
from orgsync.contact_sync.names import Operation
from orgsync.sandbox.contact_sync.configuration import overlay
from orgsync.sandbox.rehearsal.load import validate


def scenario(**changes: Any) -> Any:
    return validate({"name": "x", "organization": {"accounts": 1}, "steps": [{"deploy": {}}], **changes})


def test_without_quotas_nobody_waits_for_them() -> None:
    """The pace is generous for every operation, and the product's own model accepts it."""
    config = parse(overlay(scenario(), {}))
    assert all(config.pace(operation).rate == 500 for operation in Operation)


@pytest.mark.parametrize("lag_s", [0, 0.5, 3, 10, 30, 120, 3600])
def test_what_the_sandbox_shows_late_is_waited_for(lag_s: float) -> None:
    """A verification outlasts the lag, while a function's life allows it; without a lag nobody waits long."""
    config = parse(overlay(scenario(lag_s=lag_s), {}))
    waits = sum(config.verify_config.delays())
    assert waits > min(lag_s, 600)
    assert lag_s or waits < 3


def test_the_scenario_and_then_the_step_have_the_last_word() -> None:
    """The quick pace lies under the scenario's `config`, and that under the step's."""
    own = {"verify_config": {"delay": 1}, "paused": True}
    assert overlay(scenario(config=own), {"paused": False})["verify_config"]["delay"] == 1
    assert overlay(scenario(config=own), {"paused": False})["paused"] is False


def test_with_aws_quotas_the_stack_keeps_its_own_pace() -> None:
    """Nothing is laid over it."""
    assert overlay(scenario(quotas="aws"), {}) == {}


@pytest.mark.parametrize("quotas", ["off", "aws"])
def test_new_accounts_are_waited_for_as_the_stack_says(quotas: str) -> None:
    """Settling and patience are AWS's seconds: it is accounts that grow older as fast as wait states pass."""
    assert "new_accounts" not in overlay(scenario(quotas=quotas), {})
    own = {"new_accounts": {"settle": 60, "patience": 3600}}
    assert overlay(scenario(quotas=quotas, config=own), {})["new_accounts"] == own["new_accounts"]


def test_quotas_of_the_scenario_are_the_pace_of_the_stack() -> None:
    """The product gets the pace that the emulator enforces."""
    quotas = {"PutAlternateContact": {"rate": 50, "burst": 80}}
    assert overlay(scenario(quotas=quotas), {}) == {"pacing": quotas}
