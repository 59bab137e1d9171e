"""Snapshots of the sandbox's organization."""

from collections.abc import Mapping
from dataclasses import dataclass

from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.rehearsal.accounts import ListedAccount, list_accounts

Fields = Mapping[str, str] | None
"""One contact in AWS's field names; None does not exist."""

Contacts = Mapping[str, Mapping[str, Fields]]
"""Account to kind to contact."""


@dataclass(frozen=True)
class Snapshot:
    """All member accounts and all contacts, the management account's included, at one moment."""

    members: list[ListedAccount]
    contacts: Contacts
    management: str


def take_snapshot(cloud: Cloud, management: str) -> Snapshot:
    """Read all accounts and contacts of the sandbox now."""
    return Snapshot(list_accounts(cloud.client("organizations"), management), cloud.account.contacts(), management)
