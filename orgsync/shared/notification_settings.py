"""Notification settings: who is notified of which severity (spec: notification_settings), with people's own
addresses.
"""

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from orgsync.shared.configuration import StrictModel, known_later


class RunScenario(StrEnum):
    """Scenarios that a run may end in (spec: notification scenarios)."""

    COMPLETE_FAILURE = "complete_failure"
    """Every member account failed, in a run over all of them."""
    PERMISSION_ERRORS = "permission_errors"
    """AWS denied access to an account, or to all of them."""
    SYSTEM_ERRORS = "system_errors"
    """AWS or one of the functions failed."""
    PARTIAL_FAILURE = "partial_failure"
    """Some accounts failed, the others are in sync."""
    CONFIGURATION_ERRORS = "configuration_errors"
    """The configuration, the source account or an id that was asked for needs a correction."""
    SUCCESS_COMPLETION = "success_completion"
    """Everything that was compared is in sync, and nothing that was asked for is left undone."""


class Severity(StrEnum):
    """Severities of a run, the gravest first."""

    HIGH = "high"
    """Somebody has to act; alarms go with it."""
    MEDIUM = "medium"
    """Somebody has to look."""
    LOW = "low"
    """Nobody has to do anything."""


class DeliveryChannel(StrEnum):
    """Channels of AWS User Notifications that the stack associates."""

    EMAIL = "EMAIL"
    """The e-mail contacts."""
    SMS = "SMS"
    """No channel of User Notifications; text messages are `subscriptions`. Accepted, and without effect."""
    SLACK = "SLACK"
    """The Slack channels, besides the rich text that they get from SNS."""
    TEAMS = "TEAMS"
    """The Microsoft Teams channels, besides the rich text that they get from SNS."""


class SubscriptionProtocol(StrEnum):
    """Protocols of a subscription of the topic."""

    EMAIL = "email"
    """An e-mail address, whose owner confirms the subscription."""
    SMS = "sms"
    """A telephone number, which gets text messages."""
    HTTPS = "https"
    """A web address, which answers the confirmation itself."""


ALL: tuple[Severity, ...] = tuple(Severity)


def _shaped(pattern: str, wanted: str) -> Callable[[str, ValidationInfo], str]:
    """Make a validator that says what is wanted instead of quoting a pattern."""

    def check(value: str, info: ValidationInfo) -> str:
        if not known_later(value, info) and not re.fullmatch(pattern, value):
            raise ValueError(f"must be {wanted}")
        return value

    return check


def _once(values: tuple[Severity, ...]) -> tuple[Severity, ...]:
    if len(set(values)) != len(values):
        raise ValueError("name each severity once")
    return values


Severities = Annotated[tuple[Severity, ...], Field(min_length=1), AfterValidator(_once)]
"""Severities of which somebody is notified."""

_UUID = r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
# Lengths are those of the DNS and of mail (RFC 5321); a name without a dot or a top-level domain reaches nobody.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_TOP = r"(?:xn--[A-Za-z0-9-]{1,59}|[A-Za-z]{2,63})"
_DOMAIN = rf"(?=[A-Za-z0-9.-]{{1,253}}(?![A-Za-z0-9.-]))(?:{_LABEL}\.)+{_TOP}(?![A-Za-z0-9.-])"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_EMAIL = rf"(?=.{{6,254}}$)(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@{_DOMAIN}"
_AN_EMAIL = "an e-mail address such as security@example.com"

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_PORT = r"(?:6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})"
# SNS signs in to an endpoint with the name and password before its host.
_HTTPS = rf"https://(?:[^\s@/?#]+@)?(?:{_DOMAIN}|{_OCTET}(?:\.{_OCTET}){{3}})(?::{_PORT})?(?:[/?]\S*)?"

Email = Annotated[str, AfterValidator(_shaped(_EMAIL, _AN_EMAIL))]
Region = Annotated[str, AfterValidator(_shaped(r"[a-z]{2}(-[a-z]+)+-\d", "a region such as us-east-1"))]
TopicArn = Annotated[
    str,
    AfterValidator(
        _shaped(
            r"arn:[a-z-]+:sns:[a-z0-9-]+:\d{12}:[\w-]{1,256}",
            "the ARN of a standard SNS topic: arn:aws:sns:region:account:name",
        )
    ),
]
SlackWorkspace = Annotated[
    str,
    AfterValidator(
        _shaped(r"T[A-Z0-9]{8,}", "a Slack workspace id, T and capitals or digits: the first id in a Slack web address")
    ),
]
SlackChannelId = Annotated[
    str,
    AfterValidator(
        _shaped(
            r"[CG][A-Z0-9]{8,}", "a Slack channel id such as C0123456789, not its name: the end of a channel's link"
        )
    ),
]
TeamsId = Annotated[
    str, AfterValidator(_shaped(_UUID, "a UUID: groupId and tenantId stand in the link that Teams gives for a channel"))
]
TeamsChannelId = Annotated[
    str,
    AfterValidator(
        _shaped(
            r"[\w=+/.,-]*%3[aA][\w=+/.,-]*%40[\w=+/.,-]*",
            "as in a Teams channel's link, still encoded: 19%3a...%40thread.tacv2",
        )
    ),
]


class NotificationRules(StrictModel):
    """Priorities of scenarios; each scenario stands in one list at most."""

    high_priority: tuple[RunScenario, ...] = (
        RunScenario.COMPLETE_FAILURE,
        RunScenario.PERMISSION_ERRORS,
        RunScenario.SYSTEM_ERRORS,
    )
    medium_priority: tuple[RunScenario, ...] = (RunScenario.PARTIAL_FAILURE, RunScenario.CONFIGURATION_ERRORS)
    low_priority: tuple[RunScenario, ...] = (RunScenario.SUCCESS_COMPLETION,)

    @model_validator(mode="after")
    def _once(self) -> "NotificationRules":
        named = [*self.high_priority, *self.medium_priority, *self.low_priority]
        twice = sorted({scenario for scenario in named if named.count(scenario) > 1})
        if twice:
            raise ValueError(f"named more than once: {', '.join(twice)}")
        return self

    def severity(self, scenario: RunScenario) -> Severity | None:
        """Return the severity of a scenario; None for one that stands in no list."""
        lists = {
            Severity.HIGH: self.high_priority,
            Severity.MEDIUM: self.medium_priority,
            Severity.LOW: self.low_priority,
        }
        return next((severity for severity, scenarios in lists.items() if scenario in scenarios), None)


class EmailContact(StrictModel):
    """An e-mail address that User Notifications writes to, once its owner has activated it."""

    address: Email
    severities: Severities = ALL


class UserNotificationsConfig(StrictModel):
    """AWS User Notifications: its hub, its e-mail contacts and channels, and the priorities.

    Attributes:
        notification_hub_region: where notifications are kept; by default the region of the stack.
        register_hub: whether the stack registers the hub; an account has three at most, and one a region.
        delivery_channels: which of the destinations below it associates. SMS is none of its
            channels (`subscriptions` has it); chat channels get the rich text from SNS besides.
    """

    notification_hub_region: Region | None = None
    register_hub: bool = True
    delivery_channels: tuple[DeliveryChannel, ...] = (DeliveryChannel.EMAIL,)
    email_contacts: tuple[EmailContact, ...] = ()
    notification_rules: NotificationRules = NotificationRules()

    @model_validator(mode="after")
    def _has_channel(self) -> "UserNotificationsConfig":
        if self.email_contacts and "EMAIL" not in self.delivery_channels:
            raise ValueError("email_contacts get nothing unless delivery_channels has EMAIL")
        return self


class Subscription(StrictModel):
    """A subscriber of the SNS topic: an e-mail address, a phone number or an HTTPS address."""

    protocol: SubscriptionProtocol
    endpoint: str
    severities: Severities = ALL

    @model_validator(mode="after")
    def _shape(self, info: ValidationInfo) -> "Subscription":
        shapes = {
            SubscriptionProtocol.EMAIL: (_EMAIL, _AN_EMAIL),
            SubscriptionProtocol.SMS: (r"\+[1-9]\d{6,14}", "a phone number such as +15550100"),
            SubscriptionProtocol.HTTPS: (_HTTPS, "an https:// address such as https://example.com/path"),
        }
        pattern, wanted = shapes[self.protocol]
        if not known_later(self.endpoint, info) and not re.fullmatch(pattern, self.endpoint):
            raise ValueError(f"endpoint of {self.protocol} must be {wanted}")
        return self


class SlackChannel(StrictModel):
    """A Slack channel; its workspace was once let in by hand, in Amazon Q Developer's console."""

    workspace: SlackWorkspace
    channel: SlackChannelId
    severities: Severities = ALL


class TeamsChannel(StrictModel):
    """A Microsoft Teams channel; its team was once let in by hand, in Amazon Q Developer's console."""

    tenant: TeamsId
    team: TeamsId
    channel: TeamsChannelId
    severities: Severities = ALL


class NotificationSettings(StrictModel):
    """Notification settings: who is notified of a run, and when (spec: notification_settings).

    Attributes:
        fallback_sns_topic: a topic of the owner's that gets what the stack's own topic would not take.
    """

    user_notifications_config: UserNotificationsConfig = UserNotificationsConfig()
    fallback_sns_topic: TopicArn | None = None
    subscriptions: tuple[Subscription, ...] = ()
    slack_channels: tuple[SlackChannel, ...] = ()
    teams_channels: tuple[TeamsChannel, ...] = ()
    notify_on_failure: bool = True
    notify_on_success: bool = False
    notify_on_partial_failure: bool = True
    failure_threshold: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _each_once(self) -> "NotificationSettings":
        contacts = self.user_notifications_config.email_contacts
        where: dict[str, list[str]] = {
            "subscriptions": [f"{destination.protocol} {destination.endpoint}" for destination in self.subscriptions],
            "slack_channels": [destination.channel for destination in self.slack_channels],
            # What makes a configuration of one finds it again by its team.
            "teams_channels (one channel a team)": [destination.team for destination in self.teams_channels],
            "email_contacts": [destination.address for destination in contacts],
        }
        twice = [name for name, named in where.items() if len(set(named)) != len(named)]
        if twice:
            raise ValueError(f"name each destination once in {', '.join(twice)}")
        return self

    @property
    def chat_severities(self) -> tuple[Severity, ...]:
        """Return the severities of which some chat channel is notified."""
        wanted_severities = {severity for destination in self.slack_channels for severity in destination.severities}
        wanted_severities |= {severity for destination in self.teams_channels for severity in destination.severities}
        return tuple(severity for severity in ALL if severity in wanted_severities)
