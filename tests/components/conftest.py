"""The program under Pulumi's mocks, and the context of the documents that these tests look at."""

import pytest

from orgsync.components.shared.stack_context import StackContext
from tests.components.program import MANAGEMENT, ORGANIZATION, Declare, declarer


@pytest.fixture(scope="session")
def context() -> StackContext:
    """Return the context of the documents of these tests."""
    return StackContext("orgsync-dev-contact-sync", "dev", "aws", "us-east-1", MANAGEMENT, ORGANIZATION)


@pytest.fixture(scope="session")
def declare(tmp_path_factory: pytest.TempPathFactory) -> Declare:
    """Return the function that runs the unmodified `__main__.py` for a stack."""
    return declarer(tmp_path_factory.mktemp("layer"))
