"""Who hears: the topic that carries a run's outcome and every alarm, its subscribers, chat and User Notifications."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from orgsync.components.contact_sync import resource_policies
from orgsync.components.contact_sync.deployment import canonical
from orgsync.components.shared.chat import Chat
from orgsync.components.shared.stack_context import Place, short
from orgsync.components.shared.user_notifications import UserNotifications
from orgsync.contact_sync.names import Env
from orgsync.shared.notification_settings import (
    ALL,
    NotificationSettings,
    Severity,
    Subscription,
)


def filter_policy(severities: Sequence[Severity]) -> str | None:
    """What of the topic a subscriber hears; None is everything.

    An alarm's message has no severity: whoever hears of high severity hears alarms too.
    """
    if set(severities) == set(ALL):
        return None
    alarms = [{"exists": False}] if "high" in severities else []
    return canonical({"severity": [*severities, *alarms]})


NOBODY_HEARS = (
    "orgsync:contact_sync notification_settings: nobody hears of failures or alarms; "
    "name a subscription, a chat channel or an e-mail contact"
)


def somebody_hears(settings: NotificationSettings) -> bool:
    """Whether anybody is named who hears of high severity.

    The owner's fallback does not count: it hears what the stack's own topic refuses, and a topic without
    subscribers refuses nothing.
    """
    heard = [settings.chat_severities, *(one.severities for one in settings.subscriptions)]
    heard += [one.severities for one in settings.user_notifications_config.email_contacts]
    return any("high" in severities for severities in heard)


class Notifications(pulumi.ComponentResource):
    """The encrypted topic with the subscriptions of the stack file, and what goes elsewhere."""

    topic: aws.sns.Topic
    environment: dict[str, pulumi.Input[str]]
    """What the functions need to know to tell of a run."""

    topics: list[pulumi.Input[str]]
    """ARNs of every topic that a run may be told through."""

    alarm_topics: list[pulumi.Input[str]]
    """ARNs of the stack's topics that hear alarms: its own, and that of chat channels which hear of high severity."""

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
        if not somebody_hears(settings):
            pulumi.log.warn(NOBODY_HEARS)
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
        self.alarm_topics = [self.topic.arn, *(arn for severity, arn in chat_topics.items() if severity == "high")]
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
