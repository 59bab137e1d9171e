"""Step Functions in virtual time: as much of the Amazon States Language as our definition uses.

The definition is the declared one, so that its retries, catches, time-outs and its one worker at a time are simulated
as they will be deployed. Whatever it uses besides fails loudly.
"""

import json
from collections.abc import Callable, Generator, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from orgsync.sandbox.contact_sync.simulation import EPOCH
from orgsync.shared.clock import timestamp
from tests.simulation.scheduler import Scheduler

_TIME_LIMIT = "States.Timeout"
_MOST_ERRORS = "States.ALL"

Data = Any
Resume = Callable[[Any], object]
Wait = Callable[[Resume], object]
"""Something that takes time: it calls back with what came of it, which may be a `TaskFailed`."""

Steps = Generator[Wait, Any, Any]
Invoke = Callable[[str, Data, Resume], object]
"""Calls a function by its name with a payload; calls back with its answer or a `TaskFailed`."""


class TaskFailed(Exception):
    """An error by its name, as retriers and catchers match it."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class Machine:
    """One state machine.

    Args:
        definition: in Amazon States Language.
        read: returns an object of a bucket as text, by bucket and key.
    """

    def __init__(
        self,
        definition: Mapping[str, Any],
        scheduler: Scheduler,
        invoke: Invoke,
        read: Callable[[str, str], str],
    ) -> None:
        self._definition, self._scheduler, self._invoke, self._read = definition, scheduler, invoke, read
        self._running: dict[str, Callable[[str, Data], None]] = {}

    def start(self, name: str, data: Data, ended: Callable[[str, Data], None]) -> None:
        """Start an execution; `ended` gets its status and its output."""
        execution = {"Name": name, "Input": data, "StartTime": self._now()}
        self._running[name] = ended

        def over(outcome: Any) -> None:
            if self._running.pop(name, None):
                failed = isinstance(outcome, TaskFailed)
                ended("FAILED" if failed else "SUCCEEDED", {"error": outcome.error} if failed else outcome)

        self._drive(name, self._states(self._definition, json.loads(json.dumps(data)), execution), over)

    def abort(self, name: str) -> bool:
        """Stop an execution, as an operator does: its functions go on; return whether it was running."""
        ended = self._running.pop(name, None)
        if ended:
            ended("ABORTED", {})
        return ended is not None

    def _now(self) -> str:
        return timestamp(EPOCH + timedelta(seconds=self._scheduler.now))

    def _drive(self, name: str, steps: Steps, ended: Resume) -> None:
        def go_on(outcome: Any) -> None:
            if name not in self._running:
                return  # it was aborted
            try:
                wait = steps.throw(outcome) if isinstance(outcome, TaskFailed) else steps.send(outcome)
            except StopIteration as over:
                ended(over.value)
            except TaskFailed as failure:
                ended(failure)
            else:
                wait(go_on)

        go_on(None)

    def _states(self, definition: Mapping[str, Any], data: Data, execution: Mapping[str, Any]) -> Steps:
        name = definition["StartAt"]
        while True:
            state = definition["States"][name]
            context = {"Execution": execution, "State": {"EnteredTime": self._now(), "Name": name}}
            try:
                data = yield from self._state(state, data, context)
            except TaskFailed as failure:
                catcher = next((one for one in state.get("Catch", ()) if _matches(one, failure)), None)
                if catcher is None:
                    raise
                noted = {"Error": failure.error, "Cause": "a cause is not for programs"}
                data, name = _placed(data, noted, catcher.get("ResultPath", "$")), catcher["Next"]
                continue
            if state["Type"] == "Succeed" or state.get("End"):
                return data
            name = _chosen(state, data) if state["Type"] == "Choice" else state["Next"]

    def _state(self, state: Mapping[str, Any], data: Data, context: Data) -> Steps:
        kind = state["Type"]
        if kind in ("Choice", "Succeed"):
            return data
        if kind == "Wait":
            yield partial(self._sleep, state["Seconds"])
            return data
        if kind == "Pass":
            return _placed(data, json.loads(json.dumps(state["Result"])), state.get("ResultPath", "$"))
        if kind not in ("Task", "Map"):
            raise NotImplementedError(f"a state of the type {kind}")
        work = self._task if kind == "Task" else self._map
        answer = yield from self._retried(state, lambda: work(state, data, context))
        if selector := state.get("ResultSelector"):
            answer = _template(selector, answer, context)
        placed = _placed(data, answer, state.get("ResultPath", "$"))
        return _found(state.get("OutputPath", "$"), placed, context)

    def _retried(self, state: Mapping[str, Any], work: Callable[[], Steps]) -> Steps:
        spent = [0] * len(state.get("Retry", ()))
        while True:
            try:
                return (yield from work())
            except TaskFailed as failure:
                retriers = [number for number, one in enumerate(state.get("Retry", ())) if _matches(one, failure)]
                if not retriers or spent[retriers[0]] >= state["Retry"][retriers[0]].get("MaxAttempts", 3):
                    raise
                retrier, number = state["Retry"][retriers[0]], retriers[0]
                seconds = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2) ** spent[number]
                spent[number] += 1
                yield partial(self._sleep, min(seconds, retrier.get("MaxDelaySeconds", seconds)))

    def _sleep(self, seconds: float, resume: Resume) -> None:
        self._scheduler.after(seconds, lambda: resume(None))

    def _task(self, state: Mapping[str, Any], data: Data, context: Data) -> Steps:
        if not state["Resource"].endswith("lambda:invoke"):
            raise NotImplementedError(state["Resource"])
        parameters = _template(state["Parameters"], data, context)
        function = parameters["FunctionName"].rpartition(":function:")[2] or parameters["FunctionName"]
        payload = json.loads(json.dumps(parameters["Payload"]))

        def in_time(resume: Resume) -> None:
            first = once(resume)
            self._scheduler.after(state["TimeoutSeconds"], lambda: first(TaskFailed(_TIME_LIMIT)))
            self._invoke(function, payload, first)

        answer = yield in_time
        return {"Payload": answer}

    def _map(self, state: Mapping[str, Any], data: Data, context: Data) -> Steps:
        reader = state["ItemReader"]
        where = _template(reader["Parameters"], data, context)
        try:
            items = json.loads(self._read(where["Bucket"], where["Key"]))
        except KeyError as error:
            raise TaskFailed("States.ItemReaderFailed") from error
        limit = state.get("MaxConcurrency") or len(items) or 1

        def children(resume: Resume) -> None:
            waiting, under_way, failed = list(items), 0, False

            def begin() -> None:
                nonlocal under_way
                while waiting and under_way < limit and not failed:
                    item = waiting.pop(0)
                    under_way += 1
                    # A child is an execution of its own.
                    steps = self._states(state["ItemProcessor"], item, context["Execution"])
                    self._drive(context["Execution"]["Name"], steps, ended)
                if not under_way:
                    self._scheduler.after(0, over)

            def ended(outcome: Any) -> None:
                nonlocal under_way, failed
                under_way -= 1
                failed = failed or isinstance(outcome, TaskFailed)
                begin()

            def over() -> None:
                resume(TaskFailed("States.ExceedToleratedFailureThreshold") if failed else [])

            begin()

        return (yield children)


def once(resume: Resume) -> Resume:
    """Return what passes on the first outcome alone: whoever has been answered, or has given up, waits no more."""
    answered = False

    def first(outcome: Any) -> None:
        nonlocal answered
        if not answered:
            answered = True
            resume(outcome)

    return first


def _matches(rule: Mapping[str, Any], failure: TaskFailed) -> bool:
    return failure.error in rule["ErrorEquals"] or _MOST_ERRORS in rule["ErrorEquals"]


def _chosen(state: Mapping[str, Any], data: Data) -> str:
    for rule in state["Choices"]:
        if _holds(rule, data):
            return str(rule["Next"])
    return str(state["Default"])


def _holds(rule: Mapping[str, Any], data: Data) -> bool:
    if "And" in rule:
        return all(_holds(one, data) for one in rule["And"])
    if "Or" in rule:
        return any(_holds(one, data) for one in rule["Or"])
    try:
        value, there = _found(rule["Variable"], data, {}), True
    except KeyError:
        value, there = None, False
    if "IsPresent" in rule:
        return bool(rule["IsPresent"] == there)
    comparisons = {"StringEquals": str, "BooleanEquals": bool}
    compared = next((one for one in comparisons if one in rule), None)
    if compared is None or not there:
        raise NotImplementedError(f"the comparison {sorted(rule)} of {value!r}")
    return isinstance(value, comparisons[compared]) and value == rule[compared]


def _template(shape: Data, data: Data, context: Data) -> Data:
    if isinstance(shape, list):
        return [_template(one, data, context) for one in shape]
    if not isinstance(shape, Mapping):
        return shape
    return {
        key.removesuffix(".$"): _found(value, data, context) if key.endswith(".$") else _template(value, data, context)
        for key, value in shape.items()
    }


def _found(path: str, data: Data, context: Data) -> Data:
    """Return what stands at a path: `$.a.b`, `$['a-b']`, `$$.a.b` in the context object.

    Raises:
        KeyError: nothing does.
    """
    found, steps = (context, path[2:]) if path.startswith("$$") else (data, path[1:])
    for step in filter(None, steps.replace("['", ".").replace("']", "").split(".")):
        if not isinstance(found, Mapping):
            raise KeyError(path)
        found = found[step]
    return found


def _placed(data: Data, result: Data, path: str | None) -> Data:
    if path is None:
        return data
    if path == "$":
        return result
    name = path.removeprefix("$.")
    if "." in name or not isinstance(data, Mapping):
        raise NotImplementedError(f"a result at {path}")
    return {**data, name: result}
