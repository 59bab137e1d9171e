"""One step of a scenario, from its beginning until nothing runs any more."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from threading import Barrier
from typing import Any

from orgsync.sandbox.rehearsal.actions import perform
from orgsync.sandbox.rehearsal.observations import Observations
from orgsync.sandbox.rehearsal.session import ActionResult, Session
from orgsync.sandbox.rehearsal.steps import Action, Step

Document = dict[str, Any]

NOT_RUN = "not played: the deploy before it failed and left nothing to play it with"


def run_step(stage: Session, ledger: Observations, step: Step, clock: Callable[[], float]) -> Document:
    """Play it and return its part of the report; one that does not do what it says carries an `error`."""
    began = clock()
    patience = step.settle_s or stage.scenario.settle_s
    inner = _perform_at_once(stage, step.at_once, patience) if step.at_once else []
    result = _combined_result(inner) if inner else _perform(stage, step, patience)
    errors = [error for error in (result.error, _settle(stage, patience)) if error]
    told = {
        "step": step.named,
        "ok": not errors,
        "seconds": round(clock() - began, 2),
        **asdict(result),
        "runs": ledger.look(stage.regions),
        "error": "; then ".join(errors) or None,
    }
    return told | ({"steps": [_action_report(*one) for one in inner]} if inner else {})


def _perform(stage: Session, action: Action, patience: float) -> ActionResult:
    if stage.came_to_nothing and action.named not in ("deploy", "preview"):
        return ActionResult(error=NOT_RUN)
    try:
        return perform(stage, action, patience)
    except Exception as refusal:  # a step that fails is a finding: it is told, and the play goes on
        return ActionResult(error=f"{type(refusal).__name__}: {refusal}")


def _perform_at_once(stage: Session, actions: list[Action], patience: float) -> list[tuple[Action, ActionResult]]:
    """Begin all of them in the same moment, each in a thread of its own."""
    ready = Barrier(len(actions))

    def begin(action: Action) -> tuple[Action, ActionResult]:
        ready.wait()
        return action, _perform(stage, action, patience)

    with ThreadPoolExecutor(max_workers=len(actions)) as threads:
        return list(threads.map(begin, actions))


def _combined_result(inner: list[tuple[Action, ActionResult]]) -> ActionResult:
    errors = Counter(f"{action.named}: {result.error}" for action, result in inner if result.error)
    said = "; ".join(f"{error} ({times} times)" if times > 1 else error for error, times in errors.items())
    return ActionResult(error=said or None)


def _action_report(action: Action, result: ActionResult) -> Document:
    return {"step": action.named, "ok": result.error is None, **asdict(result)}


def _settle(stage: Session, patience: float) -> str | None:
    try:
        stage.cloud.settle(patience)
    except Exception as unsettled:  # also what could not be delivered, which is collected until here
        return f"{type(unsettled).__name__}: {unsettled}"
    return None
