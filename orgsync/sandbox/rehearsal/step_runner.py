"""The step runner: one step of a scenario, from its start until nothing runs any more."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from threading import Barrier
from typing import Any

from orgsync.sandbox.errors import SettleTimeout
from orgsync.sandbox.rehearsal.actions import perform
from orgsync.sandbox.rehearsal.descriptions import describe_count, describe_step
from orgsync.sandbox.rehearsal.observations import Observations
from orgsync.sandbox.rehearsal.parts import Count, CountRange
from orgsync.sandbox.rehearsal.session import ActionResult, Session
from orgsync.sandbox.rehearsal.steps import BY_THE_ENGINE, Action, Step

Document = dict[str, Any]

_BRING_ACCOUNTS = ("create_account", "join_account")
_PLACE_ACCOUNTS = ("move_account", "tag_account")

NOT_RUN = "not run: the deploy before it failed and created nothing that it could run against"


def run_step(
    session: Session, observations: Observations, step: Step, clock: Callable[[], float], following: Step | None = None
) -> Document:
    """Run a step and return its part of the report, with an `error` if it did not do what it says.

    Args:
        following: the step after it. Where that moves or tags an account, and this one brings, moves or tags one, it
            comes while the runs for new accounts still wait, as at AWS: accounts are moved and tagged seconds after
            they were created.
    """
    started_at = clock()
    written_before = session.writes()
    timeout_s = step.settle_s or session.scenario.settle_s
    inner: list[tuple[Action, ActionResult]] = []
    if step.at_once:
        result, inner = _perform_at_once(session, step.at_once, timeout_s)
    else:
        result = _perform(session, step, timeout_s)
    placed_next = following is not None and following.named in _PLACE_ACCOUNTS
    hold_waits = placed_next and step.named in (*_BRING_ACCOUNTS, *_PLACE_ACCOUNTS)
    unsettled = _settle(session, timeout_s, hold_waits)
    seconds = round(clock() - started_at, 2)
    runs = observations.update(session.regions)
    promises = _promises(step, len(runs), session.writes() - written_before)
    broken = [
        f"expected: {promise['promise']}, found {promise['found']}" for promise in promises if not promise["kept"]
    ]
    errors = [error for error in (result.error, unsettled, *broken) if error]
    report = {
        "step": step.named,
        "title": step.note or describe_step(step),
        "ok": not errors,
        "seconds": seconds,
        **asdict(result),
        "runs": runs,
        "promises": promises,
        "error": "; then ".join(errors) or None,
    }
    return report | ({"steps": [_action_report(*one) for one in inner]} if inner else {})


def _promises(step: Step, runs: int, writes: int) -> list[Document]:
    """Compare the numbers that a step expects with what there was."""
    expected = ((step.expect_runs, runs, "run"), (step.expect_writes, writes, "write"))
    return [
        {"promise": describe_count(count, what), "found": found, "kept": _is_within(count, found)}
        for count, found, what in expected
        if count is not None
    ]


def _is_within(count: Count, found: int) -> bool:
    if isinstance(count, CountRange):
        return count.at_least <= found and (count.at_most is None or found <= count.at_most)
    return found == count


def _perform(session: Session, action: Action, timeout_s: float) -> ActionResult:
    if session.nothing_deployed and action.named not in ("deploy", "preview"):
        return ActionResult(error=NOT_RUN)
    try:
        return perform(session, action, timeout_s)
    except Exception as refusal:  # a step that fails is a finding: it is reported, and the rehearsal goes on
        return ActionResult(error=f"{type(refusal).__name__}: {refusal}")


def _perform_at_once(
    session: Session, actions: list[Action], timeout_s: float
) -> tuple[ActionResult, list[tuple[Action, ActionResult]]]:
    """Start all actions at the same moment, each in a thread of its own."""
    ready = Barrier(len(actions))

    def begin(action: Action) -> tuple[Action, ActionResult]:
        ready.wait()
        return action, _perform(session, action, timeout_s)

    inner: list[tuple[Action, ActionResult]] = []
    late = None
    try:
        with _overlapping(session, actions, timeout_s), ThreadPoolExecutor(max_workers=len(actions)) as threads:
            inner = list(threads.map(begin, actions))
    except SettleTimeout as timeout:
        late = f"{type(timeout).__name__}: {timeout}"
    errors = Counter(f"{action.named}: {result.error}" for action, result in inner if result.error)
    texts = [f"{error} ({times} times)" if times > 1 else error for error, times in errors.items()]
    return ActionResult(error="; ".join([*texts, *([late] if late else [])]) or None), inner


def _overlapping(session: Session, actions: list[Action], timeout_s: float) -> AbstractContextManager[None]:
    """Hold the runs that the actions set off together; a command or a deployment may wait for its run to end."""
    if any(action.named == "command" or action.named in BY_THE_ENGINE for action in actions):
        return nullcontext()
    return session.cloud.overlapping(timeout_s)


def _action_report(action: Action, result: ActionResult) -> Document:
    return {"step": action.named, "title": describe_step(action), "ok": result.error is None, **asdict(result)}


def _settle(session: Session, timeout_s: float, hold_waits: bool) -> str | None:
    try:
        session.cloud.settle(timeout_s, hold_waits=hold_waits)
    except Exception as unsettled:  # also what could not be delivered, which is collected until here
        return f"{type(unsettled).__name__}: {unsettled}"
    return None
