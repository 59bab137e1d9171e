"""orgsync: what hangs off an AWS organization, kept in sync with one source of truth."""

__version__ = "0.1.0"
"""Version of the project and of the Pulumi package; `pyproject.toml` reads it here."""
