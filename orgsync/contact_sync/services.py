"""Services: from a function's environment to what its entry point works with, kept while it is warm."""

import os
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from orgsync.contact_sync.adapters.account_contacts import AccountContacts
from orgsync.contact_sync.adapters.config_table import ConfigTable
from orgsync.contact_sync.adapters.organization import OrganizationsApi
from orgsync.contact_sync.adapters.run_bucket import RunBucket
from orgsync.contact_sync.adapters.stacks import CloudFormationStacks
from orgsync.contact_sync.adapters.state_machine import StateMachine
from orgsync.contact_sync.adapters.state_table import StateTable
from orgsync.contact_sync.config import ContactSyncConfig, Pace
from orgsync.contact_sync.core.protocols import Contacts, Organization
from orgsync.contact_sync.core.stores import ConfigStore, Executions, Publisher, RunStore, Stacks, StateStore
from orgsync.contact_sync.names import Env, Operation
from orgsync.shared.clock import Clock, WallClock
from orgsync.shared.notifications import NotificationPublisher
from orgsync.shared.rate_limiter import RateLimiter, TokenBucket


@dataclass(frozen=True)
class Services:
    """Everything that an entry point works with; each part is a protocol, met by AWS or in memory."""

    management: str
    environment: str
    writer: str | None
    clock: Clock
    new_id: Callable[[], str]
    contacts: Contacts
    organization: Organization
    configs: ConfigStore
    states: StateStore
    bucket: RunStore
    executions: Executions
    publisher: Publisher
    stacks: Stacks

    @classmethod
    @cache
    def of_environment(cls) -> "Services":
        """Return the services that this function's environment names.

        Raises:
            KeyError: the environment lacks a variable of `names.Env`.
        """
        env = os.environ
        management = env[Env.MANAGEMENT_ACCOUNT_ID]
        return cls(
            management=management,
            environment=env[Env.ENVIRONMENT],
            writer=env.get(Env.WRITER_ROLE_NAME),
            clock=WallClock(),
            new_id=lambda: str(uuid.uuid4()),
            contacts=AccountContacts(management),
            organization=OrganizationsApi(management),
            configs=ConfigTable(env[Env.CONFIG_TABLE_NAME]),
            states=StateTable(env[Env.STATE_TABLE_NAME], int(env[Env.RECEIPT_RETENTION_DAYS])),
            bucket=RunBucket(env[Env.RUN_BUCKET_NAME]),
            executions=StateMachine(env[Env.STATE_MACHINE_ARN]),
            publisher=NotificationPublisher.of(
                env[Env.TOPIC_ARN], env.get(Env.CHAT_TOPIC_ARNS, ""), env.get(Env.FALLBACK_TOPIC_ARN, "")
            ),
            stacks=CloudFormationStacks(),
        )

    def limiter(self, config: ContactSyncConfig) -> RateLimiter:
        """Make a rate limiter for a configuration's paces; a warm function goes on with the rates it has learned."""
        return rate_limiter(config, self.clock)


def rate_limiter(config: ContactSyncConfig, clock: Clock) -> RateLimiter:
    """Make a rate limiter for a configuration's paces; one that is made later goes on with the rates of the first."""
    paces = tuple((one, config.pace(one)) for one in Operation)
    return RateLimiter(_token_buckets(paces, config.pacing.explore), clock)


@cache
def _token_buckets(paces: tuple[tuple[Operation, Pace], ...], explore: bool) -> Mapping[str, TokenBucket]:
    return {operation: TokenBucket(pace.rate, pace.burst, explore=explore) for operation, pace in paces}
