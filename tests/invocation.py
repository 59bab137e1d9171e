"""Invocations of a handler, as Lambda makes them."""

from aws_lambda_powertools.utilities.typing import LambdaContext


class FunctionContext(LambdaContext):
    """Lambda's description of a function and of one invocation, with a quarter of an hour to go."""

    def __init__(self, function: str) -> None:
        self._function_name = function
        self._memory_limit_in_mb = 512
        self._aws_request_id = "request"
        self._invoked_function_arn = f"arn:aws:lambda:us-east-1:100000000001:function:{function}"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        """Return the milliseconds until the function is ended."""
        return 900_000
