"""The Account API over HTTP on loopback, for the adapter that calls it."""

from collections.abc import Callable
from typing import Any

from orgsync.sandbox.model.account import AccountService, ApiError, CallerIdentity
from tests.loopback import Answer

Scripted = tuple[int | None, str | None, Any]
"""An answer of the Account API: status, AWS error code, document; a status of None breaks the connection off."""


class AccountEndpoint:
    """The Account API over HTTP on loopback: scripted answers first, then the model's.

    Attributes:
        script: answers, each for one request.
        requests: (path, document) of every request that came.
    """

    def __init__(self) -> None:
        self._answer: Callable[[str, Any], dict[str, Any]] | None = None
        self.script: list[Scripted] = []
        self.requests: list[tuple[str, Any]] = []

    def serve(self, service: AccountService) -> None:
        """Answer from this model."""
        caller = CallerIdentity(service.management, "arn:aws:sts::1:assumed-role/process/x")
        self._answer = lambda operation, document: service.call(operation, document, caller)

    def answer(self, path: str, _headers: object, document: Any) -> Answer:
        """Answer one request."""
        self.requests.append((path, document))
        status, code, answer = self.script.pop(0) if self.script else self._modelled(path, document)
        return status, {"x-amzn-ErrorType": code} if code else {}, answer

    def _modelled(self, path: str, document: Any) -> Scripted:
        assert self._answer is not None
        try:
            return 200, None, self._answer(f"{path[1].upper()}{path[2:]}", document)
        except ApiError as refusal:
            return refusal.status, refusal.code, {"message": refusal.message}
