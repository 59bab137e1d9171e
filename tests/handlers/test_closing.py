"""Report: receipts become a verdict, a report, a notice, and the lease's next holder; every step may be repeated."""

import json

import pytest

from orgsync.contact_sync.adapters.run_bucket import RunBucket
from orgsync.contact_sync.adapters.state_table import StateTable
from orgsync.contact_sync.core.run import RunStatus
from orgsync.handlers.contact_sync.report import report
from orgsync.sandbox.model.organization import KINDS
from orgsync.shared.errors import error_class
from orgsync.shared.notifications import NotificationPublisher


class Crash(Exception):
    """The function's process was killed."""


def dead_event(run_id, bell=None, status="FAILED"):
    """What Step Functions sends when an execution ends badly; large inputs are left out of it."""
    detail = {"name": run_id, "status": status, "input": json.dumps(bell) if bell is not None else None}
    return {"source": "aws.states", "detail-type": "Step Functions Execution Status Change", "detail": detail}


def test_a_run_ends_with_what_its_receipts_say(world):
    """The counts are the receipts'; the header is closed, the lease free, and the answer says the same."""
    world.refuse("*", world.members[0], "AccessDeniedException")
    answer = world.run()
    assert answer == {
        "run_id": "run-1",
        "status": "completed",
        "severity": "high",
        "counts": {"success": 8, "failed": 4, "skipped": 0},
    }
    run = world.header()
    assert (str(run.status), run.scenario, dict(run.counts)) == ("completed", "permission_errors", answer["counts"])
    assert run.ended >= run.started
    assert world.lease().holder is None


def test_a_report_lists_every_receipt(world):
    """The report in the bucket: the header, then each account and kind with its end, when and why; no value."""
    world.configure(excluded_accounts=world.members[:1])
    world.run()
    header, *lines = [json.loads(line) for line in world.objects()["runs/run-1/report.jsonl"].splitlines()]
    assert header["run_id"] == "run-1"
    assert header["scenario"] == "success_completion"
    assert "source" not in header
    found = {(line["account"], line["kind"]): (line["status"], line["error"]) for line in lines}
    assert found == world.ends()
    assert set(found) == {(account, kind) for account in world.members for kind in KINDS}
    assert all(line["at"] for line in lines)


def test_accounts_that_were_forgotten_get_a_receipt(world):
    """Whoever was in a batch and has no receipt when the run ends failed because its worker died."""
    world.ring()
    first = world.members[0]
    answer = world.report()
    assert answer["counts"] == {"success": 0, "failed": 12, "skipped": 0}
    assert world.ends()[first, "primary"] == ("failed", "WorkerDied")
    assert set(world.ends()) == {(account, kind) for account in world.members for kind in KINDS}


def test_only_what_was_forgotten_gets_one(world):
    """Receipts that are there stay as they are."""
    world.ring()
    world.work()
    before = world.receipts()
    world.table("state").delete_item(Key={"sync_id": "run-1", "item": f"receipt#{world.members[2]}#security"})
    answer = world.report()
    assert answer["counts"] == {"success": 11, "failed": 1, "skipped": 0}
    assert world.ends()[world.members[2], "security"] == ("failed", "WorkerDied")
    kept = [r for r in world.receipts() if r.error is None]
    assert kept == [r for r in before if (r.account, r.kind) != (world.members[2], "security")]


def test_a_report_made_again_changes_nothing(world):
    """Closed is closed: the same answer, the same header, the same receipts, no second notice."""
    world.refuse("*", world.members[0], "AccessDeniedException")
    answer = world.run()
    before = world.items()
    assert len(world.messages()) == 1
    assert world.report() == answer
    assert report(dead_event("run-1"), world.services) == answer
    assert world.items() == before
    assert world.messages() == []


# --- notices --------------------------------------------------------------------------------


def test_a_failure_is_told_once_with_its_remedy(world):
    """People learn what happened, to whom and what to do; subscribers can filter by severity."""
    world.refuse("*", world.members[0], "AccessDeniedException")
    world.run()
    (message,) = world.messages()
    assert "HIGH" in message["Subject"]
    assert world.members[0] in message["Message"]
    assert error_class("AccessDenied") in message["Message"]
    attributes = {name: attribute["Value"] for name, attribute in message["MessageAttributes"].items()}
    assert attributes == {"severity": "high", "scenario": "permission_errors", "run_id": "run-1"}


@pytest.mark.parametrize("wanted", [False, True])
def test_a_success_is_told_only_to_who_wants_it(world, wanted):
    """Success is silent by default."""
    world.configure(notification_settings={"notify_on_success": wanted})
    world.run()
    assert len(world.messages()) == int(wanted)


def test_an_owner_may_silence_failures(world):
    """Who turned failures off is not told; the run's own end is the same."""
    world.configure(notification_settings={"notify_on_failure": False})
    world.refuse("*", "*", "AccessDeniedException")
    assert world.run()["status"] == "failed"
    assert world.messages() == []


def test_a_failed_notice_fails_no_run_and_is_told_later(world):
    """Where SNS refuses, the run ends as it is and hands over; a repeated report tells it after all."""
    good = world.services.publisher
    world.with_port(publisher=NotificationPublisher(f"{world.topic}-gone"))
    world.refuse("*", "*", "AccessDeniedException")
    answer = world.run()
    assert (answer["status"], answer["severity"]) == ("failed", "high")
    assert not world.header().notified
    assert world.lease().holder is None
    world.with_port(publisher=good)
    assert world.report() == answer
    assert len(world.messages()) == 1


# --- the next run ---------------------------------------------------------------------------


def test_the_pending_run_starts_when_the_holder_ends(world):
    """What rang meanwhile is done next, by one run, with the request as it was merged."""
    world.ring("run-1")
    waiting = world.ring("run-2")["into"]
    world.work("run-1")
    assert waiting not in world.executions.executions
    world.report("run-1")
    assert world.executions.status(waiting) == "RUNNING"
    assert world.lease().holder.run_id == waiting
    assert world.plan(waiting)["outcome"] == "process"
    world.work(waiting)
    assert world.report(waiting)["status"] == "completed"
    assert world.lease().holder is None
    assert world.header(waiting).cause == "schedule"


@pytest.mark.parametrize(
    ("owner", "method", "after"),
    [
        (RunBucket, "write_report", False),
        (RunBucket, "write_report", True),
        (StateTable, "save", False),
        (StateTable, "save", True),
        (NotificationPublisher, "tell", False),
        (StateTable, "exchange", False),
        (StateTable, "exchange", True),
    ],
)
def test_a_report_killed_anywhere_goes_on_when_made_again(world, monkeypatch, owner, method, after):
    """Wherever the process dies: made again, the run is closed once, told once, and the same next run has started."""
    world.refuse("*", world.members[0], "AccessDeniedException")
    world.ring("run-1")
    waiting = world.ring("run-2")["into"]
    world.work("run-1")
    original = getattr(owner, method)

    def dying(self, *args, **kwargs):
        if after:
            original(self, *args, **kwargs)
        raise Crash(method)

    with monkeypatch.context() as patch:
        patch.setattr(owner, method, dying)
        with pytest.raises(Crash):
            world.report("run-1")
    answer = world.report("run-1")
    assert (answer["status"], answer["counts"]["failed"]) == ("completed", 4)
    assert world.header("run-1").closed
    assert len(world.messages()) == 1
    assert set(world.executions.executions) == {"run-1", "run-2", waiting}
    assert world.lease().holder.run_id == waiting


def test_a_hand_over_that_died_before_starting_is_finished_by_the_next_bell(world, monkeypatch):
    """The lease was handed over, the execution never started: the next bell sees it and starts it."""
    world.ring("run-1")
    waiting = world.ring("run-2")["into"]
    world.work("run-1")

    def killed(run_id, bell):
        raise Crash(run_id)

    with monkeypatch.context() as patch:
        patch.setattr(world.executions, "start", killed)
        with pytest.raises(Crash):
            world.report("run-1")
    assert world.executions.status(waiting) is None
    world.ring("run-3")
    assert world.executions.status(waiting) == "RUNNING"
    assert world.plan(waiting)["outcome"] == "process"


def test_an_old_run_reported_again_frees_nobodys_lease(world):
    """A report repeated days later does not end the run that holds the lease now."""
    world.run("run-1")
    world.ring("run-2")
    world.report("run-1")
    assert world.lease().holder.run_id == "run-2"


# --- runs that died -------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_a_run_that_died_is_closed_by_its_failure_event(world, status):
    """The state machine's own event closes the run as failed, names the forgotten, tells people, starts the next."""
    world.ring("run-1")
    waiting = world.ring("run-2")["into"]
    world.die("run-1", status)
    answer = report(dead_event("run-1", {}, status), world.services)
    assert (answer["status"], answer["severity"]) == ("failed", "high")
    run = world.header("run-1")
    assert (run.error, run.detail, run.scenario) == ("SystemFailure", status, "system_errors")
    assert set(world.ends("run-1").values()) == {("failed", "WorkerDied")}
    assert len(world.messages()) == 1
    assert world.executions.status(waiting) == "RUNNING"


def test_the_pipelines_own_catch_closes_the_run(world):
    """An error that the state machine caught is named; its cause, which may quote anything, is not."""
    world.ring()
    world.report(error={"Error": "States.TaskFailed", "Cause": "canary: a whole stack trace"})
    assert (world.header().error, world.header().detail) == ("SystemFailure", "States.TaskFailed")
    assert "canary" not in json.dumps(world.messages())


def killed_before_its_header(world, monkeypatch, run_id="run-1"):
    """The plan took the lease and died, again and again, before it wrote a header."""

    def dying(self, *args, **kwargs):
        raise Crash("save")

    with monkeypatch.context() as patch:
        patch.setattr(StateTable, "save", dying)
        with pytest.raises(Crash):
            world.ring(run_id)
    world.die(run_id)
    assert world.header(run_id) is None
    assert world.lease().holder.run_id == run_id


@pytest.mark.parametrize("known", ["bell", "nothing"])
def test_a_run_that_died_before_its_header_frees_the_lease(world, monkeypatch, known):
    """Whatever the failure event tells of it, the lease is free; where its bell is known, it is closed as failed."""
    killed_before_its_header(world, monkeypatch)
    bell = world.executions.executions["run-1"]["bell"] if known == "bell" else None
    report(dead_event("run-1", bell), world.services)
    assert world.lease().holder is None
    if known == "bell":
        assert (world.header().status, world.header().error) == (RunStatus.FAILED, "SystemFailure")
        assert len(world.messages()) == 1
    assert world.run("run-2")["status"] == "completed"


def test_the_pipelines_catch_names_a_run_without_a_header(world, monkeypatch):
    """The state machine passes bell and start on: the run is closed as failed, from when it really started."""
    killed_before_its_header(world, monkeypatch)
    bell = world.executions.executions["run-1"]["bell"]
    answer = world.report(error={"Error": "Lambda.Unknown"}, bell=bell, started="2026-11-01T10:00:00.000Z")
    assert answer["status"] == "failed"
    assert world.header().started == "2026-11-01T10:00:00.000+00:00"
    assert world.lease().holder is None


def test_a_dead_holder_without_a_header_is_found_by_a_later_bell(world, monkeypatch):
    """Even the failure event may be lost: the next bell sees that the holder is dead, closes it and is run itself."""
    killed_before_its_header(world, monkeypatch)
    waiting = world.ring("run-2")["into"]
    assert (world.header("run-1").status, world.header("run-1").error) == (RunStatus.FAILED, "SystemFailure")
    assert world.lease().holder.run_id == waiting
    assert world.executions.status(waiting) == "RUNNING"


def test_a_dead_holder_is_found_by_a_later_bell(world):
    """A run that died at its batches, its event lost: closed by the next bell, every account with a receipt."""
    world.ring("run-1")
    world.die("run-1", "TIMED_OUT")
    waiting = world.ring("run-2")["into"]
    assert world.header("run-1").status is RunStatus.FAILED
    assert len(world.ends("run-1")) == 12
    assert world.executions.status(waiting) == "RUNNING"


def test_a_living_holder_is_left_alone(world):
    """A bell that finds the holder at work closes nothing and starts nothing."""
    world.ring("run-1")
    world.ring("run-2")
    assert world.header("run-1").status is RunStatus.IN_PROGRESS
    assert set(world.executions.executions) == {"run-1", "run-2"}


@pytest.mark.parametrize("bell", [{}, {"source": "aws.ec2", "detail": {}}, None])
def test_the_death_of_a_refused_bell_is_no_run(world, bell):
    """An execution whose bell would start no run leaves no header behind, and another's lease alone."""
    world.ring("run-1")
    assert report(dead_event("run-x", bell), world.services) == {"run_id": "run-x"}
    assert world.header("run-x") is None
    assert world.lease().holder.run_id == "run-1"


def test_the_death_of_a_merged_bell_closes_nothing(world):
    """A bell that another run answers is no run of its own, however its execution ended."""
    world.ring("run-1")
    world.ring("run-2")
    assert report(dead_event("run-2"), world.services) == {"run_id": "run-2"}
    assert world.header("run-2").status is RunStatus.MERGED
    assert world.lease().holder.run_id == "run-1"


@pytest.mark.parametrize("time", ["yesterday", "2026-11-01T10:00:00", "", None])
def test_a_bell_with_a_strange_time_still_comes_to_an_end(world, time):
    """Whatever a bell says of its time: its run is closed and the lease freed."""
    bell = {
        "source": "aws.account",
        "account": world.management,
        "time": time,
        "detail": {"eventName": "PutContactInformation", "requestParameters": {}},
    }
    assert world.run(bell=bell)["status"] == "completed"
    assert world.lease().holder is None
