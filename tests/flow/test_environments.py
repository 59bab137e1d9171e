"""Stacks as their files have them, deployed: production refuses to be removed, a trail comes and goes."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.contact_sync.configuration import QUICK, STACK_KEY
from orgsync.sandbox.engines.opener import find_cli, open_engine
from orgsync.sandbox.engines.program import Program
from orgsync.sandbox.engines.protocol import DeployFailed
from orgsync.sandbox.model.organization import make

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with Cloud(make(seed=5, count=2)) as opened:
        yield opened


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Make a second checkout: what is tracked and nothing else, but for the layer, which is built from the net."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    second = tmp_path / "elsewhere" / "checkout"
    for name in filter(None, tracked.split("\0")):
        (second / name).parent.mkdir(parents=True, exist_ok=True)
        # The links by which everything is imported are tracked as links.
        shutil.copyfile(ROOT / name, second / name, follow_symlinks=False)
    (second / ".build").symlink_to(ROOT / ".build")
    return second


@pytest.mark.engine
@pytest.mark.skipif(find_cli() is None, reason="no Pulumi CLI on PATH or at .engine/pulumi: make engine")
def test_another_checkout_changes_nothing_but_what_is_gone(cloud: Cloud, checkout: Path) -> None:
    """Nor does a second `up` from the first; no run is started, and every output is the same.

    What was deleted behind its back is made again, and only that.
    """
    with open_engine("pulumi", cloud, ROOT, STACK_KEY) as engine:
        first = engine.up("dev")
        cloud.settle()
        assert first.resources["create"] > 50
        runs = len(cloud.executions())
        for root in (ROOT, checkout):
            engine.program = Program(root, STACK_KEY)
            again = engine.up("dev")
            cloud.settle()
            assert again.changes == 0, again.resources
            assert again.resources["same"] == first.resources["create"]
            assert again.outputs == first.outputs
        cloud.client("events").remove_targets(Rule="orgsync-dev-contact-sync-source-changed", Ids=["source-changed"])
        cloud.client("ssm").delete_parameter(Name=first.outputs["discovery_parameter"])
        engine.refresh("dev")
        repaired = engine.up("dev")
        assert (repaired.resources["create"], repaired.changes) == (2, 2)
        assert repaired.outputs == first.outputs
        assert len(cloud.executions()) == runs


def test_going_back_to_an_earlier_configuration_is_waited_for(cloud: Cloud) -> None:
    """It looks as a rollback by CloudFormation does, and is none: its run's outcome is the deployment's."""
    member = cloud.organization.accounts[0].id
    desk = {"Name": "Desk", "Title": "Security", "EmailAddress": "desk@example.com", "PhoneNumber": "555 0101"}
    with open_engine("inline", cloud, ROOT, STACK_KEY) as engine:
        engine.up("dev", QUICK)
        engine.up("dev", {**QUICK, "excluded_accounts": [member]})
        cloud.edit_source({"security": desk})
        cloud.settle()
        cloud.faults.add({"operation": "PutAlternateContact", "error": "AccessDeniedException"})
        outcome = engine.up("dev", QUICK).outputs["initial_sync"]
    assert (outcome["status"], outcome["scenario"], outcome["failed"]) == ("partial", "permission_errors", 1)


def test_a_rollback_finds_the_configuration_before(cloud: Cloud) -> None:
    """However many deployments failed since: its version is still there, is in force again, and the next one works."""
    security, operations = {**QUICK, "contact_types": ["security"]}, {**QUICK, "contact_types": ["operations"]}
    with open_engine("inline", cloud, ROOT, STACK_KEY) as engine:
        engine.up("dev", security)
        cloud.settle()
        cloud.faults.add({"operation": "PutAlternateContact", "error": "AccessDeniedException"})
        for days in (2, 3, 4):
            with pytest.raises(DeployFailed, match="UPDATE_ROLLBACK_COMPLETE"):
                engine.up("dev", {**operations, "schedule": f"rate({days} days)"})
            cloud.settle()
            items = cloud.client("dynamodb").scan(TableName="orgsync-dev-contact-sync-config")["Items"]
            assert max(items, key=lambda item: int(item["version"]["N"]))["contact_types"] == {"L": [{"S": "security"}]}
        cloud.faults.clear()
        assert engine.up("dev", operations).outputs["initial_sync"]["status"] == "completed"
        engine.destroy("dev")
        assert cloud.leftovers() == []


@pytest.mark.parametrize("choice", ["inline", pytest.param("pulumi", marks=pytest.mark.engine)])
def test_production_refuses_to_be_destroyed(cloud: Cloud, choice: str) -> None:
    """Protected resources are named before anything is removed; the data and the key are still there."""
    if choice == "pulumi" and find_cli() is None:
        pytest.skip("no Pulumi CLI on PATH or at .engine/pulumi: make engine")
    with open_engine(choice, cloud, ROOT, STACK_KEY) as engine:  # type: ignore[arg-type]
        engine.up("prod")
        cloud.settle()
        before = cloud.leftovers()
        with pytest.raises(DeployFailed, match="protect"):
            engine.destroy("prod")
        assert cloud.leftovers() == before
    tables = cloud.client("dynamodb").list_tables()["TableNames"]
    assert len(tables) == 2
    for name in tables:
        table = cloud.client("dynamodb").describe_table(TableName=name)["Table"]
        assert table["DeletionProtectionEnabled"] is True


def test_a_trail_of_its_own_comes_and_goes(cloud: Cloud, clone: Callable[[dict[str, Any]], Path]) -> None:
    """With `trail: true` there is one that logs; destroyed, neither it nor its bucket is left."""
    with open_engine("inline", cloud, clone({"orgsync:deployment": {"trail": True}}), STACK_KEY) as engine:
        engine.up("dev")
        cloud.settle()
        cloudtrail = cloud.client("cloudtrail")
        (trail,) = cloudtrail.list_trails()["Trails"]
        assert cloudtrail.get_trail_status(Name=trail["TrailARN"])["IsLogging"] is True
        engine.destroy("dev")
        assert cloud.leftovers() == []
