"""Public names: every name that somebody outside may rely on, in one document.

From the first release on they are an interface: alarms, queries, policies, scripts and other
stacks are built on them. `python -m tools.public_names` writes the document anew.
"""

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from enum import Enum
from pathlib import Path
from types import NoneType, SimpleNamespace
from typing import Annotated, Any, Literal, get_args, get_origin
from unittest.mock import patch

import click
from click.testing import CliRunner
from pydantic import BaseModel

from orgsync.cli.main import main
from orgsync.components.contact_sync.arguments import InitialSyncResult
from orgsync.components.contact_sync.deployment import Deployment
from orgsync.components.contact_sync.initial_sync import ATTRIBUTES
from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.core.run import Run, RunStatus
from orgsync.contact_sync.names import (
    CONFIGURATION_OBJECT,
    Cause,
    Kind,
    Metric,
    OwnEvent,
    batch_key,
    manifest_key,
    report_key,
    skipped_key,
)
from orgsync.shared.names import EVENT_SOURCE, METRIC_NAMESPACE
from tests.components.program import Declared, Program, declarer

ROOT = Path(__file__).parents[1]
FILE = ROOT / "tests" / "components" / "public_names.json"

EVERYTHING: dict[str, Any] = {
    "contact_sync": {
        "notification_settings": {
            "fallback_sns_topic": "arn:aws:sns:us-east-1:100000000001:central",
            "slack_channels": [{"workspace": "T0123ABCDE", "channel": "C0123ABCDE"}],
            "teams_channels": [
                {
                    "tenant": "0a1b2c3d-0000-4000-8000-000000000001",
                    "team": "0a1b2c3d-0000-4000-8000-000000000002",
                    "channel": "19%3aabcdef%40thread.tacv2",
                }
            ],
            "subscriptions": [{"protocol": "email", "endpoint": "all@example.com"}],
            "user_notifications_config": {"email_contacts": [{"address": "desk@example.com"}]},
        }
    },
    "deployment": {"trail": True, "tracing": True},
}
"""A stack file in which everything is declared that can be."""

REHEARSAL = """
name: public names
organization: {accounts: 2, seed: 1}
expect: any
faults: [{operation: PutAlternateContact, account: "200000000002", error: AccessDeniedException}]
steps:
  - deploy: {}
    expect_runs: 1
  - event:
      source: aws.account
      detail-type: AWS API Call via CloudTrail
      detail:
        eventSource: account.amazonaws.com
        eventName: PutContactInformation
        recipientAccountId: "999999999999"
        requestParameters: {}
  - command: orgsync status
  - destroy: {}
"""
"""A rehearsal whose report has an entry in every list."""

NAMES = ("name", "layerName", "dashboardName", "configurationName", "targetId")
"""Inputs that hold a resource's physical name."""

# Keys of a report that are data, by the key above them.
DATA = {
    "contacts": "<account>",
    "accounts": "<account>",
    "calls": "<operation>",
    "dead_letters": "<queue>",
    "resources": "<change>",
}
KINDS = frozenset(Kind)

AT = "2026-11-01T10:00:00.000Z"
RUN = Run("run-1", Cause.SCHEDULE, AT, AT, status=RunStatus.COMPLETED, ended=AT, counts=dict.fromkeys(Status, 1))
RECEIPTS = [
    Receipt("200000000001", Kind.BILLING, Status.SUCCESS, AT, changed=("Name",)),
    Receipt("200000000002", Kind.BILLING, Status.FAILED, AT, error="AccessDenied"),
    Receipt("200000000003", Kind.BILLING, Status.SKIPPED, AT, error="Excluded", excluded_by=("tag contacts=own",)),
]


def public_names() -> dict[str, Any]:
    """Return the document: sections of names, each sorted."""
    with tempfile.TemporaryDirectory() as folder:
        declare = declarer(Path(folder))
        program, elsewhere = declare(**EVERYTHING), declare(region="eu-west-1")
    machine = json.loads(program.one("StateMachine").inputs["definition"])
    return {
        "component types": sorted({made.type for made in [*program, *elsewhere] if made.type.startswith("orgsync:")}),
        "outputs": {
            "of the stack": sorted(program.outputs),
            "of initial_sync": sorted(InitialSyncResult.__annotations__),
            "of the custom resource": sorted(ATTRIBUTES),
        },
        "configuration": {
            "contact_sync": sorted(_keys(ContactSyncConfig)),
            "deployment": sorted(_keys(Deployment)),
        },
        "commands": dict(_commands(main, "orgsync")),
        "documents of --json": {
            "orgsync plan": _plan(),
            "orgsync status": _rendered("status"),
            "orgsync status RUN_ID": _rendered("status", "run-1"),
            "orgsync sync": _rendered("sync"),
            "orgsync sync --no-wait": _rendered("sync", "--no-wait"),
            "orgsync sandbox run": _rehearsal(),
        },
        "resources": _resources(program),
        "resources of a stack in another region": _resources(elsewhere, without=_resources(program)),
        "queues": _physical([program, elsewhere], "Queue"),
        "alarms": _physical([program, elsewhere], "MetricAlarm"),
        "metrics": {METRIC_NAMESPACE: sorted(Metric)},
        "policies of roles": _policies_of_roles([program, elsewhere]),
        "policies of resources": _policies_of_resources([program, elsewhere]),
        "resources in members": _in_members(program),
        "custom resource": _custom_resource(program),
        "environment of functions": _environment(program),
        "states": dict(_states(machine)),
        "execution input": {
            "from a rule": _inputs_of_rules(program),
            "our own": {"source": EVENT_SOURCE, "detail-type": sorted(OwnEvent)},
            "the schedule's": sorted(_shape(json.loads(program.one("Schedule").inputs["target"]["input"]))),
        },
        "discovery parameter": sorted(_shape(json.loads(program.one("Parameter").inputs["insecureValue"]))),
        "objects in the run bucket": [
            CONFIGURATION_OBJECT,
            batch_key("<run>", 0),
            manifest_key("<run>"),
            report_key("<run>"),
            skipped_key("<run>"),
        ],
    }


def _resources(program: Program, without: Mapping[str, Any] | None = None) -> dict[str, str | None]:
    """Return the physical name of each resource by type and logical name; None for one that has none of its own."""
    found = {f"{made.type} {made.name}": _name(made) for made in program if not made.type.startswith("orgsync:")}
    return {key: found[key] for key in sorted(found) if key not in (without or {})}


def _name(made: Declared) -> str | None:
    if made.type == "aws:s3/bucket:Bucket":
        return str(made.inputs["bucket"])
    return next((str(made.inputs[key]) for key in NAMES if key in made.inputs), None)


def _physical(programs: list[Program], kind: str) -> list[str]:
    return sorted({str(made.inputs["name"]) for program in programs for made in program.of(kind)})


def _policies_of_roles(programs: list[Program]) -> dict[str, dict[str, list[str]]]:
    """Return the Sids of each policy of each role."""
    roles = {str(made.inputs["name"]) for program in programs for made in program.of("Role")}
    sids: dict[str, dict[str, set[str]]] = {role: defaultdict(set) for role in sorted(roles)}
    for made in (made for program in programs for made in program.of("RolePolicy")):
        sids[made.inputs["role"]][made.inputs["name"]] |= set(_sids(made.inputs["policy"]))
    return {role: {name: sorted(found) for name, found in policies.items()} for role, policies in sids.items()}


def _policies_of_resources(programs: list[Program]) -> dict[str, list[str]]:
    """Return the Sids of each policy of a resource, in whichever stack it has them."""
    found: dict[str, set[str]] = defaultdict(set)
    for made in (made for program in programs for made in program):
        if "policy" in made.inputs and made.type != "aws:iam/rolePolicy:RolePolicy":
            found[f"{made.type} {made.name}"] |= set(_sids(made.inputs["policy"]))
    return {key: sorted(found[key]) for key in sorted(found)}


def _sids(policy: str) -> list[str]:
    return sorted(statement["Sid"] for statement in json.loads(policy)["Statement"])


def _in_members(program: Program) -> dict[str, str]:
    """Return the names that the stack set gives to what it makes in a member account."""
    made = json.loads(program.one("StackSet").inputs["templateBody"])["Resources"]
    role, rule = made["Role"]["Properties"], made["Rule"]["Properties"]
    return {
        "role": role["RoleName"],
        "policy of the role": role["Policies"][0]["PolicyName"],
        "rule": rule["Name"],
        "target of the rule": rule["Targets"][0]["Id"],
    }


def _custom_resource(program: Program) -> dict[str, Any]:
    (stack,) = [made for made in program if made.type == "aws:cloudformation/stack:Stack"]
    ((logical, resource),) = json.loads(stack.inputs["templateBody"])["Resources"].items()
    return {"logical id": logical, "type": resource["Type"], "properties": sorted(resource["Properties"])}


def _environment(program: Program) -> list[str]:
    functions = [made for made in program if made.type == "aws:lambda/function:Function"]
    return sorted({name for made in functions for name in made.inputs["environment"]["variables"]})


def _states(machine: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Yield every state's name with the keys of the payload that it sends to a function."""
    for name, state in machine["States"].items():
        payload = state.get("Parameters", {}).get("Payload", {})
        yield name, sorted(key.removesuffix(".$") for key in payload)
        if "ItemProcessor" in state:
            yield from _states(state["ItemProcessor"])


def _inputs_of_rules(program: Program) -> dict[str, list[str]]:
    transformed = {
        made.inputs["targetId"]: made.inputs["inputTransformer"]["inputTemplate"]
        for made in program.of("EventTarget")
        if made.inputs.get("inputTransformer")
    }
    return {rule: sorted(_shape(json.loads(transformed[rule]))) for rule in sorted(transformed)}


def _commands(command: click.Command, path: str) -> Iterator[tuple[str, list[str]]]:
    """Yield every verb with its arguments and options."""
    yield path, sorted(_parameter(parameter) for parameter in command.params)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in sorted(command.list_commands(context)):
            if inner := command.get_command(context, name):
                yield from _commands(inner, f"{path} {name}")


def _parameter(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Argument):
        return str(parameter.human_readable_name)
    choices = f" {'|'.join(parameter.type.choices)}" if isinstance(parameter.type, click.Choice) else ""
    return "/".join([*parameter.opts, *parameter.secondary_opts]) + choices


def _keys(model: type[BaseModel], path: str = "") -> Iterator[str]:
    """Yield the keys of a document at every depth, with the values that a key may have where they are listed."""
    for name, field in model.model_fields.items():
        yield from _below(field.annotation, f"{path}{field.alias or name}")


def _below(annotation: Any, path: str) -> Iterator[str]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from _below(arguments[0], path)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from _keys(annotation, f"{path}.")
    elif isinstance(annotation, type) and issubclass(annotation, Enum):
        yield f"{path}: {' | '.join(str(value.value) for value in annotation)}"
    elif origin is Literal:
        yield f"{path}: {' | '.join(map(str, arguments))}"
    elif origin in (tuple, list):
        yield from _below(arguments[0], f"{path}[]")
    elif isinstance(origin, type) and issubclass(origin, Mapping):
        if isinstance(arguments[0], type) and issubclass(arguments[0], Enum):
            yield from _below(arguments[0], f"{path}.<key>")
        yield from _below(arguments[1], f"{path}.<key>")
    elif some := [argument for argument in arguments if argument is not NoneType]:
        for argument in some:
            yield from _below(argument, path)
    else:
        yield path


def _plan() -> list[str]:
    async def dry_run(*_: Any) -> list[Receipt]:
        return RECEIPTS

    with patch("orgsync.cli.plan.dry_run", dry_run):
        return _rendered("plan")


def _rendered(*command: str) -> list[str]:
    """Return the shape of what a command prints of a stack that has one run."""
    configs = SimpleNamespace(current=lambda: (1, ContactSyncConfig()))
    states = SimpleNamespace(
        run=lambda run_id: replace(RUN, run_id=run_id),
        runs_of=lambda _day: [RUN],
        receipts=lambda _id: RECEIPTS,
    )
    executions = SimpleNamespace(start=lambda _id, _event: None)
    stack = SimpleNamespace(
        name="dev",
        management="100000000001",
        operator="arn",
        configs=configs,
        states=states,
        executions=executions,
        check_accounts=lambda _ids: None,
    )
    verb = command[0] if command[0] == "plan" else "operate"
    with patch(f"orgsync.cli.{verb}.find", lambda _name: stack):
        done = CliRunner().invoke(main, [*command, "--json"])
    return sorted(_shape(json.loads(done.stdout)))


def _rehearsal() -> list[str]:
    """Return the shape of a rehearsal's report."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "names.yaml"
        file.write_text(REHEARSAL)
        command = [sys.executable, "-m", "orgsync.cli", "sandbox", "run", str(file), "--engine", "inline", "--json"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the rehearsal of the names failed: {done.stderr}")
    return sorted(_shape(json.loads(done.stdout)))


def _shape(value: Any, path: str = "") -> set[str]:
    """Return the paths of a document's keys: `[]` stands for the entries of a list, `<...>` for keys that are data."""
    if isinstance(value, list):
        return {found for item in value for found in _shape(item, f"{path}[]")} or {f"{path}[]"}
    # A contact's own fields are AWS's.
    if not isinstance(value, dict) or path.rpartition(".")[2] in KINDS:
        return {path}
    data = DATA.get(path.rpartition(".")[2])
    found = {
        below for key, item in value.items() for below in _shape(item, f"{path}.{data or key}" if path else str(key))
    }
    return found or {path}


def text() -> str:
    """Return the document as it stands in the file."""
    return json.dumps(public_names(), indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
