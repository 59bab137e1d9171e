"""The step runner: each step to its true end, with a report of what happened."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import pytest

from orgsync.sandbox.cloud.clock import SandboxClock
from orgsync.sandbox.contact_sync.configuration import STACK_KEY
from orgsync.sandbox.contact_sync.observations import observe
from orgsync.sandbox.contact_sync.rehearse import CONTACT_SYNC
from orgsync.sandbox.engines.program import Program
from orgsync.sandbox.engines.protocol import DeployFailed
from orgsync.sandbox.rehearsal import command
from orgsync.sandbox.rehearsal.load import validate
from orgsync.sandbox.rehearsal.observations import Observations
from orgsync.sandbox.rehearsal.session import Session
from orgsync.sandbox.rehearsal.step_runner import NOT_RUN, run_step

REPOSITORY = Path(__file__).parents[2]


@dataclass
class FakeCloud:
    """A cloud in which nothing is, and nothing runs unless a test says so."""

    schedules: int = 1
    unsettled: Exception | None = None
    declared: list[str] = field(default_factory=list)
    tagged: Callable[..., object] = lambda *_: None
    waited: list[float] = field(default_factory=list)
    overlapped: list[float] = field(default_factory=list)
    account: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(writes=[]))
    clock: SandboxClock = field(default_factory=SandboxClock)
    passed: list[float] = field(default_factory=list)

    def fire_schedules(self) -> int:
        return self.schedules

    def pass_time(self, seconds: float) -> None:
        self.passed.append(seconds)

    def environment_of(self, rights: str, account: str | None) -> dict[str, str]:
        return {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID": f"{rights} of {account}"}

    def settle(self, timeout_s: float, *, hold_waits: bool = False) -> None:
        self.waited.append(timeout_s)
        if self.unsettled:
            raise self.unsettled

    @contextmanager
    def overlapping(self, timeout_s: float) -> Iterator[None]:
        self.overlapped.append(timeout_s)
        yield

    def leftovers(self) -> list[str]:
        return self.declared

    def tag_account(self, *given: Any) -> None:
        self.tagged(*given)

    def dead_letters(self) -> dict[str, int]:
        return {}

    def executions(self) -> list[Any]:
        return []

    def client(self, *_: Any, **__: Any) -> Any:
        return SimpleNamespace(list_tables=lambda: {"TableNames": []})


@dataclass
class FakeEngine:
    """An engine that answers one thing, or raises it."""

    answer: Any = None
    given: list[Any] = field(default_factory=list)
    program: Program = field(default_factory=lambda: Program(REPOSITORY, STACK_KEY))

    def up(self, stack: str, config: Any, *_: Any) -> Any:
        self.given.append(config)
        if isinstance(self.answer, Exception):
            raise self.answer
        return SimpleNamespace(resources=self.answer, outputs={"dashboard": "address"})


def run_steps(
    *steps: Any, cloud: FakeCloud | None = None, engine: FakeEngine | None = None, **changes: Any
) -> list[Any]:
    """The report's part for each step."""
    document = {"name": "x", "organization": {"accounts": 3}, "steps": list(steps), **changes}
    scenario, stand_in = validate(document), cloud or FakeCloud()
    session: Any = Session(scenario, CONTACT_SYNC, stand_in, engine or FakeEngine({}), print, print)  # type: ignore[arg-type]
    observations = Observations(stand_in, observe)  # type: ignore[arg-type]
    return [run_step(session, observations, step, lambda: 0.0) for step in scenario.steps]


def test_a_step_that_does_what_it_says_is_ok() -> None:
    """Its part of the report has every field of the contract."""
    (report,) = run_steps({"deploy": {}}, engine=FakeEngine({"create": 61}))
    nothing: dict[str, Any] = dict.fromkeys(("output", "stderr", "exit", "error"))
    fields: dict[str, Any] = {
        "seconds": 0.0,
        "resources": {"create": 61},
        "outputs": {"dashboard": "address"},
        "runs": [],
        "promises": [],
        **nothing,
    }
    assert report == {"step": "deploy", "title": "deploy: stack dev", "ok": True, **fields}


def test_a_step_that_fails_does_not_end_the_rehearsal() -> None:
    """The report has the reason, and the next step is run."""
    failed, after = run_steps({"schedule": {}}, {"clear_faults": {}}, cloud=FakeCloud(schedules=0))
    assert not failed["ok"]
    assert failed["error"] == "NoSchedule: no enabled schedule is deployed"
    assert after["error"] != NOT_RUN


def test_a_step_is_not_ok_before_everything_is_quiet() -> None:
    """Work that still runs when the time is over is reported with the step that started it."""
    (report,) = run_steps({"schedule": {}}, cloud=FakeCloud(unsettled=TimeoutError("execution x still runs")))
    assert (report["ok"], report["error"]) == (False, "TimeoutError: execution x still runs")


def test_the_time_limit_is_the_steps_own_or_the_scenarios() -> None:
    """`settle_s` stands at the top and may stand beside a step."""
    cloud = FakeCloud()
    run_steps({"schedule": {}}, {"schedule": {}, "settle_s": 3}, cloud=cloud, settle_s=60)
    assert cloud.waited == [60, 3]


def test_a_deploy_that_left_nothing_leaves_nothing_to_run() -> None:
    """The report has its own reason; the steps after it do not run until a deploy succeeds."""
    failure = DeployFailed("excluded_accounts.0: must be 12 digits")
    deploy, schedule = run_steps({"deploy": {}}, {"schedule": {}}, engine=FakeEngine(failure))
    assert (deploy["ok"], deploy["error"]) == (False, str(failure))
    assert schedule["error"] == NOT_RUN


def test_a_deploy_that_failed_half_way_leaves_something_to_run() -> None:
    """A first run that failed has its rules and schedule all the same."""
    engine, cloud = FakeEngine(DeployFailed("the first run failed")), FakeCloud(declared=["table state"])
    deploy, schedule = run_steps({"deploy": {}}, {"schedule": {}}, engine=engine, cloud=cloud)
    assert (deploy["ok"], schedule["ok"]) == (False, True)


def test_steps_at_once_begin_together() -> None:
    """Each waits here for the others: one after the other they would never end."""
    meet = Barrier(3, timeout=5)
    tags = [{"tag_account": {"account": f"20000000000{n}", "tags": {}}} for n in (1, 2, 3)]
    (report,) = run_steps({"at_once": tags}, cloud=FakeCloud(tagged=lambda *_: meet.wait()))
    assert report["ok"]
    assert [inner["step"] for inner in report["steps"]] == ["tag_account"] * 3


def test_one_of_the_steps_at_once_may_fail() -> None:
    """Then the whole is not ok, and its error names the step."""
    (report,) = run_steps(
        {"at_once": [{"schedule": {}}, {"tag_account": {"account": "200000000001", "tags": {}}}]},
        cloud=FakeCloud(schedules=0),
    )
    assert not report["ok"]
    assert report["error"].startswith("schedule: NoSchedule")
    assert [inner["ok"] for inner in report["steps"]] == [False, True]


def test_a_command_runs_in_the_sandbox_with_this_orgsync() -> None:
    """Its stdout is the output, its exit code the step's, and it sees the sandbox instead of AWS."""
    line = 'echo "$AWS_ENDPOINT_URL"; orgsync --help'
    (report,) = run_steps({"command": line})
    assert (report["ok"], report["exit"]) == (True, 0)
    endpoint, usage, *_ = report["output"].splitlines()
    assert endpoint == "http://127.0.0.1:1"
    assert usage.startswith("Usage: orgsync ")


def test_a_command_that_fails_says_so() -> None:
    """The step's error is what it wrote to stderr."""
    (report,) = run_steps({"command": "echo out; echo no such run >&2; exit 3"})
    assert (report["ok"], report["output"], report["exit"], report["error"]) == (False, "out\n", 3, "no such run")


def test_a_command_that_never_ends_is_ended() -> None:
    """After the step's time limit it is killed with everything that it started."""
    (report,) = run_steps({"command": "sleep 600 | cat", "settle_s": 0.2})
    assert report["error"] == "`sleep 600 | cat` did not end within 0.2 s and was killed"


@pytest.mark.parametrize(("asked", "ended"), [(0, 0), (2, 2), (0, 2), (2, 0), (255, 255)])
def test_the_right_exit_code_is_the_commands_own(asked: int, ended: int) -> None:
    """`exit` says which one is right; any other fails the step, and the error names both."""
    (report,) = run_steps({"command": {"run": f"echo why >&2; exit {ended}", "exit": asked}})
    assert (report["ok"], report["exit"], report["stderr"]) == (asked == ended, ended, "why\n")
    if asked and asked != ended:
        assert report["error"] == f"`echo why >&2; exit {ended}` ended with exit code {ended}, not {asked}\nwhy"


def test_a_command_has_a_time_limit_of_its_own() -> None:
    """`timeout_s` wins over the time to settle."""
    (report,) = run_steps({"command": {"run": "sleep 600", "timeout_s": 0.2}})
    assert report["error"] == "`sleep 600` did not end within 0.2 s and was killed"


def test_a_command_runs_with_the_rights_and_in_the_account_that_it_says() -> None:
    """`as` and `account`; an operator of the management account without them."""
    whole = {"run": "echo $AWS_ACCESS_KEY_ID", "as": "reader", "account": "200000000002"}
    plain, other = run_steps({"command": "echo $AWS_ACCESS_KEY_ID"}, {"command": whole})
    assert (plain["output"], other["output"]) == ("operator of None\n", "reader of 200000000002\n")


def test_commands_at_once_report_their_own_outputs_and_exits_in_order() -> None:
    """The slowest first: the order is the file's, not that of their ends."""
    lines = [f"sleep {0.4 - number / 10}; echo {number}; exit {number % 2}" for number in range(5)]
    (report,) = run_steps({"at_once": [{"command": line} for line in lines]})
    assert [inner["output"] for inner in report["steps"]] == [f"{number}\n" for number in range(5)]
    assert [inner["exit"] for inner in report["steps"]] == [0, 1, 0, 1, 0]
    assert not report["ok"]


def test_waiting_lets_the_sandboxs_time_pass() -> None:
    """Not the machine's: an hour takes no longer than a second."""
    cloud = FakeCloud()
    (report,) = run_steps({"wait": {"seconds": 3600}}, cloud=cloud)
    assert (report["ok"], cloud.passed) == (True, [3600])


def test_what_says_how_a_stack_runs_is_laid_over_its_own_document() -> None:
    """`deployment` beside `config`; the stack file's other keys of it stay."""
    engine = FakeEngine({})
    run_steps({"deploy": {"deployment": {"protect": False}, "config": {"paused": True}}}, {"deploy": {}}, engine=engine)
    first, second = engine.given
    assert (first["paused"], first["orgsync:deployment"]) == (True, {"protect": False})
    assert "orgsync:deployment" not in second
    before = engine.program.stack("dev", {})["config"]
    after = engine.program.stack("dev", first)["config"]
    assert after["orgsync:deployment"] == {**before.get("orgsync:deployment", {}), "protect": False}
    assert after[STACK_KEY]["paused"] is True


def test_what_a_command_printed_until_it_was_killed_is_kept() -> None:
    """The reason why it hangs is often the last line."""
    (report,) = run_steps({"command": "echo begun; echo waiting >&2; sleep 600", "settle_s": 1})
    assert (report["output"], report["stderr"], report["exit"]) == ("begun\n", "waiting\n", None)


def test_what_a_killed_command_left_behind_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process in a session of its own may keep the output open."""
    monkeypatch.setattr(command, "KILLED_S", 0.2)
    (report,) = run_steps({"command": "echo begun; setsid sleep 5", "settle_s": 1})
    assert (report["output"], report["exit"]) == ("begun\n", None)


def test_both_outputs_of_a_command_are_kept() -> None:
    """Also what a command that succeeds writes to stderr."""
    (report,) = run_steps({"command": "echo out; echo progress >&2"})
    assert (report["ok"], report["output"], report["stderr"]) == (True, "out\n", "progress\n")


def test_runs_of_steps_at_once_overlap() -> None:
    """The sandbox holds them together, for at most the step's time limit."""
    cloud = FakeCloud()
    run_steps({"at_once": [{"schedule": {}}, {"clear_faults": {}}], "settle_s": 7}, cloud=cloud)
    assert cloud.overlapped == [7]


def test_a_command_at_once_is_not_held() -> None:
    """It may wait for the run that it has started, and so may a deployment: neither would ever end."""
    cloud = FakeCloud()
    others: list[dict[str, Any]] = [{"command": "true"}, {"deploy": {}}]
    for other in others:
        run_steps({"at_once": [{"schedule": {}}, other]}, cloud=cloud)
    assert cloud.overlapped == []
