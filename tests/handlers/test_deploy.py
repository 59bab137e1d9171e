"""Deploy: CloudFormation's request writes the configuration, starts one run and waits for its end."""

import json

import pytest

from orgsync.contact_sync.core import errors
from orgsync.contact_sync.core.errors import InitialSyncFailed
from orgsync.contact_sync.core.run import Run, RunStatus
from orgsync.contact_sync.names import Cause
from orgsync.handlers.contact_sync import initial_sync
from orgsync.handlers.contact_sync.initial_sync import PATIENCE, begin, progress
from orgsync.handlers.contact_sync.plan import plan
from orgsync.shared.configuration import ConfigurationRefused
from orgsync.shared.errors import error_class

STACK = "arn:aws:cloudformation:us-east-1:100000000001:stack/orgsync/1"
QUICK = {"retry_config": {"base_delay": 0}, "verify_config": {"delay": 0}, "contact_types": ["billing"]}
RUN_ERRORS = sorted(
    name
    for name, found in vars(errors).items()
    if isinstance(found, type) and issubclass(found, errors.RunError) and not found.__subclasses__()
)


@pytest.fixture
def world(make_world):
    """A stack that has not been deployed yet."""
    return make_world()


def request(kind="Create", number=1, document=None, **properties):
    """What CloudFormation sends."""
    configuration = json.dumps(QUICK if document is None else document)
    return {
        "RequestType": kind,
        "RequestId": f"request-{number}",
        "StackId": STACK,
        "ResourceProperties": {"ServiceToken": "arn", "Configuration": configuration, **properties},
    }


def poll(world, event, data):
    return progress(event["ResourceProperties"], data, world.services)


def versions(world):
    return sorted(int(item["version"]) for item in world.table("config").scan()["Items"])


def carried_out(world, run_id="deploy-request-1"):
    """The state machine does what it was started for."""
    return world.run(run_id, world.executions.executions[run_id]["bell"])


def ended_run(world, run_id="deploy-request-1", **changes):
    """A run that ended, badly if not told otherwise, as its header says."""
    at = "2026-11-01T10:00:00.000+00:00"
    fields = {"status": RunStatus.FAILED, "scenario": "complete_failure", "severity": "high", "ended": at}
    world.services.states.save(Run(run_id, Cause.DEPLOY, at, at, **(fields | changes)))


def test_a_deploy_writes_its_configuration_and_starts_a_run(world):
    """The configuration is in force and a full run is under way for the stack that asked."""
    data = begin(request(), world.services)
    assert world.services.configs.current()[1].contact_types == ("billing",)
    assert world.executions.executions["deploy-request-1"]["bell"] == {
        "source": "orgsync",
        "detail-type": "Deploy",
        "detail": {"initiator": STACK},
    }
    assert (data["RunId"], data["Status"]) == ("deploy-request-1", "running")
    assert all(isinstance(value, str) for value in data.values()), "CloudFormation attributes are texts"


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_one_request_is_carried_out_once(world, kind):
    """A function that died and is called again for the same request: one version, one run, the same answer."""
    data = begin(request(kind), world.services)
    world.clock.skip(seconds=90)
    again = begin(request(kind), world.services)
    assert {**again, "Started": ""} == {**data, "Started": ""}
    assert versions(world) == [1]
    assert set(world.executions.executions) == {"deploy-request-1"}


@pytest.mark.parametrize("document", [{"contact_types": ["privacy"]}, {"paused": "later"}, [], {"colour": 1}])
def test_a_bad_configuration_changes_nothing(world, document):
    """Refused before anything is written or started, with the place of the mistake."""
    with pytest.raises(ConfigurationRefused):
        begin(request(document=document), world.services)
    assert versions(world) == []
    assert world.executions.executions == {}


def test_what_is_no_json_changes_nothing(world):
    """A configuration that is no JSON is refused as well."""
    event = request()
    event["ResourceProperties"]["Configuration"] = "{"
    with pytest.raises(ValueError, match="Expecting"):
        begin(event, world.services)
    assert versions(world) == []


def test_an_unchanged_configuration_is_no_new_version_but_a_run(world):
    """Deploying again without a change brings the accounts into step again."""
    begin(request(), world.services)
    begin(request("Update", 2), world.services)
    assert versions(world) == [1]
    assert set(world.executions.executions) == {"deploy-request-1", "deploy-request-2"}


def test_the_deploy_waits_for_its_run(world):
    """No answer while the run goes on; then its end, its severity and its counts."""
    event = request()
    data = begin(event, world.services)
    assert poll(world, event, data) is None
    carried_out(world)
    assert poll(world, event, data) == {
        "RunId": "deploy-request-1",
        "Status": "completed",
        "Severity": "low",
        "Scenario": "success_completion",
        "Error": "none",
        "Succeeded": "3",
        "Skipped": "0",
        "Failed": "0",
    }
    assert world.differing(["billing"]) == []


def test_a_run_between_plan_and_report_is_waited_for(world):
    """An open header is no end."""
    event = request()
    data = begin(event, world.services)
    plan(
        "deploy-request-1",
        "2026-11-01T10:00:00Z",
        world.executions.executions["deploy-request-1"]["bell"],
        world.services,
    )
    assert poll(world, event, data) is None


def test_a_deploy_that_was_merged_waits_for_the_run_that_answers_it(world):
    """Another run was under way: the deploy's end is that of the run which took up its request."""
    world.configure(contact_types=["billing"])
    world.ring("run-1")
    event = request(number=2)
    data = begin(event, world.services)
    waiting = world.plan("deploy-request-2")["into"]
    assert poll(world, event, data) is None
    world.work("run-1")
    world.report("run-1")
    assert poll(world, event, data) is None
    world.run(waiting, world.executions.executions[waiting]["bell"])
    found = poll(world, event, data)
    assert (found["RunId"], found["Status"]) == (waiting, "completed")


def test_a_paused_stack_is_deployed(world):
    """Paused is as configured: the deploy succeeds without a run."""
    event = request(document=QUICK | {"paused": True})
    data = begin(event, world.services)
    carried_out(world)
    assert poll(world, event, data) == {"Status": "paused"}
    assert world.differing(["billing"]) == world.members


def test_wait_start_does_not_wait(world):
    """An owner who does not want to wait has the run's id and goes on."""
    event = request(Wait="start")
    data = begin(event, world.services)
    assert poll(world, event, data) == {"Status": "started"}


def test_a_run_longer_than_cloudformations_patience_goes_on_without_it(world):
    """After fifty minutes the deploy is done and the run is not: it is said to be handed over."""
    event = request()
    data = begin(event, world.services)
    world.clock.skip(seconds=PATIENCE.total_seconds() - 60)
    assert poll(world, event, data) is None
    world.clock.skip(minutes=2)
    assert poll(world, event, data) == {"Status": "handed_over"}


@pytest.mark.parametrize("error", RUN_ERRORS)
def test_a_failed_run_fails_the_deploy_with_its_remedy(world, error):
    """CloudFormation's reason has 240 characters: what it was, where, and what to do, whole."""
    event = request()
    data = begin(event, world.services)
    ended_run(world, error=error, detail="security.PhoneNumber must be a phone number; " * 9)
    with pytest.raises(InitialSyncFailed) as failed:
        poll(world, event, data)
    reason = str(failed.value)
    assert len(reason) <= 240
    assert reason.startswith(error)
    assert error_class(error) in reason


def test_a_run_that_brought_nobody_into_step_names_itself(world):
    """Where the accounts failed, the reason leads to the receipts."""
    event = request()
    data = begin(event, world.services)
    world.refuse("*", "*", "AccessDeniedException")
    carried_out(world)
    with pytest.raises(InitialSyncFailed) as failed:
        poll(world, event, data)
    assert "complete_failure" in str(failed.value)
    assert "orgsync status deploy-request-1" in str(failed.value)
    assert len(str(failed.value)) <= 240


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_an_execution_that_died_without_a_run_fails_the_deploy(world, status):
    """The state machine ended and left nothing: the deploy says so at once instead of waiting an hour."""
    event = request()
    data = begin(event, world.services)
    world.die("deploy-request-1", status)
    with pytest.raises(InitialSyncFailed, match="SystemFailure"):
        poll(world, event, data)
    lenient = request(FailOn="never")
    assert poll(world, lenient, data)["Status"] == "failed"


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
def test_the_owner_says_what_fails_a_deploy(world, fail_on, failing):
    """By default a failed run; or nothing; or a severity and everything above it."""
    event = request(**({"FailOn": fail_on} if fail_on else {}))
    data = begin(event, world.services)
    for end in ("failed high", "failed medium", "completed high", "completed medium", "completed low"):
        status, severity = end.split()
        ended_run(world, status=RunStatus(status), severity=severity)
        if end in failing:
            with pytest.raises(InitialSyncFailed):
                poll(world, event, data)
        else:
            assert poll(world, event, data)["Status"] == status


@pytest.mark.parametrize("times", [1, 2])
def test_a_rollback_does_not_wait(world, times):
    """A failed update is undone by the configuration before it: written, its run started, done, also when repeated."""
    begin(request(number=1), world.services)
    begin(request("Update", 2, QUICK | {"schedule": "rate(2 hours)"}), world.services)
    back = request("Update", 3)
    world.stacks.undoes = True
    for _ in range(times):
        data = begin(back, world.services)
    assert data["Status"] == "started"
    assert poll(world, back, data) == {"Status": "started"}
    assert world.services.configs.current()[1].schedule == "rate(1 day)"
    assert "deploy-request-3" in world.executions.executions
    assert versions(world) == [1, 2, 3]


def test_going_back_to_an_earlier_configuration_is_no_rollback(world):
    """Only CloudFormation knows whether it undoes an update: an owner who does is waited for like any other."""
    for number, document in enumerate([QUICK, QUICK | {"schedule": "rate(2 hours)"}, QUICK], start=1):
        data = begin(request("Update" if number > 1 else "Create", number, document), world.services)
        assert data["Status"] == "running"


def test_a_rollback_that_cannot_be_told_is_not_waited_for(world):
    """A stack whose rollback fails is stuck, and a run that is not waited for is none the worse."""
    begin(request(number=1), world.services)
    world.stacks.undoes = errors.StoreFailed("DescribeStacks: AccessDenied")
    data = begin(request("Update", 2, QUICK | {"schedule": "rate(2 hours)"}), world.services)
    assert data["Status"] == "started"
    assert "deploy-request-2" in world.executions.executions


def test_another_way_of_waiting_leaves_what_the_last_run_did(world):
    """Nothing is reconciled, so the outcome of the configuration's own run stands."""
    begin(request(number=1), world.services)
    update = request("Update", 2, Wait="start") | {"OldResourceProperties": {"Configuration": json.dumps(QUICK)}}
    assert begin(update, world.services)["Status"] == "unchanged"
    ended_run(world)
    assert begin(update, world.services)["Status"] == "unchanged"
    ended_run(world, status=RunStatus.COMPLETED, scenario="partial_failure", counts={"success": 5, "failed": 1})
    data = begin(update, world.services)
    assert (data["RunId"], data["Status"], data["Failed"]) == ("deploy-request-1", "partial", "1")
    assert poll(world, update, data) == {"Status": "partial"}
    assert list(world.executions.executions) == ["deploy-request-1"]


def test_a_run_in_which_accounts_failed_is_called_partial(world):
    """With how grave it was, of which scenario, and how many."""
    event = request()
    data = begin(event, world.services)
    ended_run(world, status=RunStatus.COMPLETED, scenario="permission_errors", counts={"success": 9, "failed": 3})
    answer = poll(world, event, data)
    assert (answer["Status"], answer["Scenario"], answer["Error"], answer["Failed"]) == (
        "partial",
        "permission_errors",
        "none",
        "3",
    )


def test_a_failed_run_that_must_not_fail_the_deploy_is_named(world):
    """Its class stands in the outputs, as it would in the reason."""
    event = request(FailOn="never")
    data = begin(event, world.services)
    ended_run(world, error="SourceUnwritable", scenario="configuration_errors")
    answer = poll(world, event, data)
    assert (answer["Status"], answer["Error"]) == ("failed", "SourceUnwritable")


@pytest.fixture
def cloudformation(world, monkeypatch):
    """Sends requests to the function as CloudFormation does; returns what was answered over HTTPS."""
    answers = []

    class Connection:
        """crhelper speaks HTTPS only; this end of it is CloudFormation's."""

        def __init__(self, *_args, **_kwargs):
            self.status, self.reason = 200, "OK"

        def request(self, method, url, body, headers):
            answers.append(json.loads(body))

        def getresponse(self):
            return self

    def send(event):
        initial_sync.handler(
            {**event, "LogicalResourceId": "Sync", "ResponseURL": "https://127.0.0.1/answer"}, Context()
        )
        return answers

    monkeypatch.setattr("crhelper.utils.HTTPSConnection", Connection)
    monkeypatch.setattr(initial_sync, "services", lambda: world.services)
    initial_sync._helper.cache_clear()
    yield send
    initial_sync._helper.cache_clear()


def test_deleting_touches_nothing(world, cloudformation):
    """Deleting the stack changes no contact and no table and starts nothing; the resource keeps its identity."""
    begin(request(), world.services)
    before = world.items(), world.account.contacts(), dict(world.executions.executions), versions(world)
    (answer,) = cloudformation(request("Delete", 9) | {"PhysicalResourceId": STACK})
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", STACK)
    assert (world.items(), world.account.contacts(), dict(world.executions.executions), versions(world)) == before


def test_a_refused_configuration_is_cloudformations_reason(world, cloudformation):
    """Whoever deploys reads in the stack's events which place of the configuration is wrong."""
    (answer,) = cloudformation(request(document={"schedule": "daily"}))
    assert answer["Status"] == "FAILED"
    assert "schedule: write rate(1 day)" in answer["Reason"]
    assert versions(world) == []


class Context:
    """What crhelper asks Lambda about."""

    function_name = "deploy"
    aws_request_id = "1"
    invoked_function_arn = "arn:aws:lambda:us-east-1:100000000001:function:deploy"

    def get_remaining_time_in_millis(self):
        return 60_000


def test_what_waits_in_a_polling_rule_is_small(world, monkeypatch):
    """crhelper puts the event into a rule's input, which takes 8,192 characters: exclusions stay out of it."""
    document = QUICK | {"excluded_accounts": [f"{number:012d}" for number in range(1000)]}
    event = request("Update", 1, document) | {
        "OldResourceProperties": {"Configuration": json.dumps(QUICK)},
        "LogicalResourceId": "Sync",
        "ResponseURL": "https://127.0.0.1/answer",
    }
    helper = begin_alone(world, monkeypatch)
    helper._event = event
    helper._update_func(event, None)
    assert len(json.dumps(event)) < 2000
    assert world.services.configs.current()[1].excluded_accounts[-1] == "000000000999"


def begin_alone(world, monkeypatch):
    """crhelper's object with our functions, outside any invocation."""
    monkeypatch.setattr(initial_sync, "services", lambda: world.services)
    initial_sync._helper.cache_clear()
    helper = initial_sync._helper()
    initial_sync._helper.cache_clear()
    return helper
