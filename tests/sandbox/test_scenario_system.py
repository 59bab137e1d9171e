"""The general runner with a system other than contact sync: the sample program beside this file."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.rehearsal.load import ScenarioInvalid, validate
from orgsync.sandbox.rehearsal.progress import SilentReporter
from orgsync.sandbox.rehearsal.runner import run_scenario
from orgsync.sandbox.rehearsal.snapshot import Snapshot
from orgsync.sandbox.rehearsal.system import Assessment, Observed, System


def observe(cloud: Cloud, regions: Iterable[str]) -> Observed:
    """Each table counts as a run."""
    tables = [
        name for region in regions for name in cloud.client("dynamodb", region=region).list_tables()["TableNames"]
    ]
    return Observed({name: {"run_id": name, "started": "2030-01-01"} for name in tables})


def assess(before: Snapshot, after: Snapshot, config: dict[str, Any] | None, runs: list[Any]) -> Assessment:
    """Converged when no account was added."""
    return Assessment(
        len(before.members) == len(after.members), {"owner": (config or {}).get("owner"), "seen": len(runs)}
    )


SAMPLE = System(
    program=Path(__file__).parent / "program",
    stack_key="orgsync:contact_sync",
    functions=("handler",),
    overlay=lambda scenario, step: {**scenario.config, **step},
    describe_pace=lambda scenario: "nothing is paced",
    accepts=lambda config: True,
    observe=observe,
    assess=assess,
)


def rehearse(*steps: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The report of a scenario with these steps."""
    scenario = validate({"name": "x", "organization": {"accounts": 2}, "steps": list(steps), **changes})
    return run_scenario(scenario, SAMPLE, "inline", SilentReporter(), lambda: 0.0)


def test_another_system_is_rehearsed_with_functions_of_its_own() -> None:
    """Its configuration, runs and assessment are its own; the steps and the rest of the report are the same."""
    report = rehearse({"deploy": {"config": {"owner": "us"}}}, {"tag_account": {"account": "200000000001", "tags": {}}})
    assert [step["ok"] for step in report["steps"]] == [True, True]
    assert report["steps"][0]["runs"] == ["accounts"]
    assert (report["converged"], report["owner"], report["seen"]) == (True, "us", 1)
    assert "minimum" not in report
    assert not rehearse({"create_account": {"name": "new"}})["converged"]


def test_a_fault_names_functions_of_that_system() -> None:
    """Those of contact sync are unknown to it."""
    with pytest.raises(ScenarioInvalid, match=r"faults\.0\.function: must be handler"):
        rehearse({"deploy": {}}, faults=[{"function": "process", "crash": "before"}])
