"""The actions of a scenario: each does one thing to the session's cloud or stack."""

from collections.abc import Callable
from typing import Any

from orgsync.sandbox.rehearsal import command
from orgsync.sandbox.rehearsal.session import ActionResult, Session
from orgsync.sandbox.rehearsal.steps import (
    Action,
    CommandStep,
    EditMember,
    EditSource,
    EventStep,
    MoveAccount,
    NewAccount,
    RenameUnit,
    TagAccount,
)


class NoSchedule(RuntimeError):
    """A `schedule` step found no enabled schedule in the deployed stack."""


def perform(session: Session, action: Action, timeout_s: float) -> ActionResult:
    """Perform one action and return when it is done, without waiting for the work that it starts.

    Raises:
        Exception: the cloud's own refusal.
    """
    if action.named == "command":
        return _command(session, action.body, timeout_s)
    done = _PERFORMERS[action.named](session, action.body)
    return done if isinstance(done, ActionResult) else ActionResult()


def _command(session: Session, body: str | CommandStep, settle_s: float) -> ActionResult:
    asked = CommandStep(run=body) if isinstance(body, str) else body
    region = {"AWS_REGION": session.region, "AWS_DEFAULT_REGION": session.region}
    environment = session.cloud.environment_of(asked.rights, asked.account)
    timeout_s = asked.timeout_s or settle_s
    with session.cloud.clock.working():
        ran = command.run(asked.run, {**environment, **region}, timeout_s)
    error = None
    if ran.exit is None:
        error = f"`{asked.run}` did not end within {timeout_s:g} s and was killed"
    elif ran.exit != asked.exit:
        right = f", not {asked.exit}" if asked.exit else ""
        error = f"`{asked.run}` ended with exit code {ran.exit}{right}"
        error = "\n".join(part for part in (error if right else "", ran.errors.strip()) if part) or error
    return ActionResult(output=ran.output, exit=ran.exit, stderr=ran.errors, error=error)


def _edit_source(session: Session, edit: EditSource) -> None:
    session.cloud.edit_source(edit.given(), via=edit.via, casing=edit.casing)


def _edit_member(session: Session, edit: EditMember) -> None:
    session.cloud.edit_member(edit.account, edit.given(), via=edit.via, casing=edit.casing)


def _create(session: Session, new: NewAccount) -> None:
    session.cloud.create_account(new.name, new.ou, moved_after_s=new.moved_after_s)


def _join(session: Session, new: NewAccount) -> None:
    session.cloud.join_account(new.name, new.ou, moved_after_s=new.moved_after_s)


def _close(session: Session, account: str) -> None:
    session.cloud.close_account(account)


def _move(session: Session, move: MoveAccount) -> None:
    session.cloud.move_account(move.account, move.ou)


def _tag(session: Session, tag: TagAccount) -> None:
    session.cloud.tag_account(tag.account, tag.tags)


def _rename(session: Session, unit: RenameUnit) -> None:
    session.cloud.rename_unit(unit.ou, unit.name)


def _event(session: Session, event: EventStep) -> None:
    session.cloud.put_event(event.model_dump(by_alias=True))


def _schedule(session: Session, _: Any) -> None:
    if not session.cloud.fire_schedules():
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
    "reopen_account": lambda session, account: session.cloud.reopen_account(account),
    "leave_organization": lambda session, account: session.cloud.leave_organization(account),
    "rename_unit": _rename,
    "move_account": _move,
    "tag_account": _tag,
    "event": _event,
    "schedule": _schedule,
    "fault": lambda session, fault: session.cloud.faults.add(fault.model_dump(exclude_none=True)),
    "clear_faults": lambda session, _: session.cloud.faults.clear(),
    "wait": lambda session, wait: session.cloud.pass_time(wait.seconds),
}
