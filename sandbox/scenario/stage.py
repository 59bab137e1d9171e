"""Where a scenario is played: one cloud, one engine, and what was last deployed with it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from handlers.contact_sync.config import ConfigurationRefused, parse
from sandbox.cloud import Cloud
from sandbox.engine import Deployed, DeployFailed, Engine
from sandbox.program import Program, UnusableProgram

from .configuration import overlay
from .model import Scenario
from .steps import OnStack

Document = dict[str, Any]

HOME_REGION = "us-east-1"


@dataclass(frozen=True)
class Result:
    """What an action has to show; `error` says why it did not do what it says."""

    resources: dict[str, int] | None = None
    output: str | None = None
    exit: int | None = None
    error: str | None = None


@dataclass
class Stage:
    """Everything that the actions of one rehearsal work on."""

    scenario: Scenario
    cloud: Cloud
    engine: Engine
    program: Program
    hears: Callable[[str], None]
    stack: str = "dev"
    config: Document | None = None
    """All that stood under `orgsync:contact_sync` at the last deploy that could be used at all."""
    regions: set[str] = field(default_factory=lambda: {HOME_REGION})
    """Where stacks were deployed."""
    came_to_nothing: bool = False
    """The last deploy failed before anything was there."""

    def deploy(self, body: OnStack) -> Result:
        """Bring the stack up, or update it."""
        config = overlay(self.scenario, body.config)
        whole = self._stack_file(body.stack, config)
        self.stack = body.stack
        self.regions.add(whole.get("aws:region", HOME_REGION))
        policy = whole.get(self.program.overlay_key) or {}
        if _usable(policy):
            self.config = policy
        result = self._ask(lambda: self.engine.up(body.stack, config, self.hears))
        self.came_to_nothing = result.error is not None and not self.cloud.leftovers()
        return result

    def preview(self, body: OnStack) -> Result:
        """What a deploy with this configuration would change."""
        config = overlay(self.scenario, body.config)
        self._stack_file(body.stack, config)
        return self._ask(lambda: self.engine.preview(body.stack, config, self.hears))

    def refresh(self) -> Result:
        """Compare what was declared with what is there."""
        return self._ask(lambda: self.engine.refresh(self.stack, self.hears))

    def destroy(self) -> Result:
        """Take away everything that was declared."""
        return self._ask(lambda: self.engine.destroy(self.stack, self.hears))

    def _stack_file(self, stack: str, config: Document) -> Document:
        """The stack's whole configuration; an engine would take a missing file for an empty one."""
        if not (self.program.root / f"Pulumi.{stack}.yaml").exists():
            raise UnusableProgram(f"there is no stack {stack}: no file Pulumi.{stack}.yaml")
        whole: Document = self.program.stack(stack, config)["config"]
        return whole

    def _ask(self, engine_does: Callable[[], Deployed]) -> Result:
        try:
            return Result(resources=engine_does().resources)
        except DeployFailed as failure:
            return Result(error=str(failure))


def _usable(config: Document) -> bool:
    """The product's own judgement: what it refuses was never deployed."""
    try:
        parse(config)
    except ConfigurationRefused:
        return False
    return True
