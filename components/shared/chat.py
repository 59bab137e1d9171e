"""Chat: Slack and Teams channels through Amazon Q Developer in chat applications, a topic for each severity.

A channel gets whole topics and cannot filter, so a severity has a topic of its own. What is
published there is the documented custom notification, and alarms where the severity is high:
Amazon Q Developer shows both and drops other text.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from orgsync.components.shared import resource_policies
from orgsync.components.shared.arguments import LaterValues
from orgsync.components.shared.stack_context import StackContext
from orgsync.shared.notification_settings import (
    NotificationSettings,
    Severity,
    SlackChannel,
    TeamsChannel,
)

SERVICE = "chatbot.amazonaws.com"


@dataclass(frozen=True)
class Channel:
    """A chat channel that was declared: its ARN, its kind (`SLACK`, `TEAMS`) and its severities."""

    name: str
    kind: str
    arn: pulumi.Output[str]
    severities: tuple[Severity, ...]


class Chat(pulumi.ComponentResource):
    """The topics, the channels, and the role that channels assume, which may do nothing."""

    topics: dict[str, pulumi.Output[str]]
    """ARNs by severity."""

    channels: tuple[Channel, ...]

    def __init__(
        self,
        name: str,
        context: StackContext,
        settings: NotificationSettings,
        *,
        later: LaterValues,
        key: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("orgsync:shared:Chat", name, None, opts)
        self.context, self.later, self.below = context, later, pulumi.ResourceOptions(parent=self)
        self.topics = {
            severity: self._topic(f"{name}-chat-{severity}", severity, key) for severity in settings.chat_severities
        }
        # A channel must have a role, for commands typed into it. Without permissions no command works.
        self.role = aws.iam.Role(
            f"{name}-chat",
            name=context.name("chat"),
            description=f"{context.prefix}: assumed by chat channels; it may do nothing",
            assume_role_policy=resource_policies.trust(context, SERVICE),
            opts=self.below,
        )
        # Without one AWS takes AdministratorAccess for the channel's guardrail.
        self.guardrails = [f"arn:{context.partition}:iam::aws:policy/AWSDenyAll"]
        self.channels = (
            *(self._slack(name, index, channel) for index, channel in enumerate(settings.slack_channels)),
            *(self._teams(name, index, channel) for index, channel in enumerate(settings.teams_channels)),
        )
        self.register_outputs({})

    def _topic(self, name: str, severity: Severity, key: pulumi.Input[str]) -> pulumi.Output[str]:
        physical = self.context.name(f"chat-{severity}")
        arn = self.context.arn("sns", physical)
        topic = aws.sns.Topic(
            name, name=physical, display_name=f"orgsync chat {severity}", kms_master_key_id=key, opts=self.below
        )
        aws.sns.TopicPolicy(
            name,
            arn=topic.arn,
            # Whoever gets high severity gets alarms too, as subscribers do.
            policy=(
                resource_policies.topic_policy(self.context, arn)
                if severity == "high"
                else resource_policies.chat_topic_policy(arn)
            ),
            opts=self.below,
        )
        return topic.arn

    def _slack(self, name: str, index: int, channel: SlackChannel) -> Channel:
        plain = channel.channel not in self.later and not self.later.is_secret(channel.channel)
        part = f"slack-{channel.channel if plain else self.later.name(index, channel.channel)}"
        made = aws.chatbot.SlackChannelConfiguration(
            f"{name}-{part}",
            configuration_name=self.context.name(part),
            slack_team_id=self.later.value(channel.workspace),
            slack_channel_id=self.later.value(channel.channel),
            iam_role_arn=self.role.arn,
            guardrail_policy_arns=self.guardrails,
            logging_level="ERROR",
            sns_topic_arns=[self.topics[severity] for severity in channel.severities],
            opts=self.below,
        )
        return Channel(part, "SLACK", made.chat_configuration_arn, channel.severities)

    def _teams(self, name: str, index: int, channel: TeamsChannel) -> Channel:
        part = f"teams-{self.later.name(index, channel.team, channel.channel)}"
        made = aws.chatbot.TeamsChannelConfiguration(
            f"{name}-{part}",
            configuration_name=self.context.name(part),
            tenant_id=self.later.value(channel.tenant),
            team_id=self.later.value(channel.team),
            channel_id=self.later.value(channel.channel),
            iam_role_arn=self.role.arn,
            guardrail_policy_arns=self.guardrails,
            logging_level="ERROR",
            sns_topic_arns=[self.topics[severity] for severity in channel.severities],
            opts=self.below,
        )
        return Channel(part, "TEAMS", made.chat_configuration_arn, channel.severities)
