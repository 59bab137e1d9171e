"""Names of public classes: one class each."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("orgsync", "components", "handlers")


def public_classes(file: Path) -> Iterator[str]:
    """Yield the public classes of a file, those inside others and inside functions too."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node.name


def shared_names(root: Path, among: str) -> dict[str, list[str]]:
    """Find class names with several definitions, at least one of them in a file below `among`."""
    found: dict[str, list[str]] = defaultdict(list)
    # `orgsync/components` and `orgsync/handlers` are links to the other two.
    files = {file.resolve() for file in chain.from_iterable((root / room).rglob("*.py") for room in ROOMS)}
    for file in sorted(files):
        for name in public_classes(file):
            found[name].append(file.relative_to(root.resolve()).as_posix())
    return {
        name: files
        for name, files in found.items()
        if len(files) > 1 and any(Path(file).is_relative_to(among) for file in files)
    }


@pytest.mark.parametrize("among", ["."])
def test_no_two_public_classes_share_a_name(among: str) -> None:
    """A name in a message or a document leads to one class."""
    assert shared_names(ROOT, among) == {}


def test_a_shared_name_is_seen(tmp_path: Path) -> None:
    """Two classes of one name in different rooms are found, a private one is not."""
    for file, name in (("orgsync/sandbox/a.py", "Twice"), ("components/b.py", "Twice"), ("handlers/c.py", "_Twice")):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(f"class {name}: ...\n")
    assert shared_names(tmp_path, "orgsync/sandbox") == {"Twice": ["components/b.py", "orgsync/sandbox/a.py"]}
    assert shared_names(tmp_path, "handlers") == {}
