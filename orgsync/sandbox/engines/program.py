"""A Pulumi program in a repository: its project, its stacks' configuration, its code."""

import contextlib
import json
import runpy
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from pulumi import RunError

from orgsync.sandbox.engines.resource_count import ResourceCount
from orgsync.shared.configuration import ConfigurationRefused, read_yaml


class ProgramInvalid(ValueError):
    """A project or stack file that the sandbox cannot use; the message names the file."""


@dataclass(frozen=True)
class Program:
    """The program in a directory, never written to."""

    root: Path
    stack_key: str
    """The key in its stack files whose value a deployment's `config` is laid over."""

    @property
    def project(self) -> dict[str, Any]:
        """The content of `Pulumi.yaml`.

        Raises:
            ProgramInvalid: there is none, or it cannot be used.
        """
        return self._yaml(self.root / "Pulumi.yaml", required=True)

    @property
    def name(self) -> str:
        """The project's name."""
        return str(self.project["name"])

    def stack(self, stack: str, overlay: Mapping[str, Any]) -> dict[str, Any]:
        """Read `Pulumi.<stack>.yaml`, with `overlay` laid over the system's own configuration.

        A key with a colon, such as `orgsync:deployment`, is another document of the file, which the value is laid
        over. Mappings are merged, anything else is replaced.

        Raises:
            ProgramInvalid: it is no YAML, or a key stands twice in one place.
        """
        document = self._yaml(self.root / f"Pulumi.{stack}.yaml")
        config = dict(document.get("config") or {})
        others = {key: value for key, value in overlay.items() if ":" in key}
        if own := {key: value for key, value in overlay.items() if ":" not in key}:
            others[self.stack_key] = own
        for key, value in others.items():
            config[key] = merge_config(config.get(key) or {}, value)
        return {**document, "config": config}

    def config(self, stack: str, overlay: Mapping[str, Any]) -> dict[str, str]:
        """Make the configuration as the engine gives it to a running program: text by full key.

        Raises:
            ProgramInvalid: for a secret, which only the real engine can open.
        """
        own = {f"{self.name}:{key}" if ":" not in key else key: _value(value) for key, value in self._defaults()}
        own |= self.stack(stack, overlay)["config"]
        secret = sorted(key for key, value in own.items() if isinstance(value, Mapping) and "secure" in value)
        if secret:
            raise ProgramInvalid(
                f"Pulumi.{stack}.yaml: {', '.join(secret)} is secret: use the real engine (make engine)"
            )
        return {key: _text(value) for key, value in own.items() if value is not None}

    def run(self, count: ResourceCount | None = None) -> None:
        """Run the program in this process, as the file that it is; `count` gets every resource that it declares.

        Raises:
            RunError: if the program fails; the message says why and where.
        """
        try:
            if count is not None:
                count.watch_program()
            with self._own_modules():
                runpy.run_path(str(self.root / "__main__.py"), run_name="__main__")
        except RunError:
            raise
        except Exception as error:
            inside = [frame for frame in traceback.extract_tb(error.__traceback__) if str(self.root) in frame.filename]
            where = f" ({Path(inside[-1].filename).name}:{inside[-1].lineno})" if inside else ""
            raise RunError(f"{type(error).__name__}: {error}{where}") from error

    @contextmanager
    def in_directory(self) -> Iterator[None]:
        """Make the program's directory the process's own: relative assets are looked up there."""
        with contextlib.chdir(self.root):
            yield

    @contextmanager
    def _own_modules(self) -> Iterator[None]:
        """Import the program's packages from its own directory, whatever was imported before.

        Without it a second clone would run with the modules of the first. This sandbox goes on as it is: it is
        the program's host.
        """
        packages = {path.stem for path in self.root.iterdir() if path.suffix == ".py" or path.is_dir()}
        foreign = {name for name in packages & sys.modules.keys() if self._is_foreign(sys.modules[name])}

        def take() -> dict[str, ModuleType]:
            return {name: sys.modules.pop(name) for name in list(sys.modules) if _is_program_module(name, foreign)}

        before = take()
        sys.path.insert(0, str(self.root))
        try:
            yield
        finally:
            sys.path.remove(str(self.root))
            take()
            sys.modules.update(before)

    def _is_foreign(self, module: ModuleType) -> bool:
        """Return whether a module of a name that the program has comes from elsewhere."""
        if module.__name__ == "__main__":
            return False
        folders = [module.__file__] if getattr(module, "__file__", None) else list(getattr(module, "__path__", []))
        return bool(folders) and not any(Path(folder).is_relative_to(self.root) for folder in folders if folder)

    def _defaults(self) -> list[tuple[str, Any]]:
        return list((self.project.get("config") or {}).items())

    @staticmethod
    def _yaml(path: Path, required: bool = False) -> dict[str, Any]:
        if not path.exists() and not required:
            return {}
        try:
            document = read_yaml(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, ConfigurationRefused) as error:
            raise ProgramInvalid(f"{path.name}: {error}") from error
        if not isinstance(document, dict | None):
            raise ProgramInvalid(f"{path.name}: must be a mapping")
        return document or {}


HOST = __name__.rpartition(".engines.")[0]
"""The package that holds the sandbox."""


def _is_program_module(module: str, packages: set[str]) -> bool:
    """Return whether a module is of one of these packages, and none of the sandbox's own."""
    return module.partition(".")[0] in packages and not f"{module}.".startswith(f"{HOST}.")


def merge_config(base: Any, overlay: Any) -> Any:
    """Lay `overlay` over `base`: mappings key by key, everything else whole."""
    if isinstance(base, Mapping) and isinstance(overlay, Mapping):
        return {**base, **{key: merge_config(base.get(key), value) for key, value in overlay.items()}}
    return overlay


def _value(declared: Any) -> Any:
    """Read a default in `Pulumi.yaml`: the value itself, or a mapping that holds it."""
    if isinstance(declared, Mapping):
        return declared.get("value", declared.get("default"))
    return declared


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value)
