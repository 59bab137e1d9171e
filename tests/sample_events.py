"""Sample events: one file each in `events/`, as AWS sends them or as a rule's transformer leaves them."""

import json
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent / "events"


def sample_event(name: str) -> dict[str, Any]:
    """Read one sample event, by the name of its file."""
    event: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_text())
    return event


def own_event(detail_type: str, **detail: Any) -> dict[str, Any]:
    """Make an event of our own."""
    return {"source": "orgsync", "detail-type": detail_type, "detail": detail}
