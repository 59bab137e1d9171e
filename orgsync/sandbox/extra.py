"""The optional dependencies of the sandbox, and how to install them."""

from importlib.util import find_spec

PACKAGES = ("awslambdaric", "flask", "moto", "trustme")
"""Packages that are installed with the extra `sandbox` only."""

INSTALL = "pip install 'orgsync[sandbox]'"


def missing_packages() -> list[str]:
    """List the packages of the extra that are not installed."""
    return [package for package in PACKAGES if find_spec(package) is None]
