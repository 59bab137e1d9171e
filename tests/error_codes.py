"""Error codes: all that there are, and how a test expects one of them."""

from collections.abc import Iterator

import pytest

from orgsync.contact_sync.core.errors import Refusal, RefusalReason, RunError, SyncReason
from orgsync.shared.errors import OrgsyncError, Reason


def refused(reason: RefusalReason) -> pytest.RaisesExc[Refusal]:
    """Expect a refusal for this reason: a refusal is caught as one, and told by its reason."""
    return pytest.raises(Refusal, check=lambda refusal: refusal.reason is reason)


def with_subclasses(error: type[OrgsyncError] = OrgsyncError) -> Iterator[type[OrgsyncError]]:
    """Yield an error class and all classes below it."""
    yield error
    for child in error.__subclasses__():
        yield from with_subclasses(child)


def every_reason() -> list[Reason]:
    """Return the reasons of all families."""
    return [reason for reasons in Reason.__subclasses__() for reason in reasons]


RUN_ERRORS = sorted(
    [
        *(error.__name__ for error in with_subclasses(RunError) if not error.__subclasses__()),
        SyncReason.HEADER_UNREADABLE,
        SyncReason.SYSTEM_FAILURE,
    ]
)
"""Codes of what ends a run before any write."""
