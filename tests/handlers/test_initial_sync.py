"""Initial sync: CloudFormation's request writes the configuration, starts one run and waits for its end."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orgsync.contact_sync.config import ContactSyncConfig, parse
from orgsync.contact_sync.core.errors import InitialSyncFailed, RefusalReason
from orgsync.contact_sync.core.run import Run, RunStatus
from orgsync.contact_sync.names import CONFIGURATION_OBJECT, Cause
from orgsync.contact_sync.services import Services
from orgsync.handlers.contact_sync import initial_sync
from orgsync.handlers.contact_sync.initial_sync import begin, begin_patiently, progress
from orgsync.handlers.contact_sync.plan import plan
from orgsync.shared.configuration import ConfigurationRefused
from orgsync.shared.errors import StoreFailed, explain
from tests.error_codes import RUN_ERRORS
from tests.invocation import FunctionContext
from tests.sample_events import sample_event
from tests.world import MakeWorld, World

STACK = "arn:aws:cloudformation:us-east-1:100000000001:stack/orgsync/1"
RUN = "initial-sync-request-1"
AT = "2026-11-01T10:00:00.000+00:00"
QUICK: dict[str, Any] = {
    "retry_config": {"base_delay": 0, "fresh_permissions": 0},
    "verify_config": {"delay": 0},
    "contact_types": ["billing"],
}

Answers = list[dict[str, Any]]
Send = Callable[[dict[str, Any]], Answers]


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """A stack that has not been deployed yet."""
    made = make_world()
    made.stacks.status[STACK] = "UPDATE_IN_PROGRESS"
    return made


def named(world: World, document: Any) -> dict[str, str]:
    """Put a configuration object and return the properties that name it; S3 gives no version twice."""
    version = f"v{len(world.bucket.configurations)}"
    text = document if isinstance(document, str) else json.dumps(document)
    world.bucket.configurations[CONFIGURATION_OBJECT, version] = text
    return {"ConfigurationKey": CONFIGURATION_OBJECT, "ConfigurationVersion": version}


def request(
    world: World, kind: str = "Create", number: int = 1, document: Any = None, **properties: str
) -> dict[str, Any]:
    """Make a request of CloudFormation, with an object that holds the document."""
    configuration = named(world, QUICK if document is None else document)
    return {
        "RequestType": kind,
        "RequestId": f"request-{number}",
        "StackId": STACK,
        "ResourceProperties": {"ServiceToken": "arn", **configuration, **properties},
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
    earlier = world.states.run(RUN)
    world.states.save_run(replace(run, revision=earlier.revision if earlier else 0, **changes))


def test_a_deployment_writes_its_configuration_and_starts_a_run(world: World) -> None:
    """The configuration is in force and a full run is under way for the stack that asked."""
    data = begin(request(world), world.services)
    assert world.configuration()[1].contact_types == ("billing",)
    assert world.executions.events()[RUN] == {
        "source": "orgsync",
        "detail-type": "Initial Sync",
        "detail": {"initiator": STACK, "create": True},
    }
    assert (data["RunId"], data["Status"]) == (RUN, "running")
    assert all(isinstance(value, str) for value in data.values()), "CloudFormation attributes are texts"


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_one_request_is_carried_out_once(world: World, kind: str) -> None:
    """A function that died and is called again for the same request: one version, one run, the same answer."""
    data = begin(request(world, kind), world.services)
    world.clock.skip(timedelta(seconds=90))
    again = begin(request(world, kind), world.services)
    assert {**again, "Started": ""} == {**data, "Started": ""}
    assert versions(world) == [1]
    assert world.started_runs() == {RUN}


@pytest.mark.parametrize("document", [{"contact_types": ["privacy"]}, {"paused": "later"}, [], {"colour": 1}])
def test_a_bad_configuration_changes_nothing(world: World, document: Any) -> None:
    """Refused before anything is written or started, with the place of the mistake."""
    with pytest.raises(ConfigurationRefused):
        begin(request(world, document=document), world.services)
    assert versions(world) == []
    assert world.started_runs() == set()


def test_what_is_no_json_changes_nothing(world: World) -> None:
    """A configuration that is no JSON is refused as well."""
    with pytest.raises(ConfigurationRefused, match="is not readable JSON"):
        begin(request(world, document="{"), world.services)
    assert versions(world) == []


def test_an_object_that_is_gone_changes_nothing(world: World) -> None:
    """The request fails by the name of what S3 said, before anything is written or started."""
    event = request(world)
    world.bucket.configurations.clear()
    with pytest.raises(StoreFailed, match="NoSuchVersion"):
        begin(event, world.services)
    assert (versions(world), world.started_runs()) == ([], set())


# Of every field that decides nothing about contacts, another value than QUICK's.
OTHERWISE: dict[str, Any] = {
    "schedule": "rate(2 days)",
    "retry_config": {"base_delay": 0, "max_attempts": 1},
    "verify_config": {"delay": 0, "max_attempts": 2},
    "new_accounts": {"settle": 1},
    "pacing": {"PutAlternateContact": {"rate": 1, "burst": 1}},
    "notification_settings": {"failure_threshold": 3},
}
DECIDES: dict[str, Any] = {
    "contact_types": ["billing", "security"],
    "excluded_accounts": ["200000000001"],
    "excluded_units": ["/Sandbox"],
    "excluded_tags": {"team": "a"},
    "on_source_delete": "ignore",
}


def test_every_field_is_tried_below() -> None:
    """A field that is added is tried too, with the deployment's answer to its change."""
    assert OTHERWISE.keys() | DECIDES.keys() | {"paused"} == ContactSyncConfig.model_fields.keys()


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("name", OTHERWISE)
def test_what_decides_nothing_about_contacts_is_a_version_and_no_run(world: World, name: str, times: int) -> None:
    """The change is in force, nothing is compared for it, and the last run's result stands; also asked again."""
    begin(request(world), world.services)
    end_run(world, "completed", "low", "success_completion", counts={"success": 3})
    update = request(world, "Update", 2, QUICK | {name: OTHERWISE[name]})
    for _ in range(times):
        data = begin(update, world.services)
    assert (data["RunId"], data["Status"], data["Succeeded"]) == (RUN, "completed", "3")
    assert poll(world, update, data) == {"Status": "completed"}
    assert versions(world) == [1, 2]
    assert world.configuration()[1] == parse(QUICK | {name: OTHERWISE[name]})
    assert world.started_runs() == {RUN}


@pytest.mark.parametrize("deaths", [0, 3])
@pytest.mark.parametrize("name", DECIDES)
def test_what_decides_about_contacts_starts_a_run(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str, deaths: int
) -> None:
    """One run, however often the function dies between the version that it wrote and the run."""
    begin(request(world), world.services)
    update = request(world, "Update", 2, QUICK | OTHERWISE | {name: DECIDES[name]})

    def die(*_args: object) -> None:
        raise StoreFailed("StartExecution: ServiceUnavailable")

    for _ in range(deaths):
        with monkeypatch.context() as patch:
            patch.setattr(world.executions, "start", die)
            with pytest.raises(StoreFailed):
                begin(update, world.services)
    assert begin(update, world.services)["Status"] == "running"
    assert versions(world) == [1, 2]
    assert world.started_runs() == {RUN, "initial-sync-request-2"}


@pytest.mark.parametrize("refusals", [0, 1, 12, 13, 40])
@pytest.mark.parametrize(
    ("part", "method"), [("executions", "start"), ("bucket", "configuration"), ("configs", "write")]
)
def test_permissions_that_come_into_force_are_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch, part: str, method: str, refusals: int
) -> None:
    """A deployment begins although stores refuse for two minutes; then it fails, and says what to do."""
    slept: list[float] = []
    left, allowed = iter(range(refusals)), getattr(getattr(world, part), method)

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    def refuse(*arguments: Any, **named: Any) -> Any:
        if next(left, None) is not None:
            raise StoreFailed("AccessDenied")
        return allowed(*arguments, **named)

    monkeypatch.setattr(world.clock, "sleep", sleep)
    monkeypatch.setattr(getattr(world, part), method, refuse)
    if refusals <= 12:
        assert begin_patiently(request(world), world.services)["Status"] == "running"
        assert world.started_runs() == {RUN}
    else:
        with pytest.raises(InitialSyncFailed, match=r"AccessDenied\. Check the permissions"):
            begin_patiently(request(world), world.services)
    assert sum(slept) == min(refusals, 12) * 10


def test_the_end_of_a_pause_starts_a_run_and_nothing_else_about_a_pause_does(world: World) -> None:
    """Pausing, and whatever is changed during a pause, starts none; then everything that was missed is compared."""
    paused = QUICK | {"paused": True}
    documents = [QUICK, paused, paused | DECIDES, paused | DECIDES | OTHERWISE, QUICK]
    said = [
        begin(request(world, "Update" if number else "Create", number, document), world.services)["Status"]
        for number, document in enumerate(documents)
    ]
    assert said == ["running", "paused", "paused", "paused", "running"]
    assert world.started_runs() == {"initial-sync-request-0", "initial-sync-request-4"}


def test_a_change_is_judged_by_what_is_in_force(world: World) -> None:
    """Somebody else wrote a version meanwhile, so the deployment of a new schedule undoes a pause: that needs a run."""
    begin(request(world), world.services)
    world.services.configs.write(QUICK | {"paused": True}, at=AT, by="ann")
    assert (
        begin(request(world, "Update", 2, QUICK | {"schedule": "rate(2 days)"}), world.services)["Status"] == "running"
    )


def test_an_unreadable_table_is_mended_by_a_deployment_and_its_run(world: World) -> None:
    """The version in force cannot be read, so it is taken for one that decided otherwise."""
    begin(request(world), world.services)
    world.configs.edit(2, {"contact_types": {"billing"}})
    data = begin(request(world, "Update", 3, QUICK | {"schedule": "rate(2 days)"}), world.services)
    assert (data["Status"], world.configuration()[0]) == ("running", 3)


def test_the_same_configuration_in_another_object_is_no_version_and_no_run(world: World) -> None:
    """Nothing has changed, whatever the object is called."""
    begin(request(world), world.services)
    end_run(world, "completed", "low", "success_completion")
    assert begin(request(world, "Update", 2), world.services)["Status"] == "completed"
    assert versions(world) == [1]
    assert world.started_runs() == {RUN}


def test_the_deployment_waits_for_its_run(world: World) -> None:
    """No answer while the run goes on; then its end, its severity and its counts."""
    event = request(world)
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
    event = request(world)
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
    event = request(world, number=2)
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
    event = request(world, document=QUICK | {"paused": True})
    data = begin(event, world.services)
    assert poll(world, event, data) == {"Status": "paused"}
    assert world.started_runs() == set()
    assert world.differing(["billing"]) == world.members


def test_wait_start_does_not_wait(world: World) -> None:
    """An owner who does not want to wait has the run's id and goes on."""
    event = request(world, Wait="start")
    data = begin(event, world.services)
    assert poll(world, event, data) == {"Status": "started"}


def test_a_run_longer_than_cloudformations_patience_goes_on_without_it(world: World) -> None:
    """After fifty minutes the deployment is done and the run is not: it is said to be handed over."""
    event = request(world)
    data = begin(event, world.services)
    world.clock.skip(timedelta(minutes=49))
    assert poll(world, event, data) is None
    world.clock.skip(timedelta(minutes=2))
    assert poll(world, event, data) == {"Status": "handed_over"}


@pytest.mark.parametrize("reason", [reason for reason in RefusalReason if reason is not RefusalReason.PAUSED])
def test_a_refused_request_fails_the_deployment_with_its_remedy(world: World, reason: RefusalReason) -> None:
    """Whatever an execution was refused for, the deployment says it and what to do."""
    event = request(world)
    data = begin(event, world.services)
    run_id = str(data["RunId"])
    world.executions.end(run_id, output={"outcome": "refused", "refusal": {"reason": str(reason)}})
    with pytest.raises(InitialSyncFailed) as failed:
        poll(world, event, data)
    assert str(failed.value) == f"{reason}. {reason.remedy}"


@pytest.mark.parametrize("error", RUN_ERRORS)
def test_a_failed_run_fails_the_deployment_with_its_remedy(world: World, error: str) -> None:
    """CloudFormation's reason has 240 characters: the error, its place, and what to do, whole."""
    event = request(world)
    data = begin(event, world.services)
    end_run(world, error=error, detail="security.PhoneNumber must be a phone number; " * 9)
    with pytest.raises(InitialSyncFailed) as failed:
        poll(world, event, data)
    reason = str(failed.value)
    assert len(reason) <= 240
    assert reason.startswith(error)
    assert explain(error).remedy in reason.replace(" --stack test`", "`")


@pytest.mark.parametrize("refused", [False, True])
def test_an_initial_sync_that_makes_way_ends_with_the_run_that_takes_up_its_rest(world: World, refused: bool) -> None:
    """CloudFormation waits for what was left, and hears what came of all of it."""
    event = request(world)
    data = begin(event, world.services)
    run_id = data["RunId"]
    world.plan(run_id, world.executions.events()[run_id])
    waiting = world.start("edit", sample_event("source-deleted"))["into"]
    assert world.states.update_lease(lambda lease: lease.preempt(run_id))
    world.report(run_id)
    assert poll(world, event, data) is None
    if refused:
        world.refuse("*", "*", "AccessDeniedException")
    world.plan(waiting)
    world.work(waiting)
    world.report(waiting)
    if refused:
        with pytest.raises(InitialSyncFailed, match="AccessDenied"):
            poll(world, event, data)
        return
    found = poll(world, event, data)
    assert found
    assert (found["Status"], found["RunId"], found["Skipped"]) == ("completed", waiting, "0")
    assert int(found["Succeeded"]) == len(world.ends(waiting))


def test_a_run_that_brought_no_account_in_sync_names_the_cause_and_itself(world: World) -> None:
    """The reason says what most contacts failed with and what to do, counts them, and leads to their receipts."""
    event = request(world)
    data = begin(event, world.services)
    world.refuse("*", "*", "AccessDeniedException")
    carry_out(world)
    with pytest.raises(InitialSyncFailed) as failed:
        poll(world, event, data)
    assert str(failed.value).startswith("AccessDenied")
    assert explain("AccessDenied").remedy in str(failed.value)
    assert "0 of 3 contacts in sync." in str(failed.value)
    assert "orgsync status initial-sync-request-1" in str(failed.value)
    assert len(str(failed.value)) <= 240


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_an_execution_that_died_without_a_run_fails_the_deployment(world: World, status: str) -> None:
    """The state machine ended and left nothing: the deployment says so at once instead of waiting an hour."""
    event = request(world)
    data = begin(event, world.services)
    world.die(RUN, status)
    with pytest.raises(InitialSyncFailed, match="SystemFailure"):
        poll(world, event, data)
    lenient = request(world, FailOn="never")
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
    event = request(world, FailOn=fail_on) if fail_on else request(world)
    data = begin(event, world.services)
    for end in ("failed high", "failed medium", "completed high", "completed medium", "completed low"):
        status, severity = end.split()
        end_run(world, status, severity)
        if end in failing:
            with pytest.raises(InitialSyncFailed):
                poll(world, event, data)
        else:
            assert answer(world, event, data)["Status"] == status


OTHER_KINDS = QUICK | {"contact_types": ["billing", "security"]}


@pytest.mark.parametrize("times", [1, 2])
def test_a_rollback_does_not_wait(world: World, times: int) -> None:
    """A failed update is undone by the object before it: written, its run started, done, also when repeated."""
    create = request(world, number=1)
    begin(create, world.services)
    update = request(world, "Update", 2, OTHER_KINDS)
    begin(update, world.services)
    # CloudFormation sends the former properties; their object is still there.
    back = request(world, "Update", 3) | {key: create[key] for key in ("ResourceProperties",)}
    back["OldResourceProperties"] = update["ResourceProperties"]
    world.stacks.status[STACK] = "UPDATE_ROLLBACK_IN_PROGRESS"
    for _ in range(times):
        data = begin(back, world.services)
    assert data["Status"] == "started"
    assert poll(world, back, data) == {"Status": "started"}
    assert world.configuration()[1].contact_types == ("billing",)
    assert "initial-sync-request-3" in world.started_runs()
    assert versions(world) == [1, 2, 3]


def test_a_rollback_of_what_was_refused_changes_nothing(world: World) -> None:
    """The update wrote nothing, so going back needs no version and no run."""
    create = request(world)
    begin(create, world.services)
    update = request(world, "Update", 2, {"paused": "later"})
    with pytest.raises(ConfigurationRefused):
        begin(update, world.services)
    world.stacks.status[STACK] = "UPDATE_ROLLBACK_IN_PROGRESS"
    back = create | {"RequestType": "Update", "RequestId": "request-3"}
    begin(back | {"OldResourceProperties": update["ResourceProperties"]}, world.services)
    assert (versions(world), world.started_runs()) == ([1], {RUN})


def test_going_back_to_an_earlier_configuration_is_no_rollback(world: World) -> None:
    """Only CloudFormation knows whether it undoes an update: an owner's own way back is waited for like any other."""
    for number, document in enumerate([QUICK, OTHER_KINDS, QUICK], start=1):
        data = begin(request(world, "Update" if number > 1 else "Create", number, document), world.services)
        assert data["Status"] == "running"


def test_a_possible_rollback_is_not_waited_for(world: World) -> None:
    """CloudFormation does not always say: a stack whose rollback fails is stuck, and the run goes on all the same."""
    begin(request(world, number=1), world.services)
    del world.stacks.status[STACK]
    data = begin(request(world, "Update", 2, OTHER_KINDS), world.services)
    assert data["Status"] == "started"
    assert "initial-sync-request-2" in world.started_runs()


def test_another_way_of_waiting_keeps_the_last_runs_outcome(world: World) -> None:
    """Nothing is reconciled, so the outcome of the newest run stands, whatever was changed without one since."""
    create = request(world)
    begin(create, world.services)
    before = create["ResourceProperties"]
    update = create | {
        "RequestType": "Update",
        "RequestId": "request-2",
        "ResourceProperties": before | {"Wait": "start"},
        "OldResourceProperties": before,
    }
    assert begin(update, world.services)["Status"] == "unchanged"
    end_run(world)
    assert begin(update, world.services)["Status"] == "unchanged"
    end_run(world, "completed", scenario="partial_failure", counts={"success": 5, "failed": 1})
    for number in range(12):
        world.services.configs.write(QUICK | {"schedule": f"rate({number + 2} days)"}, at=AT, by=f"deployment-{number}")
    data = begin(update, world.services)
    assert (data["RunId"], data["Status"], data["Failed"]) == (RUN, "partial", "1")
    assert poll(world, update, data) == {"Status": "partial"}
    assert world.started_runs() == {RUN}


def test_a_run_in_which_accounts_failed_is_called_partial(world: World) -> None:
    """Its attributes name the severity, the scenario and the counts."""
    event = request(world)
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
    event = request(world, FailOn="never")
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
    begin(request(world), world.services)
    before = world.items(), world.account.contacts(), world.executions.events(), versions(world)
    (sent,) = cloudformation(request(world, "Delete", 9) | {"PhysicalResourceId": STACK})
    assert (sent["Status"], sent["PhysicalResourceId"]) == ("SUCCESS", STACK)
    assert (world.items(), world.account.contacts(), world.executions.events(), versions(world)) == before


# Powertools says so of an invocation that had nothing to count.
@pytest.mark.filterwarnings("ignore:No application metrics to publish")
def test_a_refused_configuration_is_cloudformations_reason(world: World, cloudformation: Send) -> None:
    """The stack's events name the place of the configuration that is wrong."""
    (sent,) = cloudformation(request(world, document={"schedule": "daily"}))
    assert sent["Status"] == "FAILED"
    assert "schedule: write rate(1 day)" in sent["Reason"]
    assert versions(world) == []


@pytest.mark.parametrize("accounts", [0, 1000, 20_000])
def test_the_input_of_a_polling_rule_is_small(world: World, helper: Any, accounts: int) -> None:
    """crhelper puts the event into a rule's input, which takes 8,192 characters: exclusions are in the object only."""
    document = QUICK | {"excluded_accounts": [f"{number:012d}" for number in range(accounts)]}
    event = request(world, "Update", 1, document) | {
        "OldResourceProperties": named(world, QUICK),
        "LogicalResourceId": "Sync",
        "ResponseURL": "https://127.0.0.1/answer",
    }
    helper._event = event
    helper._update_func(event, None)
    assert len(json.dumps(event)) < 2000
    assert len(world.configuration()[1].excluded_accounts) == accounts
