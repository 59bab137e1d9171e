"""A simulated cloud: the unmodified product in virtual time, with an organization, people and AWS around it.

The declared rules and the declared state machine decide what starts; the functions are the product's own, each
invocation a process of its own; stores are the in-memory ones that the adapters' contract tests hold. `play` plays a
history and returns what was seen.
"""

import asyncio
import json
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any
from unittest import mock

from orgsync.components.contact_sync.state_machine import definition
from orgsync.contact_sync.names import FunctionName, OwnEvent
from orgsync.contact_sync.services import Services
from orgsync.handlers.contact_sync.plan import plan
from orgsync.handlers.contact_sync.process import process
from orgsync.handlers.contact_sync.report import report
from orgsync.sandbox.cloud import cloudtrail
from orgsync.sandbox.contact_sync.services import MemoryExecutions, MemoryPublisher, MemoryStacks
from orgsync.sandbox.contact_sync.simulation import EPOCH
from orgsync.sandbox.contact_sync.stores import MemoryConfigStore, MemoryRunStore
from orgsync.sandbox.model.account import AccountService, Write
from orgsync.sandbox.model.organization import OrganizationModel, make
from orgsync.sandbox.model.quotas import AWS, Quota
from orgsync.shared.clock import timestamp
from orgsync.shared.telemetry import metrics
from tests import laws
from tests.event_bus import CONTEXT, matching_rules, transformed
from tests.simulation.actions import STACK, Actions
from tests.simulation.history import History, Part
from tests.simulation.invocation import (
    ContainerServices,
    Invocation,
    InvocationClock,
    InvocationContacts,
    InvocationOrganization,
    Parted,
)
from tests.simulation.machine import Machine, Resume, TaskFailed, once
from tests.simulation.scheduler import Killed, Process, Scheduler, run_coroutine
from tests.simulation.witness import WatchedStates, Witness

WRITER = CONTEXT.name("process")
_LIFE = FunctionName.longest_life()
_END = 3 * 24 * 3600.0
"""Seconds after which a history that has not come to rest never does."""
_CLOSERS = ("report", "plan")
"""Functions that close runs."""


@dataclass
class Played:
    """A history that was played.

    Attributes:
        lines: what happened, a line each with its second.
        broken: the laws that were broken, with what breaks them.
        invocations: how often each function lived.
    """

    history: History
    lines: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    invocations: Counter[str] = field(default_factory=Counter)

    def text(self) -> str:
        """Return the whole history as text: what was drawn, what happened, what was broken."""
        return "".join((self.history.to_text(), *(f"{line}\n" for line in (*self.lines, *self.broken))))


def play(history: History) -> Played:
    """Play a history to its end, let a last pass follow in quiet, and judge everything that was seen."""
    played = Played(history)
    with in_virtual_time():
        Cloud(history, played).play()
    return played


class _Executions(MemoryExecutions):
    """Executions that really begin."""

    def __init__(self, begin: Callable[[str, Any], None]) -> None:
        super().__init__()
        self._begin = begin

    def start(self, run_id: str, event: Any) -> None:
        """See `Executions.start`."""
        known = run_id in self.events()
        super().start(run_id, event)
        if not known:
            self._begin(run_id, event)


class Cloud:
    """Everything around the functions; its public parts are those of `actions.Stage`.

    Args:
        organization: one that was made; by default the history's.
        quotas: of the Account API.
        watched: whether each write is judged, and its event sent.
    """

    def __init__(
        self,
        history: History,
        played: Played,
        organization: OrganizationModel | None = None,
        quotas: Mapping[str, Quota] = AWS,
        watched: bool = True,
    ) -> None:
        self.history, self._played = history, played
        self.scheduler = Scheduler()
        self.organization: OrganizationModel = organization or make(history.seed, history.accounts)
        self.accounts = AccountService(
            self.organization,
            clock=lambda: self.scheduler.now,
            quotas=quotas,
            lag_s=history.lag,
            refuse=lambda operation, account: self._actions.refused(operation, account),
            on_write=self._written if watched else lambda write: None,
        )
        self.configs, self.states, self.bucket = MemoryConfigStore(), WatchedStates(), MemoryRunStore()
        self.witness = Witness(
            self.organization, self.accounts, self.configs, self.states, self.bucket, self.note, history.lag > 0
        )
        self.machine = Machine(
            definition(CONTEXT), self.scheduler, self._invoke, lambda _, key: self.bucket.objects[key]
        )
        self._draw = Random(f"play {history.seed}")
        self._executions = _Executions(self._begun)
        self._publisher, self._stacks = MemoryPublisher(), MemoryStacks()
        self._stacks.status[STACK] = "UPDATE_IN_PROGRESS"
        if history.conflicts:
            self.states.conflicts = lambda _: self._draw.random() < history.conflicts
        self._faults: dict[tuple[str, int], list[Part]] = defaultdict(list)
        self._event_faults: dict[int, Part] = {}
        for fault in history.faults:
            if "event" in fault:
                self._event_faults[fault["event"]] = fault
                continue
            for life in range(fault["life"], fault["life"] + fault.get("lives", 1)):
                self._faults[fault["function"], life].append(fault)
        self._containers: dict[str, list[dict[Any, Any]]] = defaultdict(list)
        self._runs: dict[str, str] = {}
        self._calm = False
        self._numbers: Counter[str] = Counter()
        self._actions = Actions(self)

    def play(self) -> None:
        """Play the history, then the last pass."""
        history, broken = self.history, self._played.broken
        self.scheduler.at(0.0, lambda: self._actions.deploy(history.config))
        for step in history.steps:
            self.scheduler.at(step["at"], partial(self._actions.do, step))
        if history.rival:
            self.scheduler.at(5.0, self._actions.use_quota)
        at_rest = self.scheduler.run(_END)
        if at_rest and history.smooth:
            broken += [f"{one}, without a further pass" for one in self._judge(at_rest)]
        self._calm = True
        self._actions.be_calm()
        self.note("the events have stopped, and AWS answers")
        if at_rest and not self.configs.items():
            self._actions.deploy(history.config)
            at_rest = self.scheduler.run(self.scheduler.now + _END)
        if at_rest:
            self.execute("last-pass", OwnEvent.SCHEDULE.document({}))
            at_rest = self.scheduler.run(self.scheduler.now + _END)
        broken += self._judge(at_rest) if at_rest else ["every run ends once: something never comes to rest"]

    def _judge(self, at_rest: bool) -> list[str]:
        throttled = [step for step in self.history.steps if step.get("code") == "TooManyRequestsException"]
        return laws.broken(
            self.witness.evidence(
                self._publisher,
                at_rest=at_rest,
                patient=not any(step["for"] > 600 for step in throttled),
                refused=self._actions.refused_for_good,
            )
        )

    def note(self, what: str) -> None:
        """Write a line of the history."""
        self._played.lines.append(f"{self.scheduler.now:10.3f}  {what}")

    def number(self, what: str) -> int:
        """Count something; return how many there were before."""
        self._numbers[what] += 1
        return self._numbers[what] - 1

    def now(self) -> str:
        """Return the time of day, as events write it."""
        return timestamp(EPOCH + timedelta(seconds=self.scheduler.now))

    # --- events and executions -------------------------------------------------------------------

    def put(self, source: str, detail: dict[str, Any], account: str) -> None:
        """Put an event on the bus on which it arrives, as late, as lost and as often as the history says."""
        number = self.number("event")
        detail |= {"eventID": f"event-{number}", "requestID": f"request-{number}"}
        service = detail["eventType"] == "AwsServiceEvent"
        event = {
            "version": "0",
            "id": f"id-{number}",
            "source": source,
            "detail-type": cloudtrail.SERVICE_EVENT if service else cloudtrail.API_CALL,
            "account": account,
            "time": detail["eventTime"],
            "region": "us-east-1",
            "resources": [],
            "detail": detail,
        }
        rules = matching_rules(event)
        for delay in self._delays(f"{detail['eventName']} in {account}") if rules else ():
            for rule in rules:
                name = f"event-{number}-{rule}-{self.number(f'event {number} {rule}')}"
                self.scheduler.after(delay, partial(self.execute, name, transformed(rule, event)))

    def _delays(self, what: str) -> list[float]:
        """Return after how many seconds an event that a rule wants arrives, each time that it does."""
        number = self.number("event that a rule wants")
        fault = {} if self._calm else self._event_faults.get(number, {})
        delay, fate = self._draw.uniform(0.5, 5.0), fault.get("what", "delivered")
        self.note(f"event {number} ({what}) is {fate}")
        if fate == "lost":
            return []
        if fate == "twice":
            return [delay, delay + fault["seconds"]]
        return [delay + (fault["seconds"] if fate == "late" else 0.0)]

    def execute(self, name: str, event: Any) -> None:
        """Start an execution, as a rule, a schedule or an operator does."""
        self._executions.start(name, event)

    def _begun(self, name: str, event: Any) -> None:
        self.witness.places[f"the input of {name}"] = json.dumps(event)
        self.machine.start(name, event, partial(self._ended, name, event))

    def _ended(self, name: str, event: Any, status: str, output: Any) -> None:
        self.note(f"execution {name} has {status.lower()}")
        self.witness.places[f"the output of {name}"] = json.dumps(output)
        self._executions.end(name, status, output)
        if status == "SUCCEEDED":
            return
        payload = {"source": "aws.states", "detail": {"name": name, "status": status, "input": json.dumps(event)}}
        for delay in self._delays(f"{name} has {status.lower()}"):
            self.scheduler.after(delay, lambda: self._invoke(CONTEXT.name("report"), payload, lambda outcome: None))

    # --- functions -------------------------------------------------------------------------------

    def _invoke(self, function: str, payload: Any, answered: Resume) -> None:
        name = function.removeprefix(CONTEXT.name(""))
        run = str(payload.get("run_id") or payload["detail"]["name"])
        self.witness.places[f"the payload of {name} for {run}"] = json.dumps(payload)
        self.live(name, run, partial(self._body, name, payload), answered)

    def _body(self, function: str, payload: Any, services: Services, began: float) -> Any:
        """Do what the function's handler does with its event."""
        if function == "plan":
            run_id, started, event = payload["run_id"], payload["started"], payload["event"]
            return plan(run_id, started, event, services, self.history.batch_size, last=payload.get("last", False))
        if function == "report":
            return report(payload, services)
        return process(
            payload["run_id"],
            payload["batch"],
            lambda: _LIFE - (self.scheduler.now - began),
            services,
            throttled=payload["throttled"],
        )

    def live(
        self, function: str, run: str, body: Callable[[Services, float], Any], answered: Callable[[Any], object]
    ) -> None:
        """Let a function live once; what it answers goes through JSON, as Lambda hands it on."""
        life = self.number(function)
        self._played.invocations[function] += 1
        faults = [] if self._calm else self._faults[function, life]
        if any(fault["what"] == "not started" for fault in faults):
            self.note(f"{function}-{life} is not started")
            self.scheduler.after(1.0, lambda: answered(TaskFailed("Lambda.TooManyRequestsException")))
            return
        slow = 0.0 if self._calm else self.history.slow
        invocation = Invocation(function, life, self.scheduler, faults, self.note, self._not_in_force, slow)
        self._runs[invocation.name] = run
        waiting = self._containers[function]
        container = waiting.pop() if waiting else {}
        services, began = self._services(invocation, container), self.scheduler.now
        answer = once(answered)

        def doubt() -> None:
            self.witness.doubted.add(run)
            self.witness.closer_died = self.witness.closer_died or function in _CLOSERS

        def ended(process: Process) -> None:
            metrics.clear_metrics()
            error = process.error
            died = isinstance(error, Killed)
            self.note(f"{invocation.name} for {run}: {'killed' if died else _said(error)}")
            if died or invocation.struck:
                doubt()
            if died:
                answer(TaskFailed("Lambda.Unknown"))
                return
            waiting.append(container)
            answer(TaskFailed(type(error).__name__) if error else json.loads(json.dumps(process.answer)))

        def give_up() -> None:
            doubt()
            answer(TaskFailed("States.Timeout"))

        self.note(f"{invocation.name} for {run}: begins")
        invocation.process = Process(self.scheduler, lambda: body(services, began), ended, invocation.beside)
        self.scheduler.after(_LIFE, invocation.process.kill)
        for fault in faults:
            if fault["what"] == "given up":
                self.scheduler.after(fault["after"], give_up)
        invocation.process.start()

    def _not_in_force(self) -> bool:
        """Return whether a store refuses at this moment: permissions that were just given are in force now and then."""
        return self.scheduler.now < self.history.fresh and self._draw.random() < 0.15

    def _services(self, invocation: Invocation, container: dict[Any, Any]) -> Services:
        skew = self._draw.uniform(-1, 1) * self.history.skew

        def part(name: str, whole: Any) -> Any:
            return Parted(name, whole, invocation)

        return ContainerServices(
            management=self.organization.management,
            environment="test",
            writer=WRITER,
            clock=InvocationClock(invocation, skew),
            new_id=lambda: f"run-{self.number('run')}",
            contacts=InvocationContacts(self.accounts, invocation, WRITER),
            organization=InvocationOrganization(
                self.organization, invocation, self._actions.refused, self._actions.joined
            ),
            configs=part("configs", self.configs),
            states=part("states", self.states),
            bucket=part("bucket", self.bucket),
            executions=part("executions", self._executions),
            publisher=part("publisher", self._publisher),
            stacks=part("stacks", self._stacks),
            buckets=container,
        )

    def _written(self, write: Write) -> None:
        """See a write at the moment at which it takes effect, and let AWS send its event."""
        invocation = write.caller.arn.rpartition("/")[2]
        if run_id := self._runs.get(invocation):
            self.note(f"{invocation}: {self.witness.written(write, run_id, self.scheduler.now)}")
            detail = cloudtrail.account_call(write, self._draw.choice(cloudtrail.CASINGS), self.now())
            self.put("aws.account", detail, self.organization.management)


def _said(error: BaseException | None) -> str:
    return f"{type(error).__name__}: {error}" if error else "done"


@contextmanager
def in_virtual_time() -> Iterator[None]:
    """Let coroutines of the functions run in virtual time; nothing is logged meanwhile."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with mock.patch.object(asyncio, "run", run_coroutine):
            yield
    finally:
        logging.disable(level)
        metrics.clear_metrics()
