"""Permissions of each function: the statements of `policies`, put together by role.

Each is exactly what the function calls, and what Lambda does in its name: a rehearsal in which every call
occurs proves both directions (`tests/flow/test_permissions.py`).
"""

from dataclasses import dataclass

from orgsync.components.contact_sync import policies
from orgsync.components.shared.stack_context import StackContext
from orgsync.components.shared.statements import Statement, dead_letters, key_use, publish
from orgsync.contact_sync.names import FunctionName


@dataclass(frozen=True)
class StoreArns:
    """ARNs of a system's stores, and of the topics that it publishes to."""

    key: str
    config_table: str
    state_table: str
    failed_invocations: str
    topics: tuple[str, ...]


def plan(context: StackContext, arns: StoreArns) -> list[Statement]:
    """Return the permissions of `plan`: it reads the source and the organization, takes the lease, writes the batches.

    A plan that finds the lease with a dead run finalizes that run as `report` would, and notifies of it.
    """
    return [
        *policies.read_source(context),
        policies.see_members(context, "DescribeAccount", "ListParents"),
        *policies.walk_organization(context),
        policies.configuration(arns.config_table, "GetItem", "Query"),
        policies.state(arns.state_table, "BatchWriteItem", "GetItem", "PutItem", "Query", "UpdateItem"),
        policies.read_batches(context),
        policies.write_batches(context),
        policies.write_reports(context),
        policies.start_runs(context),
        policies.see_runs(context),
        publish(arns.topics),
        key_use(context, arns.key, "dynamodb", "s3", "sns"),
    ]


def process(context: StackContext, arns: StoreArns) -> list[Statement]:
    """Return the permissions of `process`, the only role that writes contacts.

    The source's values come from the
    run's header.
    """
    return [
        *policies.write_members(context),
        policies.see_members(context, "DescribeAccount", "ListTagsForResource"),
        policies.configuration(arns.config_table, "GetItem"),
        policies.state(arns.state_table, "BatchWriteItem", "GetItem", "Query", "UpdateItem"),
        policies.read_batches(context),
        key_use(context, arns.key, "dynamodb", "s3"),
    ]


def report(context: StackContext, arns: StoreArns) -> list[Statement]:
    """Return the permissions of `report`.

    It writes the report, notifies, looks at the source once more, and hands the lease to the pending request by
    starting its run.
    """
    return [
        *policies.read_source(context),
        policies.configuration(arns.config_table, "GetItem", "Query"),
        policies.state(arns.state_table, "BatchWriteItem", "GetItem", "PutItem", "Query", "UpdateItem"),
        policies.read_batches(context),
        policies.write_reports(context),
        policies.start_runs(context),
        publish(arns.topics),
        dead_letters(arns.failed_invocations),
        key_use(context, arns.key, "dynamodb", "s3", "sns", "sqs"),
    ]


def initial_sync(context: StackContext, arns: StoreArns) -> list[Statement]:
    """Return the permissions of the initial sync: it writes a configuration version, starts its run and polls it."""
    return [
        policies.configuration(arns.config_table, "PutItem", "Query"),
        policies.state(arns.state_table, "GetItem"),
        policies.start_runs(context),
        policies.see_runs(context),
        policies.see_stack(context),
        *policies.polling(context, FunctionName.INITIAL_SYNC),
        dead_letters(arns.failed_invocations),
        key_use(context, arns.key, "dynamodb", "sqs"),
    ]
