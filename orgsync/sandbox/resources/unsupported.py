"""Types of services that moto lacks: kept in the cloud's own memory, their inputs checked.

They have no behaviour. They show that they are declared as AWS's own model wants
them, that one that vanished is seen, and that a destroy leaves none.
"""

import re
from collections.abc import Mapping
from uuid import uuid4

from botocore.validate import ParamValidator

from orgsync.sandbox.resources import shapes
from orgsync.sandbox.resources.api import ApiResource
from orgsync.sandbox.resources.context import ProviderContext, ResourceFailed
from orgsync.sandbox.resources.resource import Created, Naming
from orgsync.sandbox.resources.values import Properties


class UnsupportedResource(ApiResource):
    """A type whose creation is checked against botocore's model and the patterns, then remembered."""

    reads = ""
    keys: Mapping[str, str] = {}
    regional = False
    patterns: Mapping[str, str] = {}
    """Input -> the regular expression that AWS documents for it (botocore's models carry none)."""

    arn = ""
    """A format of inputs and of `partition`, `account`, `region` and `unique` (27 characters)."""

    arn_output = "arn"
    at_most: int | None = None
    account_wide = False
    """It is the account's, whoever declares it: made again it is the same, and a destroy may leave it."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.arn:
            cls.computed = cls.computed | {cls.arn_output}

    def create(self, inputs: Properties, context: ProviderContext) -> Created:
        self._check(inputs)
        stored = self._stored(context)
        facts = {
            "partition": context.partition,
            "account": context.caller()["Account"],
            "region": context.region,
            **inputs,
        }
        facts["unique"] = uuid4().hex[:27]
        state = {**inputs, **({self.arn_output: self.arn.format_map(facts)} if self.arn else {})}
        state |= {name: template.format_map(facts) for name, template in self.outputs.items()}
        id = self.id_from.format_map({**facts, **state})
        if id in stored and self.account_wide:
            return id, stored[id]
        if id in stored:
            raise ResourceFailed(f"{self.token}: ConflictException: {id} exists already")
        if self.at_most is not None and len(stored) >= self.at_most:
            raise ResourceFailed(f"{self.token}: ServiceQuotaExceededException: at most {self.at_most} may exist")
        stored[id] = state
        return id, state

    def read(self, id: str, state: Properties, context: ProviderContext) -> Properties | None:
        return self._stored(context).get(id)

    def update(self, id: str, old: Properties, inputs: Properties, context: ProviderContext) -> Properties:
        self._check(inputs)
        state = {**inputs, **{name: old[name] for name in self.computed if name in old}}
        self._stored(context)[id] = state
        return state

    def delete(self, id: str, state: Properties, context: ProviderContext) -> None:
        self._stored(context).pop(id, None)

    def _stored(self, context: ProviderContext) -> dict[str, Properties]:
        return context.cloud.unsupported_resources.setdefault(self.token, {})

    def _check(self, inputs: Properties) -> None:
        report = ParamValidator().validate(
            self.request(self.creates, inputs), shapes.parameters_of(self.service, self.creates)
        )
        problems = [report.generate_report()] if report.has_errors() else []
        for name, pattern in self.patterns.items():
            values = inputs.get(name, [])
            for value in values if isinstance(values, list) else [values]:
                if not re.fullmatch(pattern, value):
                    problems.append(f"{name} must match {pattern}")
        if problems:
            raise ResourceFailed(f"{self.token}: ValidationException: {'; '.join(problems)}")


_CONFIGURATION = r"arn:[a-z-]+:notifications::[0-9]{12}:configuration/[a-z0-9]{27}"


class NotificationHubResource(UnsupportedResource):
    token = "aws:notifications/notificationHub:NotificationHub"
    service, creates = "notifications", "RegisterNotificationHub"
    id_from = "{notificationHubRegion}"
    held = frozenset({"timeouts"})
    replace_on = frozenset({"notificationHubRegion"})
    identity = ("notificationHubRegion",)
    at_most = 3
    account_wide = True


class NotificationConfigurationResource(UnsupportedResource):
    token = "aws:notifications/notificationConfiguration:NotificationConfiguration"
    service, creates = "notifications", "CreateNotificationConfiguration"
    arn = "arn:{partition}:notifications::{account}:configuration/{unique}"
    id_from = "{arn}"
    patterns = {"name": r"[A-Za-z0-9_\-]{1,64}", "aggregationDuration": "LONG|SHORT|NONE"}
    naming = Naming(longest=64)
    taggable = True


class NotificationEventRuleResource(UnsupportedResource):
    token = "aws:notifications/eventRule:EventRule"
    service, creates = "notifications", "CreateEventRule"
    arn = "{notificationConfigurationArn}/rule/{unique}"
    id_from = "{arn}"
    patterns = {
        "notificationConfigurationArn": _CONFIGURATION,
        "eventType": r"[a-zA-Z0-9 \-\(\)]{1,128}",
        "source": r"aws\.[a-z0-9\-]{1,32}",
        "regions": r"[a-z]{1,2}-([a-z]{1,15}-)+[0-9]",
    }
    replace_on = frozenset({"notificationConfigurationArn", "source", "eventType"})


class ChannelAssociationResource(UnsupportedResource):
    token = "aws:notifications/channelAssociation:ChannelAssociation"
    service, creates = "notifications", "AssociateChannel"
    id_from = "{notificationConfigurationArn},{arn}"
    patterns = {
        "notificationConfigurationArn": _CONFIGURATION,
        "arn": r"arn:[a-z-]+:(chatbot|consoleapp|notifications-contacts):[a-zA-Z0-9-]*:[0-9]{12}:\S+/\S+",
    }
    replace_on = frozenset({"arn", "notificationConfigurationArn"})
    identity = ("arn", "notificationConfigurationArn")


class EmailContactResource(UnsupportedResource):
    token = "aws:notifications/contactsEmailContact:ContactsEmailContact"
    service, creates = "notificationscontacts", "CreateEmailContact"
    arn = "arn:{partition}:notifications-contacts::{account}:emailcontact/{unique}"
    id_from = "{arn}"
    patterns = {"name": r"[\w.~-]{1,64}", "emailAddress": r"[^@\s]+@[^@\s]+"}
    naming = Naming(longest=64)
    replace_on = frozenset({"name", "emailAddress"})
    taggable = True


class SlackChannelResource(UnsupportedResource):
    token = "aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration"
    service, creates = "chatbot", "CreateSlackChannelConfiguration"
    regional = True
    arn = "arn:{partition}:chatbot::{account}:chat-configuration/slack-channel/{configurationName}"
    arn_output = "chatConfigurationArn"
    id_from = "{chatConfigurationArn}"
    patterns = {"configurationName": r"[A-Za-z0-9_-]{1,128}", "slackChannelId": "[A-Za-z0-9]{1,255}"}
    held = frozenset({"timeouts"})
    replace_on = frozenset({"configurationName", "slackTeamId", "region"})
    identity = ("configurationName",)
    taggable = True


class TeamsChannelResource(UnsupportedResource):
    token = "aws:chatbot/teamsChannelConfiguration:TeamsChannelConfiguration"
    service, creates = "chatbot", "CreateMicrosoftTeamsChannelConfiguration"
    regional = True
    arn = "arn:{partition}:chatbot::{account}:chat-configuration/microsoft-teams-channel/{configurationName}"
    arn_output = "chatConfigurationArn"
    id_from = "{chatConfigurationArn}"
    patterns = {"configurationName": r"[A-Za-z0-9_-]{1,128}"}
    held = frozenset({"timeouts"})
    replace_on = frozenset({"configurationName", "teamId", "tenantId", "region"})
    identity = ("configurationName",)
    taggable = True


class QueryDefinitionResource(UnsupportedResource):
    token = "aws:cloudwatch/queryDefinition:QueryDefinition"
    service, creates = "logs", "PutQueryDefinition"
    regional = True
    arn = "arn:{partition}:logs:{region}:{account}:query-definition:{unique}"
    outputs = {"queryDefinitionId": "{unique}"}
    id_from = "{queryDefinitionId}"
    naming = Naming(longest=255)


RESOURCES: tuple[UnsupportedResource, ...] = (
    NotificationHubResource(),
    NotificationConfigurationResource(),
    NotificationEventRuleResource(),
    ChannelAssociationResource(),
    EmailContactResource(),
    SlackChannelResource(),
    TeamsChannelResource(),
    QueryDefinitionResource(),
)

ACCOUNT_WIDE = frozenset(resource.token for resource in RESOURCES if resource.account_wide)
"""Types of which a destroy may leave one behind."""
