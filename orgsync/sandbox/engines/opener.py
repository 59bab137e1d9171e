"""The choice of an engine: the real Pulumi CLI where there is one, else the engine inside this process.

Both work through `orgsync.sandbox.resources`, and each says which it is.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from orgsync.sandbox.engines.automation import PulumiEngine
from orgsync.sandbox.engines.inline import InlineEngine
from orgsync.sandbox.engines.program import Program
from orgsync.sandbox.engines.protocol import Engine
from orgsync.sandbox.resources.context import CloudServices

Choice = Literal["auto", "pulumi", "inline"]


class EngineMissing(Exception):
    """The real engine was chosen and cannot be found."""


@contextmanager
def open_engine(choice: Choice, cloud: CloudServices, program: Path, stack_key: str) -> Iterator[Engine]:
    """Open an engine for a program (the directory of its `Pulumi.yaml`); its state lives as long as the block.

    The `config` of its operations is laid over the value of `stack_key` in a stack file.
    `auto` is the real engine where a CLI is found (`find_cli`), else the inline one.

    Raises:
        EngineMissing: for `pulumi` without a CLI.
    """
    source = Program(program.resolve(), stack_key)
    cli = find_cli() if choice != "inline" else None
    if choice == "pulumi" and cli is None:
        raise EngineMissing("no Pulumi CLI on PATH or at .engine/pulumi: run `make engine`, or choose --engine inline")
    opened = PulumiEngine.opened(cli, source, cloud) if cli else InlineEngine.opened(source, cloud)
    with opened as engine:
        yield engine


def find_cli() -> Path | None:
    """Find the Pulumi CLI: on PATH, or where `make engine` puts it in this checkout."""
    on_path = shutil.which("pulumi")
    if on_path:
        return Path(on_path)
    built = Path(__file__).parents[3] / ".engine" / "pulumi"
    return built if built.exists() else None
