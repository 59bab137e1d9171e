"""The provider as the engine meets it: gRPC on loopback, with unknowns, archives and replacements."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
import pytest
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.engines.provider import serve_provider
from orgsync.sandbox.resources.context import ProviderContext
from orgsync.sandbox.resources.values import (
    ARCHIVE,
    ASSET,
    SIGNATURE,
    UNKNOWN,
    Properties,
    plain,
    to_struct,
)

QUEUE = "aws:sqs/queue:Queue"
FUNCTION = "aws:lambda/function:Function"
TABLE = "aws:dynamodb/table:Table"
Kind = provider_pb2.PropertyDiff


@pytest.fixture
def provider(cloud: Cloud, tmp_path: Path) -> Iterator[Any]:
    """A configured provider, as its client sees it."""
    with (
        serve_provider(ProviderContext(cloud, tmp_path)) as port,
        grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        stub = provider_pb2_grpc.ResourceProviderStub(channel)
        stub.Configure(configuration(region="us-east-1"))
        yield stub


def configuration(**arguments: Any) -> Any:
    """The request that configures a provider."""
    return provider_pb2.ConfigureRequest(args=to_struct(arguments))


def check(provider: Any, token: str, new: Properties, old: Properties | None = None, seed: bytes = b"seed") -> Any:
    """The answer to a check of a resource `thing`."""
    return provider.Check(
        provider_pb2.CheckRequest(
            type=token, name="thing", olds=to_struct(old or {}), news=to_struct(new), randomSeed=seed
        )
    )


def diff(provider: Any, token: str, old: Properties, new: Properties) -> Any:
    """The answer to a comparison of two sets of checked inputs."""
    request = {"type": token, "name": "thing", "id": "thing", "old_inputs": to_struct(old), "news": to_struct(new)}
    return provider.Diff(provider_pb2.DiffRequest(**request))


def code(path: str, hash: str) -> Properties:
    """An archive of one file, as the engine sends it."""
    asset = {SIGNATURE: ASSET, "path": path, "hash": hash}
    return {SIGNATURE: ARCHIVE, "assets": {"app.py": asset}, "hash": hash}


def test_name_is_kept(provider: Any) -> None:
    """A thing without a name gets one, and keeps it whatever seed comes next."""
    first = plain(check(provider, QUEUE, {}).inputs)
    assert first["name"].startswith("thing-")
    assert plain(check(provider, QUEUE, {}, first, b"another").inputs)["name"] == first["name"]


def test_name_follows_the_seed(provider: Any) -> None:
    """A replacement, which is checked without what was before, gets another name."""
    assert check(provider, QUEUE, {}).inputs["name"] != check(provider, QUEUE, {}, None, b"another").inputs["name"]


def test_name_that_leaves_no_room_is_refused(provider: Any) -> None:
    """A logical name too long for the service is refused when it is declared."""
    request = provider_pb2.CheckRequest(type=QUEUE, name="q" * 75, randomSeed=b"seed")
    assert "longer than 80" in provider.Check(request).failures[0].reason


def test_unknown_nested_property_is_refused(provider: Any) -> None:
    """A property that AWS has no place for is refused by its path, before anything is made."""
    answer = check(provider, FUNCTION, {"role": "r", "environment": {"secrets": {}}})
    assert [failure.property for failure in answer.failures] == ["environment"]
    assert "environment.secrets" in answer.failures[0].reason


def test_unknown_values_pass_a_check(provider: Any) -> None:
    """A value known only after the deployment, a structure too, is no error."""
    assert not check(provider, FUNCTION, {"role": UNKNOWN, "environment": UNKNOWN, "layers": [UNKNOWN]}).failures


def test_same_archive_elsewhere_is_the_same(provider: Any) -> None:
    """Archives are compared by their hash; where their files lie does not matter."""
    old, new = {"code": code("one/app.py", "aa")}, {"code": code("other/app.py", "aa")}
    assert diff(provider, FUNCTION, old, new).changes == provider_pb2.DiffResponse.DIFF_NONE
    assert list(diff(provider, FUNCTION, old, {"code": code("one/app.py", "bb")}).diffs) == ["code"]


def test_kinds_of_change(provider: Any) -> None:
    """Each property's change is reported with its kind, and those that need it as replacements."""
    old = {"name": "a", "delaySeconds": 1, "tags": {"a": "b"}}
    new = {"name": "b", "delaySeconds": 2, "maxMessageSize": 2048}
    answer = diff(provider, QUEUE, old, new)
    assert {name: change.kind for name, change in answer.detailedDiff.items()} == {
        "name": Kind.UPDATE_REPLACE,
        "delaySeconds": Kind.UPDATE,
        "maxMessageSize": Kind.ADD,
        "tags": Kind.DELETE,
    }
    assert list(answer.replaces) == ["name"]


def test_unknown_value_is_a_change(provider: Any) -> None:
    """A value that a preview cannot know may differ; where it decides about identity, it replaces."""
    assert list(diff(provider, QUEUE, {"name": "a"}, {"name": UNKNOWN}).replaces) == ["name"]


@pytest.mark.parametrize(("name", "first"), [("fixed", True), ("thing-0a1b2c3", False)])
def test_fixed_name_is_freed_first(provider: Any, name: str, first: bool) -> None:
    """A thing is deleted before its replacement only where its name stands in the way."""
    old, new = ({"name": name, "region": "us-east-1", "hashKey": key} for key in ("a", "b"))
    assert diff(provider, TABLE, old, new).deleteBeforeReplace is first


def test_preview_of_a_creation_promises_nothing_it_cannot_know(provider: Any, cloud: Cloud) -> None:
    """A creation in a preview makes nothing; outputs are the inputs and marks for the rest."""
    request = {"type": QUEUE, "properties": to_struct({"name": "q"}), "preview": True}
    outputs = plain(provider.Create(provider_pb2.CreateRequest(**request)).properties)
    assert outputs == {"name": "q", "arn": UNKNOWN, "url": UNKNOWN}
    assert cloud.leftovers() == []


def test_preview_of_an_update_keeps_what_stays(provider: Any) -> None:
    """An update in a preview knows the outputs that no update changes, and marks the others."""
    old = {"name": "f", "arn": "arn:f", "version": "$LATEST", "lastModified": "today"}
    request = {"type": FUNCTION, "id": "f", "olds": to_struct(old), "news": to_struct({"name": "f"}), "preview": True}
    outputs = plain(provider.Update(provider_pb2.UpdateRequest(**request)).properties)
    assert (outputs["arn"], outputs["lastModified"]) == ("arn:f", UNKNOWN)


def test_second_provider_is_refused(provider: Any) -> None:
    """Two providers that differ cannot be distinguished here, so the second is refused."""
    provider.Configure(configuration(region="us-east-1", version="7.51.1"))
    with pytest.raises(grpc.RpcError, match="one AWS provider"):
        provider.Configure(configuration(region="eu-west-1"))


def test_setting_without_effect_is_refused(provider: Any) -> None:
    """A provider setting that the sandbox would ignore is refused by its name."""
    with pytest.raises(grpc.RpcError, match="assumeRoles"):
        provider.Configure(configuration(region="us-east-1", assumeRoles="[]"))
