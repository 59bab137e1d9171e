"""The Account API over HTTP, as boto3 sees it."""

import time

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.model.organization import make

MEMBER = "200000000001"
CONTACT = {"Name": "N", "Title": "T", "EmailAddress": "a@example.com", "PhoneNumber": "+1 555-0100"}


def product(cloud: Cloud, service: str = "account") -> object:
    """A client of somebody who is not the sandbox, as functions and the command have it."""
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=cloud.environment["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id=cloud.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=cloud.environment["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": 1}),
    )


def test_errors_have_the_services_own_shape(cloud: Cloud) -> None:
    """boto3 finds code, status, reason and the list of fields where the service model has them."""
    account = cloud.client("account")
    with pytest.raises(account.exceptions.ValidationException) as refused:
        account.put_alternate_contact(
            AccountId=MEMBER, AlternateContactType="SECURITY", **{**CONTACT, "EmailAddress": "x"}
        )
    response = refused.value.response
    assert response["Error"]["Code"] == "ValidationException"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert response["reason"] == "fieldValidationFailed"
    assert [field["name"] for field in response["fieldList"]] == ["EmailAddress"]
    with pytest.raises(account.exceptions.AccessDeniedException):
        account.get_contact_information(AccountId=cloud.organization.management)


def test_the_sandboxs_own_calls_are_neither_counted_nor_refused(cloud: Cloud) -> None:
    """Seeding and looking do not show in the report, and faults are for the product."""
    cloud.faults.add({"operation": "*", "error": "InternalServerException"})
    cloud.client("account").get_contact_information(AccountId=MEMBER)
    assert cloud.account.calls == {}
    with pytest.raises(ClientError, match="InternalServerException"):
        product(cloud).get_contact_information(AccountId=MEMBER)  # type: ignore[attr-defined]
    assert cloud.account.calls["GetContactInformation"] == {"made": 1, "throttled": 0, "failed": 1}


def test_quotas_and_latency_are_the_products_too() -> None:
    """A quota answers 429, and every answer takes its time."""
    quotas = {"GetContactInformation": {"rate": 0.001, "burst": 1}}
    with Cloud(make(1, 1), quotas=quotas, latency_ms=50) as cloud:
        client = product(cloud)
        started = time.monotonic()
        client.get_contact_information(AccountId=MEMBER)  # type: ignore[attr-defined]
        assert time.monotonic() - started >= 0.05
        with pytest.raises(ClientError) as refused:
            client.get_contact_information(AccountId=MEMBER)  # type: ignore[attr-defined]
    assert refused.value.response["Error"]["Code"] == "TooManyRequestsException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429


def test_an_operation_that_is_not_emulated_is_refused_loudly(cloud: Cloud) -> None:
    """An unknown path is an error for the caller and stays on record."""
    with pytest.raises(ClientError, match="UnknownOperationException"):
        cloud.client("account").list_regions()
    assert "account: POST /listRegions is not emulated" in cloud.unknown


def test_a_service_that_is_not_emulated_is_refused_loudly(cloud: Cloud) -> None:
    """No request leaves for the real network: every endpoint is this one."""
    with pytest.raises(ClientError, match="UnknownOperationException"):
        cloud.client("notifications").list_notification_hubs()
    assert "notifications is not emulated" in cloud.unknown


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "code"),
    [
        ("organizations", "ListAccounts", {}, "TooManyRequestsException"),
        ("dynamodb", "PutItem", {"TableName": "t", "Item": {}}, "ProvisionedThroughputExceededException"),
        ("sns", "Publish", {"TopicArn": "arn:aws:sns:us-east-1:100000000001:t", "Message": "m"}, "InternalError"),
        ("s3", "GetObject", {"Bucket": "b", "Key": "k"}, "SlowDown"),
        ("stepfunctions", "StartExecution", {"stateMachineArn": "arn"}, "ServiceUnavailable"),
        ("cloudwatch", "PutMetricData", {"Namespace": "n", "MetricData": []}, "InternalServiceFault"),
        ("lambda", "Invoke", {"FunctionName": "f"}, "ServiceException"),
    ],
)
def test_a_named_operation_of_any_service_fails_as_told(
    cloud: Cloud, service: str, operation: str, parameters: dict[str, object], code: str
) -> None:
    """JSON, query and REST services alike: the client sees the error's code, as often as the fault says."""
    cloud.faults.add({"operation": operation, "error": code, "times": 1})
    client = product(cloud, service)
    with pytest.raises(ClientError) as refused:
        client._make_api_call(operation, parameters)  # type: ignore[attr-defined]
    assert refused.value.response["Error"]["Code"] == code
    assert "fault of the rehearsal" in refused.value.response["Error"]["Message"]
    assert cloud.faults.error(operation) is None


def test_callers_are_who_they_are(cloud: Cloud) -> None:
    """STS names the role behind the access key, and the account of a member's client."""
    assert ":assumed-role/Operator/" in product(cloud, "sts").get_caller_identity()["Arn"]  # type: ignore[attr-defined]
    assert cloud.client("sts", account=MEMBER).get_caller_identity()["Account"] == MEMBER
