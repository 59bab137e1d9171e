"""Stacks as their files have them, deployed: production refuses to be removed, a trail comes and goes."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from sandbox.cloud import Cloud
from sandbox.engine import DeployFailed, find_cli, open_engine
from sandbox.organization import make

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with Cloud(make(seed=5, count=2)) as opened:
        yield opened


@pytest.mark.parametrize("choice", ["inline", pytest.param("pulumi", marks=pytest.mark.engine)])
def test_production_refuses_to_be_destroyed(cloud: Cloud, choice: str) -> None:
    """Whatever is protected is named before anything is removed; the data and the key are still there."""
    if choice == "pulumi" and find_cli() is None:
        pytest.skip("no Pulumi CLI on PATH or at .engine/pulumi: make engine")
    with open_engine(choice, cloud, ROOT) as engine:  # type: ignore[arg-type]
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


def test_a_trail_of_its_own_comes_and_goes(cloud: Cloud, tmp_path: Path) -> None:
    """With `trail: true` there is one that logs; destroyed, neither it nor its bucket is left."""
    clone = tmp_path / "clone"
    for room in ("components", "handlers"):
        shutil.copytree(ROOT / room, clone / room, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("__main__.py", "Pulumi.yaml", "Pulumi.dev.yaml"):
        shutil.copy(ROOT / file, clone)
    stack = yaml.safe_load((clone / "Pulumi.dev.yaml").read_text())
    stack["config"]["orgsync:deployment"]["trail"] = True
    (clone / "Pulumi.dev.yaml").write_text(yaml.safe_dump(stack))
    (clone / ".build").symlink_to(ROOT / ".build")
    with open_engine("inline", cloud, clone) as engine:
        engine.up("dev")
        cloud.settle()
        cloudtrail = cloud.client("cloudtrail")
        (trail,) = cloudtrail.list_trails()["Trails"]
        assert cloudtrail.get_trail_status(Name=trail["TrailARN"])["IsLogging"] is True
        engine.destroy("dev")
        assert cloud.leftovers() == []
