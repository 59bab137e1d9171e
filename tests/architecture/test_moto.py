"""The patches of moto's inside: each fits the installed version.

No cloud is imported here, which a moto without one of these attributes may prevent.
"""

import inspect
from functools import reduce
from importlib import import_module
from importlib.metadata import version
from typing import Any

import pytest

from orgsync.sandbox.cloud.patches import PATCHED


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
