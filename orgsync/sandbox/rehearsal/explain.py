"""Explanations of pydantic's errors as an owner reads a file: the path in it, then what is allowed there."""

from typing import Any

from pydantic import ValidationError


def explain(error: ValidationError) -> list[str]:
    """Explain each error in one line: `steps.3.edit_source.via: must be api or console`."""
    return [line for error in error.errors(include_url=False) for line in _lines(error)]


def _lines(error: Any) -> list[str]:
    location, context = error["loc"], error.get("ctx", {})
    if error["type"] == "unknown_keys":
        text = f"is not a key here; allowed: {', '.join(context['allowed'])}"
        return [f"{_path((*location, key))}: {text}" for key in context["keys"]]
    return [f"{_path(location)}: {_message(error, context)}"]


def _path(location: tuple[int | str, ...]) -> str:
    """Write the path as in the file; the names of a union's branches (`~counted`) are ours, not the file's."""
    return ".".join(str(part) for part in location if not str(part).startswith("~")) or "the file"


def _message(error: Any, context: Any) -> str:
    kind = error["type"]
    if kind == "missing":
        return "is missing"
    if kind == "literal_error":
        return f"must be {context['expected'].replace(chr(39), '')}"
    if kind == "string_pattern_mismatch" and r"\d{12}" in context["pattern"]:
        return "must be an account id of 12 digits, in quotes"
    if kind == "string_type":
        return _not_text(error["input"])
    if kind in ("model_type", "dict_type"):
        return "must be a mapping"
    return str(error["msg"]).removeprefix("Value error, ").removeprefix("Input ")


def _not_text(found: Any) -> str:
    """YAML reads an id, a postal code and a phone number without quotes as numbers."""
    if isinstance(found, bool | int | float):
        return f"must be text: put it in quotes, or YAML makes something else of it (here {found!r})"
    return "must be text"
