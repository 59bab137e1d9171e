"""AWS User Notifications: our metric raises an alarm, and a notification configuration follows the alarm.

No API sends a message to it, and its rules take AWS's own events only; so a run's severity becomes
a metric, the metric an alarm, and the alarm's change of state what people are told of. The rich
text goes out through SNS, which is always there.
"""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from orgsync.components.contact_sync.alarms import severity_alarm
from orgsync.components.contact_sync.deployment import canonical
from orgsync.components.shared.chat import Channel
from orgsync.components.shared.stack_context import Place, short
from orgsync.shared.notification_settings import (
    ALL,
    EmailContact,
    NotificationSettings,
    Severity,
)

AGGREGATION: dict[Severity, str] = {"high": "NONE", "medium": "SHORT", "low": "LONG"}
"""How long similar notifications are collected into one: none, five minutes, twelve hours."""


def pattern(alarm: str) -> dict[str, object]:
    """Of CloudWatch's alarm events those of one alarm, when it rises."""
    return {"resources": [alarm], "detail": {"state": {"value": ["ALARM"]}}}


class UserNotifications(pulumi.ComponentResource):
    """For each severity that somebody hears of: an alarm, a notification configuration, its rule and its channels."""

    def __init__(
        self,
        name: str,
        place: Place,
        settings: NotificationSettings,
        chat: Sequence[Channel],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("orgsync:contact_sync:UserNotifications", name, None, opts)
        self.place, self.below = place, pulumi.ResourceOptions(parent=self)
        self.config = settings.user_notifications_config
        heard = [channel for channel in chat if channel.kind in self.config.delivery_channels]
        contacts = self.config.email_contacts if "EMAIL" in self.config.delivery_channels else ()
        channels = [*(self._contact(name, contact) for contact in contacts), *heard]
        hub = self._hub(name) if channels and self.config.register_hub else []
        for severity in ALL:
            hear = [channel for channel in channels if severity in channel.severities]
            if hear:
                self._severity(name, severity, hear, hub)
        self.register_outputs({})

    def _hub(self, name: str) -> list[pulumi.Resource]:
        """Where User Notifications keeps what it was told; an account has three at most."""
        region = self.config.notification_hub_region or self.place.region
        return [aws.notifications.NotificationHub(f"{name}-{region}", notification_hub_region=region, opts=self.below)]

    def _contact(self, name: str, contact: EmailContact) -> Channel:
        part = f"email-{short(contact.address)}"
        made = aws.notifications.ContactsEmailContact(
            f"{name}-{part}", name=self.place.name(part), email_address=contact.address, opts=self.below
        )
        return Channel(part, "EMAIL", made.arn, contact.severities)

    def _severity(self, name: str, severity: Severity, hear: list[Channel], hub: list[pulumi.Resource]) -> None:
        part = f"severity-{severity}"
        alarm = aws.cloudwatch.MetricAlarm(
            f"{name}-{part}",
            name=self.place.name(part),
            **severity_alarm(self.place, severity).arguments(),
            opts=self.below,
        )
        configuration = aws.notifications.NotificationConfiguration(
            f"{name}-{part}",
            name=self.place.name(part),
            description=f"Contact sync runs of {severity} severity",
            aggregation_duration=AGGREGATION[severity],
            # Nothing can be notified of before there is a hub.
            opts=pulumi.ResourceOptions(parent=self, depends_on=hub),
        )
        aws.notifications.EventRule(
            f"{name}-{part}",
            notification_configuration_arn=configuration.arn,
            source="aws.cloudwatch",
            event_type="CloudWatch Alarm State Change",
            event_pattern=alarm.arn.apply(lambda arn: canonical(pattern(arn))),
            regions=[self.place.region],
            opts=self.below,
        )
        for channel in hear:
            aws.notifications.ChannelAssociation(
                f"{name}-{part}-{channel.name}",
                notification_configuration_arn=configuration.arn,
                arn=channel.arn,
                opts=self.below,
            )
