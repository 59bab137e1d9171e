"""Notifications: the topic of outcomes and alarms, its subscribers, chat channels and User Notifications."""

from collections import Counter
from collections.abc import Callable, Sequence

import pulumi
import pulumi_aws as aws

from orgsync.components.shared import resource_policies
from orgsync.components.shared.alarms import Alarm
from orgsync.components.shared.arguments import LaterValues
from orgsync.components.shared.chat import Chat
from orgsync.components.shared.stack_context import StackContext
from orgsync.components.shared.user_notifications import UserNotifications
from orgsync.shared.configuration import canonical_json
from orgsync.shared.notification_settings import (
    ALL,
    NotificationSettings,
    Severity,
    Subscription,
)


def filter_policy(severities: Sequence[Severity]) -> str | None:
    """Return the filter by which a subscriber gets part of the topic; None is everything.

    An alarm's message has no severity: whoever gets high severity gets alarms too.
    """
    if set(severities) == set(ALL):
        return None
    alarms = [{"exists": False}] if "high" in severities else []
    return canonical_json({"severity": [*severities, *alarms]})


NO_RECIPIENT = (
    "notification_settings: nobody is notified of failures or alarms; "
    "name a subscription, a chat channel or an e-mail contact"
)


def has_high_severity_recipient(settings: NotificationSettings) -> bool:
    """Return whether anybody is named who is notified of high severity.

    The owner's fallback does not count: it gets what the stack's own topic refuses, and a topic without
    subscribers refuses nothing.
    """
    severities = [settings.chat_severities, *(one.severities for one in settings.subscriptions)]
    severities += [one.severities for one in settings.user_notifications_config.email_contacts]
    return any(Severity.HIGH in some for some in severities)


class Notifications(pulumi.ComponentResource):
    """The encrypted topic with the subscriptions of the stack file, and what goes elsewhere."""

    topic: aws.sns.Topic
    chat_topics: pulumi.Output[str]
    """ARNs of the chat topics by severity, as JSON."""

    fallback: pulumi.Input[str]
    """ARN of the owner's fallback topic; empty where there is none."""

    topics: list[pulumi.Input[str]]
    """ARNs of every topic that a function may publish to."""

    alarm_topics: list[pulumi.Input[str]]
    """ARNs of the stack's topics that get alarms: its own, and that of chat channels for high severity."""

    def __init__(
        self,
        name: str,
        context: StackContext,
        settings: NotificationSettings,
        *,
        later: LaterValues,
        key: pulumi.Input[str],
        severity_alarm: Callable[[Severity], Alarm],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("orgsync:shared:Notifications", name, None, opts)
        below = pulumi.ResourceOptions(parent=self)
        if not has_high_severity_recipient(settings):
            pulumi.log.warn(NO_RECIPIENT)
        self.topic = aws.sns.Topic(
            name, name=context.name("notifications"), display_name="orgsync", kms_master_key_id=key, opts=below
        )
        aws.sns.TopicPolicy(
            name,
            arn=self.topic.arn,
            policy=resource_policies.topic_policy(context, context.arn("sns", context.name("notifications"))),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._later = later
        self._subscribe(name, settings.subscriptions)
        chat = Chat(name, context, settings, later=later, key=key, opts=below) if settings.chat_severities else None
        channels = chat.channels if chat else ()
        UserNotifications(name, context, settings, channels, later=later, severity_alarm=severity_alarm, opts=below)

        chat_topics = chat.topics if chat else {}
        self.fallback = later.value(settings.fallback_sns_topic or "")
        fallback = [self.fallback] if settings.fallback_sns_topic else []
        self.topics = [self.topic.arn, *chat_topics.values(), *fallback]
        self.alarm_topics = [self.topic.arn, *(arn for severity, arn in chat_topics.items() if severity == "high")]
        self.chat_topics = pulumi.Output.json_dumps(chat_topics, sort_keys=True)
        self.register_outputs({})

    def _subscribe(self, name: str, subscriptions: Sequence[Subscription]) -> None:
        named: Counter[str] = Counter()
        for index, subscription in enumerate(subscriptions):
            # Named after the endpoint: adding one in the middle of the list leaves the others alone.
            part = self._later.name(index, subscription.protocol, subscription.endpoint)
            named[part] += 1
            aws.sns.TopicSubscription(
                # Two addresses may differ by nothing but what no name may tell.
                f"{name}-{subscription.protocol}-{part}" + (f"-{named[part]}" if named[part] > 1 else ""),
                topic=self.topic.arn,
                protocol=subscription.protocol,
                endpoint=self._later.value(subscription.endpoint),
                filter_policy=filter_policy(subscription.severities),
                opts=pulumi.ResourceOptions(parent=self),
            )
