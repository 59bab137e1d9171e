"""The wheel: its content, and its use outside a checkout beside a program with folders of the same names."""

import json
import os
import shutil
import stat
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from orgsync.sandbox.rehearsal.packaged_program import PACKAGED, program_folder

ROOT = Path(__file__).parents[2]
BESIDE = Path(__file__).parent / "beside"
SOURCES = ("orgsync", "components", "handlers")
NEEDED = {
    "orgsync/py.typed",
    "orgsync/components/contact_sync/component.py",
    "orgsync/components/schema.json",
    "orgsync/handlers/contact_sync/plan.py",
    "orgsync/handlers/requirements.lock",
    "orgsync/sandbox/program/__main__.py",
    "orgsync/sandbox/program/Pulumi.yaml",
}

pytestmark = pytest.mark.xdist_group("wheel")


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    """The stdout of a command that must succeed; no module comes from the checkout's own environment variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(command, cwd=cwd, env=kept | variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the sources as they stand; built from a copy, for setuptools leaves a folder behind."""
    copy, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for folder in SOURCES:
        shutil.copytree(ROOT / folder, copy / folder, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "__main__.py", *(path.name for path in ROOT.glob("Pulumi*.yaml"))):
        shutil.copy(ROOT / file, copy)
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation")
    run(*pip, "--wheel-dir", built, ".", cwd=copy)
    (found,) = built.glob("orgsync-*.whl")
    return found


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment that holds the wheel and nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    pip = (sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install", "--quiet")
    run(*pip, "--no-deps", "--no-index", "--no-compile", wheel, cwd=folder)
    return folder


def site_packages(environment: Path) -> Path:
    (found,) = environment.glob("lib/python*/site-packages")
    return found


@pytest.fixture(scope="module")
def installed(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same environment with the dependencies of this one behind it, and a cache that has the layer if this one has.

    A plain path in a `.pth` file does not bring the editable installation of the checkout, which is a `.pth` too.
    """
    paths = sysconfig.get_paths()
    behind = site_packages(environment) / "dependencies.pth"
    behind.write_text("\n".join(dict.fromkeys([paths["purelib"], paths["platlib"]])) + "\n")
    if (ROOT / ".build").exists():
        shutil.copytree(ROOT / ".build", environment / "cache" / "orgsync" / "program" / ".build")
    return environment


def test_the_packaged_program_is_the_checkouts() -> None:
    """Byte for byte, and every stack file is there; in a checkout it is deployed as it stands."""
    packaged = {file.name: file.read_bytes() for file in PACKAGED.iterdir() if file.is_file()}
    names = ("__main__.py", *(path.name for path in ROOT.glob("Pulumi*.yaml")))
    assert packaged == {name: (ROOT / name).read_bytes() for name in names}
    assert program_folder() == PACKAGED


@pytest.mark.slow
def test_the_wheel_installs_one_name(environment: Path) -> None:
    """`components` and `handlers` of other projects stay theirs."""
    (metadata,) = site_packages(environment).glob("*.dist-info")
    assert metadata.name.startswith("orgsync-")
    assert {path.name for path in site_packages(environment).iterdir()} == {"orgsync", metadata.name}


@pytest.mark.slow
def test_the_wheel_is_whole(wheel: Path) -> None:
    """It has what is linked in a checkout as files, and no link that leads nowhere."""
    with zipfile.ZipFile(wheel) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        assert set(entries) >= NEEDED
        assert not [name for name, entry in entries.items() if stat.S_ISLNK(entry.external_attr >> 16)]
        for file in (ROOT / "orgsync" / "sandbox" / "program").iterdir():
            if file.is_file():
                assert archive.read(f"orgsync/sandbox/program/{file.name}") == file.read_bytes()


@pytest.mark.slow
def test_a_program_with_folders_of_the_same_names_deploys_it(installed: Path, tmp_path: Path) -> None:
    """Its own `components` and the library's are imported side by side; nothing is left after a destroy."""
    program = Path(shutil.copytree(BESIDE, tmp_path / "program"))
    if (ROOT / ".build").exists():
        shutil.copytree(ROOT / ".build", program / ".build")
    seen = json.loads(run(installed / "bin" / "python", program / "deploy.py", cwd=tmp_path).splitlines()[-1])
    assert Path(seen["orgsync"]).is_relative_to(site_packages(installed))
    # Two members that are not excluded, two kinds each.
    assert (seen["initial_sync"]["status"], seen["initial_sync"]["succeeded"]) == ("completed", 4)
    assert seen["declared"] > 50
    assert seen["leftovers"] == []


@pytest.mark.slow
def test_the_demo_runs_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    """Outside a checkout, and without writing into the installed package."""
    before = sorted(site_packages(installed).rglob("*.yaml"))
    demo = ("sandbox", "demo", "--accounts", "3", "--engine", "inline", "--json")
    variables = {"XDG_CACHE_HOME": str(installed / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    report = json.loads(run(installed / "bin" / "orgsync", *demo, cwd=tmp_path, **variables))
    assert report["as_expected"]
    assert sorted(site_packages(installed).rglob("*.yaml")) == before
    assert not (site_packages(installed) / "orgsync" / "sandbox" / "program" / ".build").exists()
