"""A world for the entry points: real adapters on moto, the Account API's model, a pipeline that only remembers."""

import asyncio
import itertools
import json
import time
from datetime import UTC, datetime, timedelta

from orgsync.contact_sync.adapters.config_table import ConfigTable
from orgsync.contact_sync.adapters.run_bucket import RunBucket
from orgsync.contact_sync.adapters.state_table import StateTable
from orgsync.contact_sync.names import Operation
from orgsync.contact_sync.services import Services
from orgsync.handlers.contact_sync.plan import plan
from orgsync.handlers.contact_sync.process import process
from orgsync.handlers.contact_sync.report import report
from orgsync.sandbox.contact_sync.simulation import SimulatedContacts, SimulatedOrganization
from orgsync.sandbox.model.account import AccountService, ApiError, CallerIdentity
from orgsync.sandbox.model.organization import KINDS, make
from orgsync.shared.notifications import NotificationPublisher
from tests.memory import client, make_tables, make_topic, read_queue, tables

WRITER = "orgsync-test-process"
STARTED = "2026-11-01T10:00:00.000Z"
# A world without waiting: quotas out of the way, retries and verification at once.
QUICK = {
    "retry_config": {"base_delay": 0},
    "verify_config": {"delay": 0},
    "pacing": {str(operation): {"rate": 1000, "burst": 2000} for operation in Operation},
}


class Clock:
    """The wall clock, in which nobody sleeps longer than a moment; `skip` moves it on."""

    def __init__(self):
        self.skipped = timedelta()

    def now(self):
        return datetime.now(UTC) + self.skipped

    def monotonic(self):
        return time.monotonic()

    async def sleep(self, seconds):
        await asyncio.sleep(min(seconds, 0.005))

    def skip(self, **delta):
        self.skipped += timedelta(**delta)


class Executions:
    """The state machine's port: executions by name; the world says how they end."""

    def __init__(self):
        self.executions = {}

    def start(self, run_id, bell):
        bell = json.loads(json.dumps(bell))
        self.executions.setdefault(run_id, {"bell": bell, "status": "RUNNING", "answer": {}})

    def status(self, run_id):
        return self.outcome(run_id)[0]

    def outcome(self, run_id):
        found = self.executions.get(run_id)
        return (found["status"], found["answer"]) if found else (None, {})

    def end(self, run_id, status="SUCCEEDED", answer=None):
        self.executions[run_id] |= {"status": status, "answer": answer or {}}


class Stacks:
    """CloudFormation of which only matters whether it undoes an update."""

    def __init__(self):
        self.undoes = False

    def rolls_back(self, _stack_id):
        if isinstance(self.undoes, Exception):
            raise self.undoes
        return self.undoes


class World:
    """An organization, what AWS keeps for the stack, and the services that work on both."""

    def __init__(self, count=3, **source):
        self.organization = make(7, count)
        self.organization.source |= source
        self.management = self.organization.management
        self.members = [account.id for account in self.organization.accounts]
        self.refusals = []  # (operation or "*", account or "*" for every member, code, how often)
        self.clock, self.executions, self.stacks = Clock(), Executions(), Stacks()
        self.account = AccountService(self.organization, clock=time.monotonic, refuse=lambda *call: self.refuses(*call))
        self._make()
        numbers = itertools.count(1)
        self.services = Services(
            management=self.management,
            environment="test",
            writer=WRITER,
            clock=self.clock,
            new_id=lambda: f"pending-{next(numbers)}",
            contacts=SimulatedContacts(self.account),
            organization=SimulatedOrganization(self.organization),
            configs=ConfigTable("config"),
            states=StateTable("state", retention_days=90),
            bucket=RunBucket("runs"),
            executions=self.executions,
            publisher=NotificationPublisher(self.topic),
            stacks=self.stacks,
        )

    def refuses(self, operation, account):
        """What AWS answers to a call; a test may put its own in its place."""
        for rule in self.refusals:
            where, whom, code, left = rule
            member = account != self.management
            if where in ("*", operation) and (whom == account or (whom == "*" and member)) and left > 0:
                rule[3] -= 1
                return ApiError(code, "refused by the test")
        return None

    def _make(self):
        make_tables()
        client("s3").create_bucket(Bucket="runs")
        self.topic, self._queue = make_topic()

    def with_port(self, **ports):
        """The same services with a port exchanged."""
        self.services = Services(**{**vars(self.services), **ports})

    # --- what the cloud would do -------------------------------------------------------------

    def configure(self, **document):
        """Write a configuration; without waiting unless it says otherwise."""
        return self.services.configs.write(QUICK | document, at=STARTED, by="test")

    def refuse(self, operation, account, code, times=10**9):
        """Let AWS refuse calls about members."""
        self.refusals.append([operation, account, code, times])

    def ring(self, run_id="run-1", bell=None, started=STARTED):
        """An execution starts with a bell: what plan answers."""
        bell = schedule() if bell is None else bell
        self.executions.start(run_id, bell)
        return self.plan(run_id, bell, started)

    def plan(self, run_id, bell=None, started=STARTED):
        """Plan is called, for the first time or again, with the execution's own input."""
        bell = bell if bell is not None else self.executions.executions[run_id]["bell"]
        answer = plan(run_id, started, json.loads(json.dumps(bell)), self.services)
        if answer["outcome"] in ("merged", "refused") and run_id in self.executions.executions:
            self.executions.end(run_id, answer=answer)
        return answer

    def batches(self, run_id):
        """What the Distributed Map reads."""
        return self.json(f"runs/{run_id}/batches.json")

    def work(self, run_id="run-1", remaining=lambda: 900.0):
        """Every batch until it is done."""
        for item in self.batches(run_id):
            while not process(item["run_id"], item["batch"], remaining, self.services)["done"]:
                pass

    def work_without(self, accounts, run_id="run-1"):
        """Every batch, by workers that died before they could keep the receipts of these accounts."""
        self.work(run_id)
        for receipt in self.receipts(run_id):
            if receipt.account in accounts:
                item = f"receipt#{receipt.account}#{receipt.kind}"
                self.table("state").delete_item(Key={"sync_id": run_id, "item": item})

    def report(self, run_id="run-1", **more):
        """The state machine's last step."""
        answer = report({"run_id": run_id, **more}, self.services)
        if run_id in self.executions.executions:
            self.executions.end(run_id, answer=answer)
        return answer

    def run(self, run_id="run-1", bell=None):
        """The state machine: plan, every batch, report; returns the last answer."""
        answer = self.ring(run_id, bell)
        if answer["outcome"] == "process":
            self.work(run_id)
        if answer["outcome"] in ("process", "report"):
            answer = self.report(run_id)
        return answer

    def die(self, run_id, status="FAILED"):
        """The execution ends without having reported."""
        self.executions.end(run_id, status)

    # --- what there is afterwards ------------------------------------------------------------

    def header(self, run_id="run-1"):
        return self.services.states.run(run_id)

    def receipts(self, run_id="run-1"):
        return list(self.services.states.receipts(run_id))

    def ends(self, run_id="run-1"):
        """(status, error) by (account, kind); a second receipt for one pair fails."""
        found = {(r.account, str(r.kind)): (str(r.status), r.error) for r in self.receipts(run_id)}
        assert len(found) == len(self.receipts(run_id))
        return found

    def lease(self):
        return self.services.states.lease()

    def table(self, name):
        """A table, to look at it or to spoil it."""
        return tables().Table(name)

    def items(self):
        """Everything that stands in the state table."""
        return self.table("state").scan()["Items"]

    def objects(self):
        """Everything that stands in the run bucket."""
        s3 = client("s3")
        keys = [found["Key"] for found in s3.list_objects_v2(Bucket="runs").get("Contents", [])]
        return {key: s3.get_object(Bucket="runs", Key=key)["Body"].read().decode() for key in keys}

    def json(self, key):
        return json.loads(self.objects()[key])

    def messages(self):
        """Notices that were published and not looked at before, as SNS wraps them."""
        return read_queue(self._queue)

    def edit(self, kind, fields):
        """Change (or, with None, remove) one of the source's contacts."""
        caller = CallerIdentity(self.management, "arn:aws:iam::100000000001:user/ann", sandbox=True)
        name = "DeleteAlternateContact" if fields is None else "PutAlternateContact"
        self.account.call(name, {"AlternateContactType": kind.upper(), **(fields or {})}, caller)

    def differing(self, kinds=KINDS):
        """Members that do not hold what the source holds."""
        held = self.account.contacts()
        source = held[self.management]
        return [a for a in self.members if any(held[a][kind] != source[kind] for kind in kinds)]


def schedule():
    """The bell of the daily pass."""
    return {"source": "orgsync", "detail-type": "Schedule", "detail": {}}


def make_world(count: int = 3, **source: dict[str, str]) -> World:
    """An organization of so many members, none of which equals the source; nothing is configured yet.

    Args:
        source: kinds of the source's contacts and their fields, as they stand there however old they are.
    """
    return World(count, **source)
