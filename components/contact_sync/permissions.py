"""What each function may do: the statements of `policies`, put together by role.

Each is exactly what the function calls, and what Lambda does in its name: a rehearsal in which every call
occurs proves both directions (`tests/flow/test_rights.py`).
"""

from dataclasses import dataclass

from orgsync.components.contact_sync import policies
from orgsync.components.shared.stack_context import Place

Statements = list[policies.Statement]


@dataclass(frozen=True)
class Stored:
    """ARNs of what holds a system's data and of the topics that its report speaks to."""

    key: str
    config_table: str
    state_table: str
    dead_invocations: str
    topics: tuple[str, ...]


def plan(place: Place, stored: Stored) -> Statements:
    """Bell → run: reads the source and the organization, takes the lease, writes the batches.

    A plan that finds the lease with a dead run closes that run as `report` would, and tells of it.
    """
    return [
        *policies.read_source(place),
        policies.see_members(place, "DescribeAccount", "ListParents"),
        *policies.walk_organization(place),
        policies.configuration(stored.config_table, "GetItem", "Query"),
        policies.state(stored.state_table, "BatchWriteItem", "GetItem", "PutItem", "Query", "UpdateItem"),
        policies.read_batches(place),
        policies.write_batches(place),
        policies.write_reports(place),
        policies.start_runs(place),
        policies.see_runs(place),
        policies.publish(stored.topics),
        policies.key_use(place, stored.key, "dynamodb", "s3", "sns"),
    ]


def process(place: Place, stored: Stored) -> Statements:
    """One batch: the only role that writes contacts. The source's values come from the run's header."""
    return [
        *policies.write_members(place),
        policies.see_members(place, "DescribeAccount", "ListTagsForResource"),
        policies.configuration(stored.config_table, "GetItem"),
        policies.state(stored.state_table, "BatchWriteItem", "GetItem", "PutItem", "Query", "UpdateItem"),
        policies.read_batches(place),
        policies.key_use(place, stored.key, "dynamodb", "s3"),
    ]


def report(place: Place, stored: Stored) -> Statements:
    """Receipts → outcome: tells, and hands the lease to the pending request by starting its run."""
    return [
        policies.configuration(stored.config_table, "GetItem", "Query"),
        policies.state(stored.state_table, "BatchWriteItem", "GetItem", "PutItem", "Query", "UpdateItem"),
        policies.read_batches(place),
        policies.write_reports(place),
        policies.start_runs(place),
        policies.publish(stored.topics),
        policies.dead_letters(stored.dead_invocations),
        policies.key_use(place, stored.key, "dynamodb", "s3", "sns", "sqs"),
    ]


def deploy(place: Place, stored: Stored) -> Statements:
    """CloudFormation's request → configuration version and run, looked at until it ends."""
    return [
        policies.configuration(stored.config_table, "PutItem", "Query"),
        policies.state(stored.state_table, "GetItem"),
        policies.start_runs(place),
        policies.see_runs(place),
        policies.see_stack(place),
        *policies.polling(place, "deploy"),
        policies.dead_letters(stored.dead_invocations),
        policies.key_use(place, stored.key, "dynamodb", "sqs"),
    ]
