"""What a declaration must know of the organization: its id, and where in it the members are.

`get_organization` lists every account, thousands of requests for a large organization, at each
preview, and without its list it knows no root. The path of one entity holds both ids, and costs as
many requests as the entity is deep.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from orgsync.components.contact_sync.deployment import SettingsRefused
from orgsync.contact_sync.config import ContactSyncConfig


@dataclass(frozen=True)
class Reach:
    """An organization's id, and the ids of the units (or of its root) whose members are meant."""

    organization: str
    targets: tuple[str, ...]


def reach(management: str, units: Sequence[str], opts: pulumi.InvokeOptions) -> Reach:
    """Where these units are; the whole organization, if there are none.

    Raises:
        SettingsRefused: a unit does not exist.
    """
    if not units:
        organization, root = _path(management, opts)[:2]
        return Reach(organization, (root,))
    for place, unit in enumerate(units):
        try:
            organization = _path(unit, opts)[0]
        except Exception as error:  # an invoke raises no narrower one
            where = f"orgsync:deployment.member_units.{place}"
            raise SettingsRefused(
                f"{where}: AWS Organizations does not show the unit {unit}; "
                f"`aws organizations list-organizational-units-for-parent` shows those that exist ({error})"
            ) from error
    return Reach(organization, tuple(units))


def check_excluded(management: str, config: ContactSyncConfig, opts: pulumi.InvokeOptions) -> None:
    """See that every excluded account and unit exists, a unit be it named by its path or by its id.

    Raises:
        SettingsRefused: one does not. What a unit was to exclude cannot be told, and every run would fail; behind
            an account's mistyped id stands one that was meant, and it would be written.
    """
    for place, account in enumerate(config.excluded_accounts):
        try:
            aws.organizations.get_account(account_id=account, opts=opts)
        except Exception as error:  # an invoke raises no narrower one
            raise SettingsRefused(
                f"orgsync:contact_sync excluded_accounts.{place}: AWS Organizations does not show the account "
                f"{account}; correct its id, or take it out if it has left ({error})"
            ) from error
    for place, unit in enumerate(config.excluded_units):
        try:
            if unit.startswith("/"):
                _walk(_path(management, opts)[1], unit.removeprefix("/").split("/"), opts)
            else:
                _path(unit, opts)
        except Exception as error:  # an invoke raises no narrower one
            raise SettingsRefused(
                f"orgsync:contact_sync excluded_units.{place}: AWS Organizations does not show the unit {unit}; "
                f"correct its path or id, or take it out ({error})"
            ) from error


def _walk(parent: str, names: Sequence[str], opts: pulumi.InvokeOptions) -> None:
    """From a root or unit down a path of names."""
    for name in names:
        parent = aws.organizations.get_organizational_unit(parent_id=parent, name=name, opts=opts).id


def _path(entity: str, opts: pulumi.InvokeOptions) -> list[str]:
    """`[o-…, r-…, ou-…, …]` of a unit or an account."""
    return aws.organizations.get_entity_path(entity_id=entity, opts=opts).entity_path.split("/")
