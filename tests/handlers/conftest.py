"""Fixtures of the entry points' tests: worlds in memory. Nothing here, nor in the tests beside it, imports moto."""

import pytest

from tests import world as worlds
from tests.world import MakeWorld, World


@pytest.fixture
def make_world() -> MakeWorld:
    """Makes the world of a test, with as many members as it wants."""
    return worlds.make_world


@pytest.fixture
def world() -> World:
    """A configured world with three members that all differ from the source."""
    made = worlds.make_world()
    made.configure()
    return made
