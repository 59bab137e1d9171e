"""AWS in memory for the properties that need it: one for all their examples, emptied before each."""

from collections.abc import Iterator

import pytest

from tests.memory import aws_in_memory


@pytest.fixture(scope="module")
def aws() -> Iterator[None]:
    """Once for a file: hypothesis would begin a function's fixture once for all its examples too."""
    with aws_in_memory():
        yield
