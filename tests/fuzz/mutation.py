"""Mutations of JSON documents: what comes from outside, a little or wholly wrong."""

import copy
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

NASTY: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 10**30, -(10**30), 0.5, -0.0, 1e308, float("nan"), float("inf")),
    *("", " ", "***", "0", "null", "a" * 300, "é\u202e\u0000", "\ud800", "{}", "[]", "<x>", "%s", "../..", "a: b"),
    *("200000000001", "100000000001", "99999999999999999999", "２００００００００００１"),
    *("2026-11-01T10:00:00Z", "2026-11-01T10:00:00.000+00:00", "0000-00-00T00:00:00Z", "9999-12-31T23:59:59Z"),
    *("0001-01-01T00:00:00+23:59", "primary", "security", "orgsync", "aws.account"),
    *([], {}, [[]], [{}], [None], {"": None}, {"a": {"b": []}}, ["200000000001"] * 3, {"primary": {}}),
)
"""Values that programs stumble over; each may stand anywhere."""

Path = tuple[Any, ...]


def mutated(value: Any, others: Sequence[Any], draw: Random) -> Any:
    """Return a copy of a document with a few things in it changed.

    Args:
        others: documents of which parts may be put in.
    """
    changed = copy.deepcopy(value)
    for _ in range(draw.choice((1, 1, 2, 3, 6))):
        paths = list(_paths(changed))
        path = draw.choice(paths)
        if not path:
            changed = _new(changed, others, draw) if draw.random() < 0.15 else changed
            continue
        parent = _at(changed, path[:-1])
        match draw.randrange(6):
            case 0:
                del parent[path[-1]]
            case 1 if isinstance(parent, dict):
                parent[draw.choice(("", "extra", "accountId", "AccountId", path[-1].swapcase()))] = parent[path[-1]]
            case 2 if isinstance(parent, list):
                parent.extend(copy.deepcopy(parent[-1:]) * draw.choice((1, 3, 50)))
            case 3:
                parent[path[-1]] = _wrapped(parent[path[-1]], draw)
            case _:
                parent[path[-1]] = _new(parent[path[-1]], others, draw)
    return changed


def _new(value: Any, others: Sequence[Any], draw: Random) -> Any:
    """Return something else for a value: a nasty one, a part of another document, or itself a little changed."""
    if isinstance(value, str) and value and draw.random() < 0.3:
        cut = draw.randrange(len(value))
        return value[:cut] + draw.choice(("", "\x00", "é", " ", "0", value)) + value[cut + draw.randrange(2) :]
    if others and draw.random() < 0.3:
        other = draw.choice(others)
        return copy.deepcopy(_at(other, draw.choice(list(_paths(other)))))
    return copy.deepcopy(draw.choice(NASTY))


def _wrapped(value: Any, draw: Random) -> Any:
    """Return a value inside another."""
    match draw.randrange(4):
        case 0:
            return [value]
        case 1:
            return {"value": value}
        case 2:
            return str(value)
    deep: Any = value
    for _ in range(draw.choice((5, 60))):
        deep = [deep]
    return deep


def _paths(value: Any, above: Path = (), depth: int = 12) -> Iterator[Path]:
    yield above
    if depth and isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from _paths(value[key], (*above, key), depth - 1)


def _at(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value
