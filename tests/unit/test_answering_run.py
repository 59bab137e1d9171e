"""The run that answers a request: one function follows it, for the command and the initial sync alike."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from orgsync.contact_sync.answering_run import answering_receipts, answering_run, answering_runs, refusal
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.core.run import Run, RunStatus
from orgsync.contact_sync.names import Cause, Kind
from orgsync.sandbox.contact_sync.services import MemoryExecutions
from orgsync.sandbox.contact_sync.stores import MemoryStateStore

AT = "2026-11-01T10:00:00.000+00:00"


def store(merged: Sequence[str], into: Sequence[str]) -> MemoryStateStore:
    """Return a store in which each of these requests was merged into another."""
    states = MemoryStateStore()
    for run_id, target in zip(merged, into, strict=True):
        states.save_run(Run(run_id, Cause.OPERATOR, AT, AT, status=RunStatus.MERGED, into=target))
    return states


@given(length=st.integers(0, 60), begun=st.booleans())
def test_a_request_is_followed_to_the_run_that_answers_it(length: int, begun: bool) -> None:
    """Through as many merges as there were; the answering run is named before it has begun."""
    ids = [f"run-{number}" for number in range(length + 1)]
    states = store(ids[:-1], ids[1:])
    last = Run(ids[-1], Cause.OPERATOR, AT, AT)
    if begun:
        last = states.save_run(last)
    assert answering_run(ids[0], states) == (ids[-1], last if begun else None)


@given(length=st.integers(1, 60))
def test_requests_that_were_merged_in_a_circle_end(length: int) -> None:
    """A table that somebody edited keeps nobody waiting for ever within one look."""
    ids = [f"run-{number}" for number in range(length)]
    run_id, run = answering_run(ids[0], store(ids, [*ids[1:], ids[0]]))
    assert run_id in ids
    assert run is not None


def test_a_request_that_started_no_run_is_refused_once_its_execution_has_ended() -> None:
    """Not before it has: its header may be on its way, and a run that waits has no execution yet."""
    executions = MemoryExecutions()
    assert refusal("waits", executions) is None
    for run_id in ("runs", "refused", "died"):
        executions.start(run_id, {})
    assert refusal("runs", executions) is None
    executions.end("refused", output={"outcome": "refused", "refusal": {"reason": "Paused"}})
    executions.end("died", "FAILED")
    assert refusal("refused", executions) == "Paused"
    assert refusal("died", executions) == "SystemFailure"


@given(made_way=st.integers(0, 5), begun=st.booleans(), data=st.data())
def test_runs_that_made_way_answer_together_with_those_that_took_up_their_rest(
    made_way: int, begun: bool, data: st.DataObject
) -> None:
    """Of each account and kind the last run's receipt counts; one that was handed over counts only where none came."""
    ids = [f"run-{number}" for number in range(made_way + 1)]
    states = MemoryStateStore()
    codes = st.sampled_from([None, "AccessDenied", "HandedOver"])
    expected: dict[tuple[str, Kind], str | None] = {}
    for number, run_id in enumerate(ids):
        into = ids[number + 1] if number < made_way else None
        if into is None and not begun:
            break
        states.save_run(
            Run(run_id, Cause.OPERATOR, AT, AT, status=RunStatus.COMPLETED, preempted=into is not None, into=into)
        )
        found = data.draw(
            st.dictionaries(st.tuples(st.sampled_from(["1" * 12, "2" * 12]), st.sampled_from(Kind)), codes)
        )
        for pair, code in found.items():
            status = {None: Status.SUCCESS, "HandedOver": Status.SKIPPED}.get(code, Status.FAILED)
            states.save_receipts([Receipt(*pair, status, AT, error=code)], run_id)
            # The header of the last run that is there tells what is still to be done.
            if code != "HandedOver" or run_id == ids[-1 if begun else -2]:
                expected[pair] = code
    runs, to_come = answering_runs(ids[0], states)
    assert to_come == (None if begun else ids[-1])
    assert [run.run_id for run in runs] == (ids if begun else ids[:-1])
    receipts = list(answering_receipts(runs, states))
    assert {(one.account, one.kind): one.error for one in receipts} == expected
    assert len(receipts) == len(expected)
