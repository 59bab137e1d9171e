"""Contact values stand at AWS and in the run's header, and nowhere else: the adapters over moto and over HTTP."""

import json
import time
from typing import Any

import pytest

from orgsync.contact_sync.services import Services
from orgsync.sandbox.model.account import AccountService
from tests import canary
from tests.account_endpoint import AccountEndpoint
from tests.canary import CANARY, CASES, CONFIG, RUN_ID, TRACES
from tests.memory import CLOUD_ACCOUNT, DeclaredCloud, client, read_queue, tables

# Powertools says so of an invocation that had nothing to count.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


@pytest.fixture
def members(declared_cloud: DeclaredCloud, account_endpoint: AccountEndpoint) -> list[str]:
    """Five members of an organization in moto; the configuration is written through services with every endpoint."""
    organizations = client("organizations")
    organizations.create_organization(FeatureSet="ALL")
    Services.of_environment().configs.write(CONFIG, at="2026-11-01T10:00:00+00:00", by="test")
    answers = [organizations.create_account(AccountName=f"m{n}", Email=f"m{n}@example.com") for n in range(5)]
    return [answer["CreateAccountStatus"]["AccountId"] for answer in answers]


def serve(endpoint: AccountEndpoint, members: list[str], case: str) -> AccountService:
    """Put a case's organization behind the Account API's endpoint; every contact is planted."""
    chosen = CASES[case]
    organization = canary.organization(CLOUD_ACCOUNT, members, **chosen.source or {})
    refuse = chosen.refuse(CLOUD_ACCOUNT, members)
    service = AccountService(organization, clock=time.monotonic, refuse=refuse)
    endpoint.serve(service)
    return service


def items(table: str) -> list[dict[str, Any]]:
    """Return everything that stands in a table."""
    found: list[dict[str, Any]] = tables().Table(table).scan()["Items"]
    return found


def stored(cloud: DeclaredCloud) -> dict[str, Any]:
    """Return everything that the stack's stores hold, by its place."""
    s3, steps = client("s3"), client("stepfunctions")
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket="runs").get("Contents", [])]
    executions = steps.list_executions(stateMachineArn=cloud.machine)["executions"]
    return {
        "state table": canary.without_source(items("state")),
        "config table": items("config"),
        "bucket": {key: s3.get_object(Bucket="runs", Key=key)["Body"].read().decode() for key in keys},
        "executions": [steps.describe_execution(executionArn=found["executionArn"]) for found in executions],
        "messages": read_queue(cloud.queue),
    }


@pytest.mark.parametrize("case", sorted(CASES))
def test_no_value_leaves_its_places(
    declared_cloud: DeclaredCloud,
    members: list[str],
    account_endpoint: AccountEndpoint,
    case: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A run, well or badly ended, leaves values in the accounts and in its header's `source`, and in no other place."""
    serve(account_endpoint, members, case)
    canary.check_that_nothing_is_spilled(
        Services.of_environment(), case, lambda: stored(declared_cloud), monkeypatch, capsys, caplog
    )


def test_the_canary_can_be_seen(members: list[str], account_endpoint: AccountEndpoint) -> None:
    """Values are where they belong, in the header's `source` and in the accounts, so that the search can fail."""
    service = serve(account_endpoint, members, "all well")
    canary.carry_out(Services.of_environment())
    (header,) = [item for item in items("state") if (item["sync_id"], item["item"]) == (RUN_ID, "run")]
    assert all(trace in json.dumps(header["source"]) for trace in TRACES)
    held = service.contacts()
    assert all((held[account]["security"] or {})["Name"] == f"{CANARY} source security" for account in members)
