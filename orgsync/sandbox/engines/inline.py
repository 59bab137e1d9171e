"""An engine inside this process, for machines without a Pulumi CLI.

The SDK's mocks let a program run without one; `registration` answers what it declares. The state
is kept for as long as the engine is open, so that a second `up` changes and removes what it must.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pulumi.runtime import mocks, run_in_stack, set_all_config
from pulumi.runtime.settings import SETTINGS, set_root_resource
from pulumi.runtime.settings import configure as configure_sdk

from orgsync.sandbox.engines.program import Program
from orgsync.sandbox.engines.protocol import KINDS, Deployed, DeployFailed, OnOutput, silent
from orgsync.sandbox.engines.registration import Registration, ResourceRecord
from orgsync.sandbox.engines.resource_count import OnCount, ResourceCount, uncounted
from orgsync.sandbox.resources import steps
from orgsync.sandbox.resources.context import CloudServices, ProviderContext, error_message
from orgsync.sandbox.resources.settings import configure
from orgsync.sandbox.resources.types import lookup

Records = dict[str, ResourceRecord]


class InlineEngine:
    """The inline engine; it keeps each stack's resources by URN, in the order of creation."""

    name = "inline"

    def __init__(self, program: Program, context: ProviderContext) -> None:
        self.program = program
        self._context = context
        self._stacks: dict[str, Records] = {}
        self._providers: dict[str, Mapping[str, Any]] = {}
        """Settings of the provider that a stack was last deployed with."""

    @classmethod
    @contextmanager
    def opened(cls, program: Program, cloud: CloudServices) -> Iterator["InlineEngine"]:
        """Open an engine whose state lives as long as the block."""
        yield cls(program, ProviderContext(cloud, program.root))

    def preview(
        self, stack: str = "dev", config: Mapping[str, Any] | None = None, on_output: OnOutput = silent
    ) -> Deployed:
        # A preview works on a copy: its outputs must not be taken for real ones.
        return self._deploy(
            stack, dict(self._stacks.get(stack, {})), config or {}, on_output, ResourceCount(uncounted), dry=True
        )

    def up(
        self,
        stack: str = "dev",
        config: Mapping[str, Any] | None = None,
        on_output: OnOutput = silent,
        on_count: OnCount = uncounted,
    ) -> Deployed:
        records = self._stacks.setdefault(stack, {})
        return self._deploy(stack, records, config or {}, on_output, ResourceCount(on_count), dry=False)

    def refresh(self, stack: str = "dev", on_output: OnOutput = silent) -> Deployed:
        records = self._selected(stack)
        counts = dict.fromkeys(KINDS, 0)
        for urn, record in list(records.items()):
            now = lookup(record.type).read(record.id, record.state, self._context) if record.managed else record.state
            if now is None:
                on_output(f"gone     {record.type} {record.name}")
                counts["delete"] += 1
                del records[urn]
                continue
            counts["same" if now == record.state else "update"] += 1
            if record.managed:
                record.inputs, record.state = steps.refreshed_inputs(record.inputs, now), now
        return Deployed(counts)

    def destroy(self, stack: str = "dev", on_output: OnOutput = silent) -> Deployed:
        records = self._selected(stack)
        to_delete = list(records.values())
        _refuse_protected(to_delete)
        self._remove(records, to_delete, on_output)
        return Deployed({**dict.fromkeys(KINDS, 0), "delete": len(to_delete)})

    def _selected(self, stack: str) -> Records:
        """Select a stack's records and its provider's settings."""
        self._context.begin()
        configure(self._context, self._providers.get(stack, {}))
        return self._stacks.get(stack, {})

    def _deploy(
        self,
        stack: str,
        records: Records,
        overlay: Mapping[str, Any],
        on_output: OnOutput,
        count: ResourceCount,
        *,
        dry: bool,
    ) -> Deployed:
        try:
            config = self.program.config(stack, overlay)
            settings = {key.removeprefix("aws:"): value for key, value in config.items() if key.startswith("aws:")}
            self._context.begin()
            configure(self._context, settings)
            self._providers[stack] = settings
        except ValueError as error:
            raise DeployFailed(str(error)) from error
        self._context.root = self.program.root
        registration = Registration(self._context, settings, records, on_output, count.stands, dry=dry)
        self._run(registration, stack, config, on_output, count)
        vanished = [record for urn, record in records.items() if urn not in registration.seen]
        _refuse_protected(vanished)
        if not dry:
            self._remove({}, registration.replaced, on_output)
            self._remove(records, vanished, on_output)
        counts = {kind: registration.counts[kind] for kind in KINDS}
        return Deployed({**counts, "delete": len(vanished)}, {} if dry else registration.outputs)

    def _run(
        self, registration: Registration, stack: str, config: dict[str, str], on_output: OnOutput, count: ResourceCount
    ) -> None:
        """Run the program to its end; the SDK's settings are those of the thread it runs in."""

        def run() -> None:
            logger = logging.Logger("program", logging.INFO)
            logger.addHandler(_OutputHandler(on_output))
            # As `set_mocks` does it, which makes a stack of its own besides; here the stack is the program's.
            bag = mocks.MockSettings(  # type: ignore[no-untyped-call]
                monitor=registration,
                monitor_features=set(registration.GetDeploymentInfo(None).supportedFeatures),  # type: ignore[no-untyped-call]
                engine=mocks.MockEngine(logger),
                project=self.program.name,
                stack=stack,
                organization=None,
                dry_run=registration.dry,
                callbacks=None,
            )
            configure_sdk(bag)
            # Calls of an earlier run would be waited for without end.
            SETTINGS.rpc_manager.clear()
            SETTINGS.outputs.clear()
            set_root_resource(None)  # type: ignore[arg-type]
            set_all_config(config)
            asyncio.run(run_in_stack(lambda: self.program.run(count)))

        with self.program.in_directory(), _silenced_asyncio():
            error = _run_in_thread(run)
        if registration.failures:
            raise DeployFailed("\n".join(registration.failures)) from error
        if error is not None:
            raise DeployFailed(str(error)) from error

    def _remove(self, records: Records, to_delete: list[ResourceRecord], on_output: OnOutput) -> None:
        """Delete in reverse order: later resources depend on earlier ones."""
        for record in reversed(to_delete):
            if record.managed and not record.retain:
                try:
                    lookup(record.type).delete(record.id, record.state, self._context)
                except Exception as error:
                    raise DeployFailed(f"{record.name}: {error_message(error)}") from error
                on_output(f"deleted  {record.type} {record.name}")
            records.pop(record.urn, None)


class _OutputHandler(logging.Handler):
    """A handler that passes the program's own log lines on as output."""

    def __init__(self, on_output: OnOutput) -> None:
        super().__init__()
        self._on_output = on_output

    def emit(self, record: logging.LogRecord) -> None:
        self._on_output(record.getMessage())


def _refuse_protected(to_delete: list[ResourceRecord]) -> None:
    kept = [record.name for record in to_delete if record.protect]
    if kept:
        raise DeployFailed(f"{', '.join(kept)}: protected, so it cannot be deleted; take `protect` away first")


@contextmanager
def _silenced_asyncio() -> Iterator[None]:
    """Keep asyncio from printing every task that failed because another did; the SDK's runner does so too."""
    logger = logging.getLogger("asyncio")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def _run_in_thread(work: Callable[[], None]) -> BaseException | None:
    """Run in a thread, with context variables of its own; returns the exception that it ended with."""
    ended: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=guarded, name="pulumi-program")
    thread.start()
    thread.join()
    return ended[0] if ended else None
