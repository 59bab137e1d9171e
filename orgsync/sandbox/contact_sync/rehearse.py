"""Rehearsals of contact sync: the general runner with contact sync's own facts and functions."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from orgsync.contact_sync.names import FunctionName
from orgsync.sandbox.contact_sync.assessment import assess
from orgsync.sandbox.contact_sync.configuration import STACK_KEY, accepts, describe_pace, overlay
from orgsync.sandbox.contact_sync.observations import observe
from orgsync.sandbox.engines.opener import Choice
from orgsync.sandbox.rehearsal.model import Scenario
from orgsync.sandbox.rehearsal.packaged_program import PACKAGED, program_folder
from orgsync.sandbox.rehearsal.progress import ProgressReporter
from orgsync.sandbox.rehearsal.runner import run_scenario
from orgsync.sandbox.rehearsal.system import System

CONTACT_SYNC = System(
    program=PACKAGED,
    stack_key=STACK_KEY,
    functions=tuple(function.module for function in FunctionName),
    overlay=overlay,
    describe_pace=describe_pace,
    accepts=accepts,
    observe=observe,
    assess=assess,
)


def rehearse(
    scenario: Scenario,
    engine: Choice = "auto",
    progress: ProgressReporter | None = None,
    program: Path | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Any]:
    """Deploy contact sync into an organization of its own and run every step there.

    Args:
        program: the folder of the Pulumi program; the packaged one, if none is given.

    Returns:
        the report of docs/scenario.md.

    Raises:
        EngineMissing: `pulumi` was chosen, and there is none.
        ScenarioInvalid: a fault names an unknown function, or a step a stack that `program` has no file of.
    """
    return run_scenario(scenario, replace(CONTACT_SYNC, program=program or program_folder()), engine, progress, clock)
