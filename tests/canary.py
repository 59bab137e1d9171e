"""Planted contact values, runs that may spill them, and the search for them in everything that a run leaves."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from orgsync.contact_sync.core.errors import InitialSyncFailed
from orgsync.contact_sync.names import Operation
from orgsync.contact_sync.services import Services
from orgsync.handlers.contact_sync import plan, process, report
from orgsync.handlers.contact_sync.initial_sync import progress
from orgsync.sandbox.model.account import ApiError
from orgsync.sandbox.model.organization import KINDS, Fields, MemberAccount, OrganizationModel
from orgsync.shared.telemetry import logger
from tests.invocation import FunctionContext
from tests.world import STARTED, Refuse, schedule

CANARY = "canary"
TRACES = (CANARY, "can-451", "04-51-04")
"""The word that every planted value carries, and the values that cannot carry it."""

CONFIG: dict[str, Any] = {
    "retry_config": {"base_delay": 0},
    "verify_config": {"delay": 0, "max_attempts": 1},
    # The emulator's accounts were made a moment ago.
    "new_accounts": {"settle": 0},
    "pacing": {str(operation): {"rate": 1000, "burst": 2000} for operation in Operation},
    "notification_settings": {"notify_on_success": True},
}
RUN_ID = "run-1"


def planted(owner: str, **primary: str) -> dict[str, Fields]:
    """Make a contact of each kind in which every value can be recognised."""
    made: dict[str, Fields] = {
        kind: {
            "Name": f"{CANARY} {owner} {kind}",
            "Title": f"{CANARY} {kind} lead",
            "EmailAddress": f"{CANARY}.{owner}.{kind}@example.com",
            "PhoneNumber": f"+99 {len(owner):03d} 04-51-04",
        }
        for kind in KINDS[1:]
    }
    names = ("FullName", "AddressLine1", "AddressLine2", "City", "CompanyName", "StateOrRegion", "WebsiteUrl")
    made["primary"] = {name: f"{CANARY}-{owner}-{name}" for name in names}
    made["primary"] |= {"PostalCode": f"{CANARY[:3]}-451", "CountryCode": "NO", "PhoneNumber": "+99 451 04-51-04"}
    made["primary"] |= primary
    return made


def organization(management: str, members: list[str], **primary: str) -> OrganizationModel:
    """Make an organization in which every contact is planted; `primary` changes the source's primary one."""
    accounts = [MemberAccount(id, f"m-{id}", "m@example.com", contacts=planted(id[-4:])) for id in members]
    return OrganizationModel(management, accounts, planted("source", **primary))


def _refuse_members(management: str, members: list[str]) -> Refuse:
    """Refuse four members, each in its way, and repeat what was written in the messages."""
    codes = ["ValidationException", "AccessDeniedException", "InternalServerException", "TooManyRequestsException"]
    by_account = dict(zip(members, codes, strict=False))

    def refuse(operation: str, account: str) -> ApiError | None:
        code = by_account.get(account)
        repeated = (("PhoneNumber", f"'{CANARY}' must be another"),)
        return ApiError(code, f"{CANARY} is not what we want", repeated) if code else None

    return refuse


def _refuse_source(management: str, members: list[str]) -> Refuse:
    """Refuse to read the source."""
    return lambda operation, account: ApiError("ValidationException", CANARY) if account == management else None


def _refuse_nothing(management: str, members: list[str]) -> Refuse:
    return lambda operation, account: None


@dataclass(frozen=True)
class CanaryCase:
    """A case in which values may be spilled, and the status with which its run ends."""

    status: str
    refuse: Callable[[str, list[str]], Refuse] = _refuse_nothing
    source: Mapping[str, str] | None = None


CASES = {
    "all well": CanaryCase("completed"),
    "members refuse": CanaryCase("completed", _refuse_members),
    "the source cannot be written": CanaryCase("completed", source={"PhoneNumber": f"{CANARY} 04-51-04"}),
    "the source cannot be read": CanaryCase("failed", _refuse_source),
}


def _talkative(management: str) -> dict[str, Any]:
    """Make an event as AWS may send it, with every value in it, in every place that people read of."""
    return {
        "source": "aws.account",
        "account": management,
        "time": CANARY,
        "detail": {
            "eventName": "PutAlternateContact",
            "userIdentity": {"arn": CANARY, "userName": CANARY},
            "requestParameters": {"alternateContactType": CANARY, **planted("event")["security"]},
            "errorMessage": CANARY,
        },
    }


def carry_out(services: Services) -> list[dict[str, Any]]:
    """Plan, process and report through the functions' handlers, with two events in between; return all answers."""

    def ask(run_id: str, event: dict[str, Any]) -> dict[str, Any]:
        payload = {"run_id": run_id, "started": STARTED, "execution": "arn", "event": event}
        answer: dict[str, Any] = plan.handler(payload, FunctionContext("plan"))
        return answer

    services.executions.start(RUN_ID, schedule())
    talkative = _talkative(services.management)
    answers = [
        ask(RUN_ID, schedule()),
        ask(f"{RUN_ID}-later", talkative),
        ask(f"{RUN_ID}-malformed", talkative | {"account": CANARY}),
    ]
    if answers[0]["outcome"] == "process":
        answers.append(process.handler({"run_id": RUN_ID, "batch": 0}, FunctionContext("process")))
    error = {"Error": "States.TaskFailed", "Cause": f"{CANARY}: a whole trace"}
    answers.append(report.handler({"run_id": RUN_ID}, FunctionContext("report")))
    answers.append(report.handler({"run_id": RUN_ID, "error": error}, FunctionContext("report")))
    return answers


def _deployment_reason(services: Services) -> str:
    """Return the reason or the attributes that CloudFormation would get of the run."""
    data = {"RunId": RUN_ID, "Status": "running", "Started": "2026-11-01T10:00:00+00:00"}
    try:
        return str(progress({"FailOn": "medium"}, data, services))
    except InitialSyncFailed as failed:
        return str(failed)


def without_source(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the state store's items without the one attribute in which contact values belong."""
    return [{key: value for key, value in item.items() if key != "source"} for item in items]


def check_that_nothing_is_spilled(
    services: Services,
    case: str,
    stored: Callable[[], Mapping[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Run a case and search answers, logs, metrics, CloudFormation's reason and everything stored for values.

    Args:
        stored: returns what stands in `state table`, `config table`, `bucket`, `executions` and `messages`.
    """
    log = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", log)
    with caplog.at_level("INFO"):
        answers = carry_out(services)
    places = {
        "answers": json.dumps(answers),
        "logs": log.getvalue() + caplog.text,
        "metrics": capsys.readouterr().out,
        "cloudformation": _deployment_reason(services),
        **{place: json.dumps(content, default=str) for place, content in stored().items()},
    }
    assert answers[-1]["status"] == CASES[case].status
    found = [(place, trace) for place, text in places.items() for trace in TRACES if trace in text]
    assert found == []
    # The places were really searched: each holds what a run leaves there.
    for place, trace in {
        "logs": "run ended",
        "metrics": '"Namespace":"orgsync"',
        "state table": "receipt#",
        "config table": "notify_on_success",
        "bucket": "report.jsonl",
        "executions": "Pending Request",
        "messages": "Contact sync in test",
    }.items():
        assert trace in places[place] or (place, case) == ("state table", "the source cannot be read")
