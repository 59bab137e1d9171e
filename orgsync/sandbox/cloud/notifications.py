"""Notifications to people: every publication on an SNS topic is recorded; nothing leaves the machine."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from moto.sns.models import Subscription, Topic

from orgsync.sandbox.cloud import metrics, recipients
from orgsync.sandbox.cloud.patches import Patches
from orgsync.sandbox.cloud.targets import Sender


class NotificationRecorder:
    """Publications in the order they came: channel, severity (a message attribute), subject, body.

    Args:
        unsupported_resources: the resources of services that moto lacks: chat channels, User Notifications.
        undelivered: called with each message that a chat channel would not show, or that a queue refuses.
        queue_refusal: gives the reason why a queue would not take a message of a topic.
    """

    def __init__(
        self,
        unsupported_resources: recipients.UnsupportedResources,
        undelivered: Callable[[str], None],
        queue_refusal: Callable[[str, Sender], str | None],
    ) -> None:
        self._unsupported_resources, self._undelivered = unsupported_resources, undelivered
        self._queue_refusal = queue_refusal
        self.published: list[recipients.Notification] = []

    def install(self, patches: Patches) -> None:
        """Patch moto so that publications are recorded and no subscribed address is called."""
        patches.wrap(Topic, "publish", self._publish)
        patches.wrap(Subscription, "publish", self._publish_to_subscription)

    def event(self, event: Mapping[str, Any]) -> None:
        """Record the notifications that User Notifications makes of an event of AWS."""
        self.published += recipients.user_notifications(event, self._unsupported_resources)

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
        # A message without a severity, such as an alarm's, passes the filter of subscribers to high severity.
        severity = (message_attributes or {}).get("severity", {}).get("Value", "high")
        channels = recipients.chat_channels(topic.arn, self._unsupported_resources)
        structured = kwargs.get("message_structure") == "json"
        shown = str(json.loads(message)["default"]) if structured else message
        if not channels:
            self.published.append({"channel": "sns", "severity": severity, "subject": subject, "body": shown})
        for channel in channels:
            try:
                self.published.append(recipients.chat_notification(message, severity))
            except recipients.MessageDropped as error:
                self._undelivered(f"chat channel {channel} shows nothing of a message to {topic.name}: {error}")
        return original(topic, message, subject, message_attributes, *args, **kwargs)

    def _publish_to_subscription(
        self, original: Callable[..., None], subscription: Any, message: str, *args: Any, **kwargs: Any
    ) -> None:
        matcher = subscription._filter_policy_matcher
        if matcher is not None and not matcher.matches(kwargs.get("message_attributes"), message):
            return
        if subscription.protocol == "sqs":
            topic = subscription.topic_arn
            refusal = self._queue_refusal(subscription.endpoint, Sender("sns.amazonaws.com", topic))
            if refusal:
                self._undelivered(f"topic {topic.rsplit(':', 1)[-1]} could not deliver: {refusal}")
                _, _, _, region, account, name = topic.split(":")
                metrics.put(account, region, "AWS/SNS", {"NumberOfNotificationsFailed": [1.0]}, {"TopicName": name})
                return
        if subscription.protocol not in ("http", "https"):
            original(subscription, message, *args, **kwargs)
