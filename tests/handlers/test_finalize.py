"""Report: receipts become an outcome, a report, a notification and the next run; every step may be repeated."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orgsync.contact_sync.answering_run import answering_runs
from orgsync.contact_sync.core.run import RunStatus
from orgsync.contact_sync.services import Services
from orgsync.handlers.contact_sync.plan import plan
from orgsync.handlers.contact_sync.process import process
from orgsync.handlers.contact_sync.report import report
from orgsync.sandbox.model.organization import KINDS
from orgsync.shared.errors import explain
from orgsync.shared.telemetry import metrics
from tests.actors import Actor
from tests.crashes import Crash, crash_once
from tests.sample_events import sample_event
from tests.world import STARTED, MakeWorld, World, make_world, schedule


def failure_event(run_id: str, event: Any = None, status: str = "FAILED") -> dict[str, Any]:
    """Make the event that Step Functions sends when an execution ends badly; it lacks inputs that are large."""
    detail = {"name": run_id, "status": status, "input": json.dumps(event) if event is not None else None}
    return {"source": "aws.states", "detail-type": "Step Functions Execution Status Change", "detail": detail}


def test_a_run_ends_with_what_its_receipts_say(world: World) -> None:
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
    assert run.ended is not None
    assert run.ended >= run.started
    assert world.holder() is None


def test_a_report_lists_every_receipt(world: World) -> None:
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


def test_accounts_without_a_receipt_get_one(world: World) -> None:
    """An account of a batch that has no receipt when the run ends failed because its worker died."""
    world.start()
    first = world.members[0]
    answer = world.report()
    assert answer["counts"] == {"success": 0, "failed": 12, "skipped": 0}
    assert world.ends()[first, "primary"] == ("failed", "WorkerDied")
    assert set(world.ends()) == {(account, kind) for account in world.members for kind in KINDS}


def test_only_missing_receipts_are_added(world: World) -> None:
    """Receipts that are there stay as they are."""
    world.start()
    world.work()
    before = world.receipts()
    world.states.forget_receipt("run-1", world.members[2], "security")
    answer = world.report()
    assert answer["counts"] == {"success": 11, "failed": 1, "skipped": 0}
    assert world.ends()[world.members[2], "security"] == ("failed", "WorkerDied")
    kept = [r for r in world.receipts() if r.error is None]
    assert kept == [r for r in before if (r.account, r.kind) != (world.members[2], "security")]


def test_a_report_made_again_changes_nothing(world: World) -> None:
    """Closed is closed: the same answer, the same header, the same receipts, no second notification."""
    world.refuse("*", world.members[0], "AccessDeniedException")
    answer = world.run()
    before = world.items()
    assert len(world.messages()) == 1
    assert world.report() == answer
    assert report(failure_event("run-1"), world.services) == answer
    assert world.items() == before
    assert world.messages() == []


# --- notifications --------------------------------------------------------------------------


def test_a_failure_is_notified_once_with_its_remedy(world: World) -> None:
    """People learn what happened, to whom and what to do; subscribers can filter by severity."""
    world.refuse("*", world.members[0], "AccessDeniedException")
    world.run()
    (message,) = world.messages()
    assert "HIGH" in str(message.subject)
    assert world.members[0] in message.body
    assert explain("AccessDenied").meaning in message.body
    assert explain("AccessDenied").remedy in message.body
    assert message.attributes == {"severity": "high", "scenario": "permission_errors", "run_id": "run-1"}


@pytest.mark.parametrize("wanted", [False, True])
def test_a_success_is_notified_only_where_it_is_wanted(world: World, wanted: bool) -> None:
    """Success is silent by default."""
    world.configure(notification_settings={"notify_on_success": wanted})
    world.run()
    assert len(world.messages()) == int(wanted)


def test_an_owner_may_silence_failures(world: World) -> None:
    """Without notify_on_failure nothing is published; the run's own end is the same."""
    world.configure(notification_settings={"notify_on_failure": False})
    world.refuse("*", "*", "AccessDeniedException")
    assert world.run()["status"] == "failed"
    assert world.messages() == []


def test_a_failed_notification_fails_no_run_and_is_published_later(world: World) -> None:
    """A run that SNS refuses to publish ends as it is and hands over; a repeated report publishes after all."""
    world.publisher.missing.add("own")
    world.refuse("*", "*", "AccessDeniedException")
    answer = world.run()
    assert (answer["status"], answer["severity"]) == ("failed", "high")
    assert not world.header().notified
    assert world.holder() is None
    world.publisher.missing.clear()
    assert world.report() == answer
    assert len(world.messages()) == 1


# --- the next run ---------------------------------------------------------------------------


def test_the_pending_run_starts_when_the_holder_ends(world: World) -> None:
    """Events of the meantime are answered next, by one run, with the request as it was merged."""
    world.start("run-1")
    waiting = world.start("run-2")["into"]
    world.work("run-1")
    assert waiting not in world.started_runs()
    world.report("run-1")
    assert world.execution_status(waiting) == "RUNNING"
    assert world.holder() == waiting
    assert world.plan(waiting)["outcome"] == "process"
    world.work(waiting)
    assert world.report(waiting)["status"] == "completed"
    assert world.holder() is None
    assert world.header(waiting).cause == "schedule"


@pytest.mark.parametrize(
    ("part", "method", "after"),
    [
        ("bucket", "write_report", False),
        ("bucket", "write_report", True),
        ("states", "save_run", False),
        ("states", "save_run", True),
        ("publisher", "publish", False),
        ("states", "update_lease", False),
        ("states", "update_lease", True),
    ],
)
def test_a_report_killed_anywhere_goes_on_when_made_again(
    world: World, monkeypatch: pytest.MonkeyPatch, part: str, method: str, after: bool
) -> None:
    """A report that died at any step is made again: the run is closed once, notified once, the same next run starts."""
    world.refuse("*", world.members[0], "AccessDeniedException")
    world.start("run-1")
    waiting = world.start("run-2")["into"]
    world.work("run-1")
    with monkeypatch.context() as patch:
        crash_once(patch, getattr(world, part), method, after=after)
        with pytest.raises(Crash):
            world.report("run-1")
    answer = world.report("run-1")
    assert (answer["status"], answer["counts"]["failed"]) == ("completed", 4)
    assert world.header("run-1").closed
    assert len(world.messages()) == 1
    assert world.started_runs() == {"run-1", "run-2", waiting}
    assert world.holder() == waiting


def test_a_hand_over_that_died_before_starting_is_finished_by_the_next_event(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease was handed over, the execution never started: the next event's plan sees it and starts it."""
    world.start("run-1")
    waiting = world.start("run-2")["into"]
    world.work("run-1")
    with monkeypatch.context() as patch:
        crash_once(patch, world.executions, "start")
        with pytest.raises(Crash):
            world.report("run-1")
    assert world.execution_status(waiting) is None
    world.start("run-3")
    assert world.execution_status(waiting) == "RUNNING"
    assert world.plan(waiting)["outcome"] == "process"


def test_an_old_run_reported_again_frees_nobodys_lease(world: World) -> None:
    """A report repeated days later does not end the run that holds the lease now."""
    world.run("run-1")
    world.start("run-2")
    world.report("run-1")
    assert world.holder() == "run-2"


# --- several closers ------------------------------------------------------------------------


def counted(metric: str) -> float:
    """Return the sum of a metric's values since the world was made."""
    found: dict[str, list[float]] = metrics.metric_set.get(metric, {})
    return sum(found.get("Value", []))


@given(data=st.data(), members=st.integers(1, 30), closers=st.integers(2, 8), ended=st.booleans())
@settings(max_examples=25, deadline=None)
def test_of_several_closers_one_notifies_counts_and_writes_the_end(
    data: st.DataObject, members: int, closers: int, ended: bool
) -> None:
    """The failure's event, its duplicates, the state machine's own report and later triggers close one run together,
    each at its own pace: one notice, one count, one end, and one next run.
    """
    world = make_world(members)
    world.configure()
    world.start("run-1", batch_size=7)
    waiting = world.start("run-0")["into"]
    if ended:
        world.work()
    world.die("run-1", "TIMED_OUT")
    asked: list[Callable[[Services], Any]] = [
        lambda services: report(failure_event("run-1", schedule(), "TIMED_OUT"), services),
        lambda services: report({"run_id": "run-1", "error": {"Error": "States.Timeout"}}, services),
        lambda services: plan("run-2", STARTED, schedule(), services),
    ]
    if ended:
        asked.append(lambda services: report({"run_id": "run-1"}, services))
    actors = [
        Actor(f"closer-{number}", world, data.draw(st.sampled_from(asked), label="closer")) for number in range(closers)
    ]
    ends: set[tuple[str | None, str, str | None]] = set()
    while living := [actor for actor in actors if not actor.ended]:
        actor = data.draw(st.sampled_from(living), label="next")
        if actor.waits == "clock.sleep":
            # It waits for longer than another needs from one write of the header to the next.
            others = [one for one in living if one.waits != "clock.sleep"]
            actor = others[0] if others else actor
        actor.advance()
        run = world.header()
        if run.closed:
            ends.add((run.ended, str(run.status), run.error))
    assert [actor.error for actor in actors if actor.error] == []
    assert len(ends) == 1
    run = world.header()
    assert run.reported
    assert len(world.messages()) == int(run.severity in ("medium", "high"))
    assert counted("Runs") == 1
    assert counted("RunsFailed") == int(run.status is RunStatus.FAILED)
    assert counted("SeverityHigh") == int(run.severity == "high")
    assert sum(run.counts.values()) == len(world.ends()) == members * len(KINDS)
    assert world.holder() == waiting
    header = json.loads(world.objects()["runs/run-1/report.jsonl"].splitlines()[0])
    assert (header["ended"], header["status"]) == (run.ended, run.status)


@pytest.mark.parametrize("status", ["in_progress", "stopped"])
def test_an_end_is_never_written_over_an_end(world: World, status: str) -> None:
    """Whoever read the header before another wrote the end comes too late, and changes nothing."""
    world.start()
    world.work()
    late = Actor("late", world, lambda services: report({"run_id": "run-1", "error": {"Error": "x"}}, services))
    while late.waits != "states.save_run" or (status == "stopped" and world.header().status != "stopped"):
        late.advance()
    first = world.report()
    before = world.items()
    assert late.finish() == first
    assert world.items() == before
    assert len(world.messages()) == int(status == "stopped")


# --- headers and batches that a hand damaged --------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batches", "many"),
        ("counts", 7),
        ("source", ["x"]),
        ("started", "x"),
        ("revision", "x"),
        ("cause", None),
        ("ended", "yesterday"),
        ("triggered_at", "soon"),
        ("fresh_until", "soon"),
        ("new_accounts", {"200000000001": "x"}),
    ],
)
@pytest.mark.parametrize("died", [False, True])
def test_a_run_whose_header_was_damaged_is_closed(world: World, name: str, value: Any, died: bool) -> None:
    """The error names the attribute; the lease is free, people hear once, and the next run works."""
    world.start()
    world.states.edit("run-1", "run", **{name: value})
    answer = report(failure_event("run-1"), world.services) if died else world.report()
    run = world.header()
    assert answer["status"] == "failed"
    assert (run.status, run.error, run.detail) == (RunStatus.FAILED, "HeaderUnreadable", name)
    assert world.holder() is None
    assert len(world.messages()) == 1
    assert world.run("run-2")["status"] == "completed"


@pytest.mark.parametrize("text", [None, "", '[{"account": "20000'])
def test_a_run_whose_batch_is_lost_is_closed(make_world: MakeWorld, text: str | None) -> None:
    """Nobody knows the accounts of that batch: the run fails by name, and the others have their receipts."""
    world = make_world(5)
    world.configure()
    world.start(batch_size=2)
    lost = {target.account for target in world.bucket.batch("run-1", 1)}
    if text is None:
        del world.bucket.objects["runs/run-1/batches/00001.json"]
    else:
        world.bucket.objects["runs/run-1/batches/00001.json"] = text
    assert world.report()["status"] == "failed"
    assert (world.header().error, world.header().detail) == ("BatchUnreadable", "batch 1")
    assert {account for account, _ in world.ends()} == set(world.members) - lost
    assert world.holder() is None


@pytest.mark.parametrize("damage", ["x", {"run_id": "run-1", "request": {}}, {"run_id": 7}])
def test_a_damaged_lease_keeps_nobody_from_running(world: World, damage: Any) -> None:
    """A holder that can be named is closed once its execution is seen to be dead; one that cannot is none."""
    world.start()
    world.states.edit("lease", "organization", holder=damage)
    world.die("run-1")
    report(failure_event("run-1", {}), world.services)
    assert world.header().closed
    assert world.run("run-2")["status"] == "completed"


# --- runs that died -------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_a_run_that_died_is_closed_by_its_failure_event(world: World, status: str) -> None:
    """The state machine's own event closes the run as failed, names the missing, notifies, starts the next."""
    world.start("run-1")
    waiting = world.start("run-2")["into"]
    world.die("run-1", status)
    answer = report(failure_event("run-1", {}, status), world.services)
    assert (answer["status"], answer["severity"]) == ("failed", "high")
    run = world.header("run-1")
    assert (run.error, run.detail, run.scenario) == ("SystemFailure", status, "system_errors")
    assert set(world.ends("run-1").values()) == {("failed", "WorkerDied")}
    assert len(world.messages()) == 1
    assert world.execution_status(waiting) == "RUNNING"


def test_the_state_machines_own_catch_closes_the_run(world: World) -> None:
    """An error that the state machine caught is named; its cause, which may quote anything, is not."""
    world.start()
    world.report(error={"Error": "States.TaskFailed", "Cause": "canary: a whole stack trace"})
    assert (world.header().error, world.header().detail) == ("SystemFailure", "States.TaskFailed")
    (message,) = world.messages()
    assert "canary" not in str(message)


def killed_before_its_header(world: World, monkeypatch: pytest.MonkeyPatch, run_id: str = "run-1") -> None:
    """Let the plan take the lease and die, again and again, before it wrote a header."""
    with monkeypatch.context() as patch:
        crash_once(patch, world.states, "save_run")
        with pytest.raises(Crash):
            world.start(run_id)
    world.die(run_id)
    assert world.services.states.run(run_id) is None
    assert world.holder() == run_id


@pytest.mark.parametrize("known", ["event", "nothing"])
def test_a_run_that_died_before_its_header_is_closed_as_failed(
    world: World, monkeypatch: pytest.MonkeyPatch, known: str
) -> None:
    """The lease is freed and people hear, whatever the failure event says: the lease knows what was asked for."""
    killed_before_its_header(world, monkeypatch)
    event = world.executions.events()["run-1"] if known == "event" else None
    report(failure_event("run-1", event), world.services)
    assert world.holder() is None
    assert (world.header().status, world.header().error) == (RunStatus.FAILED, "SystemFailure")
    assert len(world.messages()) == 1
    assert world.run("run-2")["status"] == "completed"


def test_the_state_machines_catch_names_a_run_without_a_header(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state machine passes event and start on: the run is closed as failed, from when it really started."""
    killed_before_its_header(world, monkeypatch)
    event = world.executions.events()["run-1"]
    answer = world.report(error={"Error": "Lambda.Unknown"}, event=event, started="2026-11-01T10:00:00.000Z")
    assert answer["status"] == "failed"
    assert world.header().started == "2026-11-01T10:00:00.000+00:00"
    assert world.holder() is None


def test_a_dead_holder_without_a_header_is_found_by_a_later_event(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even the failure event may be lost: the next plan sees that the holder is dead, closes it and starts its own."""
    killed_before_its_header(world, monkeypatch)
    waiting = world.start("run-2")["into"]
    assert (world.header("run-1").status, world.header("run-1").error) == (RunStatus.FAILED, "SystemFailure")
    assert world.holder() == waiting
    assert world.execution_status(waiting) == "RUNNING"


def test_a_dead_holder_is_found_by_a_later_event(world: World) -> None:
    """A run that died at its batches, its failure event lost: closed by the next plan, every account with a receipt."""
    world.start("run-1")
    world.die("run-1", "TIMED_OUT")
    waiting = world.start("run-2")["into"]
    assert world.header("run-1").status is RunStatus.FAILED
    assert len(world.ends("run-1")) == 12
    assert world.execution_status(waiting) == "RUNNING"


@pytest.mark.parametrize("call", range(1, 8))
@pytest.mark.parametrize("method", ["save_run", "save_receipts", "update_lease"])
def test_a_run_that_made_way_is_closed_although_its_closer_died(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch, method: str, call: int
) -> None:
    """Wherever its closer died, and although its failure event is lost: the next trigger closes it, with its receipts.

    Whoever follows the request comes to the run that took up the rest.
    """
    world = make_world(8)
    world.configure()
    world.start("run-1", batch_size=4)
    process("run-1", 0, lambda: 900.0, world.services)
    world.edit("security", world.held(world.management, "security") | {"Name": "Later Person"})
    following = world.start("run-2", sample_event("source-changed-camel-with-values"))["into"]
    assert world.states.update_lease(lambda lease: lease.preempt("run-1"))
    with monkeypatch.context() as patch, suppress(Crash):
        crash_once(patch, world.states, method, call=call)
        report({"run_id": "run-1"}, world.services)
    world.die("run-1")
    if world.holder() == following:
        world.run_on(following)
    world.run("run-3")
    if world.holder():
        world.run_on(str(world.holder()))
    closed = world.header("run-1")
    assert (closed.closed, closed.into) == (True, following)
    assert set(world.ends("run-1")) == {(account, kind) for account in world.members for kind in KINDS}
    assert [one.run_id for one in answering_runs("run-1", world.states)[0]] == ["run-1", following]
    assert (world.holder(), world.lease().unclosed, world.differing()) == (None, (), [])


@pytest.mark.parametrize("event", [schedule(), {"detail": "no mapping"}])
def test_a_dead_holder_is_found_by_an_event_that_is_refused(world: World, event: Any) -> None:
    """While contact sync is paused every event is refused, and a dead run is closed all the same."""
    world.start("run-1")
    world.die("run-1", "ABORTED")
    world.configure(paused=True)
    assert world.start("run-2", event)["outcome"] == "refused"
    assert world.header("run-1").closed
    assert world.holder() is None


def test_a_living_holder_is_not_touched(world: World) -> None:
    """A plan that finds the holder at work closes nothing and starts nothing."""
    world.start("run-1")
    world.start("run-2")
    assert world.header("run-1").status is RunStatus.IN_PROGRESS
    assert world.started_runs() == {"run-1", "run-2"}


@pytest.mark.parametrize("event", [{}, {"source": "aws.ec2", "detail": {}}, None])
def test_the_death_of_a_refused_event_is_no_run(world: World, event: Any) -> None:
    """An execution whose event would start no run writes no header and does not touch another's lease."""
    world.start("run-1")
    assert report(failure_event("run-x", event), world.services) == {"run_id": "run-x"}
    assert world.services.states.run("run-x") is None
    assert world.holder() == "run-1"


def test_the_death_of_a_merged_event_closes_nothing(world: World) -> None:
    """An event that another run answers is no run of its own, however its execution ended."""
    world.start("run-1")
    world.start("run-2")
    assert report(failure_event("run-2"), world.services) == {"run_id": "run-2"}
    assert world.header("run-2").status is RunStatus.MERGED
    assert world.holder() == "run-1"


@pytest.mark.parametrize("time", ["yesterday", "2026-11-01T10:00:00", "", None])
def test_an_event_with_a_strange_time_still_comes_to_an_end(world: World, time: Any) -> None:
    """The run is closed and the lease freed, whatever the event says of its time."""
    event = {
        "source": "aws.account",
        "account": world.management,
        "time": time,
        "detail": {"eventName": "PutContactInformation", "requestParameters": {}},
    }
    assert world.run(event=event)["status"] == "completed"
    assert world.holder() is None
