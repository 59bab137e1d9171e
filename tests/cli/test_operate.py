"""`orgsync sync` and `orgsync status` without AWS: which run they show, which ids they refuse, how they exit."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from orgsync.cli import operate, stack
from orgsync.cli.main import main
from orgsync.cli.stack import DeployedStack
from orgsync.contact_sync.core.accounts import Account
from orgsync.contact_sync.core.errors import OrganizationUnreadable
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.core.run import Run, RunStatus
from orgsync.contact_sync.names import Cause, Kind
from orgsync.sandbox.contact_sync.services import MemoryExecutions
from orgsync.sandbox.contact_sync.stores import MemoryConfigStore, MemoryStateStore

AT = "2026-11-01T10:00:00.000+00:00"
MANAGEMENT, MEMBER, OTHER, STRANGER = "100000000001", "200000000001", "200000000002", "999999999999"
RUN = Run("run-7", Cause.OPERATOR, AT, AT, status=RunStatus.COMPLETED, scenario="success_completion", ended=AT)


@dataclass
class Deployed:
    """A deployed stack in memory; `end` is called with the id of each run that the command asks for."""

    states: MemoryStateStore = field(default_factory=MemoryStateStore)
    configs: MemoryConfigStore = field(default_factory=MemoryConfigStore)
    executions: MemoryExecutions = field(default_factory=MemoryExecutions)
    end: Callable[[str], None] = lambda _run_id: None
    members: tuple[str, ...] = (MEMBER, OTHER)
    may_ask: bool = True

    def account(self, account: str) -> Account | None:
        """Return a member, as AWS Organizations would."""
        if not self.may_ask:
            raise OrganizationUnreadable("DescribeAccount: AccessDeniedException")
        return Account(account, "ACTIVE") if account in self.members else None

    def save(self, run: Run, receipts: Sequence[Receipt] = ()) -> None:
        """Save a run with its receipts."""
        held = self.states.run(run.run_id)
        self.states.save_run(replace(run, revision=held.revision if held else 0))
        self.states.save_receipts(receipts, run.run_id)


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Deployed:
    """The only stack that the command finds; nothing waits."""
    made = Deployed()

    class Started(MemoryExecutions):
        def start(self, run_id: str, event: Any) -> None:
            super().start(run_id, event)
            made.end(run_id)

    made.executions = Started()
    found: Any = DeployedStack("dev", MANAGEMENT, made.configs, made.states, made.executions, "arn:ann")  # type: ignore[arg-type]
    monkeypatch.setattr(operate, "find", lambda _name: found)
    monkeypatch.setattr(operate, "LOOK_SECONDS", 0)
    monkeypatch.setattr(stack, "OrganizationsApi", lambda _management: made)
    return made


def orgsync(*arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, arguments)


def receipts(*accounts: str, status: Status = Status.SUCCESS, error: str | None = None) -> list[Receipt]:
    """Return receipts of accounts that all ended alike."""
    return [Receipt(account, kind, status, AT, error=error) for account in accounts for kind in Kind]


@pytest.mark.parametrize(
    ("account", "wrong"),
    [
        (STRANGER, "no member of this organization"),
        (MANAGEMENT, "the management account"),
        ("12", "12 digits"),
        ("20000000000\u0661", "12 digits"),
    ],
)
def test_an_id_that_cannot_be_compared_starts_no_run(deployed: Deployed, account: str, wrong: str) -> None:
    """Each is named with what is wrong with it, beside ids that are right; nothing is started."""
    done = orgsync("sync", "--account", MEMBER, "--account", account, "--account", "7")
    assert done.exit_code == 2
    assert f"--account {account} is" in done.output
    assert wrong in done.output
    assert "--account 7 is no account id" in done.output
    assert MEMBER not in done.output
    assert deployed.executions.events() == {}


def test_an_operator_who_may_not_ask_for_members_is_told_so(deployed: Deployed) -> None:
    """The run is started all the same, and says itself which ids are no members; that is no success."""
    deployed.may_ask = False
    deployed.end = lambda run_id: deployed.save(
        replace(RUN, run_id=run_id, scenario="configuration_errors"),
        receipts(STRANGER, status=Status.SKIPPED, error="NotAMember"),
    )
    done = orgsync("sync", "--account", STRANGER)
    assert done.exit_code == 1
    assert f"not checked whether {STRANGER} is a member" in done.output
    assert "no contact compared" in done.output


def test_sync_shows_the_run_that_answers_it(deployed: Deployed) -> None:
    """A request that was merged is done with the run that answers it, which may begin after it is asked for."""
    looks = []

    def merged(run_id: str) -> None:
        deployed.save(replace(RUN, run_id=run_id, status=RunStatus.MERGED, into="run-7", scenario=None))
        deployed.executions.end(run_id, output={"outcome": "merged", "run_id": run_id, "into": "run-7"})

    def outcome(run_id: str) -> tuple[str | None, dict[str, Any]]:
        looks.append(run_id)
        if len(looks) == 3:
            deployed.save(replace(RUN, everyone=True), receipts(MEMBER, OTHER))
        return (None, {})

    deployed.end = merged
    deployed.executions.outcome = outcome  # type: ignore[method-assign]
    done = orgsync("sync", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["run_id"] == "run-7"
    assert set(looks) == {"run-7"}


@pytest.mark.parametrize("failed", [False, True])
def test_sync_follows_a_run_that_makes_way(deployed: Deployed, failed: bool) -> None:
    """It waits for the run that takes up the rest as well, and both runs' receipts together decide its end."""
    looks = []

    def outcome(run_id: str) -> tuple[str | None, dict[str, Any]]:
        looks.append(run_id)
        if len(looks) == 3:
            error = "AccessDenied" if failed else None
            status = Status.FAILED if failed else Status.SUCCESS
            taken_up = [Receipt(OTHER, kind, status, AT, error=error) for kind in Kind]
            deployed.save(replace(RUN, run_id="next", everyone=True, rest="run-7"), taken_up)
        return (None, {})

    def made_way(run_id: str) -> None:
        left = [Receipt(OTHER, kind, Status.SKIPPED, AT, error="HandedOver") for kind in Kind]
        ended = replace(RUN, run_id=run_id, everyone=True, preempted=True, into="next")
        deployed.save(ended, [*receipts(MEMBER), *left])

    deployed.end = made_way
    deployed.executions.outcome = outcome  # type: ignore[method-assign]
    done = orgsync("sync", "--json")
    assert done.exit_code == int(failed)
    shown = json.loads(done.stdout)
    assert shown["run_id"] == "next"
    assert {one["account"] for one in shown["receipts"]} == {MEMBER, OTHER}
    assert "HandedOver" not in done.stdout
    asked = next(iter(deployed.executions.events()))
    assert "taken up by the run next" in orgsync("status", asked).output


@pytest.mark.parametrize(
    ("accounts", "status", "code"),
    [((MEMBER,), RunStatus.COMPLETED, 0), ((OTHER,), RunStatus.COMPLETED, 1), ((), RunStatus.COMPLETED, 1)],
)
def test_the_exit_code_speaks_of_what_was_asked_for(
    deployed: Deployed, accounts: tuple[str, ...], status: RunStatus, code: int
) -> None:
    """A failure of another account, in the run that answers this request too, is no failure of this one."""
    ended = [*receipts(MEMBER), *receipts(OTHER, status=Status.FAILED, error="ServiceFailed")]
    deployed.end = lambda run_id: deployed.save(replace(RUN, run_id=run_id, status=status, everyone=True), ended)
    assert orgsync("sync", *(f"--account={account}" for account in accounts)).exit_code == code


@pytest.mark.parametrize("code", ["Excluded", "NotActive", "CircuitOpen", "NotYet"])
def test_an_account_that_was_asked_for_and_not_compared_is_no_success(deployed: Deployed, code: str) -> None:
    """Also where it was skipped on purpose: whoever asks for it by its id learns that nothing was done."""
    ended = receipts(MEMBER, status=Status.SKIPPED, error=code)
    deployed.end = lambda run_id: deployed.save(replace(RUN, run_id=run_id), ended)
    done = orgsync("sync", "--account", MEMBER)
    assert done.exit_code == 1
    assert code in done.output
    deployed.end = lambda run_id: deployed.save(replace(RUN, run_id=run_id), [*receipts(OTHER), *ended])
    assert orgsync("sync", "--account", MEMBER, "--account", OTHER).exit_code == 1


def test_status_says_which_exclusions_match_nobody(deployed: Deployed) -> None:
    """Of the configuration that the run kept; a run over one account cannot know."""
    version = deployed.configs.write({"excluded_tags": {"Contacts": "own"}}, at=AT, by="test")
    deployed.save(replace(RUN, config_version=version, everyone=True), receipts(MEMBER))
    assert "tag Contacts=own: matches no account whose tags were read" in orgsync("status", "run-7").output
    deployed.save(replace(RUN, config_version=version), receipts(MEMBER))
    assert "Contacts=own" not in orgsync("status", "run-7").output


def test_status_of_a_merged_request_shows_the_run_that_answers_it(deployed: Deployed) -> None:
    """Its own id leads to that run; one that waits is said to wait, one that was refused says why."""
    deployed.save(replace(RUN, run_id="asked", status=RunStatus.MERGED, into="run-7"))
    waiting = orgsync("status", "asked")
    assert (waiting.exit_code, "waits for the run run-7" in waiting.output) == (1, True)
    deployed.save(replace(RUN, everyone=True), receipts(MEMBER))
    done = orgsync("status", "asked")
    assert done.exit_code == 0
    assert "asked is answered by the run run-7" in done.output
    assert "4 of 4 contacts in sync." in done.output
    deployed.executions.start("refused", {})
    deployed.executions.end("refused", output={"outcome": "refused", "refusal": {"reason": "Paused"}})
    refused = orgsync("status", "refused")
    assert (refused.exit_code, "Paused" in refused.output) == (1, True)
    assert orgsync("status", "never-asked").exit_code == 2
