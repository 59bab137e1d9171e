"""CloudFormation: whether the stack that asks is being rolled back."""

from orgsync.shared import aws


class Stacks:
    """Stacks by their ids.

    Raises:
        StoreFailed: CloudFormation did not answer, or refused; from every method.
    """

    def __init__(self) -> None:
        self._client = aws.client("cloudformation")

    @aws.answered()
    def rolls_back(self, stack_id: str) -> bool:
        """Whether a failed update of this stack is being undone."""
        (found,) = self._client.describe_stacks(StackName=stack_id)["Stacks"]
        return bool(found["StackStatus"] == "UPDATE_ROLLBACK_IN_PROGRESS")
