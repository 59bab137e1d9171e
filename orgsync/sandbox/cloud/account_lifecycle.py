"""The life of accounts in an organization: changes by people and by AWS, with the events that AWS sends.

Account and organization events are recorded in us-east-1, on the default bus of the account in
which the call was made. A member's own change is seen on the member's own bus only [doc, field].
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any, Literal
from uuid import uuid4

from orgsync.sandbox.cloud import cloudtrail
from orgsync.sandbox.cloud.access_keys import assumed_role
from orgsync.sandbox.cloud.clock import WAIT_SCALE
from orgsync.sandbox.cloud.events import EventBuses
from orgsync.sandbox.cloud.organizations import OrganizationsService, moved_path, retag
from orgsync.sandbox.cloud.stack_sets import StackSets
from orgsync.sandbox.cloud.task_tracker import TaskTracker
from orgsync.sandbox.errors import InvalidFault, UnknownAccount
from orgsync.sandbox.model.account import AccountService, Write
from orgsync.sandbox.model.organization import (
    Fields,
    MemberAccount,
    OrganizationModel,
    contacts,
    make_contact,
)

HOME_REGION = "us-east-1"
"""The region in which account and organization events are recorded (commercial partition)."""
Kinds = Mapping[str, Fields | None]
"""Kind of contact to its new fields, or None for a deletion."""


class AccountLifecycle:
    """An organization that changes; every method sends the events that AWS would send."""

    event_casing: Literal["camel", "pascal", "alternate"] = "alternate"
    """The casing of the keys in events of calls through the API, including the product's own."""

    organization: OrganizationModel
    account: AccountService

    def __init__(self, organization: OrganizationModel, seed: int) -> None:
        self.organization = organization
        self._seed = seed
        self._api_writes = count()
        self._console = assumed_role(organization.management, "role/Administrator", "somebody")
        self._events: EventBuses
        self._organizations: OrganizationsService
        self._tasks: TaskTracker
        self.stack_sets: StackSets
        """Service-managed stack sets, which are deployed to accounts that join or move."""

    def edit_source(
        self, kinds: Kinds, via: Literal["api", "console"] = "api", casing: Literal["camel", "pascal"] = "camel"
    ) -> None:
        """Change the management account's own contacts."""
        if via not in ("api", "console"):
            raise InvalidFault(f"edit_source: via must be api or console, not {via!r}")
        for kind, fields in contacts(kinds, "edit_source").items():
            write = self.account.write_directly(*_api_request(kind, fields), self._console)
            if via == "api":
                self._emit_write(write, casing)
            else:
                detail = cloudtrail.console_action(kind, self._console, _now())
                self._emit("aws.billingconsole", cloudtrail.CONSOLE_ACTION, detail)

    def edit_member(
        self,
        account: str,
        kinds: Kinds,
        via: Literal["member", "management"] = "member",
        casing: Literal["camel", "pascal"] = "camel",
    ) -> None:
        """Change a member's contacts, in the member itself or from the management account.

        Raises:
            UnknownAccount: it is no member.
            ApiError: the account is closed, or may not be managed from the management account.
        """
        self._member(account)
        if via not in ("member", "management"):
            raise InvalidFault(f"edit_member: via must be member or management, not {via!r}")
        for kind, fields in contacts(kinds, "edit_member").items():
            operation, parameters = _api_request(kind, fields)
            if via == "member":
                caller = assumed_role(account, "role/Administrator", "somebody")
                write = self.account.write_directly(operation, parameters, caller)
            else:
                write = self.account.write_directly(operation, {"AccountId": account, **parameters}, self._console)
            self._emit_write(write, casing)

    def create_account(
        self, name: str, ou: str = "/", tags: Mapping[str, str] | None = None, moved_after_s: float = 0
    ) -> str:
        """Create an account through Organizations; it gets the management account's primary contact and no other.

        [doc] AWS creates every account in the root, from where it is moved to its unit, so many seconds later.

        Returns:
            the new account's id.
        """
        # [doc] name and address are cloned, alternate contacts are not.
        primary = self.account.contacts()[self.organization.management]["primary"]
        made = self._add_account(name, tags, {"primary": primary or {}}, "CREATED")
        now = _now()
        status = {
            "id": f"car-{uuid4().hex}",
            "state": "SUCCEEDED",
            "accountName": "****",
            "accountId": made.id,
            "requestedTimestamp": now,
            "completedTimestamp": now,
        }
        self._emit_service_event("CreateAccountResult", {"createAccountStatus": status})
        self._move_later(made.id, ou, moved_after_s)
        return made.id

    def join_account(
        self, name: str, ou: str = "/", tags: Mapping[str, str] | None = None, moved_after_s: float = 0
    ) -> str:
        """Let an account with contacts of its own accept an invitation: into the root, from where it is moved.

        Returns:
            its id.
        """
        identity = self._next_id()
        own = {kind: make_contact(self._seed, identity, kind) for kind in ("primary", "billing", "security")}
        made = self._add_account(name, tags, own, "INVITED")
        # [inferred] No raw sample of this event is public.
        self._emit_service_event("AccountJoinedOrganization", {"accountId": made.id})
        self._move_later(made.id, ou, moved_after_s)
        return made.id

    def close_account(self, account: str) -> None:
        """Close an account: it is suspended, and deleted only after 90 days."""
        self._member(account).state = "SUSPENDED"
        self._organizations.set_state(account, "SUSPENDED")
        self.stack_sets.redeploy()
        self._emit_call("CloseAccount", {"accountId": account})

    def reopen_account(self, account: str) -> None:
        """Reopen a closed account. AWS Support does it: no call of the organization's, and no event [inferred]."""
        self._member(account).state = "ACTIVE"
        self._organizations.set_state(account, "ACTIVE")
        self.stack_sets.redeploy()

    def leave_organization(self, account: str) -> None:
        """Let a member leave the organization, by a call of its own that only its own bus sees."""
        member = self._member(account)
        self._organizations.remove_account(account)
        self.organization.accounts.remove(member)
        if account in self.organization.delegated_administrators:
            self.organization.delegated_administrators.remove(account)
        self.account.remove_account(account)
        self.stack_sets.redeploy()
        caller = assumed_role(account, "role/Administrator", "somebody")
        detail = cloudtrail.api_call("organizations.amazonaws.com", "LeaveOrganization", None, caller, _now())
        self._events.emit("aws.organizations", cloudtrail.API_CALL, detail, account, HOME_REGION)
        # [inferred] The counterpart of AccountJoinedOrganization; no raw sample of it is public.
        self._emit_service_event("AccountDepartedOrganization", {"accountId": account})

    def rename_unit(self, ou: str, name: str) -> None:
        """Give a unit another name; its accounts and the units below it go with it.

        Raises:
            RenameRefused: there is no such unit, or its new name is in use.
        """
        unit = self._organizations.rename_unit(ou, name)
        renamed = f"{ou.rpartition('/')[0]}/{name}"
        for member in self.organization.accounts:
            member.ou = moved_path(member.ou, ou, renamed)
        self._emit_call("UpdateOrganizationalUnit", {"organizationalUnitId": unit, "name": name})

    def move_account(self, account: str, ou: str) -> None:
        """Move an account to another unit, which is made if it does not exist; where it is already, nothing happens."""
        member = self._member(account)
        if member.ou == ou:
            return
        moved = {
            "accountId": account,
            "sourceParentId": self._organizations.unit(member.ou),
            "destinationParentId": self._organizations.unit(ou),
        }
        member.ou = ou
        self._organizations.move(account, ou)
        self.stack_sets.redeploy()
        self._emit_call("MoveAccount", moved)

    def tag_account(self, account: str, tags: Mapping[str, str | None]) -> None:
        """Add tags to an account, and take away those that are None: one call for each."""
        retag(self._member(account).tags, tags)
        self._organizations.tag(account, tags)
        given = [{"key": key, "value": value} for key, value in tags.items() if value is not None]
        taken = [key for key, value in tags.items() if value is None]
        if given:
            self._emit_call("TagResource", {"resourceId": account, "tags": given})
        if taken:
            self._emit_call("UntagResource", {"resourceId": account, "tagKeys": taken})

    def put_event(self, event: Mapping[str, Any]) -> None:
        """Put an event on the management account's default bus unchanged.

        Args:
            event: `source`, `detail-type`, `detail`, and if wanted `times` and `bus_region`.
        """
        unknown = sorted(set(event) - {"source", "detail-type", "detail", "times", "bus_region"})
        if unknown:
            raise InvalidFault(f"event: {unknown[0]} is not a key here")
        self._events.emit(
            event["source"],
            event["detail-type"],
            event["detail"],
            self.organization.management,
            event.get("bus_region", HOME_REGION),
            times=event.get("times", 1),
        )

    def _account_written(self, write: Write) -> None:
        """Send the event of a write that came through the API."""
        casing = self.event_casing
        if casing == "alternate":
            casing = "pascal" if next(self._api_writes) % 2 else "camel"
        self._emit_write(write, casing)

    def _emit_write(self, write: Write, casing: str) -> None:
        detail = cloudtrail.account_call(write, casing, _now())
        self._events.emit("aws.account", cloudtrail.API_CALL, detail, write.caller.account, HOME_REGION)

    def _emit_call(self, name: str, parameters: Mapping[str, Any]) -> None:
        detail = cloudtrail.api_call("organizations.amazonaws.com", name, parameters, self._console, _now())
        self._emit("aws.organizations", cloudtrail.API_CALL, detail)

    def _emit_service_event(self, name: str, details: Mapping[str, Any]) -> None:
        source, management = "organizations.amazonaws.com", self.organization.management
        detail = cloudtrail.service_event(source, name, details, management, _now())
        self._emit("aws.organizations", cloudtrail.SERVICE_EVENT, detail)

    def _emit(self, source: str, detail_type: str, detail: Mapping[str, Any]) -> None:
        self._events.emit(source, detail_type, detail, self.organization.management, HOME_REGION)

    def _move_later(self, account: str, ou: str, after_s: float) -> None:
        if ou == "/":
            return
        if after_s:
            what = f"move of account {account} to {ou}"
            self._tasks.submit(what, self._move_if_there, account, ou, delay=after_s, scale=WAIT_SCALE)
        else:
            self.move_account(account, ou)

    def _move_if_there(self, account: str, ou: str) -> None:
        """Move an account that may have left meanwhile."""
        if account in self._organizations.ids:
            self.move_account(account, ou)

    def _add_account(
        self, name: str, tags: Mapping[str, str] | None, held: dict[str, Fields], joined: str
    ) -> MemberAccount:
        identity = self._next_id()
        made = MemberAccount(identity, name, f"{identity}@example.com", tags=dict(tags or {}), contacts=held)
        self.organization.accounts.append(made)
        self._organizations.add_account(made, joined)
        self.account.add_account(made)
        self.stack_sets.redeploy()
        return made

    def _next_id(self) -> str:
        # Also those that have left: an id is never given twice.
        taken = [int(account) for account in self.account.contacts()]
        return f"{max(300_000_000_000, *taken) + 1:012d}"

    def _member(self, account: str) -> MemberAccount:
        for member in self.organization.accounts:
            if member.id == account:
                return member
        raise UnknownAccount(f"{account} is no member of the organization")


def _api_request(kind: str, fields: Fields | None) -> tuple[str, dict[str, Any]]:
    """Give the operation that sets a contact, and its parameters for the caller's own account."""
    if kind == "primary":
        return "PutContactInformation", {"ContactInformation": fields}
    if fields is None:
        return "DeleteAlternateContact", {"AlternateContactType": kind.upper()}
    return "PutAlternateContact", {"AlternateContactType": kind.upper(), **fields}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
