"""A configuration table that was edited by hand, through the functions' handlers and the adapters over moto."""

from decimal import Decimal
from typing import Any

import pytest

from orgsync.contact_sync.names import Kind
from orgsync.contact_sync.services import Services
from orgsync.handlers.contact_sync import plan, report
from tests.invocation import FunctionContext
from tests.memory import DeclaredCloud, client, read_queue, tables
from tests.world import STARTED, schedule

# Powertools says so of an invocation that had nothing to count.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

BY_HAND: dict[str, dict[str, Any]] = {
    "a string set": {"contact_types": {"billing", "security"}},
    "a number set": {"excluded_accounts": {Decimal(200000000001)}},
    "bytes": {"schedule": b"rate(1 day)"},
    "a number for a text": {"on_source_delete": Decimal(1)},
    "another release's field": {"excluded_names": ["sandbox-*"]},
    "nothing for a truth": {"paused": None},
}


@pytest.fixture
def members(declared_cloud: DeclaredCloud) -> list[str]:
    """Three members of an organization in moto."""
    organizations = client("organizations")
    organizations.create_organization(FeatureSet="ALL")
    answers = [organizations.create_account(AccountName=f"m{n}", Email=f"m{n}@example.com") for n in range(3)]
    return [answer["CreateAccountStatus"]["AccountId"] for answer in answers]


@pytest.mark.parametrize("how", BY_HAND)
def test_a_run_on_a_table_edited_by_hand_is_closed_and_notified(
    declared_cloud: DeclaredCloud, members: list[str], how: str
) -> None:
    """The run ends by name, every account and kind has its receipt, and one message says so; no version is needed
    for that, nor who wrote it."""
    tables().Table("config").put_item(Item={"config_key": "default", "version": 1, **BY_HAND[how]})
    Services.of_environment().executions.start("run-1", schedule())
    payload = {"run_id": "run-1", "started": STARTED, "execution": "arn", "event": schedule()}
    assert plan.handler(payload, FunctionContext("plan"))["outcome"] == "report"
    assert report.handler({"run_id": "run-1"}, FunctionContext("report"))["status"] == "failed"
    run = Services.of_environment().states.run("run-1")
    assert run
    assert run.closed
    assert run.error == "ConfigurationUnreadable"
    receipts = list(Services.of_environment().states.receipts("run-1"))
    assert {(one.account, one.kind) for one in receipts} == {(member, kind) for member in members for kind in Kind}
    assert {one.error for one in receipts} == {"ConfigurationUnreadable"}
    (message,) = read_queue(declared_cloud.queue)
    assert "ConfigurationUnreadable" in str(message)
    assert Services.of_environment().states.lease().holder is None
