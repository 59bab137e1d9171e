"""CloudFormation stacks as `Stacks`."""

from functools import cached_property
from typing import Any

from orgsync.shared import aws


class CloudFormationStacks:
    """Stacks by their ids.

    Raises:
        StoreFailed: CloudFormation did not answer, or refused; from every method.
    """

    @cached_property
    def _client(self) -> Any:
        return aws.client("cloudformation")

    @aws.store_errors()
    def rolls_back(self, stack_id: str) -> bool:
        """See `Stacks.rolls_back`."""
        (found,) = self._client.describe_stacks(StackName=stack_id)["Stacks"]
        return bool(found["StackStatus"] == "UPDATE_ROLLBACK_IN_PROGRESS")
