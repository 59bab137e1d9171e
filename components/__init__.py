"""What exists: the declared cloud, one component a noun."""

__version__ = "0.1.0"
"""Of the project and of the Pulumi package; `pyproject.toml` reads it here."""
