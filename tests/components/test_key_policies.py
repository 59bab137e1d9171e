"""Policies of keys: whoever delivers something that a key protects is let in, and nobody else."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

import pytest

from orgsync.components.contact_sync.resource_policies import key_policy, queue_key_policy
from orgsync.components.shared.stack_context import StackContext
from tests.components.program import MANAGEMENT, ORGANIZATION, Declare, Declared, Program

HOME = "us-east-1"
MEMBER = "200000000001"
SLACK = {"workspace": "T0123ABCDE", "channel": "C0123ABCDE", "severities": ["high", "low"]}


@dataclass(frozen=True)
class Delivery:
    """A service that encrypts something under a key, and what it acts for."""

    service: str
    source: str
    account: str = MANAGEMENT

    def is_let_in_by(self, statement: dict[str, Any]) -> bool:
        """Return whether a key's statement is for this service and its conditions hold."""
        if statement["Principal"] != {"Service": self.service}:
            return False
        conditions = statement["Condition"]
        patterns = [[value] if isinstance(value, str) else value for value in conditions["ArnLike"].values()]
        like = all(any(fnmatchcase(self.source, pattern) for pattern in several) for several in patterns)
        named = {"aws:SourceAccount": self.account, "aws:SourceOrgID": ORGANIZATION}
        return like and all(named[key] == value for key, value in conditions.get("StringEquals", {}).items())


def deliveries(program: Program, key: Declared, region: str) -> Iterator[Delivery]:
    """Yield every delivery of what the program declared that ends in something under this key."""
    here = key.inputs.get("region", region)
    arn = f"arn:aws:any:us-east-1:{MANAGEMENT}:{key.name}"
    under = {
        f"arn:aws:any:us-east-1:{MANAGEMENT}:{made.name}"
        for kind in ("Queue", "Topic")
        for made in program.of(kind)
        if made.inputs.get("kmsMasterKeyId") == arn
    }
    for alarm in program.of("MetricAlarm"):
        if under & {*alarm.inputs.get("alarmActions", ()), *alarm.inputs.get("okActions", ())}:
            yield Delivery("cloudwatch.amazonaws.com", f"arn:aws:cloudwatch:{here}:{MANAGEMENT}:alarm:{_name(alarm)}")
    for target in program.of("EventTarget"):
        if under & {target.inputs["arn"], target.inputs["deadLetterConfig"]["arn"]}:
            bus, rule = target.inputs.get("eventBusName"), target.inputs["rule"]
            path = f"{bus}/{rule}" if bus else rule
            yield Delivery("events.amazonaws.com", f"arn:aws:events:{here}:{MANAGEMENT}:rule/{path}")
    for group in program.of("LogGroup"):
        if group.inputs["kmsKeyId"] == arn:
            yield Delivery(f"logs.{here}.amazonaws.com", f"arn:aws:logs:{here}:{MANAGEMENT}:log-group:{_name(group)}")
    for trail in program.of("Trail"):
        if trail.inputs.get("kmsKeyId") == arn:
            yield Delivery("cloudtrail.amazonaws.com", f"arn:aws:cloudtrail:{here}:{MANAGEMENT}:trail/{_name(trail)}")
    queues = {_name(queue) for queue in program.of("Queue") if queue.inputs["kmsMasterKeyId"] == arn}
    for stack_set in program.of("StackSet"):
        rule = json.loads(stack_set.inputs["templateBody"])["Resources"]["Rule"]["Properties"]
        for member in rule["Targets"]:
            if member["DeadLetterConfig"]["Arn"].rsplit(":", 1)[-1] in queues:
                yield Delivery("events.amazonaws.com", f"arn:aws:events:{here}:{MEMBER}:rule/{rule['Name']}", MEMBER)


def _name(made: Declared) -> str:
    name: str = made.inputs["name"]
    return name


@pytest.mark.parametrize("region", [HOME, "eu-west-1"])
@pytest.mark.parametrize("member_events", [True, False])
@pytest.mark.parametrize("trail", [True, False])
def test_every_delivery_is_let_in_and_nothing_else(
    declare: Declare, region: str, member_events: bool, trail: bool
) -> None:
    """Each key's policy has a statement for each delivery into what it protects, and each statement has a delivery."""
    program = declare(
        "dev",
        region=region,
        deployment={"member_events": member_events, "trail": trail},
        contact_sync={"notification_settings": {"slack_channels": [SLACK]}},
    )
    keys = program.of("Key")
    assert len(keys) == (1 if region == HOME else 2)
    for key in keys:
        statements = [s for s in json.loads(key.inputs["policy"])["Statement"] if "Service" in s["Principal"]]
        made = list(deliveries(program, key, region))
        assert made
        assert [one for one in made if not any(one.is_let_in_by(statement) for statement in statements)] == []
        # A look at the key itself has no encryption context, and is CloudTrail's alone.
        idle = [s["Sid"] for s in statements if not any(one.is_let_in_by(s) for one in made)]
        assert idle == []


@pytest.mark.parametrize("missing", ["Alarms", "Logs", "Members", "Rules", "Trail"])
def test_a_statement_too_few_is_seen(declare: Declare, missing: str) -> None:
    """Without any one of them a delivery would be refused."""
    program = declare("dev", deployment={"trail": True})
    (key,) = program.of("Key")
    statements = [
        s
        for s in json.loads(key.inputs["policy"])["Statement"]
        if "Service" in s["Principal"] and not s["Sid"].startswith(missing)
    ]
    made = list(deliveries(program, key, HOME))
    assert [one for one in made if not any(one.is_let_in_by(statement) for statement in statements)]


def test_the_key_names_its_services(context: StackContext) -> None:
    """Nobody but those who deliver; CloudTrail and members only where there is a trail, and where they deliver."""

    def names(document: str) -> list[str]:
        return [statement["Sid"] for statement in json.loads(document)["Statement"]]

    alone, elsewhere = replace(context, organization=""), replace(context, region="eu-west-1")
    assert names(key_policy(context)) == ["Account", "Logs", "Alarms", "Rules", "Members"]
    assert names(key_policy(alone)) == ["Account", "Logs", "Alarms", "Rules"]
    assert names(key_policy(elsewhere)) == ["Account", "Logs", "Alarms", "Rules"]
    assert names(key_policy(alone, trail=True)) == ["Account", "Logs", "Trail", "TrailLooks", "Alarms", "Rules"]
    assert names(queue_key_policy(context)) == ["Account", "Rules", "Members"]
    assert names(queue_key_policy(alone)) == ["Account", "Rules"]


def test_a_service_may_encrypt_and_no_more(context: StackContext) -> None:
    """Whoever delivers makes a data key and reads it; only CloudWatch Logs has the actions of its guide besides."""
    statements = json.loads(key_policy(context))["Statement"]
    for statement in statements:
        if statement["Sid"] not in ("Account", "Logs"):
            assert statement["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
            assert statement["Effect"] == "Allow"
