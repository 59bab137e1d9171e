"""Pulumi assets and archives as bytes: what would be uploaded, the same for the same content.

A path in an asset is relative to the program, wherever the repository is cloned; it never takes
part in the hash.
"""

import hashlib
import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from orgsync.sandbox.resources.values import ARCHIVE, SIGNATURE, is_code

# A zip cannot hold an earlier date, and the day of the build is not content.
_NO_DATE = (1980, 1, 1, 0, 0, 0)


class AssetInvalid(ValueError):
    """An asset that cannot be read here; the message says what can."""


def add_hashes(value: Any, root: Path) -> Any:
    """Add its hash to every archive and asset in a value.

    The engine sends hashes of its own; where no engine is, they are made here.
    """
    if is_code(value):
        return value if value.get("hash") else {**value, "hash": _digest(value, root)}
    if isinstance(value, Mapping):
        return {key: add_hashes(item, root) for key, item in value.items()}
    if isinstance(value, list):
        return [add_hashes(item, root) for item in value]
    return value


def zip_archive(archive: Mapping[str, Any], root: Path) -> bytes:
    """Make a zip file of an archive, equal bytes for equal content.

    Raises:
        AssetInvalid: for an address on the network, or a packed file that is not a zip.
    """
    ready = _zip_file(archive, root)
    if ready:
        return ready.read_bytes()
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in sorted(_files(archive, root)):
            entry = zipfile.ZipInfo(name, _NO_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            # Lambda runs the code as another user than the one who packed it.
            entry.external_attr = 0o755 << 16
            file.writestr(entry, content)
    return target.getvalue()


def _digest(code: Mapping[str, Any], root: Path) -> str:
    content = zip_archive(code, root) if code[SIGNATURE] == ARCHIVE else _content(code, root)
    return hashlib.sha256(content).hexdigest()


def _zip_file(archive: Mapping[str, Any], root: Path) -> Path | None:
    if "path" not in archive:
        return None
    path: Path = root / archive["path"]
    if path.is_dir():
        return None
    if path.suffix not in (".zip", ".jar"):
        raise AssetInvalid(f"{archive['path']}: the sandbox reads archives that are directories or zip files")
    return path


def _files(archive: Mapping[str, Any], root: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every file of an archive as its name inside it and its bytes."""
    packed = _zip_file(archive, root)
    if packed:
        with zipfile.ZipFile(packed) as file:
            for name in file.namelist():
                if not name.endswith("/"):
                    yield name, file.read(name)
    elif "path" in archive:
        folder = root / archive["path"]
        for path in folder.rglob("*"):
            if path.is_file():
                yield path.relative_to(folder).as_posix(), path.read_bytes()
    elif "assets" in archive:
        for name, part in archive["assets"].items():
            if part[SIGNATURE] == ARCHIVE:
                for inner, content in _files(part, root):
                    yield f"{name}/{inner}".lstrip("/"), content
            else:
                yield name, _content(part, root)
    else:
        raise AssetInvalid(f"{archive.get('uri', 'an archive')}: the sandbox fetches nothing; use a path")


def _content(asset: Mapping[str, Any], root: Path) -> bytes:
    if "text" in asset:
        text: str = asset["text"]
        return text.encode()
    if "path" in asset:
        path: Path = root / asset["path"]
        return path.read_bytes()
    raise AssetInvalid(f"{asset.get('uri', 'an asset')}: the sandbox fetches nothing; use a path or a text")
