"""Access to event buses: a bus of another account needs a policy that allows the sender."""

from collections.abc import Mapping
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.events.models import EventBus, EventsBackend, events_backends
from moto.organizations.models import organizations_backends

from orgsync.sandbox.cloud import resource_policy

RESERVED = {"ErrorCode": "NotAuthorizedForSourceException", "ErrorMessage": "Not authorized for the source."}
"""The answer to an event with a source that only AWS may use."""


def organization_of(account: str) -> str:
    """Find the id of the organization that an account is in; empty if it is in none."""
    master, partition = organizations_backends.master_accounts.get(account, (account, "aws"))
    organization = organizations_backends[master][partition].org
    return organization.id if organization else ""


def find_bus(arn: str) -> EventBus | None:
    """Find the bus of an ARN, if it exists."""
    _, _, _, region, account, resource = arn.split(":", 5)
    return events_backends[account][region].event_buses.get(resource.removeprefix("event-bus/"))


def allows_event(bus: EventBus, sender: str, event: Mapping[str, Any], *, forwarded: bool) -> bool:
    """Return whether an account may put an event on a bus; its own account always may.

    Args:
        event: as EventBridge carries it, `source` and `detail-type` among its keys.
        forwarded: whether a rule does it, and no call of PutEvents.
    """
    if sender == bus.account_id:
        return True
    context = {
        "events:eventBusInvocation": str(forwarded).lower(),
        "aws:PrincipalOrgID": organization_of(sender),
        "events:source": str(event.get("source", "")),
        "events:detail-type": str(event.get("detail-type", "")),
    }
    return resource_policy.allows(bus.policy, sender, "events:PutEvents", context)


def is_reserved(entry: Mapping[str, Any]) -> bool:
    """Return whether an entry of PutEvents claims a source that is AWS's own; moto accepts it."""
    return str(entry.get("Source", "")).startswith("aws.")


def foreign_bus(backend: EventsBackend, entry: Mapping[str, Any]) -> EventBus | None:
    """Find the bus of another account that an entry of PutEvents is for; None for the caller's own.

    Raises:
        NotImplementedError: it is a bus of another region, which AWS refuses in a way not known here.
    """
    name = str(entry.get("EventBusName") or "")
    if ":" not in name or f":{backend.region_name}:{backend.account_id}:" in name:
        return None
    if f":{backend.region_name}:" not in name:
        raise NotImplementedError("PutEvents on a bus of another region")
    bus = find_bus(name)
    if bus is None:
        raise JsonRESTError("ResourceNotFoundException", f"Event bus {name} does not exist.")
    return bus


def check_access(bus: EventBus, sender: str, entry: Mapping[str, Any]) -> None:
    """Refuse an entry of PutEvents that a bus's policy does not allow.

    Raises:
        JsonRESTError: AccessDeniedException, as the API answers.
    """
    event = {"source": entry.get("Source"), "detail-type": entry.get("DetailType")}
    if not allows_event(bus, sender, event, forwarded=False):
        raise JsonRESTError(
            "AccessDeniedException", f"account {sender} is not authorized to perform: events:PutEvents on {bus.arn}"
        )
