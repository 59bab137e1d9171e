"""CloudFormation stacks as `Stacks`."""

from orgsync.shared import aws


class CloudFormationStacks:
    """Stacks by their ids.

    Raises:
        StoreFailed: CloudFormation did not answer, or refused; from every method.
    """

    def __init__(self) -> None:
        self._client = aws.client("cloudformation")

    @aws.store_errors()
    def rolls_back(self, stack_id: str) -> bool:
        """See `Stacks.rolls_back`."""
        (found,) = self._client.describe_stacks(StackName=stack_id)["Stacks"]
        return bool(found["StackStatus"] == "UPDATE_ROLLBACK_IN_PROGRESS")
