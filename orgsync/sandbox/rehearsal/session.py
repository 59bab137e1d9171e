"""The state of a rehearsal: one cloud, one engine, and what was last deployed with it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.engines.protocol import Deployed, DeployFailed, Engine
from orgsync.sandbox.rehearsal.model import Scenario
from orgsync.sandbox.rehearsal.steps import DeployedStackStep, StackStep
from orgsync.sandbox.rehearsal.system import System

Document = dict[str, Any]

HOME_REGION = "us-east-1"
DEPLOYMENT_KEY = "orgsync:deployment"
"""The key in a stack file of the document that says how a stack runs."""


@dataclass(frozen=True)
class ActionResult:
    """The result of an action; `error` is the reason if it did not do what it says."""

    resources: dict[str, int] | None = None
    outputs: dict[str, Any] | None = None
    """The stack's outputs after a deployment."""
    output: str | None = None
    exit: int | None = None
    stderr: str | None = None
    """The text of a command on stderr; `output` is that on stdout."""
    error: str | None = None


@dataclass
class Session:
    """The cloud, the engine and the deployed stacks that the actions of one rehearsal work on."""

    scenario: Scenario
    system: System
    cloud: Cloud
    engine: Engine
    on_output: Callable[[str], None]
    on_count: Callable[[int, int], None]
    """Receives the resources that stand and those that are declared, while a stack is deployed."""
    stack: str = "dev"
    config: Document | None = None
    """The whole configuration of the last deploy whose configuration was valid."""
    region: str = HOME_REGION
    """The region of the last deployed stack, in which its operator works."""
    regions: set[str] = field(default_factory=lambda: {HOME_REGION})
    """The regions in which stacks were deployed."""
    nothing_deployed: bool = False
    """True if the last deploy failed before it created anything."""

    def writes(self) -> int:
        """Count the product's writes to members' contacts so far."""
        return len(self.cloud.account.writes)

    def deploy(self, body: StackStep) -> ActionResult:
        """Bring the stack up, or update it."""
        config = self._overlay(body)
        whole = self.engine.program.stack(body.stack, config)["config"]
        self.stack = body.stack
        self.region = whole.get("aws:region", HOME_REGION)
        self.regions.add(self.region)
        own = whole.get(self.system.stack_key) or {}
        if self.system.accepts(own):
            self.config = own
        result = self._run(lambda: self.engine.up(body.stack, config, self.on_output, self.on_count))
        self.nothing_deployed = result.error is not None and not self.cloud.leftovers()
        return result

    def preview(self, body: StackStep) -> ActionResult:
        """Show what a deploy with this configuration would change."""
        config = self._overlay(body)
        return self._run(lambda: self.engine.preview(body.stack, config, self.on_output))

    def _overlay(self, body: StackStep) -> Document:
        """Make what is laid over the stack file: the system's own document, and that of the deployment."""
        config = self.system.overlay(self.scenario, body.config)
        return {**config, DEPLOYMENT_KEY: body.deployment} if body.deployment else config

    def refresh(self, body: DeployedStackStep) -> ActionResult:
        """Compare what was declared with what is there."""
        return self._run(lambda: self.engine.refresh(body.stack or self.stack, self.on_output))

    def destroy(self, body: DeployedStackStep) -> ActionResult:
        """Delete everything that was declared."""
        return self._run(lambda: self.engine.destroy(body.stack or self.stack, self.on_output))

    def _run(self, operation: Callable[[], Deployed]) -> ActionResult:
        self.on_output("the engine starts")
        try:
            deployed = operation()
            return ActionResult(resources=deployed.resources, outputs=deployed.outputs)
        except DeployFailed as failure:
            return ActionResult(error=str(failure))
