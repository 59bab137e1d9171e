"""Fixtures of the entry points' and adapters' tests."""

import pytest

from orgsync.sandbox.model.account import ApiError, CallerIdentity
from tests import world as worlds
from tests.loopback import served
from tests.memory import aws_in_memory


@pytest.fixture
def aws_cloud():
    """AWS in memory, with nothing in it."""
    with aws_in_memory():
        yield


@pytest.fixture
def make_world(aws_cloud):
    """Makes the world of a test, with as many members as it wants."""
    return worlds.make_world


@pytest.fixture
def world(make_world):
    """A configured world with three members that all differ from the source."""
    made = make_world()
    made.configure()
    return made


class AccountEndpoint:
    """The Account API over HTTP on loopback: scripted answers first, then the model's.

    Attributes:
        service: the model.
        script: (status, AWS error code or None, document), each for one request.
        requests: (path, document) of every request that came.
    """

    def __init__(self):
        self.service, self.caller, self.script, self.requests = None, None, [], []

    def serve(self, service):
        self.service, self.caller = service, CallerIdentity(service.management, "arn:aws:sts::1:assumed-role/process/x")

    def answer(self, path, _headers, document):
        self.requests.append((path, document))
        status, code, document = self.script.pop(0) if self.script else self._modelled(path, document)
        return status, {"x-amzn-ErrorType": code} if code else {}, document

    def _modelled(self, path, document):
        try:
            return 200, None, self.service.call(f"{path[1].upper()}{path[2:]}", document, self.caller)
        except ApiError as refusal:
            return refusal.status, refusal.code, {"message": refusal.message}


@pytest.fixture
def account_endpoint(monkeypatch):
    """Where the Account API's client goes; everything else stays with moto."""
    endpoint = AccountEndpoint()
    with served(endpoint.answer) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_ACCOUNT", address)
        yield endpoint
