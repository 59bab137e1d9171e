"""Actions of people and AWS in a simulated history: edits, accounts that come and close, deployments, refusals."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

from orgsync.contact_sync.core.run import Run
from orgsync.contact_sync.names import CONFIGURATION_OBJECT, OwnEvent
from orgsync.contact_sync.services import Services
from orgsync.handlers.contact_sync.initial_sync import begin_patiently, progress
from orgsync.sandbox.cloud import cloudtrail
from orgsync.sandbox.contact_sync.stores import MemoryConfigStore, MemoryRunStore
from orgsync.sandbox.model.account import AccountService, ApiError, CallerIdentity
from orgsync.sandbox.model.organization import Fields, MemberAccount, OrganizationModel, make, make_contact
from tests.simulation.history import History, Part
from tests.simulation.machine import Machine, TaskFailed
from tests.simulation.scheduler import Scheduler
from tests.simulation.witness import WatchedStates, Witness

STACK = "arn:aws:cloudformation:us-east-1:100000000001:stack/orgsync/1"
_POLL = 120.0
"""Seconds between two looks of crhelper."""
_TRIES = 900
"""Seconds for which a hand waits for a run that works."""
_HOUR = 3600.0
"""Seconds that CloudFormation waits for a custom resource."""


@dataclass(frozen=True)
class Refusal:
    """A rule by which AWS refuses calls, until it ends; no accounts are all of them."""

    operation: str
    accounts: frozenset[str]
    code: str
    share: float
    until: float
    always: bool

    def concerns(self, operation: str, account: str) -> bool:
        """Return whether a call is one of those."""
        return self.operation == operation and (not self.accounts or account in self.accounts)


class Stage(Protocol):
    """The cloud, as far as somebody who acts in it needs it."""

    history: History
    scheduler: Scheduler
    organization: OrganizationModel
    accounts: AccountService
    configs: MemoryConfigStore
    states: WatchedStates
    bucket: MemoryRunStore
    machine: Machine
    witness: Witness

    def note(self, what: str) -> None:
        """Write a line of the history."""

    def number(self, what: str) -> int:
        """Count something."""

    def now(self) -> str:
        """Return the time of day."""

    def put(self, source: str, detail: dict[str, Any], account: str) -> None:
        """Put an event on a bus."""

    def execute(self, name: str, event: Any) -> None:
        """Start an execution."""

    def live(
        self, function: str, run: str, body: Callable[[Services, float], Any], answered: Callable[[Any], object]
    ) -> None:
        """Let a function live once."""


class Actions:
    """The steps of a history.

    Attributes:
        refusals: the rules by which AWS refuses calls.
        joined: when the accounts that have come since joined.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._draw = Random(f"refusals {stage.history.seed}")
        self.refusals: list[Refusal] = []
        self.joined: dict[str, str] = {}
        self._ready: dict[str, float] = {}

    def do(self, step: Part) -> None:
        """Do what a step says; what concerns an account that is not there concerns nobody."""
        self._stage.note(f"step {step}")
        if "account" not in step:
            self._without_account(step)
        elif account := self._member(step["account"]):
            self._with_account(step, account)

    def refused(self, operation: str, account: str) -> ApiError | None:
        """Return AWS's refusal of a call, if there is one."""
        now = self._stage.scheduler.now
        if self._ready.get(account, 0.0) > now and operation not in ("ListAccounts", "ListTagsForResource"):
            return ApiError("AccessDeniedException", "not ready")
        for one in self.refusals:
            in_force = one.concerns(operation, account) and (one.always or one.until > now)
            if in_force and (one.share >= 1 or self._draw.random() < one.share):
                return ApiError(one.code, "refused by the history")
        return None

    def refused_for_good(self, operation: str, account: str) -> bool:
        """Return whether an account refuses an operation to the end."""
        return any(one.always and one.concerns(operation, account) for one in self.refusals)

    def be_calm(self) -> None:
        """Let AWS answer: only an account's own refusals stay."""
        self.refusals = [one for one in self.refusals if one.always]

    def use_quota(self) -> None:
        """Let a second tool use the quota, for ten minutes."""
        management = self._stage.organization.management
        rival = CallerIdentity(management, f"arn:aws:sts::{management}:assumed-role/other-tool/1")
        for kind in ("BILLING", "SECURITY"):
            try:
                self._stage.accounts.call("GetAlternateContact", {"AlternateContactType": kind}, rival)
            except ApiError:
                continue
        if self._stage.scheduler.now < 600:
            self._stage.scheduler.after(0.4, self.use_quota)

    def deploy(self, config: Mapping[str, Any]) -> None:
        """Deploy a configuration, as CloudFormation and crhelper do: begin, then look every two minutes."""
        stage = self._stage
        number = stage.number("deployment")
        stage.bucket.configurations[CONFIGURATION_OBJECT, f"v{number}"] = json.dumps(dict(config))
        properties = {"ConfigurationKey": CONFIGURATION_OBJECT, "ConfigurationVersion": f"v{number}"}
        request: dict[str, Any] = {
            "RequestType": "Update" if stage.configs.items() else "Create",
            "RequestId": f"deployment-{number}",
            "StackId": STACK,
            "ResourceProperties": properties,
        }
        if request["RequestType"] == "Update":
            request["OldResourceProperties"] = {**properties, "ConfigurationVersion": f"v{number - 1}"}
        until = stage.scheduler.now + _HOUR

        def live(body: Callable[[Services], Any], then: Callable[[Any], None]) -> None:
            run = f"initial-sync-{request['RequestId']}"
            stage.live("initial-sync", run, lambda services, _: body(services), then)

        def again(outcome: Any) -> bool:
            # Killed, it is invoked once more; an exception is CloudFormation's answer.
            died = isinstance(outcome, TaskFailed) and outcome.error in ("Lambda.Unknown", "States.Timeout")
            return (outcome is None or died) and stage.scheduler.now < until

        def start() -> None:
            live(lambda services: begin_patiently(request, services), begun)

        def begun(outcome: Any) -> None:
            if again(outcome):
                stage.scheduler.after(60.0, start)
            elif isinstance(outcome, TaskFailed):
                stage.note(f"deployment {number}: {outcome.error}")
            else:
                stage.scheduler.after(_POLL, lambda: look(outcome))

        def look(data: dict[str, str]) -> None:
            live(lambda services: progress(properties, data, services), lambda outcome: looked(data, outcome))

        def looked(data: dict[str, str], outcome: Any) -> None:
            if again(outcome):
                stage.scheduler.after(_POLL, lambda: look(data))
                return
            failed = isinstance(outcome, TaskFailed)
            said = outcome.error if failed else (outcome or {}).get("Status", "no answer in an hour")
            stage.note(f"deployment {number}: {said}")

        start()

    # --- steps -----------------------------------------------------------------------------------

    def _with_account(self, step: Part, account: MemberAccount) -> None:
        match step["do"]:
            case "edit member":
                self._edit_member(account, step)
            case "close account":
                account.state = step["state"]
            case "move account":
                account.ou = step["ou"]
                self._organization_call("MoveAccount", {"accountId": account.id})
            case "tag account":
                account.tags["team"] = step["team"]
                self._organization_call("TagResource", {"resourceId": account.id})
            case other:
                raise NotImplementedError(other)

    def _without_account(self, step: Part) -> None:
        stage = self._stage
        match step["do"]:
            case "edit source" | "flawed source":
                self._edit_source(step)
            case "create account":
                self._create_account(step)
            case "schedule":
                stage.execute(f"schedule-{stage.number('schedule')}", OwnEvent.SCHEDULE.document({}))
            case "operator":
                self._operator(step)
            case "configure":
                self.deploy(step["config"])
            case "malformed":
                stage.execute(f"malformed-{stage.number('malformed')}", step["event"])
            case "refuse":
                self._refuse(step)
            case "abort":
                self._abort()
            case "damage":
                self._damage(step["kind"])
            case other:
                raise NotImplementedError(other)

    def _member(self, number: int) -> MemberAccount | None:
        accounts = self._stage.organization.accounts
        return accounts[number - 1] if number <= len(accounts) else None

    def _edit_source(self, step: Part) -> None:
        kind, management = step["kind"], self._stage.organization.management
        fields = None if step.get("gone") else make_contact(1000 + self._stage.number("edit"), management, kind)
        if fields and step["do"] == "flawed source":
            fields |= {"PhoneNumber": "555 0100"} if kind == "primary" else {"EmailAddress": "none"}
        caller = CallerIdentity(management, f"arn:aws:iam::{management}:user/ann", sandbox=True)
        self._edit(caller, kind, fields, step["via"])

    def _edit_member(self, account: MemberAccount, step: Part) -> None:
        if account.state != "ACTIVE":
            return
        kind = step["kind"]
        gone = step["gone"] and kind != "primary"
        fields = None if gone else make_contact(1000 + self._stage.number("edit"), account.id, kind)
        self._stage.witness.foreign[account.id, kind] = self._stage.scheduler.now
        self._edit(CallerIdentity(account.id, f"arn:aws:iam::{account.id}:user/bob"), kind, fields, "camel")

    def _edit(self, caller: CallerIdentity, kind: str, fields: Fields | None, via: str) -> None:
        """Change a contact of the caller's own account, with the event that AWS sends."""
        stage = self._stage
        if fields is None and kind != "primary" and stage.accounts.contact(caller.account, kind) is None:
            return
        stage.witness.note_contact(caller.account, kind, fields)
        parameters: dict[str, Any]
        if kind == "primary":
            operation, parameters = "PutContactInformation", {"ContactInformation": fields}
        else:
            operation = "PutAlternateContact" if fields else "DeleteAlternateContact"
            parameters = {"AlternateContactType": kind.upper(), **(fields or {})}
        write = stage.accounts.write_directly(operation, parameters, caller)
        if via == "console":
            detail = cloudtrail.console_action(kind, caller, stage.now())
        else:
            detail = cloudtrail.account_call(write, via, stage.now())
        stage.put("aws.billingconsole" if via == "console" else "aws.account", detail, caller.account)

    def _create_account(self, step: Part) -> None:
        stage = self._stage
        account = make(stage.history.seed, len(stage.organization.accounts) + 1).accounts[-1]
        stage.organization.accounts.append(account)
        stage.accounts.add_account(account)
        for kind, held in account.contacts.items():
            stage.witness.note_contact(account.id, kind, held)
        self._ready[account.id] = stage.scheduler.now + step["ready"]
        self.joined[account.id] = stage.now()
        stage.witness.joined[account.id] = stage.scheduler.now
        name, details = "AccountJoinedOrganization", dict[str, Any](accountId=account.id)
        if not step["joined"]:
            name, details = "CreateAccountResult", {"createAccountStatus": {"state": "SUCCEEDED", **details}}
        management = stage.organization.management
        detail = cloudtrail.service_event("organizations.amazonaws.com", name, details, management, stage.now())
        stage.put("aws.organizations", detail, management)

    def _organization_call(self, name: str, parameters: Mapping[str, Any]) -> None:
        management = self._stage.organization.management
        caller = CallerIdentity(management, f"arn:aws:iam::{management}:user/ann")
        time = self._stage.now()
        detail = cloudtrail.api_call("organizations.amazonaws.com", name, dict(parameters), caller, time)
        self._stage.put("aws.organizations", detail, management)

    def _operator(self, step: Part) -> None:
        management = self._stage.organization.management
        named = [self._member(number) if number else None for number in step["accounts"]]
        asked = {
            "initiator": f"arn:aws:iam::{management}:user/ann",
            "accounts": [one.id if one else management for one in named],
            "kinds": step["kinds"],
        }
        self._stage.execute(f"operator-{self._stage.number('operator')}", OwnEvent.OPERATOR.document(asked))

    def _abort(self, tries: int = _TRIES) -> None:
        """Stop the execution of the next run that works, as an operator may; nobody tells its functions."""
        run = self._working()
        if run and self._stage.machine.abort(run.run_id):
            self._stage.witness.doubted.add(run.run_id)
        elif tries and not run:
            self._stage.scheduler.after(1.0, lambda: self._abort(tries - 1))

    def _damage(self, kind: str, tries: int = _TRIES) -> None:
        """Let a hand remove a kind of the source from the header of the next run that works."""
        run = self._working()
        if run and kind in run.source:
            source = {one: dict(contact.fields) for one, contact in run.source.items() if one != kind}
            self._stage.states.edit(run.run_id, "run", source=source)
        elif tries and not run:
            self._stage.scheduler.after(1.0, lambda: self._damage(kind, tries - 1))

    def _working(self) -> Run | None:
        """Return the run whose worker is at work."""
        run = self._stage.states.run(self._stage.witness.holder() or "")
        return run if run and run.planned and run.batches and not run.closed else None

    def _refuse(self, step: Part) -> None:
        accounts = frozenset(one.id for number in step["accounts"] if (one := self._member(number)))
        share, until = 1.0 if step["always"] else step["share"], self._stage.scheduler.now + step["for"]
        if accounts or not step["accounts"]:
            self.refusals.append(Refusal(step["operation"], accounts, step["code"], share, until, step["always"]))
