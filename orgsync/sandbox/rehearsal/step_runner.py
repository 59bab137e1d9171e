"""The step runner: one step of a scenario, from its start until nothing runs any more."""

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

NOT_RUN = "not run: the deploy before it failed and created nothing that it could run against"


def run_step(session: Session, observations: Observations, step: Step, clock: Callable[[], float]) -> Document:
    """Run a step and return its part of the report, with an `error` if it did not do what it says."""
    started_at = clock()
    timeout_s = step.settle_s or session.scenario.settle_s
    inner = _perform_at_once(session, step.at_once, timeout_s) if step.at_once else []
    result = _combined_result(inner) if inner else _perform(session, step, timeout_s)
    errors = [error for error in (result.error, _settle(session, timeout_s)) if error]
    report = {
        "step": step.named,
        "ok": not errors,
        "seconds": round(clock() - started_at, 2),
        **asdict(result),
        "runs": observations.update(session.regions),
        "error": "; then ".join(errors) or None,
    }
    return report | ({"steps": [_action_report(*one) for one in inner]} if inner else {})


def _perform(session: Session, action: Action, timeout_s: float) -> ActionResult:
    if session.nothing_deployed and action.named not in ("deploy", "preview"):
        return ActionResult(error=NOT_RUN)
    try:
        return perform(session, action, timeout_s)
    except Exception as refusal:  # a step that fails is a finding: it is reported, and the rehearsal goes on
        return ActionResult(error=f"{type(refusal).__name__}: {refusal}")


def _perform_at_once(session: Session, actions: list[Action], timeout_s: float) -> list[tuple[Action, ActionResult]]:
    """Start all actions at the same moment, each in a thread of its own."""
    ready = Barrier(len(actions))

    def begin(action: Action) -> tuple[Action, ActionResult]:
        ready.wait()
        return action, _perform(session, action, timeout_s)

    with ThreadPoolExecutor(max_workers=len(actions)) as threads:
        return list(threads.map(begin, actions))


def _combined_result(inner: list[tuple[Action, ActionResult]]) -> ActionResult:
    errors = Counter(f"{action.named}: {result.error}" for action, result in inner if result.error)
    text = "; ".join(f"{error} ({times} times)" if times > 1 else error for error, times in errors.items())
    return ActionResult(error=text or None)


def _action_report(action: Action, result: ActionResult) -> Document:
    return {"step": action.named, "ok": result.error is None, **asdict(result)}


def _settle(session: Session, timeout_s: float) -> str | None:
    try:
        session.cloud.settle(timeout_s)
    except Exception as unsettled:  # also what could not be delivered, which is collected until here
        return f"{type(unsettled).__name__}: {unsettled}"
    return None
