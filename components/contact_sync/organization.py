"""The organization as a declaration must know it: its id, and the root or units of its members.

`get_organization` lists every account, thousands of requests for a large organization, at each
preview, and without its list it knows no root. The path of one entity holds both ids, and costs as
many requests as the entity is deep.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import pulumi
import pulumi_aws as aws

from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.shared.configuration import ConfigurationRefused
from orgsync.shared.organization_units import find_unit, is_path

UNCOUNTED = (
    "contact_sync: a preview reads neither the accounts of excluded_units nor their tags; "
    "`orgsync plan` counts the accounts that each exclusion matches, and names those that match nobody"
)


@dataclass(frozen=True)
class OrganizationScope:
    """Scope of a declaration: the organization's id, and the ids of units or of its root.

    The members of these units are
    meant.
    """

    organization: str
    targets: tuple[str, ...]


def organization_scope(management: str, units: Sequence[str], opts: pulumi.InvokeOptions) -> OrganizationScope:
    """Return the scope of some units; the whole organization, if there are none.

    Raises:
        ConfigurationRefused: a unit does not exist.
    """
    if not units:
        organization, root = _path(management, opts)[:2]
        return OrganizationScope(organization, (root,))
    for index, unit in enumerate(units):
        try:
            organization = _path(unit, opts)[0]
        except Exception as error:  # an invoke raises no narrower one
            where = f"deployment.member_units.{index}"
            raise ConfigurationRefused(
                f"{where}: AWS Organizations does not show the unit {unit}; "
                f"`aws organizations list-organizational-units-for-parent` shows those that exist ({error})"
            ) from error
    return OrganizationScope(organization, tuple(units))


def check_excluded(management: str, config: ContactSyncConfig, opts: pulumi.InvokeOptions) -> None:
    """See that every excluded account and unit exists, a unit be it named by its path or by its id.

    Raises:
        ConfigurationRefused: one does not. What a unit was to exclude is unknown, and every run would fail; behind
            an account's mistyped id stands one that was meant, and it would be written.
    """
    for index, account in enumerate(config.excluded_accounts):
        try:
            aws.organizations.get_account(account_id=account, opts=opts)
        except Exception as error:  # an invoke raises no narrower one
            raise ConfigurationRefused(
                f"contact_sync.excluded_accounts.{index}: AWS Organizations does not show the account "
                f"{account}; correct its id, or take it out if it has left ({error})"
            ) from error
    for index, unit in enumerate(config.excluded_units):
        try:
            if is_path(unit):
                find_unit(unit, _path(management, opts)[1], partial(_child, opts=opts))
            else:
                _path(unit, opts)
        except Exception as error:  # an invoke raises no narrower one
            raise ConfigurationRefused(
                f"contact_sync.excluded_units.{index}: AWS Organizations does not show the unit {unit}; "
                f"correct its path or id, or take it out ({error})"
            ) from error
    if config.excluded_units or config.excluded_tags:
        pulumi.log.info(UNCOUNTED)


def _child(parent: str, name: str, opts: pulumi.InvokeOptions) -> str:
    """Return the id of a unit directly below another; the invoke fails where there is none."""
    return aws.organizations.get_organizational_unit(parent_id=parent, name=name, opts=opts).id


def _path(entity: str, opts: pulumi.InvokeOptions) -> list[str]:
    """Return the path `[o-…, r-…, ou-…, …]` of a unit or an account."""
    return aws.organizations.get_entity_path(entity_id=entity, opts=opts).entity_path.split("/")
