"""Environment → settings → services: made at a function's first event, kept while it is warm."""

import asyncio
import os
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from orgsync.contact_sync.adapters.account_contacts import AccountContacts
from orgsync.contact_sync.adapters.config_table import ConfigTable
from orgsync.contact_sync.adapters.executions import Pipeline
from orgsync.contact_sync.adapters.organization import Organization
from orgsync.contact_sync.adapters.run_bucket import RunBucket
from orgsync.contact_sync.adapters.stacks import Stacks
from orgsync.contact_sync.adapters.state_table import StateTable
from orgsync.contact_sync.config import ContactSyncConfig, Pace
from orgsync.contact_sync.core.protocols import Clock
from orgsync.contact_sync.names import Env, Operation
from orgsync.shared.notifications import Notifier
from orgsync.shared.rate_limiter import Bucket


class WallClock:
    """Real time, as the core's `Clock` port."""

    def now(self) -> datetime:
        """See `Clock.now`."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`."""
        await asyncio.sleep(seconds)


@dataclass(frozen=True)
class Services:
    """What the entry points work with."""

    management: str
    environment: str
    writer: str | None
    clock: Clock
    new_id: Callable[[], str]
    contacts: AccountContacts
    organization: Organization
    configs: ConfigTable
    states: StateTable
    bucket: RunBucket
    pipeline: Pipeline
    notifier: Notifier
    stacks: Stacks

    def buckets(self, config: ContactSyncConfig) -> Mapping[Operation, Bucket]:
        """Token buckets for a configuration's paces; a warm function goes on with those it has."""
        paces = tuple((operation, config.pace(operation)) for operation in Operation)
        return _buckets(paces)


@cache
def _buckets(paces: tuple[tuple[Operation, Pace], ...]) -> Mapping[Operation, Bucket]:
    return {operation: Bucket(pace) for operation, pace in paces}


@cache
def services() -> Services:
    """The services that this function's environment names.

    Raises:
        KeyError: the environment lacks a variable of `names.Env`.
    """
    env = os.environ
    management = env[Env.MANAGEMENT_ACCOUNT_ID]
    return Services(
        management=management,
        environment=env[Env.ENVIRONMENT],
        writer=env.get(Env.WRITER_ROLE_NAME),
        clock=WallClock(),
        new_id=lambda: str(uuid.uuid4()),
        contacts=AccountContacts(management),
        organization=Organization(management),
        configs=ConfigTable(env[Env.CONFIG_TABLE_NAME]),
        states=StateTable(env[Env.STATE_TABLE_NAME], int(env[Env.RECEIPT_RETENTION_DAYS])),
        bucket=RunBucket(env[Env.RUN_BUCKET_NAME]),
        pipeline=Pipeline(env[Env.STATE_MACHINE_ARN]),
        notifier=Notifier.of(env[Env.TOPIC_ARN], env.get(Env.CHAT_TOPIC_ARNS, ""), env.get(Env.FALLBACK_TOPIC_ARN, "")),
        stacks=Stacks(),
    )
