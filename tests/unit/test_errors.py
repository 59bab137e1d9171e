"""Errors by name: every refusal, skip and failure has a meaning and a remedy."""

from types import ModuleType

import pytest

from orgsync.contact_sync.core import errors
from orgsync.shared import errors as shared_errors
from orgsync.shared.errors import CallError, OrgsyncError, Reason, ReasonedError, error_class, explain
from tests.error_codes import every_reason


def classes(module: ModuleType) -> list[type[OrgsyncError]]:
    """Return the error classes of a module, those that it imports too."""
    return [found for found in vars(module).values() if isinstance(found, type) and issubclass(found, OrgsyncError)]


EVERY = list(dict.fromkeys([*classes(errors), *classes(shared_errors)]))
CODES = sorted([*(error.__name__ for error in EVERY), *every_reason()])


@pytest.mark.parametrize("code", CODES)
def test_every_code_says_what_it_means_and_what_to_do(code: str) -> None:
    """A code in a receipt or a notification explains itself to its reader."""
    found = explain(code)
    assert found.meaning, "a meaning of its own"
    assert found.meaning.endswith(".")
    assert found.remedy.endswith(".")
    assert "\n" not in "".join(found)


@pytest.mark.parametrize("error", [e for e in EVERY if not e.__subclasses__()], ids=lambda error: str(error.__name__))
def test_an_error_that_can_be_raised_has_a_remedy_of_its_own(error: type[OrgsyncError]) -> None:
    """Only a class that others refine, or that carries a reason, may do with the general advice."""
    assert explain(error.__name__).remedy == error.remedy
    assert issubclass(error, ReasonedError) or error.remedy != OrgsyncError.remedy


def test_codes_are_unique_and_lead_back_to_their_class() -> None:
    """A code names one class, or one reason."""
    assert len(set(CODES)) == len(CODES)
    assert all(error_class(error.__name__) is error for error in EVERY)
    assert all(error("why").code == error.__name__ for error in EVERY if not issubclass(error, ReasonedError))


@pytest.mark.parametrize("reason", every_reason())
def test_an_error_with_a_reason_is_told_by_it(reason: Reason) -> None:
    """Code and remedy of such an error are its reason's, and a receipt holds the code as text."""
    error = ReasonedError(reason, "why")
    assert (error.code, error.remedy, str(error)) == (reason.value, reason.remedy, "why")
    assert type(error.code) is str
    assert error.skips == reason.skips


def test_a_code_of_another_version_still_has_advice() -> None:
    """Receipts outlive versions: an unknown code is answered with the general advice."""
    assert error_class("GoneSince") is OrgsyncError
    assert explain("GoneSince").remedy == OrgsyncError.remedy


def test_refusals_skips_and_failures_are_three() -> None:
    """No error is at once an event refused, a run that ends, and a failure; only a reason says that one was skipped."""
    families = (errors.Refusal, errors.RunError, CallError, errors.NotSynced)
    assert all(sum(issubclass(error, family) for family in families) <= 1 for error in EVERY)
    assert not any(error("why").skips for error in EVERY if not issubclass(error, ReasonedError))
    assert not any(reason.skips for reason in errors.RefusalReason)
    assert {reason.skips for reason in errors.SyncReason} == {True, False}
