"""A rehearsal: one file says what organization there is and what happens; playing it gives a report."""

from .audience import Audience
from .load import ScenarioRefused, load, validate
from .model import Scenario
from .play import play

__all__ = ["Audience", "Scenario", "ScenarioRefused", "load", "play", "validate"]
