"""Find docstrings that do not begin with a verb or a noun of the field, and retired words.

python -m tools.prose [folder ...]
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("__main__.py", "components", "handlers", "orgsync", "tests", "bench", "tools")

QUESTION = re.compile(r"(What|Who|Whom|Whose|How|Where|Whether|When|Which|Why|Of which|With which)\b")
"""Openings that name no thing: the reader has to find the noun."""

RETIRED = re.compile(
    r"\b(bells?|rung|in step(?! Functions| if|[.:\[])|wears?|happenings?|deeds?|"
    r"(?<!account )(?<!accounts )left alone)\b",
    re.IGNORECASE,
)
"""Words that nobody in the field says (docs/decisions/0036-words.md, which lists them).

Messages to people say that accounts were left alone; everywhere else the word is skipped.
"""

EXEMPT = ("tools/prose.py", "docs/decisions/0036-words.md")


def files(rooms: list[str]) -> Iterator[Path]:
    """Yield the Python files and documents of some folders; links are seen where they lead."""
    for room in rooms:
        path = ROOT / room
        found = [path] if path.is_file() else sorted(path.rglob("*"))
        ours = (file for file in found if "node_modules" not in file.parts and not file.is_symlink())
        yield from (file for file in ours if file.suffix in (".py", ".md", ".yaml", ".json"))


def openings(file: Path) -> Iterator[str]:
    """Yield each docstring that opens with a question word, with its place."""
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        for inner in body:
            # Strings below a constant or a field are read as its docstring too.
            if (
                isinstance(inner, ast.Expr)
                and isinstance(inner.value, ast.Constant)
                and isinstance(inner.value.value, str)
            ):
                text = inner.value.value.strip()
                if QUESTION.match(text):
                    yield f"{file.relative_to(ROOT)}:{inner.lineno}: {text.splitlines()[0]}"


def retired(file: Path) -> Iterator[str]:
    """Yield each line that has a retired word."""
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        if found := RETIRED.search(line):
            yield f"{file.relative_to(ROOT)}:{number}: {found[0]}: {line.strip()[:100]}"


def findings(rooms: list[str]) -> list[str]:
    """Return everything that is found in some folders."""
    found: list[str] = []
    for file in files(rooms):
        if str(file.relative_to(ROOT)) in EXEMPT:
            continue
        if file.suffix == ".py":
            found += openings(file)
        found += retired(file)
    return found


def main() -> int:
    """Print what is found; fail if there is anything."""
    found = findings(sys.argv[1:] or [*ROOMS, "docs", "README.md", "CHANGELOG.md"])
    print(*found, sep="\n")
    return int(bool(found))


if __name__ == "__main__":
    raise SystemExit(main())
