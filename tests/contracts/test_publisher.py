"""The contract of `Publisher`: every topic gets its form of a notification, and none hides another's failure."""

import json
from collections.abc import Callable, Collection

import pytest
from moto.sns.models import sns_backends

from orgsync.contact_sync.core.stores import Publisher
from orgsync.sandbox.contact_sync.services import MemoryPublisher, PublishedMessage
from orgsync.shared.errors import NotificationFailed
from orgsync.shared.notifications import NotificationPublisher
from tests.memory import CLOUD_ACCOUNT, REGION, make_topic, read_queue

SUBJECT, BODY, CHAT, SMS = "[orgsync] subject", "the text", '{"version": "1.0"}', "the short text"

Received = Callable[[str], list[PublishedMessage]]
Make = Callable[..., tuple[Publisher, Received]]
"""Makes a publisher whose own topic is `own`, with topics `chat` (for high) and `fallback`, some of them missing."""


def in_cloud(
    *, chat: bool = True, fallback: bool = True, missing: Collection[str] = ()
) -> tuple[NotificationPublisher, Received]:
    """Make topics with queues in the cloud; a missing one has an ARN and is no topic."""

    def arn(name: str) -> str:
        return f"arn:aws:sns:{REGION}:{CLOUD_ACCOUNT}:{name}"

    arns = {name: arn(name) for name in missing}
    queues = {}
    backend = sns_backends[CLOUD_ACCOUNT][REGION]
    for name in {"own", "chat", "fallback"} - set(missing):
        arns[name], queues[name] = make_topic(name)

    def received(name: str) -> list[PublishedMessage]:
        # A queue gets the text that is no protocol's own; what else was published stands with the topic.
        published = {sent[0]: json.loads(sent[1]) for sent in backend.topics[arn(name)].sent_notifications}
        return [
            PublishedMessage(
                message.get("Subject"),
                message["Message"],
                {key: value["Value"] for key, value in message["MessageAttributes"].items()},
                published[message["MessageId"]].get("sms"),
            )
            for message in read_queue(queues[name])
        ]

    by_severity = json.dumps({"high": arns["chat"]}) if chat else ""
    return NotificationPublisher.of(arns["own"], by_severity, arns["fallback"] if fallback else ""), received


def in_memory(
    *, chat: bool = True, fallback: bool = True, missing: Collection[str] = ()
) -> tuple[MemoryPublisher, Received]:
    """Make topics in memory."""
    publisher = MemoryPublisher({"high": "chat"} if chat else {}, "fallback" if fallback else None)
    publisher.missing |= set(missing)
    return publisher, publisher.take


@pytest.fixture(params=["adapter", "memory"])
def make(request: pytest.FixtureRequest) -> Make:
    """Makes a publisher and reads its topics."""
    if request.param == "memory":
        return in_memory
    request.getfixturevalue("aws_cloud")
    return in_cloud


def publish(publisher: Publisher, severity: str = "high", subject: str = SUBJECT) -> None:
    """Publish one notification."""
    publisher.publish(subject, BODY, CHAT, SMS, {"severity": severity, "scenario": "system_errors"})


def test_subscribers_can_filter_by_attributes(make: Make) -> None:
    """The rich text goes to the own topic, with every attribute, so that nobody must read the text to filter.

    Telephones get a text of their own.
    """
    publisher, received = make()
    publish(publisher, "low")
    attributes = {"severity": "low", "scenario": "system_errors"}
    assert received("own") == [PublishedMessage(SUBJECT, BODY, attributes, SMS)]


def test_chat_gets_its_own_form_of_the_severities_that_it_wants(make: Make) -> None:
    """The custom notification goes to the severity's chat topic, if there is one, beside the own topic's text."""
    publisher, received = make()
    publish(publisher, "high")
    publish(publisher, "low")
    assert [message.body for message in received("own")] == [BODY] * 2
    (message,) = received("chat")
    assert message.sms is None
    assert (message.subject, message.body, message.attributes["severity"]) == (None, CHAT, "high")
    assert received("fallback") == []


def test_the_fallback_gets_what_the_own_topic_did_not_take(make: Make) -> None:
    """People are notified, and that the own topic failed is said to whoever counts failures."""
    publisher, received = make(missing={"own"})
    with pytest.raises(NotificationFailed, match=r"^NotFound$"):
        publish(publisher)
    assert [message.body for message in received("fallback")] == [BODY]
    assert [message.body for message in received("chat")] == [CHAT]


def test_a_missing_topic_without_a_fallback_is_our_failure(make: Make) -> None:
    """SNS's refusal is one of our classes, which the run survives."""
    publisher, _ = make(chat=False, fallback=False, missing={"own"})
    with pytest.raises(NotificationFailed, match=r"^NotFound$"):
        publish(publisher)


def test_every_topic_that_failed_is_named(make: Make) -> None:
    """One failure hides no other."""
    publisher, _ = make(missing={"own", "fallback", "chat"})
    with pytest.raises(NotificationFailed, match=r"^NotFound, fallback NotFound, chat NotFound$"):
        publish(publisher)


def test_a_broken_chat_keeps_the_own_topic_as_it_is(make: Make) -> None:
    """A channel that is gone costs the people of the topic nothing, and is no case for the fallback."""
    publisher, received = make(missing={"chat"})
    with pytest.raises(NotificationFailed, match=r"^chat NotFound$"):
        publish(publisher)
    assert [message.body for message in received("own")] == [BODY]
    assert received("fallback") == []


def test_an_environment_without_chat_or_fallback_is_one(make: Make) -> None:
    """Empty variables mean nobody."""
    publisher, received = make(chat=False, fallback=False)
    publish(publisher)
    assert [message.body for message in received("own")] == [BODY]


def test_a_subject_that_sns_would_not_take_is_a_failure(make: Make) -> None:
    """SNS takes 100 characters."""
    publisher, received = make(chat=False, fallback=False)
    publish(publisher, subject="s" * 100)
    with pytest.raises(NotificationFailed, match=r"^InvalidParameter$"):
        publish(publisher, subject="s" * 101)
    assert len(received("own")) == 1
