"""The Pulumi program that rehearsals deploy, as it is packaged: links in a checkout, copies in a wheel."""

import os
import shutil
from pathlib import Path

PACKAGED = Path(__file__).parents[1] / "program"
"""The package data: `Pulumi.yaml`, the stack files and `__main__.py`."""


def program_folder() -> Path:
    """Give a folder with the program in which a deployment may build the functions' layer.

    In a checkout that is the package data itself, whose layer is built in the checkout's `.build`. An installed
    package may be read-only: there the program is copied into the user's cache, where the layer stays for the
    next time.
    """
    if (PACKAGED / "Pulumi.yaml").is_symlink():
        return PACKAGED
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "orgsync" / "program"
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("Pulumi.*"):
        stale.unlink()
    for file in PACKAGED.iterdir():
        if file.is_file():
            shutil.copyfile(file, folder / file.name)
    return folder
