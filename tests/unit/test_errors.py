"""Every refusal, skip and failure has a name, a meaning and a remedy."""

import pytest

from orgsync.contact_sync.core import errors
from orgsync.shared.errors import OrgsyncError, error_class

EVERY = [found for found in vars(errors).values() if isinstance(found, type) and issubclass(found, OrgsyncError)]


@pytest.mark.parametrize("error", EVERY, ids=lambda error: error.__name__)
def test_every_error_says_what_it_means_and_what_to_do(error):
    """A code in a receipt or a notice never leaves its reader alone."""
    assert error.__dict__.get("__doc__"), "a meaning of its own"
    assert error_class(error.__name__) == error.remedy
    assert error.remedy.endswith(".")
    assert error_class(error.__name__).endswith(".")
    assert "\n" not in error.remedy + error_class(error.__name__)


@pytest.mark.parametrize("error", [e for e in EVERY if not e.__subclasses__()], ids=lambda error: error.__name__)
def test_what_can_be_raised_has_a_remedy_of_its_own(error):
    """Only a class that others refine, or one of theirs, may do with the general advice."""
    assert error.remedy != OrgsyncError.remedy


def test_codes_are_unique_and_lead_back_to_their_class():
    """A code names one class."""
    assert len({error.__name__ for error in EVERY}) == len(EVERY)
    assert all(error_class(error.__name__) is error for error in EVERY)
    assert all(error("why").code == error.__name__ for error in EVERY)


def test_a_code_of_another_version_still_has_advice():
    """Receipts outlive versions: an unknown code is answered with the general advice."""
    assert error_class("GoneSince") is OrgsyncError
    assert error_class("GoneSince") == OrgsyncError.remedy


def test_refusals_skips_and_failures_are_three():
    """No error is at once a bell refused, an account left alone, and a failure."""
    families = (errors.Refusal, errors.RunError, errors.AccountError, errors.Skip)
    assert all(sum(issubclass(error, family) for family in families) <= 1 for error in EVERY)
