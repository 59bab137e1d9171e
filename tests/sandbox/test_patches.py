"""The table of patches of moto: all of them are applied, and no others."""

import pytest

from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.cloud.patches import PATCHED, Patches, UnlistedPatch


def test_every_patch_in_the_table_is_applied(cloud: Cloud) -> None:
    """A line that is not needed any more goes."""
    assert cloud.patches.applied == set(PATCHED)


def test_a_patch_that_is_not_in_the_table_is_refused() -> None:
    """One place lists them all."""
    with pytest.raises(UnlistedPatch, match=r"test_patches:Other\.method is patched but not in the table"):
        Patches().replace(Other, "method", None)


class Other:
    """A class that nobody patches."""

    def method(self) -> None:
        """Do nothing."""
