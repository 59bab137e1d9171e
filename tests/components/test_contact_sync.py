"""The whole system as the program declares it."""

import json
from typing import Any

import pytest
from pulumi.runtime import rpc

from orgsync.components.contact_sync import permissions
from orgsync.components.contact_sync.deployment import MemorySizes
from orgsync.components.shared.statements import Statement
from orgsync.contact_sync.config import parse
from orgsync.contact_sync.names import (
    CONFIGURATION_OBJECT,
    Env,
    FunctionName,
    batch_key,
    discovery_parameter,
    manifest_key,
    report_key,
)
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
        (
            {"contact_sync": {"schedule": "cron(0 6 * * ? 2020-2024)"}},
            "contact_sync.schedule: names days of the past only",
        ),
        (
            {"contact_sync": {"verify_config": {"delay": 60, "max_attempts": 4}}},
            "contact_sync: the waits of retry_config and verify_config for one account add up to 914 seconds, and 840",
        ),
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


def test_the_configuration_is_an_object_that_the_template_only_names(declare: Declare) -> None:
    """The content is a secret under the system's key; the custom resource has its key and its version, nothing else
    of it, and nothing that follows from it."""

    def handed_over(**document: Any) -> tuple[dict[str, Any], str]:
        program = declare("dev", contact_sync=document)
        body: str = program.one("Stack").inputs["templateBody"]
        return program.one("BucketObjectv2").inputs, body

    stored, body = handed_over(contact_types=["billing"], excluded_accounts=["200000000001"])
    other, same_body = handed_over(contact_types=["security"], excluded_tags={"team": "a"})
    assert body == same_body
    ((_, resource),) = json.loads(body)["Resources"].items()
    assert sorted(resource["Properties"]) == [
        "ConfigurationKey",
        "ConfigurationVersion",
        "FailOn",
        "ServiceTimeout",
        "ServiceToken",
        "Wait",
    ]
    assert resource["Properties"]["ConfigurationKey"] == stored["key"] == other["key"] == CONFIGURATION_OBJECT
    assert resource["Properties"]["ConfigurationVersion"] == "contact-sync-version"
    assert stored["serverSideEncryption"] == "aws:kms"
    assert stored["kmsKeyId"] == "arn:aws:any:us-east-1:100000000001:contact-sync"
    content = stored["content"]
    assert content[rpc._special_sig_key] == rpc._special_secret_sig
    assert json.loads(content["value"]) == {"contact_types": ["billing"], "excluded_accounts": ["200000000001"]}


def test_the_same_configuration_is_the_same_object(declare: Declare) -> None:
    """Order of keys and the engine's floats change nothing, so an unchanged deployment makes no version."""
    one = {"retry_config": {"max_attempts": 3, "base_delay": 2}, "paused": False}
    other = {"paused": False, "retry_config": {"base_delay": 2.0, "max_attempts": 3.0}}
    first, second = (declare("dev", contact_sync=document).one("BucketObjectv2") for document in (one, other))
    assert first.inputs == second.inputs


def test_configurations_outlive_what_expires_beside_them(dev: Program) -> None:
    """A stack may name a version for years, and a rollback the one before it: only what runs leave behind expires."""
    (bucket,) = [made for made in dev.of("Bucket") if made.type.startswith("aws:")]
    versioning = dev.one("BucketVersioning").inputs
    assert versioning["bucket"] == f"{bucket.name}-id"
    assert versioning["versioningConfiguration"] == {"status": "Enabled"}
    (rule,) = dev.one("BucketLifecycleConfiguration").inputs["rules"]
    prefix = rule["filter"]["prefix"]
    assert not CONFIGURATION_OBJECT.startswith(prefix)
    assert all(key.startswith(prefix) for key in (batch_key("r", 0), manifest_key("r"), report_key("r")))
    assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": 1}


def test_the_object_comes_after_the_buckets_versions(dev: Program) -> None:
    """An object from before has no version that a template could name."""
    order = [resource.type.rsplit(":", 1)[-1] for resource in dev if resource.type.startswith("aws:")]
    assert order.index("BucketVersioning") < order.index("BucketObjectv2") < order.index("Stack")


def test_a_configuration_that_the_table_cannot_hold_is_refused(declare: Declare) -> None:
    """DynamoDB takes 400 KB; the remedy is not to name every account."""

    def everyone(count: int) -> list[str]:
        return [f"{200_000_000_000 + number}" for number in range(count)]

    with pytest.raises(ConfigurationRefused, match=r"^contact_sync: has \d+ bytes .*exclude accounts by unit or tag"):
        declare("dev", contact_sync={"excluded_accounts": everyone(30_000)})
    parse({"excluded_accounts": everyone(20_000)})
