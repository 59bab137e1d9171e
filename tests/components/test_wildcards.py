"""Wildcards of policies: none without its reason."""

import ast
import tokenize
from pathlib import Path

import pytest

COMPONENTS = Path(__file__).parents[2] / "components"
FILES = sorted(
    path for pattern in ("*policies.py", "permissions.py", "statements.py") for path in COMPONENTS.rglob(pattern)
)
ABOVE = 3
"""Lines: a comment that begins a statement of so few lines speaks of all of it."""


def unexplained(file: Path) -> list[int]:
    """Return the lines with a `*` in a string, where no comment stands beside it or just above."""
    source = file.read_text()
    with tokenize.open(file) as lines:
        comments = {
            token.start[0] for token in tokenize.generate_tokens(lines.readline) if token.type == tokenize.COMMENT
        }
    tree = ast.parse(source)
    prose = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    wild = {
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and "*" in node.value
        and id(node) not in prose
    }
    return sorted(line for line in wild if not comments & set(range(line - ABOVE, line + 1)))


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_every_wildcard_has_a_reason(file: Path) -> None:
    """A reader of a policy's statement learns why it is as wide as it is."""
    assert unexplained(file) == []


def test_every_module_of_policies_is_looked_at() -> None:
    """Those that any system needs, and those of contact sync."""
    found = {file.relative_to(COMPONENTS).as_posix() for file in FILES}
    assert found == {
        "contact_sync/permissions.py",
        "contact_sync/policies.py",
        "contact_sync/resource_policies.py",
        "shared/resource_policies.py",
        "shared/statements.py",
    }


def test_a_wildcard_without_a_reason_is_seen(tmp_path: Path) -> None:
    """A bare `*`, far from any comment."""
    file = tmp_path / "some_policies.py"
    file.write_text('# A comment.\n\n\n\n\nSTATEMENT = {"Resource": "*"}\n')
    assert unexplained(file) == [6]
