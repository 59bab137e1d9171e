"""CloudWatch Logs Insights, as far as the saved queries use it: which lines a query finds, and which fields it shows.

A line is found by its JSON fields, a field inside another by its path, as Insights discovers them.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Line = Mapping[str, Any]

_TOKEN = re.compile(r'\s*("[^"]*"|!=|=|[()\[\],]|[\w@.]+)')
_DISCOVERED = ("@timestamp", "@log", "@message")
"""Fields of every line that CloudWatch itself adds."""


def fields(line: str) -> dict[str, Any]:
    """Return the fields that Insights discovers in a line; none in one that is no JSON."""
    try:
        document = json.loads(line)
    except ValueError:
        return {}
    return dict(_flat(document, "")) if isinstance(document, dict) else {}


def _flat(document: Mapping[str, Any], path: str) -> Any:
    for key, value in document.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{path}{key}.")
        elif value is not None:
            yield f"{path}{key}", value


@dataclass(frozen=True)
class Query:
    """A query, taken apart: its filters and the fields that it shows, groups by or sorts by."""

    filters: tuple[str, ...]
    names: frozenset[str]

    @classmethod
    def of(cls, text: str) -> "Query":
        """Take a query apart.

        Raises:
            ValueError: it uses a command that is not known here.
        """
        filters, names, made = [], set(), set()
        for stage in text.split("|"):
            command, _, rest = stage.strip().partition(" ")
            if command == "filter":
                filters.append(rest)
            elif command in ("fields", "stats", "sort"):
                made |= set(re.findall(r" as (\w+)", rest))
                words = re.sub(r" as \w+| by | (asc|desc)\b|count\(\*\)|coalesce", ",", rest)
                names |= set(re.findall(r"[\w@.]+", words)) - {"as"}
            elif command != "limit":
                raise ValueError(f"an unknown command: {command}")
        return cls(tuple(filters), frozenset(names - made - set(_DISCOVERED)))

    def found(self, lines: Sequence[Line]) -> list[Line]:
        """Return the lines that pass each filter."""
        return [line for line in lines if all(_Filter(text, line).holds() for text in self.filters)]


class _Filter:
    """One filter, read from left to right against a line: `or` of `and`s of conditions."""

    def __init__(self, text: str, line: Line) -> None:
        self._tokens, self._line = _TOKEN.findall(text), line

    def holds(self) -> bool:
        held = self._any()
        if self._tokens:
            raise ValueError(f"not understood: {self._tokens}")
        return held

    def _any(self) -> bool:
        held = self._all()
        while self._takes("or"):
            held |= self._all()
        return held

    def _all(self) -> bool:
        held = self._one()
        while self._takes("and"):
            held &= self._one()
        return held

    def _one(self) -> bool:
        if self._takes("("):
            held = self._any()
            self._expect(")")
            return held
        name = self._tokens.pop(0)
        if name == "ispresent":
            self._expect("(")
            name = self._tokens.pop(0)
            self._expect(")")
            return name in self._line
        operator = self._tokens.pop(0)
        value = self._line.get(name)
        if operator == "in":
            return value in self._list()
        if operator not in ("=", "!="):
            raise ValueError(f"an unknown operator: {operator}")
        return bool((value == json.loads(self._tokens.pop(0))) == (operator == "="))

    def _list(self) -> list[Any]:
        self._expect("[")
        values = [json.loads(self._tokens.pop(0))]
        while self._takes(","):
            values.append(json.loads(self._tokens.pop(0)))
        self._expect("]")
        return values

    def _takes(self, token: str) -> bool:
        if self._tokens[:1] == [token]:
            self._tokens.pop(0)
            return True
        return False

    def _expect(self, token: str) -> None:
        if not self._takes(token):
            raise ValueError(f"{token} is missing before {self._tokens}")
