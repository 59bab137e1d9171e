"""Documents that the program really declares, as others' linters judge them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.contact_sync.configuration import STACK_KEY
from orgsync.sandbox.engines.inline import InlineEngine
from orgsync.sandbox.engines.opener import open_engine
from orgsync.sandbox.model.organization import make
from tests import linting

ROOT = Path(__file__).parents[2]
RECIPIENTS = {
    "fallback_sns_topic": "arn:aws:sns:us-east-1:100000000001:central",
    "slack_channels": [{"workspace": "T0123ABCDE", "channel": "C0123ABCDE"}],
    "user_notifications_config": {"email_contacts": [{"address": "desk@example.com"}]},
}
pytestmark = pytest.mark.slow

MANAGEMENT = "100000000001"
NAMES_NO_SOURCE = ("chatbot.amazonaws.com", "lambda.amazonaws.com")
"""Services that name neither account nor source when they assume a role, or are not known to."""

Inputs = dict[str, Any]


@pytest.fixture(scope="module")
def declared() -> Iterator[list[tuple[str, str, Inputs]]]:
    """Yield type, name and inputs of all that was deployed, so that every ARN is known; tracing is on in dev."""
    with Cloud(make(seed=3, count=2)) as cloud, open_engine("inline", cloud, ROOT, STACK_KEY) as engine:
        assert isinstance(engine, InlineEngine)
        engine.up("dev", {"notification_settings": RECIPIENTS})
        cloud.settle()
        records = list(engine._stacks["dev"].values())
        yield [(record.type, record.name, record.inputs) for record in records if record.managed]


def documents(declared: list[tuple[str, str, Inputs]], *properties: str) -> dict[str, str]:
    """Return every document that stands in one of these inputs, by the resource that has it."""
    return {
        f"{kind.rsplit(':', 1)[-1]} {name} {key}": inputs[key]
        for kind, name, inputs in declared
        for key in properties
        if key in inputs
    }


def test_iam_accepts_every_policy(declared: list[tuple[str, str, Inputs]]) -> None:
    """Parliament knows every action, resource and condition of every identity and resource."""
    found = documents(declared, "policy", "assumeRolePolicy", "eventBusPolicy")
    assert len(found) > 15
    bad = {who: mistakes for who, text in found.items() if (mistakes := linting.policy_mistakes(text))}
    assert not bad, "\n".join(f"{who}: {mistake}" for who, mistakes in bad.items() for mistake in mistakes)


def test_cloudformation_accepts_every_template(declared: list[tuple[str, str, Inputs]]) -> None:
    """cfn-lint finds nothing to say of any."""
    found = documents(declared, "templateBody")
    assert found
    assert {who: mistakes for who, text in found.items() if (mistakes := linting.template_mistakes(text))} == {}


def test_step_functions_accepts_the_machine(declared: list[tuple[str, str, Inputs]], tmp_path: Path) -> None:
    """Neither cfn-lint nor asl-validator has anything to say."""
    (definition,) = documents(declared, "definition").values()
    assert linting.machine_mistakes(definition, tmp_path) == []


@pytest.mark.skipif(not linting.validator_is_there(), reason="asl-validator is not installed: make test, with npm")
def test_a_mistake_in_a_machine_is_seen(declared: list[tuple[str, str, Inputs]], tmp_path: Path) -> None:
    """A state that leads nowhere is a mistake."""
    (definition,) = documents(declared, "definition").values()
    machine = json.loads(definition)
    machine["States"]["Plan"]["Next"] = "Nowhere"
    assert "MISSING_TRANSITION_TARGET" in "".join(linting.machine_mistakes(json.dumps(machine), tmp_path))


def services(statement: dict[str, Any]) -> list[str]:
    """Return the services that a statement lets in."""
    principal = statement.get("Principal")
    named = principal.get("Service", []) if isinstance(principal, dict) else []
    return [named] if isinstance(named, str) else named


def test_a_service_is_let_in_for_our_own_sources_only(declared: list[tuple[str, str, Inputs]]) -> None:
    """A service in a resource's policy is held to our account and to a source of ours."""
    for who, text in documents(declared, "policy", "assumeRolePolicy").items():
        for statement in json.loads(text)["Statement"]:
            when = json.dumps(statement.get("Condition", {}))
            for service in services(statement):
                if service.startswith("logs."):
                    assert "kms:EncryptionContext:aws:logs:arn" in when, who
                elif service not in NAMES_NO_SOURCE:
                    assert "aws:SourceArn" in when, who
                    assert MANAGEMENT in when or "aws:SourceOrgID" in when, who
    for kind, name, inputs in declared:
        if kind == "aws:lambda/permission:Permission":
            assert f":{MANAGEMENT}:" in inputs["sourceArn"], name
            assert "sourceAccount" not in inputs, f"{name}: EventBridge names no account"
