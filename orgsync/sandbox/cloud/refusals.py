"""AWS errors in the wire form of the service that would send them."""

import json
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any
from xml.sax.saxutils import escape

from orgsync.sandbox.cloud.wire import service_model

Response = tuple[str, list[tuple[str, str]], bytes]
"""A status line, headers and a body."""

# Codes that services send without having them in their models.
COMMON: Mapping[str, int] = {
    "AccessDenied": 403,
    "AccessDeniedException": 403,
    "InternalError": 500,
    "InternalFailure": 500,
    "InternalServerError": 500,
    "InternalServerException": 500,
    "RequestLimitExceeded": 503,
    "ServiceException": 500,
    "ServiceUnavailable": 503,
    "SlowDown": 503,
    "ThrottledException": 400,
    "Throttling": 400,
    "ThrottlingException": 400,
    "TooManyRequestsException": 429,
}


def refusal(service: str, code: str, message: str) -> Response:
    """Make a service's error response, in the form of its protocol and its model."""
    protocol = service_model(service).metadata["protocol"]
    status = status_of(service, code)
    if protocol in ("query", "rest-xml"):
        return _xml(status, code, message, wrapped=protocol == "query")
    # What answers a call of Step Functions is read together with its request's id.
    headers = [("x-amzn-ErrorType", code), ("x-amzn-RequestId", "sandbox")]
    return json_response(status, {"__type": code, "message": message}, headers)


def status_of(service: str, code: str) -> int:
    """Find the HTTP status of an error code: the model's, or what services commonly use.

    Models of the JSON protocols name none: it is 400, but where the service itself failed.
    """
    model, common = service_model(service), COMMON.get(code, 400)
    if code not in model.shape_names:
        return common
    stated = model.shape_for(code).metadata.get("error", {}).get("httpStatusCode")
    return int(stated or (common if common >= 500 else 400))


def json_response(status: int, document: Mapping[str, Any], headers: Iterable[tuple[str, str]] = ()) -> Response:
    """Make a response with a JSON document."""
    content = json.dumps(document).encode()
    return (
        f"{status} {HTTPStatus(status).phrase}",
        [("Content-Type", "application/json"), ("Content-Length", str(len(content))), *headers],
        content,
    )


def _xml(status: int, code: str, message: str, *, wrapped: bool) -> Response:
    error = f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
    text = f"<ErrorResponse>{error}<RequestId>sandbox</RequestId></ErrorResponse>" if wrapped else error
    content = text.encode()
    headers = [("Content-Type", "text/xml"), ("Content-Length", str(len(content)))]
    return f"{status} {HTTPStatus(status).phrase}", headers, content
