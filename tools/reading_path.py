"""Count the public names that a reader meets who follows one source event from its rule to the write and its receipt.

The path starts at the event rule and ends at the adapters that write the contact and save the receipt. A file
belongs to it when it is started by the event (`STARTS`), or when such a file imports it, directly or not, and it
is of a room through which the event passes (`ROOMS`). Counted are the public names that these files define at
module level, and the project's names that they import from elsewhere; a leading underscore lowers the count only
where nobody imports the name.

    python -m tools.reading_path
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 90
"""Names that a reader meets at most."""

STARTS = (
    "orgsync.components.contact_sync.event_rules",
    "orgsync.components.contact_sync.event_patterns",
    "orgsync.components.contact_sync.state_machine",
    "orgsync.handlers.contact_sync.plan",
    "orgsync.handlers.contact_sync.process",
)
"""The rule with its pattern, the state machine that it starts, and the functions that this starts."""

ROOMS = (
    "orgsync.contact_sync.core",
    "orgsync.shared.breaker",
    "orgsync.shared.rate_limiter",
    "orgsync.shared.retries",
)
"""Modules through which the event passes; what else is imported is vocabulary: its imported names count."""

ENDS = ("orgsync.contact_sync.adapters.account_contacts", "orgsync.contact_sync.adapters.state_table")
"""The adapters that write the contact and save its receipt."""

VOCABULARY = (
    "orgsync.contact_sync.core.errors",
    "orgsync.contact_sync.core.notification",
    "orgsync.contact_sync.core.outcome",
)
"""Modules of the rooms that the path does not pass: it names errors, and ends before the run's report."""


def source(module: str) -> Path | None:
    """Return the file of a project module; None for anything else."""
    path = ROOT / module.replace(".", "/")
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.exists():
            return file
    return None


def imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield module and name of every import from the project."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("orgsync"):
            for alias in node.names:
                yield str(node.module), alias.name


def defined(tree: ast.Module) -> Iterator[str]:
    """Yield the names that a module defines at its top level."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def path() -> list[str]:
    """Return the modules of the path, in the order in which a reader meets them."""
    found, waiting = [], list(STARTS + ENDS)
    while waiting:
        module = waiting.pop(0)
        file = source(module)
        if module in found or file is None:
            continue
        found.append(module)
        for target, name in imports(ast.parse(file.read_text())):
            inner = f"{target}.{name}"
            for candidate in (inner if source(inner) else target,):
                if candidate.startswith(ROOMS) and candidate not in VOCABULARY:
                    waiting.append(candidate)
    return found


def names(modules: list[str]) -> set[str]:
    """Return the names that a reader of these modules meets."""
    trees = {module: ast.parse(text.read_text()) for module in modules if (text := source(module))}
    imported = {(target, name) for tree in trees.values() for target, name in imports(tree)}
    private_but_imported = {name for _, name in imported if name.startswith("_")}
    own = {name for tree in trees.values() for name in defined(tree) if not name.startswith("_")}
    return own | {name for _, name in imported} | private_but_imported


def main() -> int:
    """Print the count, and fail where it is above the limit."""
    modules = path()
    met = names(modules)
    print(f"From one event's rule to its receipt: {len(met)} names in {len(modules)} files (at most {LIMIT}).")
    if "--list" in sys.argv:
        print(*modules, "", *sorted(met), sep="\n")
    return int(len(met) > LIMIT)


if __name__ == "__main__":
    raise SystemExit(main())
