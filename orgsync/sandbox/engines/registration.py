"""The inline engine's handling of each resource that a program registers.

It keeps to the real engine's rules that matter here (a name once, dependencies before dependents,
replacement, protection) and refuses the options that it does not know.
"""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError
from google.protobuf import empty_pb2  # type: ignore[import-untyped]
from pulumi.runtime import mocks
from pulumi.runtime.proto import provider_pb2, resource_pb2

from orgsync.sandbox.engines.protocol import OnOutput
from orgsync.sandbox.resources import steps
from orgsync.sandbox.resources.context import ProviderContext, ResourceFailed, error_message
from orgsync.sandbox.resources.invokes import invoke
from orgsync.sandbox.resources.settings import configure
from orgsync.sandbox.resources.types import lookup
from orgsync.sandbox.resources.values import Properties, plain, to_struct

_STACK = "pulumi:pulumi:Stack"
_PROVIDER = "pulumi:providers:"
_UNSUPPORTED_OPTIONS = ("importId", "remote", "transforms", "hooks", "deletedWith", "replace_with")


class NeedsRealEngine(ValueError):
    """A program that uses an option which only the real engine supports."""


@dataclass
class ResourceRecord:
    """One resource as it was last made. Components and providers are recorded, but nothing is made of them."""

    urn: str
    type: str
    name: str
    managed: bool
    id: str = ""
    inputs: Properties = field(default_factory=dict)
    state: Properties = field(default_factory=dict)
    generation: int = 0
    """The number of its replacements; its automatic name differs each time."""
    protect: bool = False
    retain: bool = False


class _NoMocks(mocks.Mocks):
    """The monitor below answers itself; the SDK wants to be given some mocks all the same."""

    def call(self, args: mocks.MockCallArgs) -> Any:
        raise NotImplementedError

    def new_resource(self, args: mocks.MockResourceArgs) -> Any:
        raise NotImplementedError


class Registration(mocks.MockMonitor):
    """One run of a program; called by several threads, for resources that need not wait for each other."""

    def __init__(
        self,
        context: ProviderContext,
        provider: Mapping[str, Any],
        records: dict[str, ResourceRecord],
        on_output: OnOutput,
        on_stands: Callable[[str], None],
        *,
        dry: bool,
    ) -> None:
        super().__init__(_NoMocks())
        self.dry = dry
        self.seen: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.outputs: Properties = {}
        self.replaced: list[ResourceRecord] = []
        """The old resources of replacements, still to be deleted."""
        self.failures: list[str] = []
        self._context = context
        self._provider = dict(provider)
        self._default_asked = False
        """True once the default provider has done anything: until then the program may declare another."""
        self._records = records
        self._on_output, self._on_stands = on_output, on_stands
        self._lock = threading.Lock()

    # The SDK's calls.

    def RegisterResource(self, request: Any) -> Any:
        urn = self.make_urn(request.parent, request.type, request.name)
        try:
            record = self._registered(urn, request)
        except Exception as error:
            with self._lock:
                self.failures.append(f"{request.type} {request.name}: {error_message(error)}")
            raise
        return resource_pb2.RegisterResourceResponse(urn=urn, id=record.id, object=to_struct(record.state))

    def RegisterResourceOutputs(self, request: Any) -> Any:
        if f"::{_STACK}::" in request.urn:
            self.outputs = plain(request.outputs)
        return empty_pb2.Empty()

    def Invoke(self, request: Any) -> Any:
        if request.tok.startswith("pulumi:"):
            return super().Invoke(request)  # type: ignore[no-untyped-call]
        self._default_asked = True
        try:
            answer = invoke(request.tok, plain(request.args), self._context)
        except (ClientError, ResourceFailed) as refused:  # the program may answer it: as the engine hands it on
            failure = provider_pb2.CheckFailure(reason=error_message(refused))
            return resource_pb2.ResourceInvokeResponse(failures=[failure])
        return resource_pb2.ResourceInvokeResponse(**{"return": to_struct(answer)})

    def ReadResource(self, request: Any) -> Any:
        raise NeedsRealEngine(f"{request.type} {request.name}: looking up existing resources needs the real engine")

    # What is done.

    def _registered(self, urn: str, request: Any) -> ResourceRecord:
        given = [option for option in _UNSUPPORTED_OPTIONS if _is_given(getattr(request, option))]
        if given:
            raise NeedsRealEngine(f"the option {', '.join(given)} needs the real engine: make engine")
        inputs = plain(request.object)
        with self._lock:
            if urn in self.seen:
                raise ValueError("declared twice: every resource needs a name of its own")
            self.seen.add(urn)
            old = self._records.get(urn)
        if request.custom and not request.type.startswith(_PROVIDER):
            record, kind = self._managed(urn, request, inputs, old)
        else:
            if request.type.startswith(_PROVIDER):
                if not self._default_asked:
                    self._context.begin()
                configure(self._context, {**self._provider, **inputs})
            record = ResourceRecord(
                urn, request.type, request.name, False, request.name if request.custom else "", inputs, inputs
            )
            kind = "create" if old is None else "same"
        record.protect, record.retain = request.protect, request.retainOnDelete
        with self._lock:
            self._records[urn] = record
            self.counts[kind] += 1
        self._on_stands(urn)
        if kind != "same":
            self._on_output(f"{kind:8} {request.type} {request.name}")
        return record

    def _managed(
        self, urn: str, request: Any, inputs: Properties, old: ResourceRecord | None
    ) -> tuple[ResourceRecord, str]:
        self._default_asked = True
        if old is None:
            return self._create(urn, request, inputs, 0), "create"
        ignored = set(request.ignoreChanges)
        kept = {name: old.inputs[name] for name in ignored if name in old.inputs}
        inputs = {**inputs, **kept}
        new = self._checked(request, old.inputs, inputs, steps.seed_of(urn, old.generation))
        change = steps.difference(request.type, request.name, old.inputs, new, ignored)
        if not change.names:
            return old, "same"
        if change.replaces or change.names & set(request.replaceOnChanges):
            return self._replace(urn, request, inputs, old, change), "replace"
        state = steps.previewed_outputs(request.type, new, old.state)
        if not self.dry:
            state = lookup(request.type).update(old.id, old.state, new, self._context)
        return ResourceRecord(urn, request.type, request.name, True, old.id, new, state, old.generation), "update"

    def _create(self, urn: str, request: Any, inputs: Properties, generation: int) -> ResourceRecord:
        new = self._checked(request, {}, inputs, steps.seed_of(urn, generation))
        id, state = "", steps.previewed_outputs(request.type, new)
        if not self.dry:
            id, state = lookup(request.type).create(new, self._context)
        return ResourceRecord(urn, request.type, request.name, True, id, new, state, generation)

    def _replace(
        self, urn: str, request: Any, inputs: Properties, old: ResourceRecord, change: steps.InputChange
    ) -> ResourceRecord:
        if old.protect:
            raise NeedsRealEngine("is protected, but must be replaced; take `protect` away first")
        if self.dry:
            return self._create(urn, request, inputs, old.generation + 1)
        if change.delete_first or request.deleteBeforeReplace:
            lookup(old.type).delete(old.id, old.state, self._context)
            with self._lock:
                del self._records[urn]
        else:
            with self._lock:
                self.replaced.append(old)
        return self._create(urn, request, inputs, old.generation + 1)

    def _checked(self, request: Any, old: Properties, inputs: Properties, seed: bytes) -> Properties:
        checked = steps.check(request.type, request.name, old, inputs, self._context, seed=seed)
        if checked.errors:
            raise ValueError("; ".join(error.reason for error in checked.errors))
        return checked.inputs


def _is_given(option: Any) -> bool:
    """Return whether an option has a value; the SDK sends some of them empty."""
    return bool(option.ByteSize() if hasattr(option, "ByteSize") else option)
