"""The topics that carry a run's outcome to people."""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from orgsync.contact_sync.core.errors import NotificationFailed
from orgsync.contact_sync.core.notification import Notice
from orgsync.contact_sync.core.outcome import Verdict
from orgsync.contact_sync.core.run import Run
from orgsync.shared import aws


class Notifier:
    """Publishes to SNS; subscribers filter by the message's attributes.

    Args:
        topic_arn: the stack's own topic: e-mail, SMS, HTTPS.
        chat: the topics to which chat channels listen, by severity; a channel cannot filter.
        fallback: a topic of the owner's that hears what the stack's own would not take.
    """

    def __init__(self, topic_arn: str, chat: Mapping[str, str] | None = None, fallback: str | None = None) -> None:
        self._topic_arn = topic_arn
        self._chat = dict(chat or {})
        self._fallback = fallback
        self._client = aws.client("sns")

    @classmethod
    def of(cls, topic_arn: str, chat: str, fallback: str) -> "Notifier":
        """From a function's environment: `chat` is a JSON mapping, empty text is nothing."""
        return cls(topic_arn, json.loads(chat or "{}"), fallback or None)

    def tell(self, notice: Notice, run: Run, verdict: Verdict) -> None:
        """Publish one notice wherever it belongs; one place that fails keeps it from no other.

        Raises:
            NotificationFailed: a topic did not take it, also where the fallback did.
        """
        attributes = {"severity": str(verdict.severity), "scenario": verdict.scenario, "run_id": run.run_id}
        typed = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
        rich = {"Subject": notice.subject, "Message": notice.body, "MessageAttributes": typed}
        failures = []
        if failure := self._publish(self._topic_arn, rich):
            failures.append(failure)
            if self._fallback and (failure := self._publish(self._fallback, rich)):
                failures.append(f"fallback {failure}")
        chat = self._chat.get(str(verdict.severity))
        if chat and (failure := self._publish(chat, {"Message": notice.chat, "MessageAttributes": typed})):
            failures.append(f"chat {failure}")
        if failures:
            raise NotificationFailed(", ".join(failures))

    def _publish(self, topic: str, message: Mapping[str, Any]) -> str | None:
        """AWS's name for why a topic did not take a message, None where it did."""
        try:
            self._client.publish(TopicArn=topic, **message)
        except ClientError as error:
            return aws.code_of(error)
        except BotoCoreError as error:
            return type(error).__name__
        return None
