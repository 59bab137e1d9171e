"""The cloud as a whole: organization, tables, schedules, notifications, opening and closing."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.errors import SandboxError, SettleTimeout
from orgsync.sandbox.model.organization import make

MEMBER = "200000000001"
Declare = Callable[..., str]


def test_accounts_are_listed_as_aws_lists_them() -> None:
    """At most 20 a page, an empty page before the last, `State` without `Status`."""
    with Cloud(make(1, 50)) as cloud:
        client = cloud.client("organizations")
        pages = [page["Accounts"] for page in client.get_paginator("list_accounts").paginate()]
        assert [len(page) for page in pages] == [20, 0, 20, 11]
        listed = [account for page in pages for account in page]
        assert {account["State"] for account in listed} == {"ACTIVE"}
        assert all("Status" not in account for account in listed)
        assert len({account["Id"] for account in listed}) == 51
        with pytest.raises(ClientError, match="InvalidInputException"):
            client.list_accounts(MaxResults=21)


def test_units_states_and_tags_are_those_of_the_organization(cloud: Cloud) -> None:
    """Seeded accounts stand in their units; moving, tagging and closing is seen through the API."""
    client = cloud.client("organizations")
    cloud.move_account(MEMBER, "/Sandbox/Deep")
    cloud.tag_account(MEMBER, {"team": "new"})
    cloud.close_account(MEMBER)
    (parent,) = client.list_parents(ChildId=MEMBER)["Parents"]
    unit = client.describe_organizational_unit(OrganizationalUnitId=parent["Id"])["OrganizationalUnit"]
    (above,) = client.list_parents(ChildId=parent["Id"])["Parents"]
    assert unit["Name"] == "Deep"
    assert (
        client.describe_organizational_unit(OrganizationalUnitId=above["Id"])["OrganizationalUnit"]["Name"] == "Sandbox"
    )
    assert client.list_tags_for_resource(ResourceId=MEMBER)["Tags"] == [{"Key": "team", "Value": "new"}]
    assert client.describe_account(AccountId=MEMBER)["Account"]["State"] == "SUSPENDED"
    with pytest.raises(ClientError, match="ChildNotFoundException"):
        client.list_parents(ChildId="299999999999")


def test_one_of_many_conditional_writers_wins(cloud: Cloud) -> None:
    """Conditions hold under concurrency, and a cancelled transaction changes nothing."""
    table = cloud.client("dynamodb")
    key = {"AttributeName": "k", "KeyType": "HASH"}
    table.create_table(
        TableName="t",
        KeySchema=[key],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    barrier = threading.Barrier(8)

    def contend(number: int) -> int:
        barrier.wait()
        won = 0
        for name in range(5):
            item = {"k": {"S": str(name)}, "by": {"N": str(number)}}
            try:
                table.put_item(TableName="t", Item=item, ConditionExpression="attribute_not_exists(k)")
                won += 1
            except table.exceptions.ConditionalCheckFailedException:
                pass
        return won

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(contend, range(8))) == 5
    put = [{"Put": {"TableName": "t", "Item": {"k": {"S": name}}}} for name in ("new", "0")]
    put[1]["Put"]["ConditionExpression"] = "attribute_not_exists(k)"
    with pytest.raises(table.exceptions.TransactionCanceledException):
        table.transact_write_items(TransactItems=put)
    assert table.scan(TableName="t", Select="COUNT")["Count"] == 5


def test_an_index_is_queried_in_order(cloud: Cloud) -> None:
    """Batches go in, a global index brings them out by its own keys."""
    table = cloud.client("dynamodb")
    names = ("sync_id", "item", "account", "at")
    keys = [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE") * 2, strict=True)]
    table.create_table(
        TableName="t",
        KeySchema=keys[:2],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        GlobalSecondaryIndexes=[
            {"IndexName": "by_account", "KeySchema": keys[2:], "Projection": {"ProjectionType": "ALL"}}
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    items = [{"sync_id": "r", "item": str(n), "account": "a", "at": str(9 - n)} for n in range(5)]
    requests = [{"PutRequest": {"Item": {key: {"S": value} for key, value in item.items()}}} for item in items]
    assert table.batch_write_item(RequestItems={"t": requests})["UnprocessedItems"] == {}
    found = table.query(
        TableName="t",
        IndexName="by_account",
        KeyConditionExpression="account = :a AND #at < :to",
        ExpressionAttributeNames={"#at": "at"},
        ExpressionAttributeValues={":a": {"S": "a"}, ":to": {"S": "8"}},
        ScanIndexForward=False,
        Limit=2,
    )
    assert [item["at"]["S"] for item in found["Items"]] == ["7", "6"]


def test_publications_are_kept_with_their_severity(cloud: Cloud) -> None:
    """Nothing leaves: an HTTPS subscriber is not called. A message without severity passes filters for high."""
    sns = cloud.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="https", Endpoint="https://example.com/hook")
    severity = {"severity": {"DataType": "String", "StringValue": "high"}}
    sns.publish(TopicArn=topic, Subject="s", Message="m", MessageAttributes=severity)
    sns.publish(TopicArn=topic, Message="n")
    assert cloud.notifications == [
        {"channel": "sns", "severity": "high", "subject": "s", "body": "m"},
        {"channel": "sns", "severity": "high", "subject": None, "body": "n"},
    ]


def test_schedules_fire_when_told(cloud: Cloud, role: str, declare_queue: Declare) -> None:
    """An enabled schedule and a daily rule fire once each, with their own input; a disabled one does not."""
    queue = declare_queue("q")
    scheduler = cloud.client("scheduler")
    for name, state in (("on", "ENABLED"), ("off", "DISABLED")):
        scheduler.create_schedule(
            Name=name,
            State=state,
            ScheduleExpression="rate(1 day)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": queue, "RoleArn": role, "Input": json.dumps({"from": name})},
        )
    cloud.client("events").put_rule(Name="daily", ScheduleExpression="cron(0 0 * * ? *)")
    cloud.client("events").put_targets(Rule="daily", Targets=[{"Id": "1", "Arn": queue, "Input": '{"from": "rule"}'}])
    assert cloud.fire_schedules() == 2
    cloud.settle(5)
    url = cloud.client("sqs").get_queue_url(QueueName="q")["QueueUrl"]
    received = cloud.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert sorted(json.loads(message["Body"])["from"] for message in received) == ["on", "rule"]


def test_a_schedule_that_fails_has_its_own_dead_letter_queue(cloud: Cloud, role: str, declare_queue: Declare) -> None:
    """The missing target's input ends there."""
    cloud.client("scheduler").create_schedule(
        Name="s",
        ScheduleExpression="rate(1 day)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": "arn:aws:states:us-east-1:100000000001:stateMachine:gone",
            "RoleArn": role,
            "Input": "{}",
            "DeadLetterConfig": {"Arn": declare_queue("dead")},
        },
    )
    cloud.fire_schedules()
    cloud.settle(5)
    assert cloud.dead_letters() == {"dead": 1}


def test_a_rule_of_minutes_ticks_by_itself(cloud: Cloud, declare_queue: Declare) -> None:
    """Until it is disabled."""
    events = cloud.client("events")
    events.put_rule(Name="poll", ScheduleExpression="rate(1 minute)")
    events.put_targets(Rule="poll", Targets=[{"Id": "1", "Arn": declare_queue("q"), "Input": "{}"}])
    ticked = threading.Event()
    for _ in range(100):
        if cloud.dead_letters()["q"] >= 2:
            break
        ticked.wait(0.05)
    events.disable_rule(Name="poll")
    assert cloud.dead_letters()["q"] >= 2
    assert cloud.fire_schedules() == 0


def test_settling_names_what_still_runs(cloud: Cloud, declare_function: Declare) -> None:
    """A wait that is not over says what it waits for."""
    declare_function("import time\ndef handler(event, context): time.sleep(30)")
    cloud.client("lambda").invoke(FunctionName="echo", InvocationType="Event", Payload=b"{}")
    with pytest.raises(SettleTimeout, match="asynchronous echo"):
        cloud.settle(0.5)


def test_a_process_with_the_environment_lives_in_the_cloud_and_nowhere_else(cloud: Cloud) -> None:
    """boto3 needs no argument; an address outside cannot be reached."""
    program = """if True:
        import boto3, urllib.request
        print(boto3.client("account").get_contact_information()["ContactInformation"]["FullName"])
        try: urllib.request.urlopen("http://example.com", timeout=5)
        except OSError as error: print("refused")
    """
    ran = subprocess.run(
        [sys.executable, "-c", program], env=cloud.environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout.split("\n")[:2] == [cloud.organization.source["primary"]["FullName"], "refused"]


def test_what_is_declared_is_left_over_until_it_is_gone(cloud: Cloud, role: str, declare_queue: Declare) -> None:
    """Every kind of thing counts, in whatever region; an untouched cloud holds nothing."""
    declare_queue("q")
    cloud.client("ssm", region="eu-west-1").put_parameter(Name="/p", Value="v", Type="String")
    cloud.unsupported_resources["aws:notifications/hub:Hub"] = {"h": {}}
    assert cloud.leftovers() == [
        "aws:notifications/hub:Hub h",
        "parameter /p (eu-west-1)",
        "queue q (us-east-1)",
        "role worker (aws)",
    ]
    cloud.client("iam").delete_role(RoleName="worker")
    cloud.client("sqs").delete_queue(QueueUrl=cloud.client("sqs").get_queue_url(QueueName="q")["QueueUrl"])
    cloud.client("ssm", region="eu-west-1").delete_parameter(Name="/p")
    del cloud.unsupported_resources["aws:notifications/hub:Hub"]["h"]
    assert cloud.leftovers() == []


def test_clouds_follow_one_another_and_leave_nothing() -> None:
    """A second cloud knows nothing of the first; two at once are refused; threads and processes end."""
    before = threading.active_count()
    for _ in range(2):
        with Cloud(make(1, 2)) as cloud:
            assert cloud.leftovers() == []
            assert len(cloud.client("organizations").list_accounts()["Accounts"]) == 3
            cloud.client("sqs").create_queue(QueueName="q")
            with pytest.raises(SandboxError, match="another Cloud"), Cloud(make(1, 1)):
                pass
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and thread.name.startswith("sandbox"):
            thread.join(5)
    assert threading.active_count() <= before
