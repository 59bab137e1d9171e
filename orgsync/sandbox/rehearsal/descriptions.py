"""Descriptions of a scenario for the progress output; never a contact's value."""

from collections.abc import Mapping
from typing import Any

from orgsync.sandbox.rehearsal.model import Scenario
from orgsync.sandbox.rehearsal.parts import CallFault, Fault
from orgsync.sandbox.rehearsal.steps import Action, Step


def describe_conditions(scenario: Scenario, pace: str) -> list[str]:
    """Describe the conditions of the rehearsal, one line each; `pace` describes the system's own."""
    match scenario.quotas:
        case "off":
            quotas = f"off; {pace}"
        case "aws":
            quotas = f"as AWS has them; {pace}"
        case named:
            quotas = f"as the scenario says, {pace}: " + ", ".join(
                f"{operation} {quota.rate:g}/s burst {quota.burst:g}" for operation, quota in named.items()
            )
    accounts = scenario.organization.accounts
    count = accounts if isinstance(accounts, int) else len(accounts)
    latency = [f"latency: {scenario.latency_ms:g} ms a call"] if scenario.latency_ms else []
    return [
        f"organization: {count} member account{'s' if count != 1 else ''}",
        f"quotas: {quotas}",
        *latency,
        *(f"fault: {describe_fault(fault)}" for fault in scenario.faults),
    ]


def describe_fault(fault: Fault) -> str:
    """Describe a fault: `PutAlternateContact answers AccessDeniedException for 200000000001, 3 times`."""
    limit = f", {fault.times} time{'s' if fault.times != 1 else ''}" if fault.times else ""
    if isinstance(fault, CallFault):
        operation = "every call" if fault.operation == "*" else fault.operation
        account = f" for {fault.account}" if fault.account else ""
        rate = f", {fault.rate:.0%} of the time" if fault.rate else ""
        return f"{operation} answers {fault.error}{account}{rate}{limit}"
    rate = f", {fault.rate:.0%} of the time" if fault.rate else ""
    return f"{fault.function} dies {fault.crash} its work{rate}{limit}"


def describe_step(step: Step) -> str:
    """Describe in one line what a step does."""
    if step.at_once:
        return f"at once: {len(step.at_once)} steps ({', '.join(sorted({one.named for one in step.at_once}))})"
    return _describe_action(step)


def _describe_action(action: Action) -> str:
    body: Any = action.body
    match action.named:
        case "edit_source":
            return f"edit_source: {_kinds(body.given())} via {body.via}"
        case "edit_member":
            return f"edit_member: {_kinds(body.given())} of {body.account} via {body.via}"
        case "create_account" | "join_account":
            return f"{action.named}: {body.name} in {body.ou}"
        case "close_account" | "command":
            return f"{action.named}: {body}"
        case "move_account":
            return f"move_account: {body.account} to {body.ou}"
        case "tag_account":
            return f"tag_account: {body.account}"
        case "event":
            return f"event: {body.detail_type} from {body.source}" + (f", {body.times} times" if body.times > 1 else "")
        case "fault":
            return f"fault: {describe_fault(body)}"
        case "deploy" | "preview":
            return f"{action.named}: stack {body.stack}"
    return action.named


def _kinds(given: Mapping[str, Any]) -> str:
    return ", ".join(f"{kind}{' deleted' if fields is None else ''}" for kind, fields in given.items())


def describe_calls(calls: Mapping[str, Mapping[str, int]]) -> str:
    """Count the calls about members' contacts so far: `1,204 reads, 80 writes, 3 throttled`."""
    reads = sum(count["made"] for operation, count in calls.items() if operation.startswith("Get"))
    writes = sum(count["made"] for operation, count in calls.items() if not operation.startswith("Get"))
    throttled = sum(count["throttled"] for count in calls.values())
    return f"{reads:,} reads, {writes:,} writes" + (f", {throttled:,} throttled" if throttled else "")
