"""From Pulumi's values to AWS's: archives, wire markers, names."""

import io
import zipfile
from pathlib import Path

import pytest
from pulumi.runtime import rpc

from orgsync.sandbox.resources import shapes
from orgsync.sandbox.resources.archives import AssetInvalid, add_hashes, zip_archive
from orgsync.sandbox.resources.resource import Naming, automatic_name, is_automatic
from orgsync.sandbox.resources.values import (
    ARCHIVE,
    ASSET,
    SIGNATURE,
    UNKNOWN,
    Properties,
    comparable,
    plain,
    to_struct,
)


def file(path: str) -> Properties:
    """An asset of a file."""
    return {SIGNATURE: ASSET, "path": path}


def folder(path: str) -> Properties:
    """An archive of a directory or a zip file."""
    return {SIGNATURE: ARCHIVE, "path": path}


def assets(**parts: Properties) -> Properties:
    """An archive of parts."""
    return {SIGNATURE: ARCHIVE, "assets": parts}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A program's directory with a file and a package in it."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "inner.py").write_text("inner")
    (tmp_path / "one.py").write_text("one")
    return tmp_path


def test_archive_holds_its_parts(root: Path) -> None:
    """Files, texts and directories all stand in the zip under the names they were given."""
    archive = assets(
        **{"app/one.py": file("one.py"), "two.txt": {SIGNATURE: ASSET, "text": "2"}, "lib": folder("package")}
    )
    with zipfile.ZipFile(io.BytesIO(zip_archive(archive, root))) as content:
        found = {name: content.read(name) for name in content.namelist()}
    assert found == {"app/one.py": b"one", "two.txt": b"2", "lib/inner.py": b"inner"}


def test_zip_depends_on_content_only(root: Path) -> None:
    """The same files in another order, from another place and day, are the same bytes."""
    (root / "elsewhere.py").write_text("one")
    first = zip_archive(assets(a=file("one.py"), b=folder("package")), root)
    assert zip_archive(assets(b=folder("package"), a=file("elsewhere.py")), root) == first


def test_hash_follows_content(root: Path) -> None:
    """A hash is made where no engine gives one: it differs when the content does, not when the path does."""
    one, other = (add_hashes(assets(a=file(path)), root)["hash"] for path in ("one.py", "package/inner.py"))
    (root / "package" / "inner.py").write_text("one")
    assert one != other
    assert add_hashes(assets(a=file("package/inner.py")), root)["hash"] == one


def test_zip_file_is_taken_as_it_is(root: Path) -> None:
    """A packed archive is uploaded byte for byte."""
    with zipfile.ZipFile(root / "layer.zip", "w") as content:
        content.writestr("python/a.py", "a")
    assert zip_archive(folder("layer.zip"), root) == (root / "layer.zip").read_bytes()


def test_nothing_is_fetched(root: Path) -> None:
    """An asset on the network is refused, not silently left out."""
    with pytest.raises(AssetInvalid, match=r"https://example\.org/a\.zip"):
        zip_archive({SIGNATURE: ARCHIVE, "uri": "https://example.org/a.zip"}, root)


def test_wire_values_become_plain() -> None:
    """Whole numbers are integers, secrets are opened, resources are their ids, what is not known stays marked."""
    secret = {SIGNATURE: rpc._special_secret_sig, "value": "s"}
    resource = {SIGNATURE: rpc._special_resource_sig, "urn": "u", "id": "i"}
    sent = to_struct({"n": 2.0, "f": 0.5, "s": [secret], "r": resource, "u": UNKNOWN, "none": None})
    assert plain(sent) == {"n": 2, "f": 0.5, "s": ["s"], "r": "i", "u": UNKNOWN}


def test_documents_are_compared_by_what_they_say() -> None:
    """JSON text that says the same is no change."""
    assert comparable('{"a": 1, "b": []}') == comparable('{"b":[],"a":1}')


def test_names_follow_the_model() -> None:
    """Pulumi's names find AWS's own spelling, also where a table says it is another or deeper one."""
    shape = shapes.parameters_of("dynamodb", "CreateTable")
    rename = {"name": "TableName", "writeCapacity": "ProvisionedThroughput.WriteCapacityUnits"}
    declared = {"name": "t", "billingMode": "PROVISIONED", "writeCapacity": 2}
    assert shapes.to_api(shape, declared, rename) == {
        "TableName": "t",
        "BillingMode": "PROVISIONED",
        "ProvisionedThroughput": {"WriteCapacityUnits": 2},
    }


def test_mapping_becomes_names_and_values() -> None:
    """A mapping becomes a list of names and values for an operation that takes one."""
    shape = shapes.parameters_of("cloudwatch", "PutMetricAlarm")
    assert shapes.to_api(shape, {"dimensions": {"a": "b"}}, {}) == {"Dimensions": [{"Name": "a", "Value": "b"}]}


def test_automatic_names_are_recognised() -> None:
    """An automatic name is distinguished from one that was given."""
    naming = Naming(lower=True)
    made = automatic_name(naming, "Thing", b"seed")
    assert is_automatic(naming, "Thing", made)
    assert not is_automatic(naming, "Thing", "thing-given")
