"""The rehearsal of a scenario: its cloud, its engine, every step, and the report."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.engines.opener import Choice, open_engine
from orgsync.sandbox.engines.program import Program
from orgsync.sandbox.rehearsal import descriptions
from orgsync.sandbox.rehearsal.load import ScenarioInvalid, organization_of
from orgsync.sandbox.rehearsal.model import Scenario
from orgsync.sandbox.rehearsal.observations import Observations
from orgsync.sandbox.rehearsal.progress import ProgressReporter, SilentReporter
from orgsync.sandbox.rehearsal.references import missing_stacks
from orgsync.sandbox.rehearsal.report import report, take_snapshot
from orgsync.sandbox.rehearsal.session import Session
from orgsync.sandbox.rehearsal.step_runner import run_step

PROGRAM = Path(__file__).parents[1] / "program"
"""The Pulumi program as it is packaged: links to the one at the top of a checkout, copies of it in a wheel."""


def rehearse(
    scenario: Scenario,
    engine: Choice = "auto",
    progress: ProgressReporter | None = None,
    program: Path = PROGRAM,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Any]:
    """Deploy the Pulumi program in the folder `program` into an organization of its own and run every step there.

    Returns the document that `report` makes.

    Raises:
        EngineMissing: `pulumi` was asked for by name, and there is none.
        ScenarioInvalid: a step names a stack that `program` has no file of.
    """
    if missing := missing_stacks(scenario, program):
        raise ScenarioInvalid("\n".join(missing))
    reporter = progress or SilentReporter()
    quotas = scenario.quotas
    with (
        Cloud(
            organization_of(scenario),
            quotas=quotas if isinstance(quotas, str) else {name: one.model_dump() for name, one in quotas.items()},
            latency_ms=scenario.latency_ms,
            seed=scenario.organization.seed,
        ) as cloud,
        open_engine(engine, cloud, program=program) as opened,
    ):
        for fault in scenario.faults:
            cloud.faults.add(fault.model_dump(exclude_none=True))
        session = Session(scenario, cloud, opened, Program(program), on_output=reporter.on_output)
        reporter.scenario_started(
            scenario,
            opened.name,
            descriptions.describe_conditions(scenario),
            lambda: descriptions.describe_calls(cloud.account.calls),
        )
        observations = Observations(cloud)
        before = take_snapshot(cloud, scenario.organization.management)
        steps = []
        for number, step in enumerate(scenario.steps, start=1):
            reporter.step_started(number, len(scenario.steps), step.note or descriptions.describe_step(step))
            steps.append(run_step(session, observations, step, clock))
            reporter.step_finished(steps[-1])
        return report(session, observations, before, steps)
