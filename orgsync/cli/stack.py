"""Deployed systems, found through the one SSM parameter that it leaves behind."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError

from orgsync.cli.errors import UsageError
from orgsync.contact_sync.adapters.config_table import ConfigTable
from orgsync.contact_sync.adapters.organization import OrganizationsApi
from orgsync.contact_sync.adapters.state_machine import StateMachine
from orgsync.contact_sync.adapters.state_table import StateTable
from orgsync.contact_sync.core.errors import OrganizationUnreadable
from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.names import discovery_parameter
from orgsync.shared import aws

RETENTION_DAYS = 90
"""Only for what the command writes, which is nothing: the stack's own functions keep the receipts."""


@dataclass(frozen=True)
class DeployedStack:
    """A deployed system: the stores and the state machine that the command works with."""

    name: str
    management: str
    configs: ConfigTable
    states: StateTable
    executions: StateMachine
    operator: str
    """ARN of whoever runs the command."""

    def check_accounts(self, accounts: Iterable[str]) -> None:
        """See that accounts can be asked for: each is a member of the organization, and not the source itself.

        Where the operator may not ask AWS Organizations, the run itself will say which ids are no members.

        Raises:
            UsageError: some are not; each is named with what is wrong.
        """
        accounts = tuple(dict.fromkeys(accounts))
        if len(accounts) > Request.MAX_ACCOUNTS:
            raise UsageError(f"--account: name {Request.MAX_ACCOUNTS} accounts at most; without any, all are meant")
        mistakes = [_mistake(account, self.management) for account in accounts]
        organization = OrganizationsApi(self.management)
        for number, account in enumerate(accounts):
            if not mistakes[number]:
                try:
                    if organization.account(account) is None:
                        mistakes[number] = f"{account} is no member of this organization"
                except OrganizationUnreadable as error:
                    click.echo(f"not checked whether {account} is a member: {error}", err=True)
        if found := [mistake for mistake in mistakes if mistake]:
            raise UsageError("\n".join(f"--account {mistake}" for mistake in found))


def _mistake(account: str, management: str) -> str | None:
    """Return what is wrong with an id by itself."""
    if not re.fullmatch("[0-9]{12}", account):
        return f"{account} is no account id: that has 12 digits"
    if account == management:
        return f"{account} is the management account: it is the source, and never written"
    return None


def find(name: str | None) -> DeployedStack:
    """The system of that Pulumi stack, or of that prefix of its resources' names, or the only one that there is.

    Raises:
        UsageError: there is none, or there are several and none was named.
    """
    try:
        found = _parameters()
        caller = aws.client("sts").get_caller_identity()
    except (ClientError, BotoCoreError) as error:
        raise UsageError(
            f"AWS cannot be asked ({type(error).__name__}): are there credentials and a region?"
        ) from error
    if not found:
        raise UsageError("no stack is deployed in this account and region")
    meant = [prefix for prefix, document in found.items() if name in (None, prefix, document["stack"])]
    if len(meant) != 1:
        known = [f"{prefix} (stack {document['stack']})" for prefix, document in sorted(found.items())]
        raise UsageError(f"deployed here: {', '.join(known)}; name one with --stack")
    document = found[meant[0]]
    return DeployedStack(
        meant[0],
        caller["Account"],
        ConfigTable(document["config_table"]),
        StateTable(document["state_table"], RETENTION_DAYS),
        StateMachine(document["state_machine_arn"]),
        caller["Arn"],
    )


def _parameters() -> dict[str, Any]:
    path = discovery_parameter("")
    pages = aws.client("ssm").get_paginator("get_parameters_by_path").paginate(Path=path)
    parameters = [found for page in pages for found in page["Parameters"]]
    return {found["Name"].removeprefix(path): json.loads(found["Value"]) for found in parameters}
