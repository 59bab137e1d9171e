"""Recipients of AWS's own messages: chat channels, and User Notifications' configurations.

moto has neither service. Their declared resources are among the cloud's `unsupported_resources`.
"""

import json
from collections.abc import Mapping
from typing import Any

from moto.events.models import EventPattern

UnsupportedResources = Mapping[str, Mapping[str, Mapping[str, Any]]]
Notification = dict[str, str | None]

_CHANNELS = {
    "aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration": "slackChannelId",
    "aws:chatbot/teamsChannelConfiguration:TeamsChannelConfiguration": "channelId",
}
_RULES = "aws:notifications/eventRule:EventRule"
_CONFIGURATIONS = "aws:notifications/notificationConfiguration:NotificationConfiguration"
_ASSOCIATIONS = "aws:notifications/channelAssociation:ChannelAssociation"
_SEVERITIES = ("high", "medium", "low")


class MessageDropped(ValueError):
    """A message that Amazon Q Developer in chat applications drops: it shows only AWS's own and custom ones."""


def chat_channels(topic: str, unsupported_resources: UnsupportedResources) -> list[str]:
    """List the ids of the chat channels that are connected to a topic."""
    return [
        str(held[channel])
        for token, channel in _CHANNELS.items()
        for held in list(unsupported_resources.get(token, {}).values())
        if topic in held.get("snsTopicArns", ())
    ]


def chat_notification(message: str, severity: str) -> Notification:
    """Make what a chat channel shows of a message: a custom notification's title and text, or an alarm.

    Raises:
        MessageDropped: it is neither.
    """
    try:
        document = json.loads(message)
    except ValueError as error:
        raise MessageDropped("it is no JSON") from error
    if "AlarmName" in document:
        return {"channel": "chat", "severity": severity, "subject": document["AlarmName"], "body": message}
    if (document.get("version"), document.get("source")) != ("1.0", "custom"):
        raise MessageDropped("it is no custom notification of version 1.0")
    content = document.get("content", {})
    text = [content.get("description"), *content.get("nextSteps", [])]
    body = "\n".join(str(part) for part in text if part)
    return {"channel": "chat", "severity": severity, "subject": content.get("title"), "body": body}


def user_notifications(event: Mapping[str, Any], unsupported_resources: UnsupportedResources) -> list[Notification]:
    """Make the notifications of an event: one for each configuration of User Notifications with a channel.

    Its severity is the last word of the configuration's name, where that is one.
    """
    notifications: list[Notification] = []
    associations = list(unsupported_resources.get(_ASSOCIATIONS, {}).values())
    for rule in list(unsupported_resources.get(_RULES, {}).values()):
        arn = rule["notificationConfigurationArn"]
        channels = [held["arn"] for held in associations if held["notificationConfigurationArn"] == arn]
        configuration = unsupported_resources.get(_CONFIGURATIONS, {}).get(arn)
        if not channels or configuration is None or not _matches(rule, event):
            continue
        word = str(configuration["name"]).rsplit("-", 1)[-1]
        text = event["detail"].get("configuration", {}).get("description", "")
        notifications.append(
            {
                "channel": "user_notifications",
                "severity": word if word in _SEVERITIES else "none",
                "subject": configuration["description"],
                "body": "\n".join([text, *(f"to {channel.rsplit(':', 1)[-1]}" for channel in channels)]),
            }
        )
    return notifications


def _matches(rule: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    if (rule["source"], rule["eventType"]) != (event["source"], event["detail-type"]):
        return False
    if event["region"] not in rule["regions"]:
        return False
    pattern = rule.get("eventPattern")
    return not pattern or EventPattern.load(pattern).matches_event(dict(event))  # type: ignore[arg-type]
