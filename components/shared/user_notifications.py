"""AWS User Notifications: our metric raises an alarm, and a notification configuration follows the alarm.

No API sends a message to it, and its rules take AWS's own events only; so a run's severity becomes
a metric, the metric an alarm, and the alarm's change of state the notification. The rich
text goes out through SNS, which is always there.
"""

from collections.abc import Callable, Sequence

import pulumi
import pulumi_aws as aws

from orgsync.components.shared.alarms import Alarm
from orgsync.components.shared.arguments import LaterValues
from orgsync.components.shared.chat import Channel
from orgsync.components.shared.stack_context import StackContext
from orgsync.shared.configuration import canonical_json
from orgsync.shared.notification_settings import (
    ALL,
    EmailContact,
    NotificationSettings,
    Severity,
)

AGGREGATION: dict[Severity, str] = {
    Severity.HIGH: "NONE",
    Severity.MEDIUM: "SHORT",
    Severity.LOW: "LONG",
}
"""Time over which similar notifications are collected into one: none, five minutes, twelve hours."""


def pattern(alarm: str) -> dict[str, object]:
    """Return the pattern of one alarm's events, when it rises."""
    return {"resources": [alarm], "detail": {"state": {"value": ["ALARM"]}}}


class UserNotifications(pulumi.ComponentResource):
    """User Notifications, for each severity of which somebody is notified.

    Each has an alarm, a notification configuration, its rule and its channels.
    """

    def __init__(
        self,
        name: str,
        context: StackContext,
        settings: NotificationSettings,
        chat: Sequence[Channel],
        *,
        later: LaterValues,
        severity_alarm: Callable[[Severity], Alarm],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("orgsync:shared:UserNotifications", name, None, opts)
        self.context, self.later, self.below = context, later, pulumi.ResourceOptions(parent=self)
        self.severity_alarm = severity_alarm
        self.config = settings.user_notifications_config
        chat_channels = [channel for channel in chat if channel.kind in self.config.delivery_channels]
        contacts = self.config.email_contacts if "EMAIL" in self.config.delivery_channels else ()
        channels = [*(self._contact(name, index, contact) for index, contact in enumerate(contacts)), *chat_channels]
        hub = self._hub(name) if channels and self.config.register_hub else []
        for severity in ALL:
            recipients = [channel for channel in channels if severity in channel.severities]
            if recipients:
                self._severity(name, severity, recipients, hub)
        self.register_outputs({})

    def _hub(self, name: str) -> list[pulumi.Resource]:
        """Declare the hub where User Notifications keeps notifications; an account has three at most.

        It is the account's, and stays: another stack may use it, and AWS refuses to deregister the last one [model].
        """
        region = self.config.notification_hub_region or self.context.region
        kept = pulumi.ResourceOptions(parent=self, retain_on_delete=True)
        return [aws.notifications.NotificationHub(f"{name}-{region}", notification_hub_region=region, opts=kept)]

    def _contact(self, name: str, index: int, contact: EmailContact) -> Channel:
        part = f"email-{self.later.name(index, contact.address)}"
        made = aws.notifications.ContactsEmailContact(
            f"{name}-{part}",
            name=self.context.name(part),
            email_address=self.later.value(contact.address),
            opts=self.below,
        )
        return Channel(part, "EMAIL", made.arn, contact.severities)

    def _severity(self, name: str, severity: Severity, recipients: list[Channel], hub: list[pulumi.Resource]) -> None:
        part = f"severity-{severity}"
        alarm = aws.cloudwatch.MetricAlarm(
            f"{name}-{part}",
            name=self.context.name(part),
            **self.severity_alarm(severity).arguments(),
            opts=self.below,
        )
        configuration = aws.notifications.NotificationConfiguration(
            f"{name}-{part}",
            name=self.context.name(part),
            description=f"{self.context.prefix}: runs of {severity} severity",
            aggregation_duration=AGGREGATION[severity],
            # Nothing can be notified of before there is a hub.
            opts=pulumi.ResourceOptions(parent=self, depends_on=hub),
        )
        aws.notifications.EventRule(
            f"{name}-{part}",
            notification_configuration_arn=configuration.arn,
            source="aws.cloudwatch",
            event_type="CloudWatch Alarm State Change",
            event_pattern=alarm.arn.apply(lambda arn: canonical_json(pattern(arn))),
            regions=[self.context.region],
            opts=self.below,
        )
        for channel in recipients:
            aws.notifications.ChannelAssociation(
                f"{name}-{part}-{channel.name}",
                notification_configuration_arn=configuration.arn,
                arn=channel.arn,
                opts=self.below,
            )
