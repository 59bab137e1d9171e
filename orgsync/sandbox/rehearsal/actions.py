"""How each action of a scenario is done on the stage."""

from collections.abc import Callable
from typing import Any

from orgsync.sandbox.rehearsal import command
from orgsync.sandbox.rehearsal.session import ActionResult, Session
from orgsync.sandbox.rehearsal.steps import (
    Action,
    EditMember,
    EditSource,
    EventStep,
    MoveAccount,
    NewAccount,
    TagAccount,
)


class NoSchedule(RuntimeError):
    """`schedule` was played although no enabled schedule is deployed."""


def perform(stage: Session, action: Action, timeout_s: float) -> ActionResult:
    """Do one action and return when it is done; what it sets off is not waited for.

    Raises:
        Exception: whatever the cloud refuses, in its own words.
    """
    if action.named == "command":
        return _command(stage, action.body, timeout_s)
    done = _PERFORMERS[action.named](stage, action.body)
    return done if isinstance(done, ActionResult) else ActionResult()


def _command(stage: Session, line: str, timeout_s: float) -> ActionResult:
    region = {"AWS_REGION": stage.region, "AWS_DEFAULT_REGION": stage.region}
    ran = command.run(line, {**stage.cloud.environment, **region}, timeout_s)
    error = None if ran.exit == 0 else ran.complaint.strip() or f"`{line}` ended with exit code {ran.exit}"
    return ActionResult(output=ran.output, exit=ran.exit, error=error)


def _edit_source(stage: Session, edit: EditSource) -> None:
    stage.cloud.edit_source(edit.given(), via=edit.via, casing=edit.casing)


def _edit_member(stage: Session, edit: EditMember) -> None:
    stage.cloud.edit_member(edit.account, edit.given(), via=edit.via, casing=edit.casing)


def _create(stage: Session, new: NewAccount) -> None:
    stage.cloud.create_account(new.name, new.ou)


def _join(stage: Session, new: NewAccount) -> None:
    stage.cloud.join_account(new.name, new.ou)


def _close(stage: Session, account: str) -> None:
    stage.cloud.close_account(account)


def _move(stage: Session, move: MoveAccount) -> None:
    stage.cloud.move_account(move.account, move.ou)


def _tag(stage: Session, tag: TagAccount) -> None:
    stage.cloud.tag_account(tag.account, tag.tags)


def _event(stage: Session, event: EventStep) -> None:
    stage.cloud.put_event(event.model_dump(by_alias=True))


def _schedule(stage: Session, _: Any) -> None:
    if not stage.cloud.fire_schedules():
        raise NoSchedule("no enabled schedule is deployed")


_PERFORMERS: dict[str, Callable[[Session, Any], ActionResult | None]] = {
    "deploy": Session.deploy,
    "preview": Session.preview,
    "refresh": Session.refresh,
    "destroy": Session.destroy,
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
