"""The catalogue of all resource types, by their Pulumi token."""

from orgsync.sandbox.resources import (
    cloudformation,
    cloudtrail,
    cloudwatch,
    dynamodb,
    events,
    iam,
    kms,
    lambda_,
    logs,
    s3,
    scheduler,
    sfn,
    sns,
    sqs,
    ssm,
    stack_sets,
    unsupported,
)
from orgsync.sandbox.resources.resource import Resource

_SERVICES = (
    cloudformation,
    cloudtrail,
    cloudwatch,
    dynamodb,
    events,
    iam,
    kms,
    lambda_,
    logs,
    s3,
    scheduler,
    sfn,
    sns,
    sqs,
    ssm,
    stack_sets,
    unsupported,
)
TYPES: dict[str, Resource] = {resource.token: resource for service in _SERVICES for resource in service.RESOURCES}
"""Every type that the sandbox knows, by its token."""


class UnknownResourceType(LookupError):
    """A declared type that the sandbox does not have."""


def lookup(token: str) -> Resource:
    """The type of a token such as `aws:sqs/queue:Queue`.

    Raises:
        UnknownResourceType: naming the token.
    """
    if token not in TYPES:
        raise UnknownResourceType(f"{token}: the sandbox does not know this type; add it under sandbox/resources")
    return TYPES[token]
