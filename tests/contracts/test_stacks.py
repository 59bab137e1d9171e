"""The contract of `Stacks`: whether a failed update is being undone; on CloudFormation and in memory."""

import json
from collections.abc import Callable

import pytest
from moto.cloudformation.models import cloudformation_backends

from orgsync.contact_sync.adapters.stacks import CloudFormationStacks
from orgsync.contact_sync.core.stores import Stacks
from orgsync.sandbox.contact_sync.services import MemoryStacks
from orgsync.shared.errors import StoreFailed
from tests.memory import CLOUD_ACCOUNT, REGION, client

MISSING = f"arn:aws:cloudformation:us-east-1:{CLOUD_ACCOUNT}:stack/gone/00000000-0000-0000-0000-000000000000"

StackIn = Callable[[str], str]


@pytest.fixture(params=["adapter", "memory"])
def stacks(request: pytest.FixtureRequest) -> Stacks:
    """CloudFormation without any stack."""
    if request.param == "memory":
        return MemoryStacks()
    request.getfixturevalue("aws_cloud")
    return CloudFormationStacks()


@pytest.fixture
def stack_in(stacks: Stacks) -> StackIn:
    """Makes a stack in a status; returns its id."""

    def make_in_memory(status: str) -> str:
        assert isinstance(stacks, MemoryStacks)
        stacks.status["stack"] = status
        return "stack"

    def make_in_cloud(status: str) -> str:
        template = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
        made = client("cloudformation").create_stack(StackName="orgsync", TemplateBody=json.dumps(template))
        stack_id: str = made["StackId"]
        cloudformation_backends[CLOUD_ACCOUNT][REGION].stacks[stack_id].status = status
        return stack_id

    return make_in_memory if isinstance(stacks, MemoryStacks) else make_in_cloud


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("UPDATE_ROLLBACK_IN_PROGRESS", True),
        ("UPDATE_IN_PROGRESS", False),
        ("CREATE_IN_PROGRESS", False),
        ("ROLLBACK_IN_PROGRESS", False),
        ("UPDATE_ROLLBACK_COMPLETE", False),
    ],
)
def test_only_an_update_is_rolled_back(stacks: Stacks, stack_in: StackIn, status: str, expected: bool) -> None:
    """A failed creation is deleted, and what is complete is over: neither sends an earlier configuration."""
    assert stacks.rolls_back(stack_in(status)) is expected


def test_a_stack_that_is_gone_is_our_failure(stacks: Stacks) -> None:
    """The operation and AWS's word for it are named."""
    with pytest.raises(StoreFailed, match=r"^DescribeStacks: ValidationError$"):
        stacks.rolls_back(MISSING)
