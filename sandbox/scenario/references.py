"""Accounts that a scenario speaks of although its organization has none such."""

from collections.abc import Iterator

from .model import Scenario
from .parts import CallFault, Fault
from .steps import Action, Step


def strangers(scenario: Scenario, members: set[str]) -> list[str]:
    """One line for each place that names an account nobody has.

    `members`: the ids that the organization starts with. A scenario in which accounts are
    created or join is not judged, because their ids are known only once it is played.
    """
    actions = [action for step in scenario.steps for action in (step, *(step.at_once or []))]
    if any(action.named in ("create_account", "join_account") for action in actions):
        return []
    faultable = members | {scenario.organization.management}
    named = [*_in_faults("faults", scenario.faults), *_in_steps(scenario.steps)]
    return [
        f"{place}: {account} is no {'account' if of_fault else 'member account'} of this organization"
        for place, account, of_fault in named
        if account not in (faultable if of_fault else members)
    ]


def _in_steps(steps: list[Step]) -> Iterator[tuple[str, str, bool]]:
    for number, step in enumerate(steps):
        yield from _in_action(f"steps.{number}", step)
        for inner, action in enumerate(step.at_once or []):
            yield from _in_action(f"steps.{number}.at_once.{inner}", action)


def _in_action(place: str, action: Action) -> Iterator[tuple[str, str, bool]]:
    match action.named:
        case "close_account":
            yield f"{place}.close_account", action.body, False
        case "edit_member" | "move_account" | "tag_account":
            yield f"{place}.{action.named}.account", action.body.account, False
        case "fault":
            yield from _in_faults(f"{place}.fault", [action.body], numbered=False)


def _in_faults(place: str, faults: list[Fault], numbered: bool = True) -> Iterator[tuple[str, str, bool]]:
    for number, fault in enumerate(faults):
        if isinstance(fault, CallFault) and fault.account is not None:
            yield f"{place}.{number}.account" if numbered else f"{place}.account", fault.account, True
