"""The notification topic."""

from botocore.exceptions import BotoCoreError, ClientError

from handlers.contact_sync.core.errors import NotificationFailed
from handlers.contact_sync.core.notice import Notice
from handlers.contact_sync.core.run import Run
from handlers.contact_sync.core.verdict import Verdict

from . import aws


class Notifier:
    """Publishes to SNS; subscribers filter by the message's attributes."""

    def __init__(self, topic_arn: str) -> None:
        self._topic_arn = topic_arn
        self._client = aws.client("sns")

    def tell(self, notice: Notice, run: Run, verdict: Verdict) -> None:
        """Publish one notice.

        Raises:
            NotificationFailed: SNS did not take it.
        """
        attributes = {"severity": str(verdict.severity), "scenario": verdict.scenario, "run_id": run.run_id}
        typed = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
        try:
            self._client.publish(
                TopicArn=self._topic_arn, Subject=notice.subject, Message=notice.body, MessageAttributes=typed
            )
        except (ClientError, BotoCoreError) as error:
            raise NotificationFailed(type(error).__name__) from error
