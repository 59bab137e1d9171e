"""What people would hear: every publication on an SNS topic, kept; nothing leaves the machine."""

from collections.abc import Callable
from typing import Any

from moto.sns.models import Subscription, Topic

from .patches import Patches


class Notifications:
    """Publications in the order they came: channel, severity (a message attribute), subject, body."""

    def __init__(self) -> None:
        self.heard: list[dict[str, str | None]] = []

    def install(self, patches: Patches) -> None:
        """Listen to every topic, and keep moto from posting to subscribed addresses."""
        patches.wrap(Topic, "publish", self._publish)
        patches.wrap(Subscription, "publish", _publish_to)

    def _publish(
        self,
        original: Callable[..., str],
        topic: Any,
        message: str,
        subject: str | None = None,
        message_attributes: dict[str, Any] | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> str:
        severity = (message_attributes or {}).get("severity", {}).get("Value")
        self.heard.append({"channel": "sns", "severity": severity, "subject": subject, "body": message})
        return original(topic, message, subject, message_attributes, *args, **kwargs)


def _publish_to(original: Callable[..., None], subscription: Any, *args: Any, **kwargs: Any) -> None:
    if subscription.protocol not in ("http", "https"):
        original(subscription, *args, **kwargs)
