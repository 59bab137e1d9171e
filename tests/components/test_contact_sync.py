"""The whole system as the program declares it."""

import json
from typing import Any

import pytest

from orgsync.components.contact_sync import permissions
from orgsync.components.contact_sync.deployment import MemorySizes
from orgsync.components.shared.statements import Statement
from orgsync.contact_sync.names import Env, FunctionName, discovery_parameter
from orgsync.shared.configuration import ConfigurationRefused
from tests.components.program import ROOT, Declare, Program


@pytest.fixture(scope="module")
def dev(declare: Declare) -> Program:
    return declare("dev")


def test_every_function_gets_the_whole_environment(dev: Program) -> None:
    """Code that runs finds every key that both sides share, in every function."""
    for function in dev.of("Function"):
        if function.type.startswith("aws:"):
            assert set(Env) <= set(function.inputs["environment"]["variables"])


def test_every_entry_point_is_declared_once(dev: Program) -> None:
    """Each entry point that the code names is one function's handler."""
    handlers = [f.inputs["handler"] for f in dev.of("Function") if f.type.startswith("aws:")]
    assert sorted(handlers) == sorted(function.handler for function in FunctionName)


def test_the_functions_stand_in_one_table(dev: Program) -> None:
    """Memory sizes, permissions, handler files and physical names are those of `FunctionName`, no more and no fewer."""
    modules = {function.module for function in FunctionName}
    assert set(MemorySizes.model_fields) == modules
    assert _functions_with_permissions() == modules
    files = (ROOT / "handlers" / "contact_sync").glob("*.py")
    assert {file.stem for file in files} - {"__init__"} == modules
    physical = {f.inputs["name"] for f in dev.of("Function") if f.type.startswith("aws:")}
    assert physical == {f"orgsync-dev-contact-sync-{function}" for function in FunctionName}


def _functions_with_permissions() -> set[str]:
    """Return what in the module of permissions makes a function's statements."""
    return {
        name
        for name, made in vars(permissions).items()
        if getattr(made, "__module__", "") == permissions.__name__
        and getattr(made, "__annotations__", {}).get("return") == list[Statement]
    }


def test_every_function_has_a_role_and_a_log_group_of_its_own(dev: Program) -> None:
    """No function shares its permissions, and none makes a log group that never expires."""
    functions = [f.inputs for f in dev.of("Function") if f.type.startswith("aws:")]
    assert len({f["role"] for f in functions}) == len(functions)
    groups = {g.inputs["name"]: g.inputs for g in dev.of("LogGroup")}
    for function in functions:
        group = groups[f"/aws/lambda/{function['name']}"]
        assert group["retentionInDays"] == 7
        assert group["kmsKeyId"]


def test_everything_that_keeps_data_is_under_our_key(dev: Program) -> None:
    """Tables, bucket, queues, topic and logs are encrypted with the system's own rotating key."""
    key = dev.one("Key").inputs
    assert key["enableKeyRotation"] is True
    under = [t.inputs["serverSideEncryption"]["kmsKeyArn"] for t in dev.of("Table")]
    under += [q.inputs["kmsMasterKeyId"] for q in dev.of("Queue")]
    under += [t.inputs["kmsMasterKeyId"] for t in dev.of("Topic")]
    under += [g.inputs["kmsKeyId"] for g in dev.of("LogGroup")]
    (rule,) = dev.one("BucketServerSideEncryptionConfiguration").inputs["rules"]
    under.append(rule["applyServerSideEncryptionByDefault"]["kmsMasterKeyId"])
    assert set(under) == {"arn:aws:any:us-east-1:100000000001:contact-sync"}
    assert len(under) == 2 + 2 + 1 + 5 + 1


def test_no_event_is_lost_without_a_trace(dev: Program) -> None:
    """Every target of a rule and of the schedule is tried again and has a dead-letter queue."""
    targets = [t.inputs for t in dev.of("EventTarget")] + [s.inputs["target"] for s in dev.of("Schedule")]
    assert len(targets) == 8
    for target in targets:
        assert target["deadLetterConfig"]["arn"]
        assert target["retryPolicy"] == {"maximumEventAgeInSeconds": 86400, "maximumRetryAttempts": 185}


def test_the_initial_sync_comes_last(dev: Program) -> None:
    """The initial sync starts when rules, schedule, permissions and functions stand: no event falls between.

    Members' own events are not waited for; the daily pass covers what they would have reported.
    """
    order = [resource.type for resource in dev if "member" not in resource.name]
    stack = order.index("aws:cloudformation/stack:Stack")
    for needed in ("EventTarget", "Schedule", "RolePolicy", "Function", "StateMachine", "Permission", "TopicPolicy"):
        last = max(i for i, kind in enumerate(order) if kind.endswith(f":{needed}") and kind.startswith("aws:"))
        assert last < stack, needed


def test_the_command_finds_the_stack_through_one_parameter(dev: Program) -> None:
    """The parameter of the system's prefix holds its stack and the physical names that the command needs."""
    parameter = dev.one("Parameter").inputs
    assert parameter["name"] == discovery_parameter("orgsync-dev-contact-sync")
    found = json.loads(parameter["insecureValue"])
    assert set(found) == {
        "stack",
        "state_machine_arn",
        "config_table",
        "state_table",
        "run_bucket",
        "topic_arn",
        "functions",
    }
    assert found["functions"]["plan"] == "orgsync-dev-contact-sync-plan"


def test_production_is_protected_and_backed_up(declare: Declare) -> None:
    """Production's tables can be restored to a point in time and are not deleted by mistake."""
    for table in declare("prod").of("Table"):
        assert table.inputs["deletionProtectionEnabled"] is True
        assert table.inputs["pointInTimeRecovery"] == {"enabled": True}


def test_a_name_belongs_to_one_stack(declare: Declare, dev: Program) -> None:
    """Two stacks of the project can stand in one account: no physical name is shared."""

    def names(program: Program) -> set[tuple[str, str]]:
        return {
            (r.type, r.inputs["name"])
            for r in program
            if "name" in r.inputs and r.type != "aws:iam/rolePolicy:RolePolicy"
        }

    assert not names(dev) & names(declare("staging"))


def test_subscribers_of_the_stack_file_are_subscribed(declare: Declare) -> None:
    """Each subscription of the configuration is one of the topic's."""
    wanted = [{"protocol": "email", "endpoint": "team@example.com"}, {"protocol": "sms", "endpoint": "+15550100"}]
    program = declare("dev", contact_sync={"notification_settings": {"subscriptions": wanted}})
    declared = [{key: s.inputs[key] for key in ("protocol", "endpoint")} for s in program.of("TopicSubscription")]
    assert sorted(declared, key=str) == sorted(wanted, key=str)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"contact_sync": {"exclude": []}}, "contact_sync.exclude: is not a key here; allowed: contact_types"),
        (
            {"contact_sync": {"excluded_accounts": ["12"]}},
            "contact_sync.excluded_accounts.0: must be an account id of 12 digits",
        ),
        ({"contact_sync": {"schedule": "daily"}}, "contact_sync.schedule: write rate"),
        ({"deployment": {"log_level": "LOUD"}}, "deployment.log_level: must be DEBUG"),
        (
            {"deployment": {"memory": {"plans": 1}}},
            "deployment.memory.plans: is not a key here; allowed: initial_sync, plan",
        ),
        ({"deployment": {"log_retention_days": 8}}, "deployment.log_retention_days: CloudWatch Logs keeps one"),
    ],
)
def test_a_mistake_in_the_stack_file_fails_the_preview(declare: Declare, changes: dict[str, Any], said: str) -> None:
    """A wrong key, type or id is refused before anything is declared, with its path and what is allowed."""
    with pytest.raises(ConfigurationRefused) as refused:
        declare("dev", **changes)
    assert str(refused.value).startswith(said)


def test_a_configuration_that_no_template_can_hold_is_refused(declare: Declare) -> None:
    """CloudFormation takes some 50 KB; the remedy is not to name every account."""
    everyone = [f"{200_000_000_000 + number}" for number in range(4000)]
    with pytest.raises(ConfigurationRefused, match="exclude accounts by unit or tag"):
        declare("dev", contact_sync={"excluded_accounts": everyone})
