"""The rehearsal of a scenario: its cloud, its engine, every step, and the report."""

from collections.abc import Callable
from typing import Any

from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.engines.opener import Choice, open_engine
from orgsync.sandbox.rehearsal import descriptions
from orgsync.sandbox.rehearsal.load import ScenarioInvalid, organization_of
from orgsync.sandbox.rehearsal.model import Scenario
from orgsync.sandbox.rehearsal.observations import Observations
from orgsync.sandbox.rehearsal.progress import ProgressReporter, SilentReporter
from orgsync.sandbox.rehearsal.references import missing_stacks, unknown_functions
from orgsync.sandbox.rehearsal.report import report
from orgsync.sandbox.rehearsal.session import Session
from orgsync.sandbox.rehearsal.snapshot import take_snapshot
from orgsync.sandbox.rehearsal.step_runner import run_step
from orgsync.sandbox.rehearsal.system import System


def run_scenario(
    scenario: Scenario,
    system: System,
    engine: Choice,
    progress: ProgressReporter | None,
    clock: Callable[[], float],
) -> dict[str, Any]:
    """Deploy a system into an organization of its own and run every step there.

    Returns the document that `report` makes.

    Raises:
        EngineMissing: `pulumi` was chosen, and there is none.
        ScenarioInvalid: a fault names an unknown function, or a step a stack that the program has no file of.
    """
    unknown = [*unknown_functions(scenario, system.functions), *missing_stacks(scenario, system.program)]
    if unknown:
        raise ScenarioInvalid("\n".join(unknown))
    reporter = progress or SilentReporter()
    quotas = scenario.quotas
    with (
        Cloud(
            organization_of(scenario),
            quotas=quotas if isinstance(quotas, str) else {name: one.model_dump() for name, one in quotas.items()},
            latency_ms=scenario.latency_ms,
            lag_s=scenario.lag_s,
            seed=scenario.organization.seed,
            functions=system.functions,
        ) as cloud,
        open_engine(engine, cloud, system.program, system.stack_key) as opened,
    ):
        for fault in scenario.faults:
            cloud.faults.add(fault.model_dump(exclude_none=True))
        session = Session(scenario, system, cloud, opened, reporter.on_output, reporter.on_count)
        reporter.scenario_started(
            scenario,
            opened.name,
            descriptions.describe_conditions(scenario, system.describe_pace(scenario)),
            lambda: descriptions.describe_calls(cloud.account.calls),
        )
        observations = Observations(cloud, system.observe)
        before = take_snapshot(cloud, scenario.organization.management)
        steps = []
        for number, step in enumerate(scenario.steps, start=1):
            reporter.step_started(number, len(scenario.steps), step.note or descriptions.describe_step(step))
            following = scenario.steps[number] if number < len(scenario.steps) else None
            steps.append(run_step(session, observations, step, clock, following))
            reporter.step_finished(steps[-1])
        return report(session, observations, before, steps)
