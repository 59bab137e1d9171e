"""A world for the entry points, all of it in memory: an organization, the Account API's model, and the services."""

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from orgsync.contact_sync import services
from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.lease import Lease, LeasedRun
from orgsync.contact_sync.core.receipts import Receipt
from orgsync.contact_sync.core.run import Run, RunStatus
from orgsync.contact_sync.names import Operation, batch_key
from orgsync.contact_sync.services import Services
from orgsync.handlers.contact_sync.plan import plan
from orgsync.handlers.contact_sync.process import process
from orgsync.handlers.contact_sync.report import report
from orgsync.sandbox.contact_sync.services import MemoryExecutions, MemoryPublisher, MemoryStacks, PublishedMessage
from orgsync.sandbox.contact_sync.simulation import SimulatedContacts, SimulatedOrganization
from orgsync.sandbox.contact_sync.stores import MemoryConfigStore, MemoryRunStore, MemoryStateStore
from orgsync.sandbox.model.account import AccountService, ApiError, CallerIdentity
from orgsync.sandbox.model.organization import KINDS, Fields, OrganizationModel, make
from orgsync.shared.telemetry import metrics
from tests.laws import Evidence, Member, WriteSeen
from tests.sample_events import own_event

WRITER = "orgsync-test-process"
STARTED = "2026-11-01T10:00:00.000Z"
# A world without waiting: quotas out of the way, retries and verification at once.
QUICK: dict[str, Any] = {
    "retry_config": {"base_delay": 0, "fresh_permissions": 0},
    "verify_config": {"delay": 0},
    "pacing": {str(operation): {"rate": 1000, "burst": 2000} for operation in Operation},
}

Answer = dict[str, Any]
Refuse = Callable[[str, str], ApiError | None]
"""AWS's answer to a call of an operation about an account: an error, or None where the call goes on."""


class QuickClock:
    """The wall clock, in which no sleep is longer than a moment; `skip` moves it on."""

    def __init__(self) -> None:
        self._skipped = timedelta()

    def now(self) -> datetime:
        """See `Clock.now`."""
        return datetime.now(UTC) + self._skipped

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`."""
        await asyncio.sleep(min(seconds, 0.005))

    def stand_at(self, moment: str) -> None:
        """Let it be a moment, from which time goes on."""
        self._skipped = datetime.fromisoformat(moment) - datetime.now(UTC)

    def skip(self, delta: timedelta) -> None:
        """Let that much time pass at once."""
        self._skipped += delta


class World:
    """An organization, what AWS keeps for the stack, and the services that work on both.

    Attributes:
        refuses: AWS's answer to every call; a test may put its own in its place.
    """

    def __init__(self, organization: OrganizationModel) -> None:
        metrics.clear_metrics()
        self.organization = organization
        self.management = organization.management
        self.members = [account.id for account in organization.accounts]
        self._refusals: list[_Refusal] = []
        self.refuses: Refuse = self._refused
        self.account = AccountService(
            organization, clock=time.monotonic, refuse=lambda operation, account: self.refuses(operation, account)
        )
        self.clock = QuickClock()
        # A warm function's rates are of another time, and in an actor's, which stands still, no token ever comes back.
        services._token_buckets.cache_clear()
        self.configs, self.states, self.bucket = MemoryConfigStore(), MemoryStateStore(), MemoryRunStore()
        self.executions, self.publisher, self.stacks = MemoryExecutions(), MemoryPublisher(), MemoryStacks()
        numbers = itertools.count(1)
        self.services = Services(
            management=self.management,
            environment="test",
            writer=WRITER,
            clock=self.clock,
            new_id=lambda: f"pending-{next(numbers)}",
            contacts=SimulatedContacts(self.account),
            organization=SimulatedOrganization(organization),
            configs=self.configs,
            states=self.states,
            bucket=self.bucket,
            executions=self.executions,
            publisher=self.publisher,
            stacks=self.stacks,
        )

    def _refused(self, operation: str, account: str) -> ApiError | None:
        member = account != self.management
        for rule in self._refusals:
            concerned = rule.account == account or (rule.account == "*" and member)
            if rule.operation in ("*", operation) and concerned and rule.times > 0:
                rule.times -= 1
                return ApiError(rule.code, "refused by the test")
        return None

    # --- the cloud's part --------------------------------------------------------------------

    def configure(self, **document: Any) -> int:
        """Write a configuration, without waiting unless it says otherwise; return its version."""
        return self.services.configs.write(QUICK | document, at=STARTED, by="test")

    def refuse(self, operation: str, account: str, code: str, times: int = 10**9) -> None:
        """Let AWS refuse calls: of an operation or "*", about an account or "*" for every member."""
        self._refusals.append(_Refusal(operation, account, code, times))

    def start(self, run_id: str = "run-1", event: Any = None, started: str = STARTED, batch_size: int = 1000) -> Answer:
        """Start an execution with an event (by default the daily pass's); return plan's answer."""
        event = schedule() if event is None else event
        self.executions.start(run_id, event)
        return self.plan(run_id, event, started, batch_size)

    def plan(self, run_id: str, event: Any = None, started: str = STARTED, batch_size: int = 1000) -> Answer:
        """Call plan, for the first time or again, by default with the execution's own event."""
        event = self.executions.events()[run_id] if event is None else event
        answer = plan(run_id, started, json.loads(json.dumps(event)), self.services, batch_size)
        if answer["outcome"] in ("merged", "refused"):
            self._end(run_id, answer)
        return answer

    def batches(self, run_id: str = "run-1") -> list[dict[str, Any]]:
        """Return the list that the Distributed Map reads."""
        listed: list[dict[str, Any]] = self.json(self.bucket.manifest(run_id, self.header(run_id).attempt))
        return listed

    def work(self, run_id: str = "run-1", remaining: Callable[[], float] = lambda: 900.0) -> None:
        """Process every batch until it is done."""
        for item in self.batches(run_id):
            while not process(item["run_id"], item["batch"], remaining, self.services)["done"]:
                pass

    def work_without(self, accounts: Collection[str], run_id: str = "run-1") -> None:
        """Process every batch, by workers that died before they could save the receipts of these accounts."""
        self.work(run_id)
        for receipt in self.receipts(run_id):
            if receipt.account in accounts:
                self.states.forget_receipt(run_id, receipt.account, receipt.kind)

    def report(self, run_id: str = "run-1", **more: Any) -> Answer:
        """Call report, as the state machine's last step does."""
        answer = report({"run_id": run_id, **more}, self.services)
        self._end(run_id, answer)
        return answer

    def run(self, run_id: str = "run-1", event: Any = None) -> Answer:
        """Do the state machine's work: plan, every batch, report; return the last answer."""
        return self._after_plan(run_id, self.start(run_id, event))

    def run_on(self, run_id: str) -> Answer:
        """Do the state machine's work for a run that was handed the lease."""
        return self._after_plan(run_id, self.plan(run_id))

    def _after_plan(self, run_id: str, answer: Answer) -> Answer:
        if answer["outcome"] == "process":
            self.work(run_id)
        if answer["outcome"] in ("process", "report"):
            answer = self.report(run_id)
        return answer

    def die(self, run_id: str, status: str = "FAILED") -> None:
        """End an execution that has not reported."""
        self.executions.end(run_id, status)

    def _end(self, run_id: str, answer: Answer) -> None:
        if self.execution_status(run_id) is not None:
            self.executions.end(run_id, output=answer)

    # --- what there is afterwards ------------------------------------------------------------

    def configuration(self) -> tuple[int, ContactSyncConfig]:
        """Return the newest version and its content."""
        current = self.services.configs.current()
        assert current is not None
        return current

    def header(self, run_id: str = "run-1") -> Run:
        """Return a run's header."""
        run = self.services.states.run(run_id)
        assert run is not None
        return run

    def receipts(self, run_id: str = "run-1") -> list[Receipt]:
        """Return a run's receipts, by account."""
        return list(self.services.states.receipts(run_id))

    def ends(self, run_id: str = "run-1") -> dict[tuple[str, str], tuple[str, str | None]]:
        """Return (status, error) by (account, kind); a second receipt for one pair fails."""
        found = {(r.account, str(r.kind)): (str(r.status), r.error) for r in self.receipts(run_id)}
        assert len(found) == len(self.receipts(run_id))
        return found

    def targets(self, run_id: str = "run-1") -> dict[str, set[str]]:
        """Return the kinds of every account in a run's batches; an account in two of them fails."""
        attempt = self.header(run_id).attempt
        items = [
            item for batch in self.batches(run_id) for item in self.json(batch_key(run_id, batch["batch"], attempt))
        ]
        assert len({item["account"] for item in items}) == len(items)
        return {item["account"]: set(item["kinds"]) for item in items}

    def lease(self) -> Lease:
        """Return the lease as it stands."""
        return self.services.states.lease()

    def holder(self) -> str | None:
        """Return the id of the run that holds the lease; None where it is free."""
        holder = self.lease().holder
        return holder.run_id if holder else None

    def pending(self) -> LeasedRun:
        """Return the run that waits for the lease."""
        pending = self.lease().pending
        assert pending is not None
        return pending

    def execution_status(self, run_id: str) -> str | None:
        """Return an execution's status; None when it was never started."""
        return self.executions.outcome(run_id)[0]

    def started_runs(self) -> set[str]:
        """Return the ids of the runs whose execution was started."""
        return set(self.executions.events())

    def evidence(self) -> Evidence:
        """Return what was seen so far, as the laws of `tests/laws.py` want it; nothing of the moment of a write."""
        headers = [self.header(item["sync_id"]) for item in self.items() if item["item"] == "run"]
        runs = [run for run in headers if run.status is not RunStatus.MERGED]
        held = self.account.contacts()
        return Evidence(
            self.management,
            {account: Member() for account in self.members},
            None,
            held,
            [run.to_json() for run in runs],
            {run.run_id: [one.to_json() for one in self.receipts(run.run_id)] for run in runs},
            writes=[WriteSeen(one["account"], one["kind"], one["operation"]) for one in self.account.writes],
            values=Evidence.values_in(held),
            places={
                **{f"the input of {run_id}": json.dumps(event) for run_id, event in self.executions.events().items()},
                **{f"the object {key}": text for key, text in self.objects().items()},
                **{f"message {number}": one.body for number, one in enumerate(self.publisher.topics["own"])},
            },
            writer=WRITER,
        )

    def items(self) -> list[dict[str, Any]]:
        """Return everything that stands in the state store."""
        return self.states.items()

    def objects(self) -> dict[str, str]:
        """Return everything that stands in the run store, by key."""
        return dict(self.bucket.objects)

    def json(self, key: str) -> Any:
        """Return one object of the run store, read as JSON."""
        return json.loads(self.objects()[key])

    def messages(self) -> list[PublishedMessage]:
        """Return the notifications that were published and not looked at before."""
        return self.publisher.take()

    def edit(self, kind: str, fields: dict[str, str] | None) -> None:
        """Change (or, with None, remove) one of the source's alternate contacts."""
        caller = CallerIdentity(self.management, "arn:aws:iam::100000000001:user/ann", sandbox=True)
        name = "DeleteAlternateContact" if fields is None else "PutAlternateContact"
        self.account.call(name, {"AlternateContactType": kind.upper(), **(fields or {})}, caller)

    def held(self, account: str, kind: str) -> Fields:
        """Return the fields of a contact that an account has."""
        fields = self.account.contacts()[account][kind]
        assert fields is not None
        return fields

    def differing(self, kinds: Iterable[str] = KINDS) -> list[str]:
        """Return the members that do not hold what the source holds."""
        held, kinds = self.account.contacts(), tuple(kinds)
        source = held[self.management]
        return [a for a in self.members if any(held[a][kind] != source[kind] for kind in kinds)]


@dataclass
class _Refusal:
    """A rule by which AWS refuses calls, as often as it says."""

    operation: str
    account: str
    code: str
    times: int


def schedule() -> dict[str, Any]:
    """Return the event of the daily pass."""
    return own_event("Schedule")


MakeWorld = Callable[..., "World"]
"""`make_world`, as a fixture gives it."""


def make_world(count: int = 3, **source: dict[str, str]) -> World:
    """Make an organization of so many members, none of which equals the source; nothing is configured yet.

    Args:
        source: kinds of the source's contacts and their fields, as they stand there however old they are.
    """
    organization = make(7, count)
    organization.source |= source
    return World(organization)
