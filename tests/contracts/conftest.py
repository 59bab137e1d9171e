"""Fixtures of the contract tests: adapters over moto, and the Account API over HTTP."""

import json
from collections.abc import Iterator

import pytest

from orgsync.contact_sync.names import Env
from orgsync.contact_sync.services import Services
from tests.account_endpoint import AccountEndpoint
from tests.loopback import served
from tests.memory import CLOUD_ACCOUNT, DeclaredCloud, aws_in_memory, client, make_tables, make_topic


@pytest.fixture
def aws_cloud() -> Iterator[None]:
    """AWS in memory, with nothing in it."""
    with aws_in_memory():
        yield


@pytest.fixture
def tables_in_cloud(aws_cloud: None) -> None:
    """The tables as they are declared, empty."""
    make_tables()


@pytest.fixture
def account_endpoint(aws_cloud: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[AccountEndpoint]:
    """The service that the Account API's client reaches; everything else stays with moto."""
    endpoint = AccountEndpoint()
    with served(endpoint.answer) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_ACCOUNT", address)
        yield endpoint


@pytest.fixture
def state_machine(aws_cloud: None) -> str:
    """A state machine of which only the executions' names, inputs and ends matter; its ARN."""
    definition = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
    role = f"arn:aws:iam::{CLOUD_ACCOUNT}:role/runs"
    made = client("stepfunctions").create_state_machine(name="runs", definition=definition, roleArn=role)
    return str(made["stateMachineArn"])


@pytest.fixture
def declared_cloud(
    tables_in_cloud: None, state_machine: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DeclaredCloud]:
    """Everything that a function's environment names, and that environment."""
    client("s3").create_bucket(Bucket="runs")
    topic, queue = make_topic("own")
    environment = {
        Env.MANAGEMENT_ACCOUNT_ID: CLOUD_ACCOUNT,
        Env.CONFIG_TABLE_NAME: "config",
        Env.STATE_TABLE_NAME: "state",
        Env.ENVIRONMENT: "test",
        Env.RUN_BUCKET_NAME: "runs",
        Env.STATE_MACHINE_ARN: state_machine,
        Env.TOPIC_ARN: topic,
        Env.RECEIPT_RETENTION_DAYS: "90",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    Services.of_environment.cache_clear()
    yield DeclaredCloud(state_machine, topic, queue)
    Services.of_environment.cache_clear()
