"""Values of contacts stand at AWS and in the run's header, and nowhere else, whatever goes wrong on the way."""

import io
import json
import time

import pytest

from orgsync.contact_sync import finalize, services
from orgsync.contact_sync.core.errors import InitialSyncFailed
from orgsync.contact_sync.names import Env, Operation
from orgsync.handlers.contact_sync import plan, process, report
from orgsync.handlers.contact_sync.initial_sync import progress
from orgsync.sandbox.model.account import AccountService, ApiError
from orgsync.sandbox.model.organization import KINDS, MemberAccount, OrganizationModel
from orgsync.shared import aws
from orgsync.shared.telemetry import logger

MANAGEMENT = "123456789012"  # moto's own account
CANARY = "canary"
FAST = {"rate": 1000, "burst": 2000}
CONFIG = {
    "retry_config": {"base_delay": 0},
    "verify_config": {"delay": 0, "max_attempts": 1},
    "pacing": dict.fromkeys(map(str, Operation), FAST),
    "notification_settings": {"notify_on_success": True},
}


def contacts(whose, **primary):
    """A contact of each kind in which every value can be recognised."""
    made = {
        kind: {
            "Name": f"{CANARY} {whose} {kind}",
            "Title": f"{CANARY} {kind} lead",
            "EmailAddress": f"{CANARY}.{whose}.{kind}@example.com",
            "PhoneNumber": f"+99 {len(whose):03d} 04-51-04",
        }
        for kind in KINDS[1:]
    }
    names = ("FullName", "AddressLine1", "AddressLine2", "City", "CompanyName", "StateOrRegion", "WebsiteUrl")
    made["primary"] = {name: f"{CANARY}-{whose}-{name}" for name in names}
    made["primary"] |= {"PostalCode": f"{CANARY[:3]}-451", "CountryCode": "NO", "PhoneNumber": "+99 451 04-51-04"}
    made["primary"] |= primary
    return made


# What no other place may hold: the word that every value carries, and the values that cannot carry it.
TRACES = (CANARY, "can-451", "04-51-04")


class Context:
    """What Lambda tells a function about itself."""

    function_name, memory_limit_in_mb, aws_request_id, tenant_id = "function", 512, "request", None
    invoked_function_arn = f"arn:aws:lambda:us-east-1:{MANAGEMENT}:function:function"

    def get_remaining_time_in_millis(self):
        return 900_000


@pytest.fixture
def cloud(make_world, account_endpoint, monkeypatch):
    """The functions' whole environment: real adapters, moto behind them, the Account API's model over HTTP."""
    world = make_world(0)
    organizations = aws.session().client("organizations")
    organizations.create_organization(FeatureSet="ALL")
    world.members = [
        organizations.create_account(AccountName=f"m{n}", Email=f"m{n}@example.com")["CreateAccountStatus"]["AccountId"]
        for n in range(5)
    ]
    definition = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
    role = f"arn:aws:iam::{MANAGEMENT}:role/runs"
    steps = aws.session().client("stepfunctions")
    world.machine = steps.create_state_machine(name="runs", definition=definition, roleArn=role)["stateMachineArn"]
    environment = {
        Env.MANAGEMENT_ACCOUNT_ID: MANAGEMENT,
        Env.CONFIG_TABLE_NAME: "config",
        Env.STATE_TABLE_NAME: "state",
        Env.ENVIRONMENT: "test",
        Env.RUN_BUCKET_NAME: "runs",
        Env.STATE_MACHINE_ARN: world.machine,
        Env.TOPIC_ARN: world.topic,
        Env.RECEIPT_RETENTION_DAYS: "90",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    world.endpoint = account_endpoint
    world.services.configs.write(CONFIG, at="2026-11-01T10:00:00+00:00", by="test")
    monkeypatch.setattr(finalize, "LOOK_EVERY", -1)  # nobody is at work any more when a run is reported dead
    services.services.cache_clear()
    yield world
    services.services.cache_clear()


def serve(cloud, refuse=lambda operation, account: None, **primary):
    """Put the organization behind the endpoint."""
    members = [MemberAccount(a, f"m-{a}", "m@example.com", contacts=contacts(a[-4:])) for a in cloud.members]
    organization = OrganizationModel(MANAGEMENT, members, contacts("source", **primary))
    cloud.endpoint.serve(AccountService(organization, clock=time.monotonic, refuse=refuse))


def refuse_members(cloud):
    """AWS refuses four of five members, each in its way, and repeats what was written in its messages."""
    codes = ["ValidationException", "AccessDeniedException", "InternalServerException", "TooManyRequestsException"]
    by_account = dict(zip(cloud.members, codes, strict=False))

    def refuse(operation, account):
        code = by_account.get(account)
        repeated = (("PhoneNumber", f"'{CANARY}' must be another"),)
        return ApiError(code, f"{CANARY} is not what we want", repeated) if code else None

    return refuse


def talkative():
    """An event as AWS may send it, with every value in it, at any place that people are told of."""
    return {
        "source": "aws.account",
        "account": MANAGEMENT,
        "time": f"{CANARY}",
        "detail": {
            "eventName": "PutAlternateContact",
            "userIdentity": {"arn": CANARY, "userName": CANARY},
            "requestParameters": {"alternateContactType": CANARY, **contacts("event")["security"]},
            "errorMessage": CANARY,
        },
    }


def triggered_at(cloud, run_id):
    """The payload with which the state machine calls plan; its execution is known."""
    bell = {"source": "orgsync", "detail-type": "Schedule", "detail": {}}
    aws.session().client("stepfunctions").start_execution(
        stateMachineArn=cloud.machine, name=run_id, input=json.dumps(bell)
    )
    return {"run_id": run_id, "started": "2026-11-01T10:00:00.000Z", "execution": "arn", "bell": bell}


def carry_out(cloud, run_id="run-1"):
    """plan → process → report through the functions' own handlers, with a bell in between; all that they answered."""
    answers = [plan.handler(triggered_at(cloud, run_id), Context())]
    later = {"run_id": f"{run_id}-later", "started": "2026-11-01T10:00:00.000Z", "bell": talkative()}
    answers.append(plan.handler(later, Context()))
    malformed = talkative() | {"account": CANARY}
    answers.append(plan.handler(later | {"run_id": f"{run_id}-malformed", "bell": malformed}, Context()))
    if answers[0]["outcome"] == "process":
        answers.append(process.handler({"run_id": run_id, "batch": 0}, Context()))
    error = {"Error": "States.TaskFailed", "Cause": f"{CANARY}: a whole trace"}
    answers.append(report.handler({"run_id": run_id}, Context()))
    answers.append(report.handler({"run_id": run_id, "error": error}, Context()))
    return answers


def executions(cloud):
    client = aws.session().client("stepfunctions")
    found = client.list_executions(stateMachineArn=cloud.machine)["executions"]
    return {e["name"]: client.describe_execution(executionArn=e["executionArn"])["input"] for e in found}


def deploy_reason(run_id):
    """What CloudFormation would be told of a run that failed."""
    data = {"RunId": run_id, "Status": "running", "Started": "2026-11-01T10:00:00+00:00"}
    try:
        return str(progress({"FailOn": "medium"}, data, services.services()))
    except InitialSyncFailed as failed:
        return str(failed)


SCENES = {
    "all well": (lambda cloud: serve(cloud), "completed"),
    "members refuse": (lambda cloud: serve(cloud, refuse_members(cloud)), "completed"),
    "the source cannot be written": (lambda cloud: serve(cloud, PhoneNumber=f"{CANARY} 04-51-04"), "failed"),
    "the source cannot be read": (
        lambda cloud: serve(
            cloud, lambda _, account: ApiError("ValidationException", CANARY) if account == MANAGEMENT else None
        ),
        "failed",
    ),
}


# Powertools says so of an invocation that had nothing to count.
@pytest.mark.filterwarnings("ignore:No application metrics to publish")
@pytest.mark.parametrize("scene", sorted(SCENES))
def test_no_value_leaves_its_places(cloud, scene, monkeypatch, capsys, caplog):
    """A run, well or badly ended, leaves values in the accounts and in its header's `source`, and in no other place."""
    prepare, status = SCENES[scene]
    prepare(cloud)
    written = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", written)
    with caplog.at_level("INFO"):
        answers = carry_out(cloud)

    items = [{key: value for key, value in item.items() if key != "source"} for item in cloud.items()]
    places = {
        "answers": json.dumps(answers),
        "logs": written.getvalue() + caplog.text,
        "metrics": capsys.readouterr().out,
        "state table": json.dumps(items, default=str),
        "config table": json.dumps(cloud.table("config").scan()["Items"], default=str),
        "bucket": json.dumps(cloud.objects()),
        "executions": json.dumps(executions(cloud)),
        "messages": json.dumps(cloud.messages()),
        "cloudformation": deploy_reason("run-1"),
    }
    assert answers[-1]["status"] == status
    found = [(place, trace) for place, text in places.items() for trace in TRACES if trace in text]
    assert found == []
    # The places were really looked into: each holds what a run leaves there.
    for place, trace in {
        "logs": "run ended",
        "metrics": '"Namespace":"orgsync"',
        "state table": "receipt#",
        "bucket": "report.jsonl",
        "executions": "Pending Request",
        "messages": "Contact sync in test",
    }.items():
        assert trace in places[place] or (place, scene) == ("state table", "the source cannot be read")


@pytest.mark.filterwarnings("ignore:No application metrics to publish")
def test_the_canary_can_be_seen(cloud):
    """Where values belong they are: in the header's `source` and in the accounts, so that the search can fail."""
    serve(cloud)
    carry_out(cloud)
    (header,) = [item for item in cloud.items() if (item["sync_id"], item["item"]) == ("run-1", "run")]
    assert all(trace in json.dumps(header["source"]) for trace in TRACES)
    held = cloud.endpoint.service.contacts()
    assert all(held[account]["security"]["Name"] == f"{CANARY} source security" for account in cloud.members)
