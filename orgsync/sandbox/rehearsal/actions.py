"""How each action of a scenario is done on the stage."""

from collections.abc import Callable
from typing import Any

from orgsync.sandbox.rehearsal import command
from orgsync.sandbox.rehearsal.session import Result, Stage
from orgsync.sandbox.rehearsal.steps import (
    Action,
    EditMember,
    EditSource,
    Event,
    MoveAccount,
    NewAccount,
    TagAccount,
)


class NothingToFire(RuntimeError):
    """`schedule` was played although no enabled schedule is deployed."""


def do(stage: Stage, action: Action, timeout_s: float) -> Result:
    """Do one action and return when it is done; what it sets off is not waited for.

    Raises:
        Exception: whatever the cloud refuses, in its own words.
    """
    if action.named == "command":
        return _command(stage, action.body, timeout_s)
    done = _HOW[action.named](stage, action.body)
    return done if isinstance(done, Result) else Result()


def _command(stage: Stage, line: str, timeout_s: float) -> Result:
    region = {"AWS_REGION": stage.region, "AWS_DEFAULT_REGION": stage.region}
    ran = command.run(line, {**stage.cloud.environment, **region}, timeout_s)
    error = None if ran.exit == 0 else ran.complaint.strip() or f"`{line}` ended with exit code {ran.exit}"
    return Result(output=ran.output, exit=ran.exit, error=error)


def _edit_source(stage: Stage, edit: EditSource) -> None:
    stage.cloud.edit_source(edit.given(), via=edit.via, casing=edit.casing)


def _edit_member(stage: Stage, edit: EditMember) -> None:
    stage.cloud.edit_member(edit.account, edit.given(), via=edit.via, casing=edit.casing)


def _create(stage: Stage, new: NewAccount) -> None:
    stage.cloud.create_account(new.name, new.ou)


def _join(stage: Stage, new: NewAccount) -> None:
    stage.cloud.join_account(new.name, new.ou)


def _close(stage: Stage, account: str) -> None:
    stage.cloud.close_account(account)


def _move(stage: Stage, move: MoveAccount) -> None:
    stage.cloud.move_account(move.account, move.ou)


def _tag(stage: Stage, tag: TagAccount) -> None:
    stage.cloud.tag_account(tag.account, tag.tags)


def _event(stage: Stage, event: Event) -> None:
    stage.cloud.put_event(event.model_dump(by_alias=True))


def _schedule(stage: Stage, _: Any) -> None:
    if not stage.cloud.fire_schedules():
        raise NothingToFire("no enabled schedule is deployed")


_HOW: dict[str, Callable[[Stage, Any], Result | None]] = {
    "deploy": Stage.deploy,
    "preview": Stage.preview,
    "refresh": Stage.refresh,
    "destroy": Stage.destroy,
    "edit_source": _edit_source,
    "edit_member": _edit_member,
    "create_account": _create,
    "join_account": _join,
    "close_account": _close,
    "move_account": _move,
    "tag_account": _tag,
    "event": _event,
    "schedule": _schedule,
    "fault": lambda stage, fault: stage.cloud.faults.add(fault.model_dump(exclude_none=True)),
    "clear_faults": lambda stage, _: stage.cloud.faults.clear(),
}
