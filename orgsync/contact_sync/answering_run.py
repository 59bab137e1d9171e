"""The run that answers a request: its own, or the one that the request was merged into."""

from orgsync.contact_sync.core.errors import SystemFailure
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


def refusal(run_id: str, executions: Executions) -> str | None:
    """Return the code for which the execution of a run ended without a header; None while it may still write one."""
    status, answer = executions.outcome(run_id)
    if status in (None, "RUNNING"):
        return None
    return answer.get("refusal", {}).get("reason") or SystemFailure.__name__
