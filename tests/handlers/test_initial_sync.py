"""Initial sync: CloudFormation's request writes the configuration, starts one run and waits for its end."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orgsync.contact_sync.core import errors
from orgsync.contact_sync.core.errors import InitialSyncFailed
from orgsync.contact_sync.core.run import Run, RunStatus
from orgsync.contact_sync.names import Cause
from orgsync.contact_sync.services import Services
from orgsync.handlers.contact_sync import initial_sync
from orgsync.handlers.contact_sync.initial_sync import begin, progress
from orgsync.handlers.contact_sync.plan import plan
from orgsync.shared.configuration import ConfigurationRefused
from orgsync.shared.errors import error_class
from tests.invocation import FunctionContext
from tests.world import MakeWorld, World

STACK = "arn:aws:cloudformation:us-east-1:100000000001:stack/orgsync/1"
RUN = "initial-sync-request-1"
AT = "2026-11-01T10:00:00.000+00:00"
QUICK: dict[str, Any] = {
    "retry_config": {"base_delay": 0},
    "verify_config": {"delay": 0},
    "contact_types": ["billing"],
}
RUN_ERRORS = sorted(
    name
    for name, found in vars(errors).items()
    if isinstance(found, type) and issubclass(found, errors.RunError) and not found.__subclasses__()
)

Answers = list[dict[str, Any]]
Send = Callable[[dict[str, Any]], Answers]


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """A stack that has not been deployed yet."""
    made = make_world()
    made.stacks.status[STACK] = "UPDATE_IN_PROGRESS"
    return made


def request(kind: str = "Create", number: int = 1, document: Any = None, **properties: str) -> dict[str, Any]:
    """Make a request of CloudFormation."""
    configuration = json.dumps(QUICK if document is None else document)
    return {
        "RequestType": kind,
        "RequestId": f"request-{number}",
        "StackId": STACK,
        "ResourceProperties": {"ServiceToken": "arn", "Configuration": configuration, **properties},
    }


def poll(world: World, event: dict[str, Any], data: dict[str, str]) -> dict[str, str] | None:
    """Ask for the run's progress, as crhelper does every two minutes."""
    return progress(event["ResourceProperties"], data, world.services)


def answer(world: World, event: dict[str, Any], data: dict[str, str]) -> dict[str, str]:
    """Ask for the progress of a run that has ended."""
    found = poll(world, event, data)
    assert found is not None
    return found


def versions(world: World) -> list[int]:
    """Return the numbers of the configuration's versions."""
    return [item["version"] for item in world.configs.items()]


def carry_out(world: World, run_id: str = RUN) -> None:
    """Do the state machine's work for an execution that was started."""
    world.run(run_id, world.executions.events()[run_id])


def end_run(
    world: World, status: str = "failed", severity: str = "high", scenario: str = "complete_failure", **changes: Any
) -> None:
    """Save the header of a run that ended."""
    run = Run(RUN, Cause.DEPLOY, AT, AT, status=RunStatus(status), scenario=scenario, severity=severity, ended=AT)
    world.services.states.save_run(replace(run, **changes))


def test_a_deployment_writes_its_configuration_and_starts_a_run(world: World) -> None:
    """The configuration is in force and a full run is under way for the stack that asked."""
    data = begin(request(), world.services)
    assert world.configuration()[1].contact_types == ("billing",)
    assert world.executions.events()[RUN] == {
        "source": "orgsync",
        "detail-type": "Initial Sync",
        "detail": {"initiator": STACK},
    }
    assert (data["RunId"], data["Status"]) == (RUN, "running")
    assert all(isinstance(value, str) for value in data.values()), "CloudFormation attributes are texts"


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_one_request_is_carried_out_once(world: World, kind: str) -> None:
    """A function that died and is called again for the same request: one version, one run, the same answer."""
    data = begin(request(kind), world.services)
    world.clock.skip(timedelta(seconds=90))
    again = begin(request(kind), world.services)
    assert {**again, "Started": ""} == {**data, "Started": ""}
    assert versions(world) == [1]
    assert world.started_runs() == {RUN}


@pytest.mark.parametrize("document", [{"contact_types": ["privacy"]}, {"paused": "later"}, [], {"colour": 1}])
def test_a_bad_configuration_changes_nothing(world: World, document: Any) -> None:
    """Refused before anything is written or started, with the place of the mistake."""
    with pytest.raises(ConfigurationRefused):
        begin(request(document=document), world.services)
    assert versions(world) == []
    assert world.started_runs() == set()


def test_what_is_no_json_changes_nothing(world: World) -> None:
    """A configuration that is no JSON is refused as well."""
    event = request()
    event["ResourceProperties"]["Configuration"] = "{"
    with pytest.raises(ValueError, match="Expecting"):
        begin(event, world.services)
    assert versions(world) == []


def test_an_unchanged_configuration_is_no_new_version_but_a_run(world: World) -> None:
    """Deploying again without a change brings the accounts in sync again."""
    begin(request(), world.services)
    begin(request("Update", 2), world.services)
    assert versions(world) == [1]
    assert world.started_runs() == {RUN, "initial-sync-request-2"}


def test_the_deployment_waits_for_its_run(world: World) -> None:
    """No answer while the run goes on; then its end, its severity and its counts."""
    event = request()
    data = begin(event, world.services)
    assert poll(world, event, data) is None
    carry_out(world)
    assert poll(world, event, data) == {
        "RunId": RUN,
        "Status": "completed",
        "Severity": "low",
        "Scenario": "success_completion",
        "Error": "none",
        "Succeeded": "3",
        "Skipped": "0",
        "Failed": "0",
    }
    assert world.differing(["billing"]) == []


def test_a_run_between_plan_and_report_is_waited_for(world: World) -> None:
    """An open header is no end."""
    event = request()
    data = begin(event, world.services)
    plan(
        "initial-sync-request-1",
        "2026-11-01T10:00:00Z",
        world.executions.events()[RUN],
        world.services,
    )
    assert poll(world, event, data) is None


def test_a_deployment_that_was_merged_waits_for_the_run_that_answers_it(world: World) -> None:
    """Another run was under way: the deployment's end is that of the run which took up its request."""
    world.configure(contact_types=["billing"])
    world.start("run-1")
    event = request(number=2)
    data = begin(event, world.services)
    waiting = world.plan("initial-sync-request-2")["into"]
    assert poll(world, event, data) is None
    world.work("run-1")
    world.report("run-1")
    assert poll(world, event, data) is None
    world.run(waiting, world.executions.events()[waiting])
    found = answer(world, event, data)
    assert (found["RunId"], found["Status"]) == (waiting, "completed")


def test_a_paused_stack_is_deployed(world: World) -> None:
    """Paused is as configured: the deployment succeeds without a run."""
    event = request(document=QUICK | {"paused": True})
    data = begin(event, world.services)
    carry_out(world)
    assert poll(world, event, data) == {"Status": "paused"}
    assert world.differing(["billing"]) == world.members


def test_wait_start_does_not_wait(world: World) -> None:
    """An owner who does not want to wait has the run's id and goes on."""
    event = request(Wait="start")
    data = begin(event, world.services)
    assert poll(world, event, data) == {"Status": "started"}


def test_a_run_longer_than_cloudformations_patience_goes_on_without_it(world: World) -> None:
    """After fifty minutes the deployment is done and the run is not: it is said to be handed over."""
    event = request()
    data = begin(event, world.services)
    world.clock.skip(timedelta(minutes=49))
    assert poll(world, event, data) is None
    world.clock.skip(timedelta(minutes=2))
    assert poll(world, event, data) == {"Status": "handed_over"}


@pytest.mark.parametrize("error", RUN_ERRORS)
def test_a_failed_run_fails_the_deployment_with_its_remedy(world: World, error: str) -> None:
    """CloudFormation's reason has 240 characters: the error, its place, and what to do, whole."""
    event = request()
    data = begin(event, world.services)
    end_run(world, error=error, detail="security.PhoneNumber must be a phone number; " * 9)
    with pytest.raises(InitialSyncFailed) as failed:
        poll(world, event, data)
    reason = str(failed.value)
    assert len(reason) <= 240
    assert reason.startswith(error)
    assert error_class(error).remedy in reason


def test_a_run_that_brought_no_account_in_sync_names_itself(world: World) -> None:
    """The reason leads to the receipts of the accounts that failed."""
    event = request()
    data = begin(event, world.services)
    world.refuse("*", "*", "AccessDeniedException")
    carry_out(world)
    with pytest.raises(InitialSyncFailed) as failed:
        poll(world, event, data)
    assert "complete_failure" in str(failed.value)
    assert "orgsync status initial-sync-request-1" in str(failed.value)
    assert len(str(failed.value)) <= 240


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_an_execution_that_died_without_a_run_fails_the_deployment(world: World, status: str) -> None:
    """The state machine ended and left nothing: the deployment says so at once instead of waiting an hour."""
    event = request()
    data = begin(event, world.services)
    world.die(RUN, status)
    with pytest.raises(InitialSyncFailed, match="SystemFailure"):
        poll(world, event, data)
    lenient = request(FailOn="never")
    assert answer(world, lenient, data)["Status"] == "failed"


@pytest.mark.parametrize(
    ("fail_on", "failing"),
    [
        (None, {"failed high", "failed medium"}),
        ("failed", {"failed high", "failed medium"}),
        ("never", set()),
        ("high", {"failed high", "completed high"}),
        ("medium", {"failed high", "failed medium", "completed high", "completed medium"}),
    ],
)
def test_the_owner_decides_which_end_fails_a_deployment(world: World, fail_on: str | None, failing: set[str]) -> None:
    """By default a failed run; or nothing; or a severity and everything above it."""
    event = request(FailOn=fail_on) if fail_on else request()
    data = begin(event, world.services)
    for end in ("failed high", "failed medium", "completed high", "completed medium", "completed low"):
        status, severity = end.split()
        end_run(world, status, severity)
        if end in failing:
            with pytest.raises(InitialSyncFailed):
                poll(world, event, data)
        else:
            assert answer(world, event, data)["Status"] == status


@pytest.mark.parametrize("times", [1, 2])
def test_a_rollback_does_not_wait(world: World, times: int) -> None:
    """A failed update is undone by the configuration before it: written, its run started, done, also when repeated."""
    begin(request(number=1), world.services)
    begin(request("Update", 2, QUICK | {"schedule": "rate(2 hours)"}), world.services)
    back = request("Update", 3)
    world.stacks.status[STACK] = "UPDATE_ROLLBACK_IN_PROGRESS"
    for _ in range(times):
        data = begin(back, world.services)
    assert data["Status"] == "started"
    assert poll(world, back, data) == {"Status": "started"}
    assert world.configuration()[1].schedule == "rate(1 day)"
    assert "initial-sync-request-3" in world.started_runs()
    assert versions(world) == [1, 2, 3]


def test_going_back_to_an_earlier_configuration_is_no_rollback(world: World) -> None:
    """Only CloudFormation knows whether it undoes an update: an owner's own way back is waited for like any other."""
    for number, document in enumerate([QUICK, QUICK | {"schedule": "rate(2 hours)"}, QUICK], start=1):
        data = begin(request("Update" if number > 1 else "Create", number, document), world.services)
        assert data["Status"] == "running"


def test_a_possible_rollback_is_not_waited_for(world: World) -> None:
    """CloudFormation does not always say: a stack whose rollback fails is stuck, and the run goes on all the same."""
    begin(request(number=1), world.services)
    del world.stacks.status[STACK]
    data = begin(request("Update", 2, QUICK | {"schedule": "rate(2 hours)"}), world.services)
    assert data["Status"] == "started"
    assert "initial-sync-request-2" in world.started_runs()


def test_another_way_of_waiting_keeps_the_last_runs_outcome(world: World) -> None:
    """Nothing is reconciled, so the outcome of the configuration's own run stands."""
    begin(request(number=1), world.services)
    update = request("Update", 2, Wait="start") | {"OldResourceProperties": {"Configuration": json.dumps(QUICK)}}
    assert begin(update, world.services)["Status"] == "unchanged"
    end_run(world)
    assert begin(update, world.services)["Status"] == "unchanged"
    end_run(world, "completed", scenario="partial_failure", counts={"success": 5, "failed": 1})
    data = begin(update, world.services)
    assert (data["RunId"], data["Status"], data["Failed"]) == (RUN, "partial", "1")
    assert poll(world, update, data) == {"Status": "partial"}
    assert world.started_runs() == {RUN}


def test_a_run_in_which_accounts_failed_is_called_partial(world: World) -> None:
    """Its attributes name the severity, the scenario and the counts."""
    event = request()
    data = begin(event, world.services)
    end_run(world, "completed", scenario="permission_errors", counts={"success": 9, "failed": 3})
    found = answer(world, event, data)
    assert (found["Status"], found["Scenario"], found["Error"], found["Failed"]) == (
        "partial",
        "permission_errors",
        "none",
        "3",
    )


def test_a_failed_run_that_must_not_fail_the_deployment_is_named(world: World) -> None:
    """Its class stands in the outputs, as it would in the reason."""
    event = request(FailOn="never")
    data = begin(event, world.services)
    end_run(world, error="UnknownUnit", scenario="configuration_errors")
    found = answer(world, event, data)
    assert (found["Status"], found["Error"]) == ("failed", "UnknownUnit")


@pytest.fixture
def helper(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """crhelper's object with our functions, made anew; making it, it makes clients."""
    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "us-east-1")
    monkeypatch.setattr(Services, "of_environment", lambda: world.services)
    initial_sync._helper.cache_clear()
    yield initial_sync._helper()
    initial_sync._helper.cache_clear()


@pytest.fixture
def cloudformation(helper: Any, monkeypatch: pytest.MonkeyPatch) -> Send:
    """Sends requests to the function as CloudFormation does; returns the answers that came over HTTPS."""
    answers: Answers = []

    class Connection:
        """crhelper speaks HTTPS only; this end of it is CloudFormation's."""

        def __init__(self, *_args: object, **_kwargs: object) -> None:
            self.status, self.reason = 200, "OK"

        def request(self, method: str, url: str, body: str, headers: dict[str, str]) -> None:
            answers.append(json.loads(body))

        def getresponse(self) -> "Connection":
            return self

    def send(event: dict[str, Any]) -> Answers:
        whole = {**event, "LogicalResourceId": "Sync", "ResponseURL": "https://127.0.0.1/answer"}
        initial_sync.handler(whole, FunctionContext("initial-sync"))
        return answers

    monkeypatch.setattr("crhelper.utils.HTTPSConnection", Connection)
    return send


def test_deleting_touches_nothing(world: World, cloudformation: Send) -> None:
    """Deleting the stack changes no contact and no table and starts nothing; the resource keeps its identity."""
    begin(request(), world.services)
    before = world.items(), world.account.contacts(), world.executions.events(), versions(world)
    (sent,) = cloudformation(request("Delete", 9) | {"PhysicalResourceId": STACK})
    assert (sent["Status"], sent["PhysicalResourceId"]) == ("SUCCESS", STACK)
    assert (world.items(), world.account.contacts(), world.executions.events(), versions(world)) == before


# Powertools says so of an invocation that had nothing to count.
@pytest.mark.filterwarnings("ignore:No application metrics to publish")
def test_a_refused_configuration_is_cloudformations_reason(world: World, cloudformation: Send) -> None:
    """The stack's events name the place of the configuration that is wrong."""
    (sent,) = cloudformation(request(document={"schedule": "daily"}))
    assert sent["Status"] == "FAILED"
    assert "schedule: write rate(1 day)" in sent["Reason"]
    assert versions(world) == []


def test_the_input_of_a_polling_rule_is_small(world: World, helper: Any) -> None:
    """crhelper puts the event into a rule's input, which takes 8,192 characters: exclusions stay out of it."""
    document = QUICK | {"excluded_accounts": [f"{number:012d}" for number in range(1000)]}
    event = request("Update", 1, document) | {
        "OldResourceProperties": {"Configuration": json.dumps(QUICK)},
        "LogicalResourceId": "Sync",
        "ResponseURL": "https://127.0.0.1/answer",
    }
    helper._event = event
    helper._update_func(event, None)
    assert len(json.dumps(event)) < 2000
    assert world.configuration()[1].excluded_accounts[-1] == "000000000999"
