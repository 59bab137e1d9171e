"""Time, rights and lost answers in the cloud, as its processes see them."""

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.errors import UnknownAccount
from orgsync.sandbox.model.organization import make

MANAGEMENT, MEMBER = "100000000001", "200000000001"
CONTACT = {"Name": "N", "Title": "T", "EmailAddress": "a@example.com", "PhoneNumber": "+1 555-0100"}
Declare = Callable[..., str]


def client(cloud: Cloud, service: str, rights: str = "operator", account: str | None = None) -> Any:
    """A client of a process that runs with some rights in some account, without retries of its own."""
    environment = cloud.environment_of(rights, account)
    made: Any = boto3.client
    return made(
        service,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=environment["AWS_SESSION_TOKEN"],
        config=Config(retries={"total_max_attempts": 1}),
    )


def security(account_client: Any, **whose: str) -> str:
    answer = account_client.get_alternate_contact(AlternateContactType="SECURITY", **whose)
    return str(answer["AlternateContact"]["Name"])


@pytest.mark.parametrize("lag_s", [0.5, 600])
def test_an_edit_is_not_seen_before_its_lag_is_over(lag_s: float) -> None:
    """Of the source and of a member alike; that takes AWS's time, and none of the machine's."""
    with Cloud(make(seed=1, count=2), lag_s=lag_s) as cloud:
        own = client(cloud, "account")
        cloud.edit_source({"security": {**CONTACT, "Name": "Old"}})
        cloud.edit_member(MEMBER, {"security": {**CONTACT, "Name": "Old"}})
        cloud.pass_time(lag_s + 1)
        cloud.edit_source({"security": CONTACT})
        cloud.edit_member(MEMBER, {"security": CONTACT})
        cloud.settle(5)
        assert [security(own), security(own, AccountId=MEMBER)] == ["Old", "Old"]
        assert (cloud.account.contacts()[MANAGEMENT]["security"] or {})["Name"] == "N"
        cloud.pass_time(lag_s)
        assert [security(own), security(own, AccountId=MEMBER)] == ["N", "N"]


def test_a_new_account_grows_older_as_waits_pass() -> None:
    """`JoinedTimestamp` lies as far back as a wait would have taken; accounts from the start joined long ago."""

    def age(cloud: Cloud, account: str) -> float:
        found = client(cloud, "organizations").describe_account(AccountId=account)["Account"]["JoinedTimestamp"]
        return float((datetime.now(UTC) - found).total_seconds())

    with Cloud(make(seed=1, count=1)) as cloud:
        made = cloud.create_account("new")
        assert 0 <= age(cloud, made) < 60
        cloud.pass_time(3600)
        assert 3600 <= age(cloud, made) < 3660
        assert age(cloud, MEMBER) > 365 * 24 * 3600


def test_a_wait_state_lets_time_pass_in_full(cloud: Cloud, role: str) -> None:
    """A fault that holds for most of a minute is over after a wait of one, which takes a second here."""
    cloud.faults.add({"operation": "*", "account": "source", "error": "AccessDeniedException", "for_s": 55})
    definition = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "End": True}}}
    machine = cloud.client("stepfunctions").create_state_machine(
        name="m", definition=json.dumps(definition), roleArn=role
    )["stateMachineArn"]
    own = client(cloud, "account")
    with pytest.raises(ClientError, match="AccessDeniedException"):
        own.get_contact_information()
    own.get_contact_information(AccountId=MEMBER)
    cloud.client("stepfunctions").start_execution(stateMachineArn=machine)
    cloud.settle(20)
    own.get_contact_information()


def test_a_functions_work_takes_its_real_time_and_nothing_else_does(cloud: Cloud, declare_function: Declare) -> None:
    """Its start is the machine's affair."""
    declare_function("import time\ntime.sleep(1)\ndef handler(event, context): time.sleep(0.3)")
    before = cloud.clock()
    for _ in range(2):
        cloud.client("lambda").invoke(FunctionName="echo", Payload=b"{}")
    assert cloud.clock() - before >= 0.6
    now = cloud.clock()
    cloud.client("organizations").list_accounts()
    assert cloud.clock() == now


def test_a_call_may_fail_although_it_has_written(cloud: Cloud, declare_queue: Declare) -> None:
    """Of Account Management and of any other service; a call that the service itself refuses writes nothing."""
    cloud.faults.add({"operation": "*", "error": "InternalServerException", "written": True, "times": 1})
    cloud.faults.add({"operation": "SendMessage", "error": "ServiceUnavailable", "written": True})
    put = {"AccountId": MEMBER, "AlternateContactType": "SECURITY", **CONTACT}
    with pytest.raises(ClientError, match="InternalServerException"):
        client(cloud, "account").put_alternate_contact(**put)
    assert cloud.account.contacts()[MEMBER]["security"] == CONTACT
    declare_queue("q")
    queues = client(cloud, "sqs")
    url = queues.get_queue_url(QueueName="q")["QueueUrl"]
    with pytest.raises(ClientError, match="ServiceUnavailable"):
        queues.send_message(QueueUrl=url, MessageBody="m")
    with pytest.raises(ClientError, match="ServiceUnavailable"):
        queues.send_message(QueueUrl=url + "-none", MessageBody="m")
    assert cloud.dead_letters() == {"q": 1}


def test_a_reader_changes_nothing(cloud: Cloud, declare_queue: Declare) -> None:
    """Whatever the service; reading is as it is for an operator."""
    declare_queue("q")
    cloud.client("s3").create_bucket(Bucket="bucket")
    cloud.client("s3").put_object(Bucket="bucket", Key="k", Body=b"content")
    refused: list[tuple[str, str, dict[str, Any]]] = [
        ("account", "put_alternate_contact", {"AlternateContactType": "SECURITY", **CONTACT}),
        ("account", "delete_alternate_contact", {"AccountId": MEMBER, "AlternateContactType": "SECURITY"}),
        ("sqs", "send_message", {"QueueUrl": f"https://sqs/{MANAGEMENT}/q", "MessageBody": "m"}),
        ("s3", "put_object", {"Bucket": "bucket", "Key": "k", "Body": b"other"}),
        ("dynamodb", "put_item", {"TableName": "t", "Item": {"k": {"S": "v"}}}),
        ("stepfunctions", "start_execution", {"stateMachineArn": "arn:aws:states:us-east-1:1:stateMachine:m"}),
        ("organizations", "create_account", {"AccountName": "new", "Email": "new@example.com"}),
    ]
    for service, operation, request in refused:
        with pytest.raises(ClientError, match="AccessDenied"):
            getattr(client(cloud, service, "reader"), operation)(**request)
    assert client(cloud, "s3", "reader").get_object(Bucket="bucket", Key="k")["Body"].read() == b"content"
    assert security(client(cloud, "account", "reader")) == (cloud.organization.source["security"]["Name"])
    assert client(cloud, "sqs", "reader").list_queues()["QueueUrls"]
    assert len(client(cloud, "organizations", "reader").list_accounts()["Accounts"]) == 4
    assert client(cloud, "sts", "reader").get_caller_identity()["Account"] == MANAGEMENT


def test_a_process_may_run_in_a_member(cloud: Cloud) -> None:
    """As that account: its own contacts without an id, and nobody else's with one."""
    own = client(cloud, "account", account=MEMBER)
    assert client(cloud, "sts", account=MEMBER).get_caller_identity()["Account"] == MEMBER
    own.put_alternate_contact(AlternateContactType="SECURITY", **CONTACT)
    assert cloud.account.contacts()[MEMBER]["security"] == CONTACT
    with pytest.raises(ClientError, match="AccessDeniedException"):
        own.get_contact_information(AccountId="200000000002")
    with pytest.raises(UnknownAccount):
        cloud.environment_of("operator", "999999999999")


@pytest.mark.parametrize(
    ("settings", "features", "trusts"),
    [
        ({}, "ALL", True),
        ({"trusted_access": False}, "ALL", False),
        ({"features": "consolidated_billing"}, "CONSOLIDATED_BILLING", False),
    ],
)
def test_an_organization_says_what_it_lacks(settings: dict[str, Any], features: str, trusts: bool) -> None:
    """Features, trusted services and delegated administrators are seen through Organizations."""
    organization = make(seed=1, count=2)
    organization.delegated_administrators.append(MEMBER)
    for name, value in settings.items():
        setattr(organization, name, value)
    with Cloud(organization) as cloud:
        asked = cloud.client("organizations")
        assert asked.describe_organization()["Organization"]["FeatureSet"] == features
        services = asked.list_aws_service_access_for_organization()["EnabledServicePrincipals"]
        assert ("account.amazonaws.com" in {service["ServicePrincipal"] for service in services}) == trusts
        found = asked.list_delegated_administrators(ServicePrincipal="account.amazonaws.com")
        (administrator,) = found["DelegatedAdministrators"]
        assert administrator["Id"] == MEMBER
        (service,) = asked.list_delegated_services_for_account(AccountId=MEMBER)["DelegatedServices"]
        assert service["ServicePrincipal"] == "account.amazonaws.com"
        own = client(cloud, "account")
        own.get_contact_information()
        if trusts:
            own.get_contact_information(AccountId=MEMBER)
        else:
            with pytest.raises(ClientError, match="AccessDeniedException"):
                own.get_contact_information(AccountId=MEMBER)


def test_held_waits_count_as_ended_and_go_on_with_the_next_settling(cloud: Cloud) -> None:
    """Tasks that only let time pass are at rest while waits are held, however long that is; then they end."""
    tasks = cloud._tasks
    begun, ended = threading.Event(), threading.Event()

    def pause() -> None:
        with tasks.in_wait():
            begun.set()
        ended.set()

    tasks.settled(10, hold_waits=True)
    tasks.submit("a wait", pause)
    assert begun.wait(10)
    tasks.settled(10, hold_waits=True)
    assert not ended.is_set()
    tasks.settled(10)
    assert ended.is_set()
