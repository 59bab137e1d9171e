"""The program under Pulumi's mocks: what it declares, without an engine and without a cloud."""

import asyncio
import json
import runpy
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pulumi
import pytest
import yaml

from orgsync.components.shared import packaging

ROOT = Path(__file__).parents[2]
MANAGEMENT = "100000000001"
ORGANIZATION = "o-aaaabbbbcc"


@dataclass(frozen=True)
class Declared:
    """One resource as the program asked for it."""

    type: str
    name: str
    inputs: dict[str, Any]


class Program(list[Declared]):
    """Resources that a program declared, in the order in which they could be made, and the names of its outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.outputs: list[str] = []

    def of(self, type_name: str) -> list[Declared]:
        """Return resources by the last part of their type, such as `Function`."""
        return [resource for resource in self if resource.type.rsplit(":", 1)[-1] == type_name]

    def one(self, type_name: str) -> Declared:
        """Return the only resource of a type."""
        (resource,) = self.of(type_name)
        return resource


class Declare(Protocol):
    """Runs the unmodified `__main__.py` for a stack, with keys of its stack file laid over."""

    def __call__(
        self, stack: str = "dev", region: str = "us-east-1", secrets: Sequence[str] = (), **changes: Any
    ) -> Program:
        """Return what the program declared; `secrets` are keys of the stack file in which a secret stands."""
        ...


class _Cloud(pulumi.runtime.Mocks):
    """Every resource is made at once and has an ARN."""

    def __init__(self, region: str) -> None:
        self.made, self.region = Program(), region

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        self.made.append(Declared(args.typ, args.name, args.inputs))
        arn = f"arn:aws:any:us-east-1:{MANAGEMENT}:{args.name}"
        made = {"arn": arn, "chatConfigurationArn": arn, "outputs": {"Status": "completed"}}
        if args.typ == "aws:s3/bucketObjectv2:BucketObjectv2":
            made["versionId"] = f"{args.name}-version"
        return f"{args.name}-id", {**args.inputs, **made}

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        known: dict[str, dict[str, Any]] = {
            "aws:index/getCallerIdentity:getCallerIdentity": {
                "accountId": MANAGEMENT,
                "arn": f"arn:aws:sts::{MANAGEMENT}:assumed-role/deployer/me",
            },
            "aws:index/getRegion:getRegion": {"region": self.region},
            "aws:organizations/getAccount:getAccount": {"accountId": args.args.get("accountId")},
            "aws:organizations/getEntityPath:getEntityPath": {
                "entityPath": f"{ORGANIZATION}/r-abcd/{args.args.get('entityId')}/"
            },
        }
        return known[args.token], []


def declarer(folder: Path) -> Declare:
    """Return the function that runs the program; `folder` holds an empty layer in place of the real one."""
    layer = folder / "layer.zip"
    zipfile.ZipFile(layer, "w").close()

    def declare(stack: str = "dev", region: str = "us-east-1", secrets: Sequence[str] = (), **changes: Any) -> Program:
        config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
        config |= {f"orgsync:{key}": value for key, value in changes.items()}
        cloud = _Cloud(region)
        # The SDK asks for the thread's loop, which a test before this one may have taken away (asyncio.run does).
        asyncio.set_event_loop(asyncio.new_event_loop())
        pulumi.runtime.set_mocks(cloud, project="orgsync", stack=stack, preview=False)
        pulumi.runtime.set_all_config({key: json.dumps(value) for key, value in config.items()}, list(secrets))
        with pytest.MonkeyPatch.context() as patch:
            # The real layer comes from a package index; these tests stay off the network.
            patch.setattr(packaging, "build_layer", lambda lock, folder: layer)
            patch.setattr(pulumi, "export", lambda name, _value: cloud.made.outputs.append(name))
            _finish(lambda: runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__"))
        return cloud.made

    return declare


def _finish(program: Callable[[], Any]) -> None:
    """Run a program until everything that it declared is made."""
    until_made: Callable[..., Any] = pulumi.runtime.test
    until_made(program)()
