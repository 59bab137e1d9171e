"""The member accounts of the sandbox's organization, as AWS Organizations describes them now."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_organizations import OrganizationsClient


@dataclass(frozen=True)
class ListedAccount:
    """A member account; `path` is `/` in the root, `unit_ids` are those of all units above it."""

    id: str
    name: str
    path: str
    unit_ids: frozenset[str]
    state: str
    tags: Mapping[str, str]


def list_accounts(organizations: "OrganizationsClient", management: str) -> list[ListedAccount]:
    """List every member account by its id; walks the tree once instead of asking for each account."""
    (root,) = organizations.list_roots()["Roots"]
    found = _accounts_below(organizations, root["Id"], "/", frozenset({root["Id"]}))
    return sorted((member for member in found if member.id != management), key=lambda member: member.id)


def _accounts_below(
    organizations: "OrganizationsClient", parent: str, path: str, above: frozenset[str]
) -> Iterator[ListedAccount]:
    for accounts in organizations.get_paginator("list_accounts_for_parent").paginate(ParentId=parent):
        for account in accounts["Accounts"]:
            tags = organizations.list_tags_for_resource(ResourceId=account["Id"])["Tags"]
            yield ListedAccount(
                id=account["Id"],
                name=account["Name"],
                path=path,
                unit_ids=above,
                state=account.get("State") or account["Status"],
                tags={tag["Key"]: tag["Value"] for tag in tags},
            )
    for units in organizations.get_paginator("list_organizational_units_for_parent").paginate(ParentId=parent):
        for unit in units["OrganizationalUnits"]:
            inside = f"{path.rstrip('/')}/{unit['Name']}"
            yield from _accounts_below(organizations, unit["Id"], inside, above | {unit["Id"]})
