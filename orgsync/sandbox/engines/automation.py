"""The real engine: the Pulumi CLI through its Automation API, with the sandbox as AWS provider.

Nothing is written into the repository: the CLI works in a directory of its own, on copies of the
project and stack files (it writes an encryption salt into the latter).
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from pulumi import automation
from pulumi.automation import EngineEvent, OpType, PulumiCommand
from pulumi.automation.errors import CommandError
from pulumi.automation.events import StepEventMetadata

from orgsync.sandbox.engines.program import Program
from orgsync.sandbox.engines.protocol import KINDS, Deployed, DeployFailed, OnOutput, silent
from orgsync.sandbox.engines.provider import serve_provider
from orgsync.sandbox.engines.resource_count import OnCount, ResourceCount, uncounted
from orgsync.sandbox.resources.context import CloudServices, ProviderContext

# Lines that the CLI adds after the message that has the reason.
_CONCLUSIONS = ("update failed", "preview failed", "refresh failed", "destroy failed", "resource monitor shut down")

_STANDING = {
    OpType.CREATE,
    OpType.CREATE_REPLACEMENT,
    OpType.READ,
    OpType.REFRESH,
    OpType.REPLACE,
    OpType.SAME,
    OpType.UPDATE,
}
"""Steps of the engine after which a resource stands as it is declared."""


class PulumiEngine:
    """Drives one CLI, with one directory of state, for one program."""

    def __init__(self, cli: PulumiCommand, program: Program, context: ProviderContext, work: Path, port: int) -> None:
        self.name = f"pulumi {cli.version}"
        self.program = program
        self._cli = cli
        self._context = context
        self._work = work
        self._environment = {
            "PULUMI_BACKEND_URL": f"file://{work / 'state'}",
            # A repository's own secrets open with its own passphrase, where the environment has it.
            "PULUMI_CONFIG_PASSPHRASE": os.environ.get("PULUMI_CONFIG_PASSPHRASE", "sandbox"),
            "PULUMI_DEBUG_PROVIDERS": f"aws:{port}",
            "PULUMI_HOME": str(work / "home"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            # Nothing may leave for the network: the provider attaches, and no other plugin is needed.
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }
        self._overlays: dict[str, Mapping[str, Any]] = {}

    @classmethod
    @contextmanager
    def opened(cls, cli: Path, program: Program, cloud: CloudServices) -> Iterator["PulumiEngine"]:
        """Open an engine whose provider and directories live as long as the block."""
        context = ProviderContext(cloud, program.root)
        with tempfile.TemporaryDirectory(prefix="orgsync-engine-") as folder, serve_provider(context) as port:
            work = Path(folder)
            (work / "state").mkdir()
            (work / "home").mkdir()
            # The Automation API takes a CLI only as `bin/pulumi` of an installation.
            (work / "bin").mkdir()
            (work / "bin" / "pulumi").symlink_to(cli)
            yield cls(PulumiCommand(str(work)), program, context, work, port)

    def preview(
        self, stack: str = "dev", config: Mapping[str, Any] | None = None, on_output: OnOutput = silent
    ) -> Deployed:
        handle = self._stack(stack, config or {})
        result = self._run(lambda on_event: handle.preview(on_output=on_output, on_event=on_event, color="never"))
        return Deployed(_counts_by_kind(result.change_summary))

    def up(
        self,
        stack: str = "dev",
        config: Mapping[str, Any] | None = None,
        on_output: OnOutput = silent,
        on_count: OnCount = uncounted,
    ) -> Deployed:
        count = ResourceCount(on_count)
        handle = self._stack(stack, config or {}, count)
        result = self._run(lambda on_event: handle.up(on_output=on_output, on_event=on_event, color="never"), count)
        outputs = {name: output.value for name, output in result.outputs.items()}
        return Deployed(_counts_by_kind(result.summary.resource_changes), outputs)

    def refresh(self, stack: str = "dev", on_output: OnOutput = silent) -> Deployed:
        handle = self._stack(stack)
        result = self._run(lambda on_event: handle.refresh(on_output=on_output, on_event=on_event, color="never"))
        return Deployed(_counts_by_kind(result.summary.resource_changes))

    def destroy(self, stack: str = "dev", on_output: OnOutput = silent) -> Deployed:
        handle = self._stack(stack)
        # As the CLI does unless that is switched off. The preview refuses what is protected before anything is
        # gone; the operation itself would remove everything else first.
        self._run(lambda on_event: handle.preview_destroy(on_event=on_event, color="never"))
        result = self._run(lambda on_event: handle.destroy(on_output=on_output, on_event=on_event, color="never"))
        return Deployed(_counts_by_kind(result.summary.resource_changes))

    def _stack(
        self, stack: str, overlay: Mapping[str, Any] | None = None, count: ResourceCount | None = None
    ) -> automation.Stack:
        """Prepare the stack and its files; without `overlay` the configuration is that of last time."""
        if overlay is not None:
            self._overlays[stack] = overlay
        self._context.root = self.program.root
        project = {**self.program.project, "main": str(self.program.root)}
        (self._work / "Pulumi.yaml").write_text(yaml.safe_dump(project))
        path = self._work / f"Pulumi.{stack}.yaml"
        salt = (yaml.safe_load(path.read_text()) or {}).get("encryptionsalt") if path.exists() else None
        document = self.program.stack(stack, self._overlays.get(stack, {}))
        # A repository's own secrets are under its own salt, and then stay so.
        path.write_text(yaml.safe_dump({**({"encryptionsalt": salt} if salt else {}), **document}))
        workspace = automation.LocalWorkspace(
            work_dir=str(self._work),
            pulumi_home=self._environment["PULUMI_HOME"],
            program=lambda: self.program.run(count),
            env_vars=self._environment,
            pulumi_command=self._cli,
        )
        return automation.Stack.create_or_select(stack, workspace)

    def _run(
        self, operation: Callable[[Callable[[EngineEvent], None]], Any], count: ResourceCount | None = None
    ) -> Any:
        reasons: list[str] = []

        def on_event(event: EngineEvent) -> None:
            diagnostic = event.diagnostic_event
            if diagnostic is not None and diagnostic.severity == "error":
                reasons.append(diagnostic.message.strip())
            done = event.res_outputs_event
            if count is not None and done is not None and _stands(done.metadata):
                count.stands(done.metadata.urn)

        try:
            with self.program.in_directory():
                self._context.begin()
                return operation(on_event)
        except CommandError as error:
            raise DeployFailed(_reason(reasons) or str(error)) from error


def _stands(step: StepEventMetadata) -> bool:
    """Return whether a resource of the program stands; the engine adds a default provider, which it does not count."""
    added = step.type.startswith("pulumi:providers:") and step.urn.rpartition("::")[2].startswith("default")
    return step.op in _STANDING and not added


def _reason(reasons: list[str]) -> str:
    """Join all errors, each once: the CLI repeats some inside others, and its last lines add nothing."""
    messages: list[str] = []
    for line in reasons:
        if line and not line.startswith(_CONCLUSIONS) and not any(earlier in line for earlier in messages):
            messages.append(line)
    return "\n".join(messages)


def _counts_by_kind(changes: Mapping[Any, int] | None) -> dict[str, int]:
    counts = {OpType(kind).value: count for kind, count in (changes or {}).items()}
    return {kind: counts.get(kind, 0) for kind in KINDS}
