"""The run that answers a request: its own, or the one it was merged into, and those that took up a rest."""

from collections.abc import Iterator, Sequence

from orgsync.contact_sync.core.errors import SyncReason
from orgsync.contact_sync.core.receipts import Receipt
from orgsync.contact_sync.core.run import Run, RunStatus
from orgsync.contact_sync.core.stores import Executions, StateStore


def answering_run(run_id: str, states: StateStore) -> tuple[str, Run | None]:
    """Return the id of the run that answers a request, and its header.

    Args:
        run_id: the run that was asked for.

    Returns:
        None instead of a header where there is none: the run has not begun, or the request was refused (see
        `refusal`), or there never was such a request.
    """
    run = states.run(run_id)
    followed = {run_id}
    while run and run.status is RunStatus.MERGED and run.into and run.into not in followed:
        run_id = run.into
        followed.add(run_id)
        run = states.run(run_id)
    return run_id, run


def answering_runs(run_id: str, states: StateStore) -> tuple[list[Run], str | None]:
    """Return the headers of the runs that answer a request one after the other, and what is still to come.

    A run that made way answers together with the one that took up its rest.

    Returns:
        The second is the id of the next run, which has no header yet; None where all have begun.
    """
    runs: list[Run] = []
    following: str | None = run_id
    while following and following not in {one.run_id for one in runs}:
        following, run = answering_run(following, states)
        if run is None:
            return runs, following
        runs.append(run)
        following = run.into if run.preempted else None
    return runs, None


def answering_receipts(runs: Sequence[Run], states: StateStore) -> Iterator[Receipt]:
    """Yield the receipts that count of runs that answer together: of each account and kind the last run's."""
    later: set[tuple[str, str]] = set()
    for run in reversed(runs):
        for receipt in states.receipts(run.run_id):
            pair = receipt.account, str(receipt.kind)
            if pair in later or (run is not runs[-1] and receipt.error == SyncReason.HANDED_OVER):
                continue
            if len(runs) > 1:
                later.add(pair)
            yield receipt


def refusal(run_id: str, executions: Executions) -> str | None:
    """Return the code for which the execution of a run ended without a header; None while it may still write one."""
    status, answer = executions.outcome(run_id)
    if status in (None, "RUNNING"):
        return None
    return answer.get("refusal", {}).get("reason") or SyncReason.SYSTEM_FAILURE
