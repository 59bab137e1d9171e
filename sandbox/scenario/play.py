"""A scenario, played: its cloud, its engine, every step, and what it all came to."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sandbox.cloud import Cloud
from sandbox.engine import Choice, open_engine
from sandbox.program import Program

from . import words
from .audience import Audience, Nobody
from .ledger import Ledger
from .load import ScenarioRefused, organization_of
from .model import Scenario
from .references import missing_stacks
from .report import report, standing
from .stage import Stage
from .turn import turn

REPOSITORY = Path(__file__).resolve().parents[2]


def play(
    scenario: Scenario,
    engine: Choice = "auto",
    audience: Audience | None = None,
    repository: Path = REPOSITORY,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Any]:
    """Deploy the program of `repository` into an organization of its own and play every step there.

    Returns the document that `report` describes.

    Raises:
        EngineMissing: `pulumi` was asked for by name, and there is none.
        ScenarioRefused: a step names a stack that `repository` has no file of.
    """
    if missing := missing_stacks(scenario, repository):
        raise ScenarioRefused("\n".join(missing))
    told = audience or Nobody()
    quotas = scenario.quotas
    with (
        Cloud(
            organization_of(scenario),
            quotas=quotas if isinstance(quotas, str) else {name: one.model_dump() for name, one in quotas.items()},
            latency_ms=scenario.latency_ms,
            seed=scenario.organization.seed,
        ) as cloud,
        open_engine(engine, cloud, program=repository) as opened,
    ):
        for fault in scenario.faults:
            cloud.faults.add(fault.model_dump(exclude_none=True))
        stage = Stage(scenario, cloud, opened, Program(repository), hears=told.hears)
        told.opens(scenario, opened.name, words.terms(scenario), lambda: words.traffic(cloud.account.calls))
        ledger = Ledger(cloud)
        before = standing(cloud, scenario.organization.management)
        steps = []
        for number, step in enumerate(scenario.steps, start=1):
            told.begins(number, len(scenario.steps), step.note or words.title(step))
            steps.append(turn(stage, ledger, step, clock))
            told.ends(steps[-1])
        return report(stage, ledger, before, steps)
