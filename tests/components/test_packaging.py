"""Packaging: the code and the layer that are uploaded are the same everywhere."""

import os
import re
import sys
import zipfile
from pathlib import Path
from typing import cast

import pulumi
import pytest

from orgsync.components.shared import packaging

ROOT = Path(__file__).parents[2]


def code() -> dict[str, pulumi.FileAsset]:
    """Return the files of the functions' code, by their paths in the archive."""
    return cast(dict[str, pulumi.FileAsset], packaging.code("contact_sync").assets)


def pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)(?:\[.*\])?==(\S+)", lock.read_text(), re.MULTILINE))


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Replace pip by what it leaves behind: packages, and traces of where and when it ran."""
    calls: list[Path] = []

    def fetch(lock: Path, target: Path) -> None:
        calls.append(target)
        for file in ("pkg/__init__.py", "pkg/deep/data.json", "pkg-1.dist-info/METADATA"):
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            (target / file).write_text(file)
        for trace in ("bin/tool", "pkg-1.dist-info/RECORD", "pkg/__pycache__/x.pyc", "pkg-1.dist-info/INSTALLER"):
            (target / trace).parent.mkdir(parents=True, exist_ok=True)
            (target / trace).write_text(str(target))
        os.utime(target / "pkg/__init__.py", (1e9 + len(calls), 1e9 + len(calls)))

    monkeypatch.setattr(packaging, "_fetch", fetch)
    return calls


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    file = tmp_path / "requirements.lock"
    file.write_text("pkg==1 --hash=sha256:00\n")
    return file


def test_the_code_is_exactly_one_systems_python_files() -> None:
    """Nothing but source is uploaded, under the name that the handlers' entry points begin with."""
    files = code()
    assert list(files) == sorted(files)
    assert "orgsync/contact_sync/names.py" in files
    assert "orgsync/handlers/contact_sync/plan.py" in files
    rooms = {name.split("/")[1] for name in files}
    assert rooms == {"__init__.py", "contact_sync", "handlers", "shared"}
    assert all(name.endswith(".py") for name in files)


def test_paths_are_the_same_in_every_clone(monkeypatch: pytest.MonkeyPatch) -> None:
    """An asset's path is relative to where the program runs."""
    monkeypatch.chdir(ROOT)
    assert code()["orgsync/contact_sync/names.py"].path == "orgsync/contact_sync/names.py"


@pytest.mark.usefixtures("fetched")
def test_a_layer_is_the_same_bytes_whenever_and_wherever_it_is_built(lock: Path, tmp_path: Path) -> None:
    """Times, byte code and pip's own records leave no trace in it."""
    one, other = (packaging.build_layer(lock, tmp_path / folder) for folder in ("one", "other"))
    assert one != other
    assert one.name == other.name
    assert one.read_bytes() == other.read_bytes()
    assert zipfile.ZipFile(one).namelist() == [
        "python/pkg/__init__.py",
        "python/pkg/deep/data.json",
        "python/pkg-1.dist-info/METADATA",
    ]


def test_a_layer_is_built_once_for_a_lock_file(fetched: list[Path], lock: Path, tmp_path: Path) -> None:
    """The same lock file takes what stands; a changed one is another layer."""
    first = packaging.build_layer(lock, tmp_path / "build")
    assert packaging.build_layer(lock, tmp_path / "build") == first
    assert len(fetched) == 1
    lock.write_text("pkg==2 --hash=sha256:00\n")
    assert packaging.build_layer(lock, tmp_path / "build") != first


def test_a_layer_that_could_not_be_fetched_leaves_nothing(
    lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pip's failure is reported with what to do, and no half of a layer stays."""
    # A pip that is not there fails as one does that finds nothing, without asking the network.
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(packaging.LayerNotBuilt, match=r"pip config list(.|\n)*requirements\.lock"):
        packaging.build_layer(lock, tmp_path / "build")
    assert list((tmp_path / "build").iterdir()) == []


@pytest.mark.parametrize(
    "lock_file",
    sorted([*ROOT.glob("requirements/*.lock"), ROOT / "handlers" / "requirements.lock"]),
    ids=lambda file: file.name,
)
def test_a_lock_file_holds_hashes_and_names_no_host(lock_file: Path) -> None:
    """Packages are installed as they were locked, from whatever index a machine uses."""
    text = lock_file.read_text()
    assert "://" not in text
    assert "find-links" not in text
    assert not re.findall(r"^\s*-", text.replace("    --hash", ""), re.MULTILINE)
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert entries
    assert all("--hash=sha256:" in entry for entry in entries)


def test_the_functions_run_what_the_tests_ran() -> None:
    """Every package of the layer is locked at the version that this project's own environment has."""
    here = pins(ROOT / "requirements/requirements.lock")
    layer = pins(ROOT / "handlers/requirements.lock")
    assert layer
    assert {name: here.get(name) for name in layer} == layer
