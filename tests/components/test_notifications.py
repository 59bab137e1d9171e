"""Notifications: the topics, subscribers and channels that are declared, by severity."""

import json
from typing import Any

import pytest
from pulumi.runtime import rpc

from orgsync.components.shared.notifications import filter_policy
from orgsync.shared.configuration import ConfigurationRefused
from orgsync.shared.notification_settings import Severity
from tests.components.program import Declare, Program

TEAMS = {
    "tenant": "0a1b2c3d-0000-4000-8000-000000000001",
    "team": "0a1b2c3d-0000-4000-8000-000000000002",
    "channel": "19%3aabcdef%40thread.tacv2",
}
SLACK = {"workspace": "T0123ABCDE", "channel": "C0123ABCDE"}
FUNCTION = "aws:lambda/function:Function"
FALLBACK = "arn:aws:sns:us-east-1:100000000001:central"


def settings(**rest: Any) -> dict[str, Any]:
    return {"contact_sync": {"notification_settings": rest}}


@pytest.fixture(scope="module")
def loud(declare: Declare) -> Program:
    """Return a stack with recipients of every kind."""
    recipients = {
        "fallback_sns_topic": FALLBACK,
        "slack_channels": [SLACK | {"severities": ["high", "medium"]}],
        "teams_channels": [TEAMS | {"severities": ["low"]}],
        "subscriptions": [
            {"protocol": "email", "endpoint": "all@example.com"},
            {"protocol": "sms", "endpoint": "+15550100", "severities": ["high"]},
        ],
        "user_notifications_config": {
            "delivery_channels": ["EMAIL", "SLACK"],
            "email_contacts": [{"address": "desk@example.com", "severities": ["high"]}],
        },
    }
    return declare("dev", **settings(**recipients))


def test_nobody_is_declared_who_was_not_named(declare: Declare) -> None:
    """Without destinations there is the one topic, and nothing of the other services."""
    program = declare("dev", **settings())
    assert len(program.of("Topic")) == 1
    assert not [r for r in program if r.type.startswith(("aws:chatbot", "aws:notifications"))]


@pytest.mark.parametrize(
    ("severities", "policy"),
    [
        ((Severity.LOW, Severity.MEDIUM, Severity.HIGH), None),
        ((Severity.HIGH,), {"severity": ["high", {"exists": False}]}),
        ((Severity.LOW, Severity.MEDIUM), {"severity": ["low", "medium"]}),
    ],
)
def test_a_subscriber_gets_its_severities_and_alarms_only_with_high(
    severities: tuple[Severity, ...], policy: dict[str, Any] | None
) -> None:
    """Nothing is filtered for a subscriber of all severities; an alarm carries no severity."""
    assert json.loads(filter_policy(severities) or "null") == policy


def test_a_channel_subscribes_to_the_topics_of_its_severities(loud: Program) -> None:
    """A chat channel cannot filter: each severity that a channel gets has a topic, and no other."""
    topics = {t.name: t.inputs for t in loud.of("Topic")}
    assert set(topics) == {"contact-sync", *(f"contact-sync-chat-{severity}" for severity in ("high", "medium", "low"))}
    slack = loud.one("SlackChannelConfiguration").inputs
    assert [arn.rsplit("-", 1)[-1] for arn in slack["snsTopicArns"]] == ["high", "medium"]
    teams = loud.one("TeamsChannelConfiguration").inputs
    assert [arn.rsplit("-", 1)[-1] for arn in teams["snsTopicArns"]] == ["low"]


def test_a_chat_channel_may_do_nothing(loud: Program) -> None:
    """Its role has no permissions, and its guardrail denies what anybody would give it."""
    assert not [p for p in loud.of("RolePolicy") if p.inputs["role"].endswith("chat")]
    for kind in ("SlackChannelConfiguration", "TeamsChannelConfiguration"):
        assert loud.one(kind).inputs["guardrailPolicyArns"] == ["arn:aws:iam::aws:policy/AWSDenyAll"]


def test_user_notifications_follow_an_alarm_on_the_severity(loud: Program) -> None:
    """Rules take AWS's own events only: the metric's alarm, when it rises, in the stack's region."""
    rules = [rule.inputs for rule in loud if rule.type.startswith("aws:notifications/eventRule")]
    alarms = {a.name: a.inputs for a in loud.of("MetricAlarm") if "severity" in a.name}
    assert len(rules) == len(alarms) == 2  # high for the address and Slack, medium for Slack
    for rule in rules:
        assert (rule["source"], rule["eventType"]) == ("aws.cloudwatch", "CloudWatch Alarm State Change")
        assert rule["regions"] == ["us-east-1"]
        pattern = json.loads(rule["eventPattern"])
        assert pattern["detail"] == {"state": {"value": ["ALARM"]}}
        (arn,) = pattern["resources"]
        assert arn.rsplit(":", 1)[-1] in alarms
    assert {alarm["metricName"] for alarm in alarms.values()} == {"SeverityHigh", "SeverityMedium"}


def test_channels_of_user_notifications_are_those_of_the_list(loud: Program) -> None:
    """Teams is not in `delivery_channels`; its channel gets the rich text only."""
    associated = [a.name for a in loud.of("ChannelAssociation")]
    assert sum("email" in name for name in associated) == 1
    assert sum("slack" in name for name in associated) == 2
    assert not [name for name in associated if "teams" in name]


@pytest.mark.parametrize("register", [True, False])
def test_a_hub_is_registered_unless_there_is_one(declare: Declare, register: bool) -> None:
    """An account has three hubs at most: a stack may use one that stands."""
    config = {"register_hub": register, "email_contacts": [{"address": "desk@example.com"}]}
    program = declare("dev", **settings(user_notifications_config=config))
    assert len(program.of("NotificationHub")) == register
    assert len(program.of("NotificationConfiguration")) == 3


def test_functions_know_every_topic_and_may_publish_there(loud: Program) -> None:
    """The topics in the functions' environment are those that their roles let them reach."""
    (report,) = [f.inputs for f in loud if (f.type, f.name) == (FUNCTION, "contact-sync-report")]
    variables = report["environment"]["variables"]
    chat = json.loads(variables["CHAT_TOPIC_ARNS"]).values()
    topics = {variables["TOPIC_ARN"], variables["FALLBACK_TOPIC_ARN"], *chat}
    (policy,) = [p.inputs["policy"] for p in loud.of("RolePolicy") if p.name == "contact-sync-report"]
    (publish,) = [s for s in json.loads(policy)["Statement"] if s["Sid"] == "Notify"]
    assert FALLBACK in topics
    assert len(topics) == 5
    assert set(publish["Resource"]) == topics


@pytest.mark.parametrize(
    ("wrong", "path", "remedy"),
    [
        ({"slack_channels": [SLACK | {"workspace": "acme"}]}, "slack_channels.0.workspace", "T and capitals"),
        ({"slack_channels": [SLACK | {"channel": "#alerts"}]}, "slack_channels.0.channel", "not its name"),
        ({"teams_channels": [TEAMS | {"tenant": "acme"}]}, "teams_channels.0.tenant", "a UUID"),
        ({"teams_channels": [TEAMS | {"team": "1-2"}]}, "teams_channels.0.team", "groupId"),
        ({"teams_channels": [TEAMS | {"channel": "19:abc@thread.tacv2"}]}, "teams_channels.0.channel", "still encoded"),
        ({"fallback_sns_topic": "central"}, "fallback_sns_topic", "arn:aws:sns"),
        ({"slack_channels": [SLACK, SLACK]}, "notification_settings", "each destination once in slack_channels"),
        (
            {"teams_channels": [TEAMS, TEAMS | {"channel": "19%3abcdef%40thread.tacv2"}]},
            "notification_settings",
            "one channel a team",
        ),
        (
            {"slack_channels": [SLACK | {"severities": ["loud"]}]},
            "slack_channels.0.severities.0",
            "must be high, medium or low",
        ),
        (
            {"user_notifications_config": {"email_contacts": [{"address": "desk"}]}},
            "user_notifications_config.email_contacts.0.address",
            "an e-mail address",
        ),
        (
            {"user_notifications_config": {"email_contacts": [{"address": "a@b.c"}]}},
            "user_notifications_config.email_contacts.0.address",
            "an e-mail address",
        ),
        (
            {"user_notifications_config": {"notification_hub_region": "Europe"}},
            "user_notifications_config.notification_hub_region",
            "us-east-1",
        ),
        (
            {
                "user_notifications_config": {
                    "delivery_channels": ["SLACK"],
                    "email_contacts": [{"address": "desk@example.com"}],
                }
            },
            "user_notifications_config",
            "unless delivery_channels has EMAIL",
        ),
    ],
)
def test_an_id_of_the_wrong_shape_fails_the_preview(
    declare: Declare, wrong: dict[str, Any], path: str, remedy: str
) -> None:
    """Refused before anything is declared, with its path and what is wanted there."""
    with pytest.raises(ConfigurationRefused) as refused:
        declare("dev", **settings(**wrong))
    assert path in str(refused.value)
    assert remedy in str(refused.value)


@pytest.mark.parametrize(("asked", "stands"), [(None, "eu-west-1"), ("eu-central-1", "eu-central-1")])
def test_notifications_are_kept_where_the_stack_is_or_where_it_says(
    declare: Declare, asked: str | None, stands: str
) -> None:
    """By default no data leaves the stack's region; its alarms are followed from there."""
    config: dict[str, Any] = {"email_contacts": [{"address": "desk@example.com"}]}
    config |= {"notification_hub_region": asked} if asked else {}
    program = declare("dev", region="eu-west-1", **settings(user_notifications_config=config))
    assert program.one("NotificationHub").inputs["notificationHubRegion"] == stands
    rules = [rule.inputs["regions"] for rule in program if rule.type.startswith("aws:notifications/eventRule")]
    assert rules == [["eu-west-1"]] * 3


ALL_DESTINATIONS = {
    "fallback_sns_topic": FALLBACK,
    "subscriptions": [
        {"protocol": "email", "endpoint": "hidden@example.com"},
        {"protocol": "sms", "endpoint": "+15550123"},
        {"protocol": "https", "endpoint": "https://hooks.example.com/path"},
    ],
    "slack_channels": [SLACK],
    "teams_channels": [TEAMS],
    "user_notifications_config": {"email_contacts": [{"address": "hidden.too@example.com"}]},
}
HIDDEN = [
    "hidden@example.com",
    "+15550123",
    "hooks.example.com",
    FALLBACK,
    "hidden.too@example.com",
    *SLACK.values(),
    *TEAMS.values(),
]
"""Every destination above, as it would be found in an input or a name."""


def in_the_open(program: Program, texts: list[str]) -> list[tuple[str, str]]:
    """Return resources and texts that stand in their names, or in their inputs outside of a secret."""

    def opened(value: Any) -> Any:
        if isinstance(value, dict):
            if rpc._special_sig_key in value:
                return "[secret]"
            return {key: opened(item) for key, item in value.items()}
        return [opened(item) for item in value] if isinstance(value, list) else value

    shown = [(made, f"{made.name} {json.dumps(opened(made.inputs), default=str)}") for made in program]
    return [(made.name, text) for made, where in shown for text in texts if text in where]


def test_a_secret_of_the_stack_file_stays_one(declare: Declare) -> None:
    """The engine says only that the document has a secret: no destination is in the open in any name or input."""
    found = in_the_open(declare("dev", **settings(**ALL_DESTINATIONS)), HIDDEN)
    # The search can fail: without the secret all but the web address are legible in the state.
    assert {text for _, text in found} == set(HIDDEN) - {"hooks.example.com"}
    program = declare("dev", secrets=["orgsync:contact_sync"], **settings(**ALL_DESTINATIONS))
    assert in_the_open(program, HIDDEN) == []


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://desk:hidden@hooks.example.com/path",
        "https://hidden@hooks.example.com",
        "https://hooks.example.com/path?token=hidden",
        "https://hooks.example.com?hidden",
        "https://hooks.example.com/services/hidden",
    ],
)
def test_a_web_address_is_a_secret_whoever_wrote_it(declare: Declare, endpoint: str) -> None:
    """A password, a query or the path itself lets its owner in."""
    program = declare("dev", **settings(subscriptions=[{"protocol": "https", "endpoint": endpoint}]))
    assert in_the_open(program, ["hidden", "hooks.example.com"]) == []
    assert rpc._special_sig_key in program.one("TopicSubscription").inputs["endpoint"]


def test_a_name_does_not_tell_a_password(declare: Declare) -> None:
    """Whatever the password or the query, the resource has the same name; two such addresses have two."""

    def names(*endpoints: str) -> list[str]:
        subscriptions = [{"protocol": "https", "endpoint": endpoint} for endpoint in endpoints]
        return sorted(
            made.name for made in declare("dev", **settings(subscriptions=subscriptions)).of("TopicSubscription")
        )

    one, other = "https://desk:first@example.com/a?token=1", "https://desk:second@example.com/a?token=2"
    assert names(one) == names(other)
    assert len(set(names(one, other))) == 2
    assert names(one)[0] in names(one, "https://example.com/b")
