"""The Account Management API over HTTP (rest-json): the model's responses and errors in their wire form."""

import json
import time
from typing import Any

from orgsync.sandbox.cloud import refusals, wire
from orgsync.sandbox.errors import UnknownOperation
from orgsync.sandbox.model.account import (
    OPERATIONS,
    AccountService,
    ApiError,
    CallerIdentity,
)

_OPERATION_AT = {f"/{name[0].lower()}{name[1:]}": name for name in OPERATIONS}


class AccountApi:
    """The HTTP side of the contact operations; every answer to the product waits `latency_ms` first."""

    def __init__(self, service: AccountService, latency_ms: float) -> None:
        self._service = service
        self._latency_s = latency_ms / 1000

    def answer(self, environ: dict[str, Any], caller: CallerIdentity) -> refusals.Response:
        """Answer a request.

        Raises:
            UnknownOperation: the path belongs to none of the contact operations.
        """
        path = environ["PATH_INFO"]
        if path not in _OPERATION_AT or environ["REQUEST_METHOD"] != "POST":
            raise UnknownOperation(f"account: {environ['REQUEST_METHOD']} {path} is not emulated")
        parameters = json.loads(wire.body(environ) or b"{}")
        if not caller.sandbox:
            time.sleep(self._latency_s)
        try:
            return refusals.json_response(200, self._service.call(_OPERATION_AT[path], parameters, caller))
        except ApiError as refusal:
            return _refused(refusal)


def _refused(refusal: ApiError) -> refusals.Response:
    """Make an error response: `errorType` is in the header, `reason` and `fieldList` are for validation only."""
    document: dict[str, Any] = {"message": refusal.message}
    if refusal.code == "ValidationException":
        document["reason"] = "fieldValidationFailed"
        document["fieldList"] = [{"name": name, "message": message} for name, message in refusal.fields]
    return refusals.json_response(refusal.status, document, [("x-amzn-ErrorType", refusal.code)])
