"""Where a scenario is played: one cloud, one engine, and what was last deployed with it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from orgsync.contact_sync.config import ConfigurationRefused, parse
from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.engines.engine import Deployed, DeployFailed, Engine
from orgsync.sandbox.engines.program import Program
from orgsync.sandbox.rehearsal.configuration import overlay
from orgsync.sandbox.rehearsal.model import Scenario
from orgsync.sandbox.rehearsal.steps import DeployedStackStep, StackStep

Document = dict[str, Any]

HOME_REGION = "us-east-1"


@dataclass(frozen=True)
class ActionResult:
    """What an action has to show; `error` says why it did not do what it says."""

    resources: dict[str, int] | None = None
    output: str | None = None
    exit: int | None = None
    error: str | None = None


@dataclass
class Session:
    """Everything that the actions of one rehearsal work on."""

    scenario: Scenario
    cloud: Cloud
    engine: Engine
    program: Program
    hears: Callable[[str], None]
    stack: str = "dev"
    config: Document | None = None
    """All that stood under `orgsync:contact_sync` at the last deploy that could be used at all."""
    region: str = HOME_REGION
    """Where the last stack was deployed, and its operator works."""
    regions: set[str] = field(default_factory=lambda: {HOME_REGION})
    """Where stacks were deployed."""
    came_to_nothing: bool = False
    """The last deploy failed before anything was there."""

    def deploy(self, body: StackStep) -> ActionResult:
        """Bring the stack up, or update it."""
        config = overlay(self.scenario, body.config)
        whole = self.program.stack(body.stack, config)["config"]
        self.stack = body.stack
        self.region = whole.get("aws:region", HOME_REGION)
        self.regions.add(self.region)
        policy = whole.get(self.program.overlay_key) or {}
        if _usable(policy):
            self.config = policy
        result = self._ask(lambda: self.engine.up(body.stack, config, self.hears))
        self.came_to_nothing = result.error is not None and not self.cloud.leftovers()
        return result

    def preview(self, body: StackStep) -> ActionResult:
        """What a deploy with this configuration would change."""
        config = overlay(self.scenario, body.config)
        return self._ask(lambda: self.engine.preview(body.stack, config, self.hears))

    def refresh(self, body: DeployedStackStep) -> ActionResult:
        """Compare what was declared with what is there."""
        return self._ask(lambda: self.engine.refresh(body.stack or self.stack, self.hears))

    def destroy(self, body: DeployedStackStep) -> ActionResult:
        """Take away everything that was declared."""
        return self._ask(lambda: self.engine.destroy(body.stack or self.stack, self.hears))

    def _ask(self, engine_does: Callable[[], Deployed]) -> ActionResult:
        try:
            return ActionResult(resources=engine_does().resources)
        except DeployFailed as failure:
            return ActionResult(error=str(failure))


def _usable(config: Document) -> bool:
    """The product's own judgement: what it refuses was never deployed."""
    try:
        parse(config)
    except ConfigurationRefused:
        return False
    return True
