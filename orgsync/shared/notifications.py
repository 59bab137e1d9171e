"""Notifications through SNS topics."""

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from orgsync.shared import aws
from orgsync.shared.errors import NotificationFailed


class NotificationPublisher:
    """Publishes to SNS; subscribers filter by the message's attributes.

    Args:
        topic_arn: the stack's own topic: e-mail, SMS, HTTPS.
        chat: topics to which chat channels listen, by severity; a channel cannot filter.
        fallback: a topic of the owner's that gets what the stack's own would not take.
    """

    def __init__(self, topic_arn: str, chat: Mapping[str, str] | None = None, fallback: str | None = None) -> None:
        self._topic_arn = topic_arn
        self._chat = dict(chat or {})
        self._fallback = fallback

    @cached_property
    def _client(self) -> Any:
        return aws.client("sns", aws.PUBLISHING)  # another takes over from whoever does not go on in time

    @classmethod
    def of(cls, topic_arn: str, chat: str, fallback: str) -> "NotificationPublisher":
        """Make one from a function's environment: `chat` is a JSON mapping, empty text is nothing."""
        return cls(topic_arn, json.loads(chat or "{}"), fallback or None)

    def publish(self, subject: str, body: str, chat: str, sms: str, attributes: Mapping[str, str]) -> None:
        """Publish one notification wherever it belongs; one topic that fails keeps it from no other.

        Args:
            chat: the same for chat channels, as a custom notification of Amazon Q Developer (JSON text).
            sms: the same as one short text message: each part of a longer one is paid for, and 1,600 characters are
                all that it may have.
            attributes: `severity` and whatever else subscribers filter by.

        Raises:
            NotificationFailed: a topic did not take it, also where the fallback did.
        """
        typed = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
        texts = json.dumps({"default": body, "sms": sms})
        rich = {"Subject": subject, "Message": texts, "MessageStructure": "json", "MessageAttributes": typed}
        failures = []
        if failure := self._publish(self._topic_arn, rich):
            failures.append(failure)
            if self._fallback and (failure := self._publish(self._fallback, rich)):
                failures.append(f"fallback {failure}")
        topic = self._chat.get(attributes["severity"])
        if topic and (failure := self._publish(topic, {"Message": chat, "MessageAttributes": typed})):
            failures.append(f"chat {failure}")
        if failures:
            raise NotificationFailed(", ".join(failures))

    def _publish(self, topic: str, message: Mapping[str, Any]) -> str | None:
        """Return AWS's name for why a topic did not take a message, None where it did."""
        try:
            self._client.publish(TopicArn=topic, **message)
        except ClientError as error:
            return aws.error_code(error)
        except BotoCoreError as error:
            return type(error).__name__
        return None
