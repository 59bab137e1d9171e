"""The sandbox as a Pulumi provider: the real engine speaks to it over gRPC, on loopback.

The engine attaches to it (`PULUMI_DEBUG_PROVIDERS=aws:<port>`) in place of the AWS
provider's own program. All types live in `orgsync.sandbox.resources`; here is only the protocol.
"""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import wraps
from importlib.metadata import version
from typing import Any

import grpc  # type: ignore[import-untyped]
from google.protobuf import empty_pb2  # type: ignore[import-untyped]
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from orgsync.sandbox.resources import steps
from orgsync.sandbox.resources.context import ProviderContext, error_message
from orgsync.sandbox.resources.invokes import invoke
from orgsync.sandbox.resources.settings import configure
from orgsync.sandbox.resources.types import lookup
from orgsync.sandbox.resources.values import has_unknown, plain, to_struct

_log = logging.getLogger(__name__)

# As many as the engine may have under way; a stack's custom resource keeps one for minutes.
_THREADS = 32
# A layer's code arrives as paths, but a state machine's or dashboard's document as text.
_MESSAGE_BYTES = 400 * 1024 * 1024

Kind = provider_pb2.PropertyDiff


def _reporting_errors(method: Callable[..., Any]) -> Callable[..., Any]:
    """Turn an exception into the engine's error message instead of "Exception calling application"."""

    @wraps(method)
    def wrapper(self: "SandboxProvider", request: Any, call: grpc.ServicerContext) -> Any:
        try:
            return method(self, request, call)
        except Exception as error:
            _log.debug("%s failed", method.__name__, exc_info=True)
            call.abort(grpc.StatusCode.UNKNOWN, error_message(error))

    return wrapper


class SandboxProvider(provider_pb2_grpc.ResourceProviderServicer):
    """The protocol's side of `orgsync.sandbox.resources`, for whatever stack the engine works on.

    A program may declare several AWS providers. A request does not say whose it is, but the engine opens a connection
    for each, so the caller's address tells them apart.
    """

    def __init__(self, context: ProviderContext) -> None:
        self._engine = context
        self._contexts: dict[str, ProviderContext] = {}

    def _context_of(self, call: grpc.ServicerContext) -> ProviderContext:
        """Return the context of the provider that calls."""
        return self._contexts.setdefault(call.peer(), ProviderContext(self._engine.cloud, self._engine.root))

    # Introduction.

    def Handshake(self, request: Any, call: Any) -> Any:
        return provider_pb2.ProviderHandshakeResponse(supports_autonaming_configuration=True)

    def Attach(self, request: Any, call: Any) -> Any:
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, call: Any) -> Any:
        return plugin_pb2.PluginInfo(version=version("pulumi_aws"))

    def CheckConfig(self, request: Any, call: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    @_reporting_errors
    def DiffConfig(self, request: Any, call: Any) -> Any:
        # Without an answer, the engine goes on with the former settings until its next operation.
        before, after = plain(request.old_inputs), plain(request.news)
        changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        answer = provider_pb2.DiffResponse
        return answer(changes=answer.DIFF_SOME if changed else answer.DIFF_NONE, diffs=changed)

    @_reporting_errors
    def Configure(self, request: Any, call: Any) -> Any:
        configure(self._context_of(call), plain(request.args))
        return provider_pb2.ConfigureResponse(supportsPreview=True, supports_autonaming_configuration=True)

    def Cancel(self, request: Any, call: Any) -> Any:
        return empty_pb2.Empty()

    # Questions.

    @_reporting_errors
    def Invoke(self, request: Any, call: Any) -> Any:
        answer = invoke(request.tok, plain(request.args), self._context_of(call))
        return provider_pb2.InvokeResponse(**{"return": to_struct(answer)})

    # Resources.

    @_reporting_errors
    def Check(self, request: Any, call: Any) -> Any:
        checked = steps.check(
            request.type,
            request.name,
            plain(request.olds),
            plain(request.news),
            self._context_of(call),
            seed=request.randomSeed,
            proposed=request.autonaming.proposed_name,
        )
        failures = [provider_pb2.CheckFailure(property=name, reason=reason) for name, reason in checked.errors]
        return provider_pb2.CheckResponse(inputs=to_struct(checked.inputs), failures=failures)

    @_reporting_errors
    def Diff(self, request: Any, call: Any) -> Any:
        change = steps.difference(
            request.type, request.name, plain(request.old_inputs), plain(request.news), request.ignoreChanges
        )
        kinds = (
            (change.added, Kind.ADD, Kind.ADD_REPLACE),
            (change.deleted, Kind.DELETE, Kind.DELETE_REPLACE),
            (change.updated, Kind.UPDATE, Kind.UPDATE_REPLACE),
        )
        detailed = {
            name: Kind(kind=replacing if name in change.replaces else kind, inputDiff=True)
            for names, kind, replacing in kinds
            for name in names
        }
        answer = provider_pb2.DiffResponse
        return answer(
            changes=answer.DIFF_SOME if detailed else answer.DIFF_NONE,
            diffs=sorted(change.names),
            replaces=sorted(change.replaces),
            deleteBeforeReplace=change.delete_first,
            detailedDiff=detailed,
            hasDetailedDiff=True,
        )

    @_reporting_errors
    def Create(self, request: Any, call: Any) -> Any:
        inputs = plain(request.properties)
        if request.preview or has_unknown(inputs):
            return provider_pb2.CreateResponse(properties=to_struct(steps.previewed_outputs(request.type, inputs)))
        id, state = lookup(request.type).create(inputs, self._context_of(call))
        return provider_pb2.CreateResponse(id=id, properties=to_struct(state))

    @_reporting_errors
    def Read(self, request: Any, call: Any) -> Any:
        inputs, state = plain(request.inputs), plain(request.properties)
        now = lookup(request.type).read(request.id, state, self._context_of(call))
        if now is None:
            return provider_pb2.ReadResponse()
        inputs = steps.refreshed_inputs(inputs, now)
        return provider_pb2.ReadResponse(id=request.id, properties=to_struct(now), inputs=to_struct(inputs))

    @_reporting_errors
    def Update(self, request: Any, call: Any) -> Any:
        old, inputs = plain(request.olds), plain(request.news)
        if request.preview:
            return provider_pb2.UpdateResponse(properties=to_struct(steps.previewed_outputs(request.type, inputs, old)))
        state = lookup(request.type).update(request.id, old, inputs, self._context_of(call))
        return provider_pb2.UpdateResponse(properties=to_struct(state))

    @_reporting_errors
    def Delete(self, request: Any, call: Any) -> Any:
        lookup(request.type).delete(request.id, plain(request.properties), self._context_of(call))
        return empty_pb2.Empty()


@contextmanager
def serve_provider(context: ProviderContext) -> Iterator[int]:
    """Serve a provider on loopback; yields its port."""
    limits = [("grpc.max_receive_message_length", _MESSAGE_BYTES), ("grpc.max_send_message_length", _MESSAGE_BYTES)]
    server = grpc.server(ThreadPoolExecutor(max_workers=_THREADS), options=limits)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(SandboxProvider(context), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(grace=None).wait()
