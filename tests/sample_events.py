"""Sample events: one file each in `events/`, as AWS sends them or as a rule's transformer leaves them."""

import json
from pathlib import Path
from typing import Any

from orgsync.contact_sync.names import OwnEvent

_FOLDER = Path(__file__).parent / "events"

MANAGEMENT, MEMBER, ANOTHER_MEMBER = "100000000001", "200000000001", "200000000002"
"""The accounts that the sample events speak of."""

WRITER = "orgsync-dev-contact-sync-process"
"""Name of the role in the sample events of our own writes."""


def event_names() -> list[str]:
    """Return the names of all sample events, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.json"))


def sample_event(name: str, **detail: object) -> dict[str, Any]:
    """Read one sample event, by the name of its file.

    Args:
        detail: keys of its `detail` to replace; None removes a key.
    """
    event: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_text())
    if detail:
        event["detail"] = {key: value for key, value in (event["detail"] | detail).items() if value is not None}
    return event


def own_event(detail_type: str | None, **detail: Any) -> dict[str, Any]:
    """Make an event of our own."""
    return {"source": OwnEvent.source(), "detail-type": detail_type, "detail": detail}
