"""Partitions and regions: none is written down but in the one module that knows them."""

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orgsync.components.contact_sync.resource_names import run_bucket_name
from orgsync.components.shared.stack_context import LONGEST_PREFIX, StackContext
from orgsync.shared.configuration import ConfigurationRefused

ROOT = Path(__file__).parents[2]
KNOWS_REGIONS = ROOT / "components" / "shared" / "stack_context.py"
REGION = re.compile(r"\b(af|ap|ca|cn|eu|il|me|mx|sa|us)-(gov-|iso[a-z]*-)?[a-z]+-\d\b")
PARTITION = re.compile(r"\barn:aws(-cn|-us-gov)?:")


def strings(source: str) -> Iterator[str]:
    """Yield every string of a module that a machine reads: neither docstrings nor sentences for people."""
    tree = ast.parse(source)
    prose = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield from [] if " " in node.value.strip() else [node.value]


def written_down(source: str) -> list[str]:
    return [text for text in strings(source) if REGION.search(text) or PARTITION.search(text)]


def test_no_partition_and_no_region_is_written_down() -> None:
    """Declared resources and running code take them from the stack that they belong to."""
    files = [
        file
        for room in ("components", "handlers", "orgsync/shared", "orgsync/contact_sync")
        for file in (ROOT / room).rglob("*.py")
    ]
    found = {str(file.relative_to(ROOT)): written_down(file.read_text()) for file in files if file != KNOWS_REGIONS}
    assert {file: texts for file, texts in found.items() if texts} == {}


@pytest.mark.parametrize(
    "line",
    [
        'bus = "arn:aws:events:"',
        'bus = f"arn:aws-cn:events:{region}:x"',
        'region: str = "us-east-1"',
        'host = f"logs.eu-central-1.{suffix}"',
        'def f(region="us-gov-west-1"): pass',
    ],
)
def test_one_written_down_is_seen(line: str) -> None:
    """A literal in any place of the code is found, alone or inside a formatted string."""
    assert written_down(line)


def test_what_people_read_may_name_one() -> None:
    """A docstring and a sentence explain with examples."""
    assert not written_down('"""Such as us-east-1."""\nraise ValueError("a region such as us-east-1")')


@pytest.mark.parametrize(
    ("partition", "region"),
    [
        ("aws", "cn-north-1"),
        ("aws", "us-gov-west-1"),
        ("aws", "us-iso-east-1"),
        ("aws", "mars"),
    ],
)
def test_a_region_outside_the_partition_is_refused_with_its_path(
    context: StackContext, partition: str, region: str
) -> None:
    """Before anything is declared, and the message says where it stands."""
    with pytest.raises(ConfigurationRefused, match=f"^aws:region: '{region}'"):
        replace(context, partition=partition, region=region)


@pytest.mark.parametrize(
    ("partition", "region"),
    [
        ("aws-cn", "cn-north-1"),
        ("aws-cn", "cn-northwest-1"),
        ("aws-us-gov", "us-gov-west-1"),
        ("aws-iso", "us-iso-east-1"),
        ("aws-eusc", "eusc-de-east-1"),
    ],
)
def test_a_partition_that_was_not_proved_is_refused(context: StackContext, partition: str, region: str) -> None:
    """With the path, the reason and what to do, also where its regions are well known."""
    with pytest.raises(ConfigurationRefused) as refused:
        replace(context, partition=partition, region=region)
    path, reason, remedy = re.split(r": |; ", str(refused.value))
    assert path == "aws:region"
    assert region in reason
    assert partition in reason
    assert remedy.startswith("deploy from a management account of the partition aws,")


@pytest.mark.parametrize(
    "region", ["us-east-1", "eu-west-1", "ap-southeast-4", "il-central-1", "mx-central-1", "us-west-2"]
)
def test_a_region_of_the_partition_is_taken(context: StackContext, region: str) -> None:
    """Also one that is newer than this program."""
    assert replace(context, region=region).region == region


@pytest.mark.parametrize("prefix", ["orgsync-Dev-x", "orgsync-my_stack-x", "1st-dev-x", "orgsync-v1.2-x", "aws-dev-x"])
def test_a_name_that_some_service_refuses_is_refused_first(context: StackContext, prefix: str) -> None:
    """S3 knows no capitals, a stack set no underscore or leading digit, SQS no dot, KMS keeps `aws` to itself."""
    with pytest.raises(ConfigurationRefused, match="small letters"):
        replace(context, prefix=prefix)


def test_a_name_without_room_for_its_parts_is_refused(context: StackContext) -> None:
    """A bucket's name is the longest that is made of it."""
    longest = replace(context, prefix="a" * LONGEST_PREFIX)
    assert len(run_bucket_name(longest)) <= 63
    assert len(longest.trail_bucket_name) <= 63
    with pytest.raises(ConfigurationRefused, match="40 at most"):
        replace(context, prefix="a" * (LONGEST_PREFIX + 1))
