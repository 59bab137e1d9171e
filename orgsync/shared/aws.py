"""boto3 clients, and AWS's failures as ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError

from orgsync.contact_sync.core.errors import (
    AccessDenied,
    AccountError,
    AccountNotFound,
    Conflicted,
    ContactNotFound,
    ContactRefused,
    NetworkFailed,
    ServiceFailed,
    StoreFailed,
    Throttled,
    UnexpectedAnswer,
)

CONNECTIONS = 32
LONGEST_CALL = 10
"""Seconds after which a call to Account Management counts as unanswered."""

# Account Management is retried by the core alone, so that a receipt's count of retries is true.
COUNTED = Config(
    retries={"total_max_attempts": 1}, max_pool_connections=CONNECTIONS, connect_timeout=3, read_timeout=LONGEST_CALL
)
PATIENT = Config(retries={"mode": "standard", "total_max_attempts": 8}, max_pool_connections=CONNECTIONS)

ERRORS: dict[str, type[AccountError]] = {
    "AccessDeniedException": AccessDenied,
    "ValidationException": ContactRefused,
    "TooManyRequestsException": Throttled,
    "ThrottlingException": Throttled,
    "ConflictException": Conflicted,
    "ConcurrentModificationException": Conflicted,
    "InternalServerException": ServiceFailed,
    "ServiceException": ServiceFailed,
    "ResourceNotFoundException": ContactNotFound,
    "AccountNotFoundException": AccountNotFound,
    "TargetNotFoundException": AccountNotFound,
}


@cache
def session() -> Any:
    """The one session of this process: clients share its credentials and its loaded models."""
    return boto3.Session()


def client(service: str, config: Config = PATIENT) -> Any:
    """A client of a service in the function's own region."""
    return session().client(service, config=config)


def code_of(error: ClientError) -> str:
    """AWS's name for a failure."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def answered() -> Iterator[None]:
    """Let what AWS refuses of the stack's own stores leave as ours: the operation and AWS's name for it, no content.

    Raises:
        StoreFailed: AWS refused, or did not answer.
    """
    try:
        yield
    except ClientError as error:
        raise StoreFailed(f"{error.operation_name}: {code_of(error)}") from error
    except BotoCoreError as error:
        raise StoreFailed(type(error).__name__) from error


def translated(error: ClientError | BotoCoreError, account: str | None) -> AccountError:
    """AWS's failure of one account's call as ours; the message names the account and AWS's code only."""
    whose = account or "the management account"
    if isinstance(error, HTTPClientError | ConnectionError):
        return NetworkFailed(f"{whose}: {type(error).__name__}")
    if not isinstance(error, ClientError):
        return UnexpectedAnswer(f"{whose}: {type(error).__name__}")
    code = code_of(error)
    http = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    known = ERRORS.get(code) or _by_status(http)
    return known(f"{whose}: {code}")


def _by_status(http: int) -> type[AccountError]:
    if http == 429:
        return Throttled
    if http >= 500:
        return ServiceFailed
    return AccessDenied if http in (401, 403) else UnexpectedAnswer
