"""Documents of `--json`: their shapes are an interface, which a version names."""

import json
from collections.abc import Mapping
from typing import Any

import click

VERSION = 1
"""Raised when a key of a document is renamed or taken away; a new key leaves it as it is."""


def print_document(document: Mapping[str, Any]) -> None:
    """Print one JSON document on stdout, with its version first."""
    click.echo(json.dumps({"version": VERSION, **document}, indent=2))
