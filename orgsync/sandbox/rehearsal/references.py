"""References of a scenario to accounts and stacks that do not exist."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from orgsync.sandbox.cloud.faults import SOURCE
from orgsync.sandbox.rehearsal.model import Scenario
from orgsync.sandbox.rehearsal.parts import CallFault, CrashFault, Fault
from orgsync.sandbox.rehearsal.steps import BY_THE_ENGINE, Action, CommandStep, Step

_PLACED = frozenset({"create_account", "join_account", "move_account"})


def unknown_accounts(scenario: Scenario, members: set[str]) -> list[str]:
    """List, one line each, the paths that name an account which does not exist.

    `members`: the ids that the organization starts with. A scenario in which accounts are
    created or join is not checked, because their ids are known only once it runs.
    """
    if any(action.named in ("create_account", "join_account") for _, action in _located_actions(scenario.steps)):
        return []
    known = members | {scenario.organization.management}
    in_steps = (
        found
        for location, action in _located_actions(scenario.steps)
        for found in _accounts_in_action(location, action)
    )
    named = [*_accounts_in_faults("faults", scenario.faults), *in_steps]
    return [
        f"{location}: {account} is no {'account' if of_fault else 'member account'} of this organization"
        for location, account, of_fault in named
        if account not in (known if of_fault else members)
    ]


def unknown_units(scenario: Scenario, paths: set[str]) -> list[str]:
    """List, one line each, the paths of steps that rename a unit which is nowhere: not at the start, nor made.

    `paths`: the units of the accounts that the organization starts with.
    """
    actions = list(_located_actions(scenario.steps))
    places = {action.body.ou for _, action in actions if action.named in _PLACED}
    renamed = {
        f"{action.body.ou.rpartition('/')[0]}/{action.body.name}"
        for _, action in actions
        if action.named == "rename_unit"
    }
    named = paths | places | renamed
    known = {
        "/".join(parts[:depth]) for path in named for parts in [path.split("/")] for depth in range(2, len(parts) + 1)
    }
    # A unit below one that was renamed has a path that stands nowhere in the file.
    below = tuple(f"{path}/" for path in renamed)
    return [
        f"{location}.rename_unit.ou: there is no unit {action.body.ou} in this organization"
        for location, action in actions
        if action.named == "rename_unit" and action.body.ou not in known and not action.body.ou.startswith(below)
    ]


def unknown_functions(scenario: Scenario, functions: Sequence[str]) -> list[str]:
    """List, one line each, the paths of faults in functions that the system does not have."""
    allowed = " or ".join(part for part in (", ".join(functions[:-1]), functions[-1]) if part)
    return [
        f"{location}.function: must be {allowed}"
        for location, fault in _located_faults(scenario)
        if isinstance(fault, CrashFault) and fault.function not in functions
    ]


def missing_stacks(scenario: Scenario, repository: Path) -> list[str]:
    """List, one line each, the paths that name a stack without a file: an engine would take it for an empty one."""
    named = [
        (f"{location}.{action.named}.stack", action.body.stack)
        for location, action in _located_actions(scenario.steps)
        if action.named in BY_THE_ENGINE and action.body.stack
    ]
    return [
        f"{location}: there is no file Pulumi.{stack}.yaml; {_stacks(repository)}"
        for location, stack in named
        if not (repository / f"Pulumi.{stack}.yaml").exists()
    ]


def _stacks(repository: Path) -> str:
    found = sorted(path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in repository.glob("Pulumi.*.yaml"))
    return f"stacks here: {', '.join(found)}" if found else "there is no stack file here"


def _located_actions(steps: list[Step]) -> Iterator[tuple[str, Action]]:
    """Yield every action, also those started together, with its path in the file."""
    for number, step in enumerate(steps):
        yield f"steps.{number}", step
        for inner, action in enumerate(step.at_once or []):
            yield f"steps.{number}.at_once.{inner}", action


def _located_faults(scenario: Scenario) -> Iterator[tuple[str, Fault]]:
    for number, fault in enumerate(scenario.faults):
        yield f"faults.{number}", fault
    for location, action in _located_actions(scenario.steps):
        if action.named == "fault":
            yield f"{location}.fault", action.body


def _accounts_in_action(location: str, action: Action) -> Iterator[tuple[str, str, bool]]:
    match action.named:
        case "close_account" | "reopen_account" | "leave_organization":
            yield f"{location}.{action.named}", action.body, False
        case "command":
            if isinstance(action.body, CommandStep) and action.body.account is not None:
                yield f"{location}.command.account", action.body.account, True
        case "edit_member" | "move_account" | "tag_account":
            yield f"{location}.{action.named}.account", action.body.account, False
        case "fault":
            yield from _accounts_in_faults(f"{location}.fault", [action.body], numbered=False)


def _accounts_in_faults(location: str, faults: list[Fault], numbered: bool = True) -> Iterator[tuple[str, str, bool]]:
    for number, fault in enumerate(faults):
        if isinstance(fault, CallFault) and fault.account not in (None, SOURCE):
            yield f"{location}.{number}.account" if numbered else f"{location}.account", fault.account, True
