"""boto3 clients, and AWS's failures as errors of ours."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError

from orgsync.shared.errors import (
    AccessDenied,
    CallError,
    Conflicted,
    NetworkFailed,
    ServiceFailed,
    StoreFailed,
    Throttled,
    UnexpectedAnswer,
)

_log = logging.getLogger(__name__)

# A session makes one client at a time [boto3's guide to threads].
_making = Lock()

CONNECTIONS = 32
LONGEST_CALL = 13
"""Seconds after which a paced call has been answered, or counts as unanswered."""
_CONNECT = 3

# Paced calls are retried by the core alone, so that a receipt's count of retries is true.
COUNTED = Config(
    retries={"total_max_attempts": 1},
    max_pool_connections=CONNECTIONS,
    connect_timeout=_CONNECT,
    read_timeout=LONGEST_CALL - _CONNECT,
)
# The lease, headers, intents and lookups for a stop: whoever waits for them must not wait long, nor behind anything.
CONTROL = Config(
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=CONNECTIONS,
    connect_timeout=2,
    read_timeout=3,
)
# Publishing twice is two messages: asked again only where AWS refused, or was silent for longer than it ever takes.
PUBLISHING = Config(
    retries={"mode": "standard", "total_max_attempts": 2},
    max_pool_connections=CONNECTIONS,
    connect_timeout=2,
    read_timeout=12,
)
PATIENT = Config(retries={"mode": "standard", "total_max_attempts": 8}, max_pool_connections=CONNECTIONS)

_COMMON_ERRORS: Mapping[str, type[CallError]] = {
    "AccessDeniedException": AccessDenied,
    "TooManyRequestsException": Throttled,
    "ThrottlingException": Throttled,
    "ConflictException": Conflicted,
    "ConcurrentModificationException": Conflicted,
    "InternalServerException": ServiceFailed,
    "ServiceException": ServiceFailed,
}


@cache
def session() -> Any:
    """Return the one session of this process: clients share its credentials and its loaded models."""
    return boto3.Session()


def client(service: str, config: Config = PATIENT) -> Any:
    """Make a client of a service in the function's own region. It takes its time: make it when it is first used."""
    with _making:
        return session().client(service, config=config)


def table(name: str, config: Config = PATIENT) -> Any:
    """Make a DynamoDB table's resource, likewise."""
    with _making:
        return session().resource("dynamodb", config=config).Table(name)


def error_code(error: ClientError) -> str:
    """Return AWS's name for a failure."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def store_errors() -> Iterator[None]:
    """Raise failures of the stack's own stores as ours: the operation and AWS's name for it, no content.

    Raises:
        StoreFailed: AWS refused, or did not answer.
    """
    try:
        yield
    except ClientError as error:
        _log.debug("store failed", extra={"operation": error.operation_name, "code": error_code(error)})
        raise StoreFailed(f"{error.operation_name}: {error_code(error)}") from error
    except BotoCoreError as error:
        _log.debug("store failed", extra={"code": type(error).__name__})
        raise StoreFailed(type(error).__name__) from error


def call_error(
    error: ClientError | BotoCoreError, subject: str, known: Mapping[str, type[CallError]] | None = None
) -> CallError:
    """Return AWS's failure of one call as an error of ours.

    Args:
        subject: the account that the call was about; it and AWS's code are the whole message.
        known: errors of the called service by AWS's code, besides those that any service has.
    """
    if not isinstance(error, ClientError):
        _log.debug("call failed", extra={"account": subject, "code": type(error).__name__})
        network = isinstance(error, HTTPClientError | ConnectionError)
        return (NetworkFailed if network else UnexpectedAnswer)(f"{subject}: {type(error).__name__}")
    code = error_code(error)
    http = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    # Each attempt comes here, so a retried call and a 429 have a line each.
    _log.debug(
        "call failed", extra={"account": subject, "operation": error.operation_name, "code": code, "http_status": http}
    )
    kind = {**_COMMON_ERRORS, **(known or {})}.get(code) or _by_status(http)
    return kind(f"{subject}: {code}")


def _by_status(http: int) -> type[CallError]:
    if http == 429:
        return Throttled
    if http >= 500:
        return ServiceFailed
    return AccessDenied if http in (401, 403) else UnexpectedAnswer
