"""Descriptions of a scenario for the progress output; never a contact's value."""

from collections.abc import Mapping
from typing import Any

from orgsync.sandbox.cloud.faults import SOURCE
from orgsync.sandbox.rehearsal.model import Scenario
from orgsync.sandbox.rehearsal.parts import CallFault, Count, CountRange, Fault
from orgsync.sandbox.rehearsal.steps import Action, CommandStep, Step


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
        *([f"lag: {scenario.lag_s:g} s after a write"] if scenario.lag_s else []),
        *_describe_administration(scenario),
        *(f"fault: {describe_fault(fault)}" for fault in scenario.faults),
    ]


def _describe_administration(scenario: Scenario) -> list[str]:
    part = scenario.organization
    delegated = ", ".join(part.delegated_administrators)
    return [
        *([] if part.trusted_access else ["trusted access for Account Management: missing"]),
        *([] if part.features == "all" else ["features: consolidated billing only"]),
        *([f"delegated administrators: {delegated}"] if delegated else []),
    ]


def describe_fault(fault: Fault) -> str:
    """Describe a fault: `PutAlternateContact answers AccessDeniedException for 200000000001, 3 times`."""
    limit = f", {fault.times} time{'s' if fault.times != 1 else ''}" if fault.times else ""
    limit += f", for {fault.for_s:g} s" if fault.for_s else ""
    if isinstance(fault, CallFault):
        operation = "every call" if fault.operation == "*" else fault.operation
        whose = "the source" if fault.account == SOURCE else fault.account
        account = f" for {whose}" if fault.account else ""
        rate = f", {fault.rate:.0%} of the time" if fault.rate else ""
        written = " although it has written" if fault.written else ""
        return f"{operation} answers {fault.error}{account}{written}{rate}{limit}"
    rate = f", {fault.rate:.0%} of the time" if fault.rate else ""
    return f"{fault.function} dies {fault.crash} its work{rate}{limit}"


def describe_count(count: Count, what: str) -> str:
    """Describe an expected number of things: `exactly 1 run`, `at most 2 runs`, `1 to 3 writes`."""
    if not isinstance(count, CountRange):
        return f"exactly {_number(count, what)}" if count else f"no {what}"
    if count.at_most is None:
        return f"at least {_number(count.at_least, what)}"
    if not count.at_least:
        return f"at most {_number(count.at_most, what)}"
    return f"{count.at_least} to {_number(count.at_most, what)}"


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count != 1 else ''}"


def describe_step(step: Action) -> str:
    """Describe in one line what a step or an action does."""
    if isinstance(step, Step) and step.at_once:
        return f"at once: {len(step.at_once)} steps ({', '.join(sorted({one.named for one in step.at_once}))})"
    return _describe_action(step)


def _describe_action(action: Action) -> str:
    body: Any = action.body
    match action.named:
        case "edit_source":
            return f"edit_source: {_kinds(body.given())} via {body.via}"
        case "edit_member":
            return f"edit_member: {_kinds(body.given())} of {body.account} via {body.via}"
        case "command":
            return f"command: {body if isinstance(body, str) else _describe_command(body)}"
        case "event":
            return f"event: {body.detail_type} from {body.source}" + (f", {body.times} times" if body.times > 1 else "")
        case "fault":
            return f"fault: {describe_fault(body)}"
        case "wait":
            return f"wait: {body.seconds:g} s"
        case "deploy" | "preview":
            return f"{action.named}: stack {body.stack}"
    return _describe_organization(action)


def _describe_organization(action: Action) -> str:
    """Describe an action that changes the organization; one without details is its name."""
    body: Any = action.body
    match action.named:
        case "create_account" | "join_account":
            later = f", moved there {body.moved_after_s:g} s later" if body.moved_after_s else ""
            return f"{action.named}: {body.name} in {body.ou}{later}"
        case "close_account" | "reopen_account" | "leave_organization":
            return f"{action.named}: {body}"
        case "move_account":
            return f"move_account: {body.account} to {body.ou}"
        case "tag_account":
            return f"tag_account: {body.account}"
        case "rename_unit":
            return f"rename_unit: {body.ou} to {body.name}"
    return action.named


def _describe_command(command: CommandStep) -> str:
    who = "as a reader" if command.rights == "reader" else ""
    where = f"in account {command.account}" if command.account else ""
    right = f"exit code {command.exit} is right" if command.exit else ""
    added = ", ".join(part for part in (who, where, right) if part)
    return f"{command.run} ({added})" if added else command.run


def _kinds(given: Mapping[str, Any]) -> str:
    return ", ".join(f"{kind}{' deleted' if fields is None else ''}" for kind, fields in given.items())


def describe_calls(calls: Mapping[str, Mapping[str, int]]) -> str:
    """Count the calls about members' contacts so far: `1,204 reads, 80 writes, 3 throttled`."""
    reads = sum(count["made"] for operation, count in calls.items() if operation.startswith("Get"))
    writes = sum(count["made"] for operation, count in calls.items() if not operation.startswith("Get"))
    throttled = sum(count["throttled"] for count in calls.values())
    return f"{reads:,} reads, {writes:,} writes" + (f", {throttled:,} throttled" if throttled else "")
