"""What each function may do: the statements of `policies`, put together by role."""

from dataclasses import dataclass

from handlers.contact_sync.names import Kind

from . import policies
from .place import Place

Statements = list[policies.Statement]


@dataclass(frozen=True)
class Stored:
    """ARNs of what holds a system's data and of the topics that its report speaks to; the kinds it keeps."""

    key: str
    config_table: str
    state_table: str
    dead_invocations: str
    topics: tuple[str, ...]
    kinds: tuple[Kind, ...] = tuple(Kind)


def plan(place: Place, stored: Stored) -> Statements:
    """Bell → run: reads the source and the organization, takes the lease, writes the batches.

    A plan that finds the lease with a dead run closes that run as `report` would, and tells of it.
    """
    return [
        *policies.read_source(place, stored.kinds),
        policies.see_members(place),
        *policies.walk_organization(place),
        policies.read_configuration(stored.config_table),
        policies.read_state(stored.state_table),
        policies.write_state(stored.state_table),
        policies.read_runs(place),
        policies.write_runs(place),
        *policies.start_runs(place),
        policies.publish(stored.topics),
        policies.key_use(place, stored.key, "dynamodb", "s3", "sns"),
    ]


def process(place: Place, stored: Stored) -> Statements:
    """One batch: the only role that writes contacts. The source's values come from the run's header."""
    return [
        *policies.write_members(place, stored.kinds),
        policies.see_members(place),
        policies.read_configuration(stored.config_table),
        policies.read_state(stored.state_table),
        policies.write_state(stored.state_table),
        policies.read_runs(place),
        policies.key_use(place, stored.key, "dynamodb", "s3"),
    ]


def report(place: Place, stored: Stored) -> Statements:
    """Receipts → outcome: tells, and hands the lease to the pending request by starting its run."""
    return [
        policies.read_configuration(stored.config_table),
        policies.read_state(stored.state_table),
        policies.write_state(stored.state_table),
        policies.read_runs(place),
        policies.write_runs(place),
        *policies.start_runs(place),
        policies.publish(stored.topics),
        policies.dead_letters(stored.dead_invocations),
        policies.key_use(place, stored.key, "dynamodb", "s3", "sns", "sqs"),
    ]


def deploy(place: Place, stored: Stored) -> Statements:
    """CloudFormation's request → configuration version and run, looked at until it ends."""
    return [
        policies.write_configuration(stored.config_table),
        policies.read_state(stored.state_table),
        *policies.start_runs(place),
        *policies.polling(place, "deploy"),
        policies.dead_letters(stored.dead_invocations),
        policies.key_use(place, stored.key, "dynamodb", "sqs"),
    ]
