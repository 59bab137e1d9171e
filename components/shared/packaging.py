"""Packaging of uploads: our code as the functions' zip, the packages that it imports as a layer.

Two archives, because the dependencies carry compiled wheels for the function's Python and
processor, which the Python that runs this program cannot import: our code can be run from the
same files here and there. Both are the same bytes on every machine, so that a second `pulumi up`,
from another clone too, changes nothing.
"""

import hashlib
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pulumi

import orgsync

PYTHON = "3.13"
RUNTIME = f"python{PYTHON}"
ARCHITECTURE = "arm64"
PLATFORM = "manylinux2014_aarch64"
"""Lambda's arm64 Amazon Linux 2023 has a newer glibc than these wheels ask for."""

LIBRARY = Path(orgsync.__file__).parent
LOCK = LIBRARY / "handlers" / "requirements.lock"

RECIPE = 1
"""Part of a layer's name: raise it when the way a layer is built changes."""

# What pip leaves behind that differs from one installation to the next, or is for a shell.
LEFT_OUT = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}


class LayerNotBuilt(RuntimeError):
    """pip could not fetch the functions' dependencies; the message says what it said and what to do."""


def code(system: str) -> pulumi.AssetArchive:
    """Return the code of one system's functions: its entry points, its library and what systems share.

    Files, not folders: a folder's archive takes in `__pycache__` and changes after every run.
    """
    rooms = ("handlers/__init__.py", f"handlers/{system}", "shared", system)
    parts = [LIBRARY / "__init__.py", *(LIBRARY / room for room in rooms)]
    files = sorted(file for part in parts for file in (part.rglob("*.py") if part.is_dir() else [part]))
    return pulumi.AssetArchive(
        {file.relative_to(LIBRARY.parent).as_posix(): pulumi.FileAsset(_from_here(file)) for file in files}
    )


def layer() -> pulumi.FileArchive:
    """The functions' dependencies, fetched once for each lock file and kept under `.build/`."""
    return pulumi.FileArchive(_from_here(build_layer(LOCK, _build_folder())))


def build_layer(lock: Path, folder: Path) -> Path:
    """The layer's zip for a lock file, built when it is not there yet.

    Raises:
        LayerNotBuilt: when pip fails.
    """
    wanted = "\n".join([str(RECIPE), PYTHON, PLATFORM, lock.read_text()])
    built = folder / f"layer-{hashlib.sha256(wanted.encode()).hexdigest()[:16]}.zip"
    if built.exists():
        return built
    folder.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="layer-", dir=folder))
    try:
        _fetch(lock, work / "python")
        _zip(work / "python", work / "layer.zip")
        # Appears whole or not at all, whoever else builds the same one.
        (work / "layer.zip").replace(built)
    finally:
        shutil.rmtree(work)
    return built


def _fetch(lock: Path, target: Path) -> None:
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"),
        *("--require-hashes", "--no-deps", "--requirement", str(lock), "--target", str(target)),
        *("--platform", PLATFORM, "--implementation", "cp", "--python-version", PYTHON),
        *("--only-binary", ":all:", "--no-compile"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = "\n".join(done.stderr.strip().splitlines()[-5:])
        raise LayerNotBuilt(
            f"pip could not fetch the functions' dependencies for Python {PYTHON} on {PLATFORM}:\n{said}\n"
            "Check that this machine reaches its package index (pip config list), that `python -m pip` works, "
            "and that every line of handlers/requirements.lock has a wheel for that platform; then run it again."
        )


def _zip(source: Path, zipped: Path) -> None:
    """A zip that depends on the files' names and contents only."""
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(path for path in source.rglob("*") if path.is_file() and _belongs(path.relative_to(source))):
            entry = zipfile.ZipInfo(f"python/{file.relative_to(source).as_posix()}", (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, file.read_bytes())


def _belongs(file: Path) -> bool:
    return file.parts[0] != "bin" and "__pycache__" not in file.parts and file.name not in LEFT_OUT


def _build_folder() -> Path:
    """`.build/` of the checkout, or of the working directory where orgsync is an installed package."""
    checkout = LIBRARY.parent
    return (checkout if (checkout / "Pulumi.yaml").exists() else Path.cwd()) / ".build"


def _from_here(file: Path) -> str:
    """A path as the engine wants it: from the program's working directory, the same in every clone."""
    return os.path.relpath(file, Path.cwd())
