"""Step Functions' Distributed Map: children with an identity of their own, and failures that count.

moto runs children under their parent's name, goes from one to the next by recursion, and lets
a map succeed whatever became of them.
"""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.distributed_iteration_component import (
    DistributedIterationComponent,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.itemprocessor import (
    distributed_item_processor_worker,
)
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

from orgsync.sandbox.cloud.patches import Patches

_Worker = distributed_item_processor_worker.DistributedItemProcessorWorker
_THRESHOLD = StatesErrorNameType.StatesExceedToleratedFailureThreshold


def install(patches: Patches) -> None:
    """Patch the parts of moto's interpreter that run a map's children."""
    patches.replace(_Worker, "eval", _eval_children)
    patches.wrap(_Worker, "_eval_job", _eval_child)
    patches.wrap(DistributedIterationComponent, "_map_run", _map_run)


def _eval_children(worker: Any) -> None:
    """Run the children in a loop: moto goes from child to child by recursion, and a large map overflows its stack."""
    while (job := worker._job_pool.next_job()) is not None:
        frame = worker._env.open_inner_frame()
        worker._eval_job(env=frame, job=job)
        worker._env.delete_frame(frame)
        worker._job_pool.close_job(job)


def _eval_child(original: Callable[..., None], worker: Any, env: Any, job: Any) -> None:
    """Run a child as an execution of its own; no further one is started once too many have failed."""
    if _too_many_failed(worker._map_run_record, worker._job_pool._jobs_number):
        return
    context = env.states.context_object.context_object_data
    name = str(uuid4())
    # A child's ARN: the state machine's name, the map's label, its own name (AWS: Distributed Map).
    parent = context["Execution"]
    context["Execution"] = {**parent, "Id": f"{parent['Id']}/{name}", "Name": name, "Input": job.job_input}
    original(worker, env=env, job=job)


def _map_run(original: Callable[..., None], component: Any, env: Any, eval_input: Any) -> None:
    """Fail a map of which too many children failed; moto lets every map succeed."""
    original(component, env=env, eval_input=eval_input)
    record = eval_input.map_run_record
    if not _too_many_failed(record, record.item_counter.total.get()):
        return
    env.stack.pop()
    error, cause = _THRESHOLD.to_name(), "The specified tolerated failure threshold was exceeded"
    raise FailureEventException(
        FailureEvent(
            env=env,
            error_name=StatesErrorName(_THRESHOLD),
            event_type=HistoryEventType.MapRunFailed,
            event_details=_event_details(mapRunFailedEventDetails={"error": error, "cause": cause}),
        )
    )


_event_details: Any = EventDetails
"""The constructor without its type, which demands every kind of details at once."""


def _too_many_failed(record: Any, items: int) -> bool:
    """Return whether the failures exceed either limit; without limits, the first failure does."""
    counter = record.item_counter
    failed = counter.failed.get() + counter.timed_out.get() + counter.aborted.get()
    if not failed:
        return False
    count, percentage = record.tolerated_failure_count, record.tolerated_failure_percentage
    share = 100 * failed / items
    if percentage and not count:
        return bool(share > percentage)
    if count and not percentage:
        return bool(failed > count)
    return bool(failed > count or share > percentage)
