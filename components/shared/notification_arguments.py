"""Notification settings as arguments of a component; `orgsync.shared.notification_settings` validates them.

No `from __future__ import annotations` here: Pulumi infers the package's schema from the annotations.
"""

from collections.abc import Sequence
from typing import NotRequired, TypedDict

import pulumi

from orgsync.components.shared.arguments import Choice
from orgsync.shared.notification_settings import DeliveryChannel, RunScenario, Severity, SubscriptionProtocol


class SubscriptionOptions(TypedDict):
    """A subscriber of the stack's SNS topic."""

    protocol: Choice[SubscriptionProtocol]
    """Way to the subscriber."""
    endpoint: pulumi.Input[str]
    """E-mail address, telephone number such as `+15550100`, or `https://` address, as the protocol asks for. An
    `https://` address is kept as a secret, because a password, a query or its path may let its owner in. It may be an
    Output of another resource; the subscription is then named after its place in the list."""
    severities: NotRequired[Sequence[Choice[Severity]]]
    """Severities of which the subscriber is notified; alarms go with `high`."""


class SlackChannelOptions(TypedDict):
    """A Slack channel, whose workspace was authorized once in the console of Amazon Q Developer in chat
    applications."""

    workspace: pulumi.Input[str]
    """Id of the workspace, such as `T0123ABCDE`: the first id in the web address of Slack."""
    channel: pulumi.Input[str]
    """Id of the channel, such as `C0123ABCDE`, not its name: the end of the channel's link."""
    severities: NotRequired[Sequence[Choice[Severity]]]
    """Severities of which the channel is notified; alarms go with `high`."""


class TeamsChannelOptions(TypedDict):
    """A Microsoft Teams channel, whose team was authorized once in the console of Amazon Q Developer in chat
    applications."""

    tenant: pulumi.Input[str]
    """UUID of the tenant: `tenantId` in the link of the channel."""
    team: pulumi.Input[str]
    """UUID of the team: `groupId` in the link of the channel. A team has one channel here at most."""
    channel: pulumi.Input[str]
    """Id of the channel as it stands in its link, still encoded: `19%3a...%40thread.tacv2`."""
    severities: NotRequired[Sequence[Choice[Severity]]]
    """Severities of which the channel is notified; alarms go with `high`."""


class EmailContactOptions(TypedDict):
    """An e-mail contact of AWS User Notifications."""

    address: pulumi.Input[str]
    """E-mail address, whose owner activates the contact. It may be an Output of another resource; the contact is
    then named after its place in the list."""
    severities: NotRequired[Sequence[Choice[Severity]]]
    """Severities of which the contact is notified."""


class NotificationRulesOptions(TypedDict):
    """Severities of the scenarios in which a run may end. A scenario stands in one list at most; one that stands in
    none has no severity."""

    high_priority: NotRequired[Sequence[Choice[RunScenario]]]
    """Scenarios of high severity."""
    medium_priority: NotRequired[Sequence[Choice[RunScenario]]]
    """Scenarios of medium severity."""
    low_priority: NotRequired[Sequence[Choice[RunScenario]]]
    """Scenarios of low severity."""


class UserNotificationsOptions(TypedDict):
    """AWS User Notifications: the hub, the contacts and channels, and the severities of scenarios."""

    notification_hub_region: NotRequired[str]
    """Region in which User Notifications keeps notifications; the region of the stack if it is not given."""
    register_hub: NotRequired[bool]
    """True if the stack registers that region as a notification hub. An account has three hubs at most."""
    delivery_channels: NotRequired[Sequence[Choice[DeliveryChannel]]]
    """Channels that User Notifications delivers to."""
    email_contacts: NotRequired[Sequence[EmailContactOptions]]
    """E-mail contacts; `delivery_channels` must have `EMAIL`."""
    notification_rules: NotRequired[NotificationRulesOptions]
    """Severities of the scenarios in which a run may end."""


class NotificationOptions(TypedDict):
    """People who are notified of runs, and the runs of which they are notified."""

    user_notifications_config: NotRequired[UserNotificationsOptions]
    """AWS User Notifications, besides what SNS delivers."""
    fallback_sns_topic: NotRequired[pulumi.Input[str]]
    """ARN of a standard SNS topic in the stack's region that gets what the stack's own topic does not take. It may be
    an Output of another resource. If the topic is encrypted under a key of its own, the key's policy must let the
    stack's functions use it."""
    subscriptions: NotRequired[Sequence[SubscriptionOptions]]
    """Subscribers of the stack's SNS topic."""
    slack_channels: NotRequired[Sequence[SlackChannelOptions]]
    """Slack channels, through Amazon Q Developer in chat applications."""
    teams_channels: NotRequired[Sequence[TeamsChannelOptions]]
    """Microsoft Teams channels, through Amazon Q Developer in chat applications."""
    notify_on_failure: NotRequired[bool]
    """True if a failed run is notified."""
    notify_on_success: NotRequired[bool]
    """True if a run without any failure is notified too."""
    notify_on_partial_failure: NotRequired[bool]
    """True if a run in which some accounts failed is notified."""
    failure_threshold: NotRequired[int]
    """Number of failed accounts from which on a completed run is notified."""
