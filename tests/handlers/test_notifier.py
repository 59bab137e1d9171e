"""Through which topics people hear, and what happens when one of them takes nothing."""

import json

import pytest

from orgsync.contact_sync.core.notification import Notification
from orgsync.contact_sync.core.outcome import RunOutcome
from orgsync.contact_sync.core.run import Run
from orgsync.contact_sync.names import Cause
from orgsync.shared import aws
from orgsync.shared.errors import NotificationFailed
from orgsync.shared.notification_settings import Severity
from orgsync.shared.notifications import NotificationPublisher

AT = "2026-11-01T10:00:00.000+00:00"
RUN = Run("run-1", Cause.SCHEDULE, AT, AT)
NOTICE = Notification("[orgsync] subject", "what happened", '{"version": "1.0"}')
GONE = "arn:aws:sns:us-east-1:123456789012:gone"


def outcome(severity=Severity.HIGH):
    return RunOutcome("failed", "system_errors", severity, True)


@pytest.fixture
def topics(aws_cloud):
    """Three topics, each with a queue that keeps what it hears: name to ARN, and what was heard by name."""
    sns, sqs = aws.session().client("sns"), aws.session().client("sqs")
    arns, urls = {}, {}
    for name in ("own", "chat", "fallback"):
        arns[name] = sns.create_topic(Name=name)["TopicArn"]
        urls[name] = sqs.create_queue(QueueName=name)["QueueUrl"]
        queue = sqs.get_queue_attributes(QueueUrl=urls[name], AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=arns[name], Protocol="sqs", Endpoint=queue)

    def heard(name):
        found = sqs.receive_message(QueueUrl=urls[name], MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"])["Message"] for message in found]

    return arns, heard


def test_chat_hears_its_own_form_of_the_severities_it_asked_for(topics):
    """The rich text goes to people's topic, the custom notification to the severity's chat topic, if there is one."""
    arns, heard = topics
    publisher = NotificationPublisher(arns["own"], {"high": arns["chat"]}, arns["fallback"])
    publisher.publish(NOTICE, RUN, outcome(Severity.HIGH))
    publisher.publish(NOTICE, RUN, outcome(Severity.LOW))
    assert heard("own") == [NOTICE.body] * 2
    assert heard("chat") == [NOTICE.chat]
    assert heard("fallback") == []


def test_the_fallback_hears_what_the_own_topic_did_not_take(topics):
    """Somebody is told, and that the own topic failed is told to whoever counts failures."""
    arns, heard = topics
    with pytest.raises(NotificationFailed, match="NotFound"):
        NotificationPublisher(GONE, {"high": arns["chat"]}, arns["fallback"]).publish(NOTICE, RUN, outcome())
    assert heard("fallback") == [NOTICE.body]
    assert heard("chat") == [NOTICE.chat]


def test_every_place_that_failed_is_named(topics):
    """One failure hides no other."""
    with pytest.raises(NotificationFailed, match=r"NotFound, fallback NotFound, chat NotFound"):
        NotificationPublisher(GONE, {"high": f"{GONE}-chat"}, f"{GONE}-too").publish(NOTICE, RUN, outcome())


def test_a_broken_chat_keeps_nobody_else_from_hearing(topics):
    """A channel that is gone costs the people of the topic nothing."""
    arns, heard = topics
    with pytest.raises(NotificationFailed, match="chat"):
        NotificationPublisher(arns["own"], {"high": GONE}).publish(NOTICE, RUN, outcome())
    assert heard("own") == [NOTICE.body]


def test_an_environment_without_chat_or_fallback_is_one(topics):
    """Empty variables mean nobody."""
    arns, heard = topics
    NotificationPublisher.of(arns["own"], "", "").publish(NOTICE, RUN, outcome())
    assert heard("own") == [NOTICE.body]
