"""Who hears: the topic that carries a run's outcome and every alarm, its subscribers, chat and User Notifications."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from handlers.contact_sync.audience import ALL, NotificationSettings, Severity, Subscription
from handlers.contact_sync.names import Env

from . import resource_policies
from .chat import Chat
from .place import Place, short
from .settings import canonical
from .user_notifications import UserNotifications


def filter_policy(severities: Sequence[Severity]) -> str | None:
    """What of the topic a subscriber hears; None is everything.

    An alarm's message has no severity: whoever hears of high severity hears alarms too.
    """
    if set(severities) == set(ALL):
        return None
    alarms = [{"exists": False}] if "high" in severities else []
    return canonical({"severity": [*severities, *alarms]})


class Notifications(pulumi.ComponentResource):
    """The encrypted topic with the subscriptions of the stack file, and what goes elsewhere."""

    topic: aws.sns.Topic
    environment: dict[str, pulumi.Input[str]]
    """What the functions need to know to tell of a run."""

    topics: list[pulumi.Input[str]]
    """ARNs of every topic that a run may be told through."""

    def __init__(
        self,
        name: str,
        place: Place,
        settings: NotificationSettings,
        *,
        key: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("orgsync:contact_sync:Notifications", name, None, opts)
        below = pulumi.ResourceOptions(parent=self)
        self.topic = aws.sns.Topic(
            name, name=place.name("notifications"), display_name="orgsync", kms_master_key_id=key, opts=below
        )
        aws.sns.TopicPolicy(
            name,
            arn=self.topic.arn,
            policy=resource_policies.topic_policy(place, place.arn("sns", place.name("notifications"))),
            opts=pulumi.ResourceOptions(parent=self),
        )
        for subscription in settings.subscriptions:
            self._subscribe(name, subscription)
        chat = Chat(name, place, settings, key=key, opts=below) if settings.chat_severities else None
        UserNotifications(name, place, settings, chat.channels if chat else (), opts=below)

        chat_topics = chat.topics if chat else {}
        fallback = settings.fallback_sns_topic
        self.topics = [self.topic.arn, *chat_topics.values(), *([fallback] if fallback else [])]
        self.environment = {
            Env.TOPIC_ARN: self.topic.arn,
            Env.CHAT_TOPIC_ARNS: pulumi.Output.json_dumps(chat_topics, sort_keys=True),
            Env.FALLBACK_TOPIC_ARN: fallback or "",
        }
        self.register_outputs({})

    def _subscribe(self, name: str, subscription: Subscription) -> None:
        # Named after who hears: adding one in the middle of the list leaves the others alone.
        aws.sns.TopicSubscription(
            f"{name}-{subscription.protocol}-{short(subscription.protocol, subscription.endpoint)}",
            topic=self.topic.arn,
            protocol=subscription.protocol,
            endpoint=subscription.endpoint,
            filter_policy=filter_policy(subscription.severities),
            opts=pulumi.ResourceOptions(parent=self),
        )
