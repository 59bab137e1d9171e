"""Samples that several tests share: recorded events and events of ours, each made in one place."""

import json
from pathlib import Path
from typing import Any

from orgsync.contact_sync.names import OwnEvent
from orgsync.shared.names import EVENT_SOURCE

MANAGEMENT, MEMBER, ANOTHER_MEMBER = "100000000001", "200000000001", "200000000002"
"""The accounts that the recorded events speak of."""

WRITER = "orgsync-dev-contact-sync-process"
"""Name of the role that made the recorded writes of our own."""

_EVENTS = Path(__file__).parent / "events"

Event = dict[str, Any]


def event_names() -> list[str]:
    """Return the names of all recorded events, sorted."""
    return sorted(path.stem for path in _EVENTS.glob("*.json"))


def event(name: str, **detail: object) -> Event:
    """Return a recorded event.

    Args:
        detail: keys of its `detail` to replace; None removes a key.
    """
    found: Event = json.loads((_EVENTS / f"{name}.json").read_text())
    if detail:
        found["detail"] = {key: value for key, value in (found["detail"] | detail).items() if value is not None}
    return found


def own_event(detail_type: OwnEvent | str | None, **detail: object) -> Event:
    """Return an event that orgsync itself sends."""
    return {
        "source": EVENT_SOURCE,
        "detail-type": detail_type if detail_type is None else str(detail_type),
        "detail": detail,
    }
