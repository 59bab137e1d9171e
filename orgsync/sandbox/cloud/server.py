"""The HTTP server on loopback in front of all services: it finds the caller, the fault and the service.

Every request of the product passes here, whatever the service: the Account API is answered by our
own model, all else by moto. A service that moto does not have is refused by name, so that nothing
is silently somewhere else.
"""

import io
import logging
from collections.abc import Callable, Iterable
from threading import Thread
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from orgsync.sandbox.cloud import refusals, wire
from orgsync.sandbox.cloud.access_keys import AccessKeys
from orgsync.sandbox.cloud.account_api import AccountApi
from orgsync.sandbox.cloud.faults import READING, Faults
from orgsync.sandbox.errors import UnknownOperation
from orgsync.sandbox.model.account import CallerIdentity

log = logging.getLogger(__name__)


class Gateway:
    """The WSGI application; `unknown` collects requests that are not emulated.

    `requests` is the set of requests: the caller's ARN, botocore's service, IAM's action, and
    the subject (`wire.subject`), without the sandbox's own. `answers` are the operations
    (botocore's service and operation) of which moto knows less than the sandbox itself.
    """

    def __init__(self, account_api: AccountApi, access_keys: AccessKeys, faults: Faults) -> None:
        self._account_api, self._access_keys, self._faults = account_api, access_keys, faults
        self._moto = DomainDispatcherApplication(create_backend_app)
        self.answers: dict[tuple[str | None, str | None], Callable[[dict[str, Any]], refusals.Response]] = {}
        self.unknown: list[str] = []
        self.requests: set[tuple[str, str, str, str]] = set()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = wire.read(environ)
        caller = self._access_keys.identity_of(request.access_key)
        if request.service and request.operation and not caller.sandbox:
            action = wire.action(environ, request.operation)
            self.requests.add((caller.arn, request.service, action, wire.subject(environ, request)))
        if refused := self._refusal_of_a_reader(caller, request):
            return _send(refused, start_response)
        if request.service == "account":
            try:
                return _send(self._account_api.answer(environ, caller), start_response)
            except UnknownOperation as unknown:
                return self._refuse_unknown(str(unknown), start_response)
        if request.service and not self._known_to_moto(environ):
            return self._refuse_unknown(f"{request.service} is not emulated", start_response)
        by_others = request.service and request.operation and not caller.sandbox
        fault = self._faults.error(str(request.operation)) if by_others else None
        if fault and request.service:
            code, written = fault
            if written:
                b"".join(self._answer(environ, request, caller, lambda *_: None))
            message = f"{request.operation} was refused by a fault of the rehearsal"
            return _send(refusals.refusal(request.service, code, message), start_response)
        return self._answer(environ, request, caller, start_response)

    def _answer(
        self, environ: dict[str, Any], request: wire.AwsRequest, caller: CallerIdentity, start_response: Any
    ) -> Iterable[bytes]:
        if own := self.answers.get((request.service, request.operation)):
            return _send(own(environ), start_response)
        # moto would otherwise look for the access key in every account there is.
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = caller.account
        try:
            return self._by_moto(environ, request, start_response)
        except NotImplementedError as lacking:
            return self._refuse_unknown(f"{request.service}: {lacking}", start_response)

    def _by_moto(self, environ: dict[str, Any], request: wire.AwsRequest, start_response: Any) -> Iterable[bytes]:
        """Let moto answer; a read is answered again where another thread changed what moto was going through."""
        reads = READING.match(request.operation or "") is not None
        content = wire.body(environ) if reads else b""
        while True:
            given = {**environ, "wsgi.input": io.BytesIO(content)} if reads else environ
            try:
                answer: Iterable[bytes] = self._moto(given, start_response)
                return answer
            except RuntimeError as error:
                if not reads or "changed size during iteration" not in str(error):
                    raise

    @staticmethod
    def _refusal_of_a_reader(caller: CallerIdentity, request: wire.AwsRequest) -> refusals.Response | None:
        """Refuse a caller with the rights of a reader whatever may change something."""
        if not caller.reader or not request.service or READING.match(request.operation or ""):
            return None
        message = f"User: {caller.arn} is not authorized to perform: {request.service}:{request.operation}"
        code = "AccessDenied" if request.service == "s3" else "AccessDeniedException"
        return refusals.refusal(request.service, code, message)

    def _known_to_moto(self, environ: dict[str, Any]) -> bool:
        host = self._moto.infer_service_region_host(environ, environ.get("PATH_INFO", ""))
        patterns = self._moto.backend_url_patterns
        return host is None or "." not in host or any(pattern.match(f"http://{host}") for _, pattern in patterns)

    def _refuse_unknown(self, what: str, start_response: Any) -> Iterable[bytes]:
        self.unknown.append(what)
        log.error("a request that the sandbox does not know: %s", what)
        document = {"__type": "UnknownOperationException", "message": f"The sandbox does not know this: {what}"}
        headers = [("x-amzn-ErrorType", "UnknownOperationException")]
        return _send(refusals.json_response(404, document, headers), start_response)


class _QuietHandler(MotoRequestHandler):
    """moto's handler without a line on stderr for every request."""

    def log(self, type: str, message: str, *args: Any) -> None:
        log.debug(message, *args)


class Server:
    """The gateway on a free port of 127.0.0.1, a thread for each connection."""

    def __init__(self, gateway: Gateway) -> None:
        self._server = make_server("127.0.0.1", 0, gateway, threaded=True, request_handler=_QuietHandler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), name="sandbox-gateway", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Accept no more connections and free the port."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _send(response: refusals.Response, start_response: Any) -> Iterable[bytes]:
    status, headers, content = response
    start_response(status, headers)
    return [content]
