"""A role that one of AWS's services assumes, with its permissions."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from orgsync.components.shared.resource_policies import trust
from orgsync.components.shared.stack_context import StackContext
from orgsync.components.shared.statements import Statement, policy_document


def service_role(
    name: str,
    part: str,
    context: StackContext,
    service: str,
    statements: pulumi.Input[Sequence[Statement]],
    *,
    source: str | list[str] | None = None,
    opts: pulumi.ResourceOptions,
) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
    """Declare a role and its one policy; what uses the role depends on both.

    Args:
        part: the end of the role's physical name.
        service: the service that assumes it, such as `lambda.amazonaws.com`.
        source: ARNs that the service must act for, where it names one.
        opts: the component that they belong to, as their parent.
    """
    role = aws.iam.Role(name, name=context.name(part), assume_role_policy=trust(context, service, source), opts=opts)
    permissions = aws.iam.RolePolicy(
        name,
        name="permissions",
        role=role.name,
        policy=pulumi.Output.from_input(statements).apply(lambda listed: policy_document(*listed)),
        opts=opts,
    )
    return role, permissions
