"""The whole system as the program declares it."""

import json

import pytest

from orgsync.contact_sync.names import Entry, Env, discovery_parameter
from orgsync.shared.configuration import ConfigurationRefused


@pytest.fixture(scope="module")
def dev(declare):
    return declare("dev")


def test_every_function_gets_the_whole_environment(dev):
    """Code that runs finds every key that both sides share, in every function."""
    for function in dev.of("Function"):
        if function.type.startswith("aws:"):
            assert set(Env) <= set(function.inputs["environment"]["variables"])


def test_every_entry_point_is_declared_once(dev):
    """Each entry point that the code names is one function's handler."""
    handlers = [f.inputs["handler"] for f in dev.of("Function") if f.type.startswith("aws:")]
    assert sorted(handlers) == sorted(map(str, Entry))


def test_every_function_has_a_role_and_a_log_group_of_its_own(dev):
    """No function shares its rights, and none makes a log group that never expires."""
    functions = [f.inputs for f in dev.of("Function") if f.type.startswith("aws:")]
    assert len({f["role"] for f in functions}) == len(functions)
    groups = {g.inputs["name"]: g.inputs for g in dev.of("LogGroup")}
    for function in functions:
        group = groups[f"/aws/lambda/{function['name']}"]
        assert group["retentionInDays"] == 7
        assert group["kmsKeyId"]


def test_everything_that_keeps_data_is_under_our_key(dev):
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


def test_no_bell_is_lost_without_a_trace(dev):
    """Every target of a rule and of the schedule is tried again and has a dead-letter queue."""
    targets = [t.inputs for t in dev.of("EventTarget")] + [s.inputs["target"] for s in dev.of("Schedule")]
    assert len(targets) == 7
    for target in targets:
        assert target["deadLetterConfig"]["arn"]
        assert target["retryPolicy"] == {"maximumEventAgeInSeconds": 86400, "maximumRetryAttempts": 185}


def test_the_first_reconciliation_comes_last(dev):
    """The deploy's run starts when rules, schedule, rights and functions stand: no event falls between.

    Members' own events are not waited for; the daily pass covers what they would have told.
    """
    order = [resource.type for resource in dev if "member" not in resource.name]
    stack = order.index("aws:cloudformation/stack:Stack")
    for needed in ("EventTarget", "Schedule", "RolePolicy", "Function", "StateMachine", "Permission", "TopicPolicy"):
        last = max(i for i, kind in enumerate(order) if kind.endswith(f":{needed}") and kind.startswith("aws:"))
        assert last < stack, needed


def test_the_command_finds_the_stack_through_one_parameter(dev):
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


def test_production_is_protected_and_backed_up(declare):
    """Production's tables can be restored to a point in time and are not deleted by mistake."""
    for table in declare("prod").of("Table"):
        assert table.inputs["deletionProtectionEnabled"] is True
        assert table.inputs["pointInTimeRecovery"] == {"enabled": True}


def test_a_name_belongs_to_one_stack(declare, dev):
    """Two stacks of the project can stand in one account: no physical name is shared."""

    def names(program):
        return {
            (r.type, r.inputs["name"])
            for r in program
            if "name" in r.inputs and r.type != "aws:iam/rolePolicy:RolePolicy"
        }

    assert not names(dev) & names(declare("staging"))


def test_subscribers_of_the_stack_file_hear(declare):
    """Each subscription of the configuration is one of the topic's."""
    hears = [{"protocol": "email", "endpoint": "team@example.com"}, {"protocol": "sms", "endpoint": "+15550100"}]
    program = declare("dev", contact_sync={"notification_settings": {"subscriptions": hears}})
    declared = [{key: s.inputs[key] for key in ("protocol", "endpoint")} for s in program.of("TopicSubscription")]
    assert sorted(declared, key=str) == sorted(hears, key=str)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"contact_sync": {"exclude": []}}, "orgsync:contact_sync exclude: is not a key here; allowed: contact_types"),
        ({"contact_sync": {"excluded_accounts": ["12"]}}, "excluded_accounts.0: must be an account id of 12 digits"),
        ({"contact_sync": {"schedule": "daily"}}, "orgsync:contact_sync schedule: write rate"),
        ({"deployment": {"log_level": "LOUD"}}, "orgsync:deployment.log_level: Input should be 'DEBUG'"),
        (
            {"deployment": {"memory": {"plans": 1}}},
            "orgsync:deployment.memory.plans: is not a key here; allowed: deploy",
        ),
        ({"deployment": {"log_retention_days": 8}}, "orgsync:deployment.log_retention_days: CloudWatch Logs keeps one"),
    ],
)
def test_a_mistake_in_the_stack_file_fails_the_preview(declare, changes, said):
    """A wrong key, type or id is refused before anything is declared, with its path and what is allowed."""
    with pytest.raises(ConfigurationRefused) as refused:
        declare("dev", **changes)
    assert said in str(refused.value)


def test_a_configuration_that_no_template_can_hold_is_refused(declare):
    """CloudFormation takes some 50 KB; the remedy is not to name every account."""
    everyone = [f"{200_000_000_000 + number}" for number in range(4000)]
    with pytest.raises(ConfigurationRefused, match="exclude accounts by unit or tag"):
        declare("dev", contact_sync={"excluded_accounts": everyone})
