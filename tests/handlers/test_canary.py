"""Contact values stand in the accounts and in the run's header, and nowhere else, whatever goes wrong on the way."""

import json
from typing import Any

import pytest

from orgsync.contact_sync.services import Services
from tests import canary
from tests.canary import CANARY, CASES, CONFIG, RUN_ID, TRACES
from tests.world import World

MANAGEMENT = "100000000001"
MEMBERS = [f"{200_000_000_000 + number}" for number in range(5)]

# Powertools says so of an invocation that had nothing to count.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


def planted_world(case: str, monkeypatch: pytest.MonkeyPatch) -> World:
    """Make the functions' whole environment for a case: every contact is planted, every service in memory."""
    chosen = CASES[case]
    world = World(canary.organization(MANAGEMENT, MEMBERS, **chosen.source or {}))
    world.refuses = chosen.refuse(MANAGEMENT, MEMBERS)
    world.configs.write(CONFIG, at="2026-11-01T10:00:00+00:00", by="test")
    monkeypatch.setattr(Services, "of_environment", lambda: world.services)
    return world


def stored(world: World) -> dict[str, Any]:
    """Return everything that the services hold, by its place."""
    events = world.executions.events()
    return {
        "state table": canary.without_source(world.items()),
        "config table": world.configs.items(),
        "bucket": world.objects(),
        "executions": {run_id: (event, world.executions.outcome(run_id)) for run_id, event in events.items()},
        "messages": world.messages(),
    }


@pytest.mark.parametrize("case", sorted(CASES))
def test_no_value_leaves_its_places(
    case: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A run, well or badly ended, leaves values in the accounts and in its header's `source`, and in no other place."""
    world = planted_world(case, monkeypatch)
    canary.check_that_nothing_is_spilled(world.services, case, lambda: stored(world), monkeypatch, capsys, caplog)


def test_the_canary_can_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values are where they belong, in the header's `source` and in the accounts, so that the search can fail."""
    world = planted_world("all well", monkeypatch)
    canary.carry_out(world.services)
    (header,) = [item for item in world.items() if (item["sync_id"], item["item"]) == (RUN_ID, "run")]
    assert all(trace in json.dumps(header["source"]) for trace in TRACES)
    assert all(world.held(account, "security")["Name"] == f"{CANARY} source security" for account in world.members)
