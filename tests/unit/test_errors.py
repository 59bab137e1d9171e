"""Errors by name: every refusal, skip and failure has a meaning and a remedy."""

from types import ModuleType

import pytest

from orgsync.contact_sync.core import errors
from orgsync.shared import errors as shared_errors
from orgsync.shared.errors import CallError, OrgsyncError, error_class


def classes(module: ModuleType) -> list[type[OrgsyncError]]:
    """Return the error classes of a module, those that it imports too."""
    return [found for found in vars(module).values() if isinstance(found, type) and issubclass(found, OrgsyncError)]


EVERY = list(dict.fromkeys([*classes(errors), *classes(shared_errors)]))


@pytest.mark.parametrize("error", EVERY, ids=lambda error: str(error.__name__))
def test_every_error_says_what_it_means_and_what_to_do(error: type[OrgsyncError]) -> None:
    """A code in a receipt or a notification explains itself to its reader."""
    assert error.__dict__.get("__doc__"), "a meaning of its own"
    found = error_class(error.__name__)
    assert found.remedy == error.remedy
    assert error.remedy.endswith(".")
    assert found.meaning().endswith(".")
    assert "\n" not in error.remedy + found.meaning()


@pytest.mark.parametrize("error", [e for e in EVERY if not e.__subclasses__()], ids=lambda error: str(error.__name__))
def test_an_error_that_can_be_raised_has_a_remedy_of_its_own(error: type[OrgsyncError]) -> None:
    """Only a class that others refine, or one of theirs, may do with the general advice."""
    assert error.remedy != OrgsyncError.remedy


def test_codes_are_unique_and_lead_back_to_their_class() -> None:
    """A code names one class."""
    assert len({error.__name__ for error in EVERY}) == len(EVERY)
    assert all(error_class(error.__name__) is error for error in EVERY)
    assert all(error("why").code == error.__name__ for error in EVERY)


def test_a_code_of_another_version_still_has_advice() -> None:
    """Receipts outlive versions: an unknown code is answered with the general advice."""
    assert error_class("GoneSince") is OrgsyncError
    assert error_class("GoneSince").remedy == OrgsyncError.remedy


def test_refusals_skips_and_failures_are_three() -> None:
    """No error is at once an event refused, an account skipped, and a failure."""
    families = (errors.Refusal, errors.RunError, CallError, errors.Skip)
    assert all(sum(issubclass(error, family) for family in families) <= 1 for error in EVERY)
