"""The patches of moto's inside: each fits the installed version, and none is applied that the table lacks."""

import inspect
from functools import reduce
from importlib import import_module
from importlib.metadata import version
from typing import Any

import pytest

from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.cloud.patches import PATCHED, Patches, UnlistedPatch


def parameters(attribute: Any) -> tuple[str, ...]:
    """The names of a function's parameters, also of a static method."""
    return tuple(inspect.signature(getattr(attribute, "__func__", attribute)).parameters)


@pytest.mark.parametrize("target", PATCHED)
def test_a_patch_fits_this_moto(target: str) -> None:
    """Its attribute is defined where the table says, with the parameters that the patch relies on."""
    module, _, path = target.partition(":")
    *owners, name = path.split(".")
    broken = f"moto {version('moto')}: the sandbox patches {target}, because moto {PATCHED[target].reason}"
    try:
        owner = reduce(getattr, owners, import_module(module))
    except (ImportError, AttributeError) as error:
        pytest.fail(f"{broken}; its owner does not exist: {error}")
    assert name in vars(owner), f"{broken}; it does not exist"
    expected = PATCHED[target].parameters
    if expected is not None:
        assert parameters(vars(owner)[name]) == expected, f"{broken}; its parameters have changed"


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
