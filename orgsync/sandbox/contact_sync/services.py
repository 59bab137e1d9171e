"""Executions, topics and stacks in memory: the product's protocols without AWS.

They answer as the adapters do: one set of contract tests holds both. Thread-safe.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

from orgsync.shared.errors import NotificationFailed, StoreFailed

_LONGEST_SUBJECT = 100
"""Characters that SNS takes."""


@dataclass
class _Execution:
    event: str
    status: str = "RUNNING"
    output: str | None = None


class MemoryExecutions:
    """Executions of a state machine, as `Executions`; `end` says how one came to its end."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._executions: dict[str, _Execution] = {}

    def start(self, run_id: str, event: Mapping[str, Any]) -> None:
        """See `Executions.start`."""
        text = json.dumps(event)
        with self._lock:
            self._executions.setdefault(run_id, _Execution(text))

    def outcome(self, run_id: str) -> tuple[str | None, dict[str, Any]]:
        """See `Executions.outcome`."""
        with self._lock:
            found = self._executions.get(run_id)
            return (found.status, json.loads(found.output or "{}")) if found else (None, {})

    def end(self, run_id: str, status: str = "SUCCEEDED", output: Mapping[str, Any] | None = None) -> None:
        """End an execution; only one that succeeded has an output."""
        text = json.dumps(output or {}) if status == "SUCCEEDED" else None
        with self._lock:
            found = self._executions[run_id]
            found.status, found.output = status, text

    def events(self) -> dict[str, Any]:
        """Return the event of every execution by its run, in the order in which they were started."""
        with self._lock:
            return {run_id: json.loads(execution.event) for run_id, execution in self._executions.items()}


@dataclass(frozen=True)
class PublishedMessage:
    """One message of a topic; those for chat have no subject, and no text message."""

    subject: str | None
    body: str
    attributes: Mapping[str, str]
    sms: str | None = None


class MemoryPublisher:
    """Topics, as `Publisher`.

    Args:
        chat: names of the topics to which chat channels listen, by severity.
        fallback: name of the topic that gets what the stack's own would not take.

    Attributes:
        topics: what was published, by topic; the stack's own is named `own`.
        missing: names of topics that are gone: they take nothing.
    """

    def __init__(self, chat: Mapping[str, str] | None = None, fallback: str | None = None) -> None:
        self._chat = dict(chat or {})
        self._fallback = fallback
        self._lock = Lock()
        self.topics: dict[str, list[PublishedMessage]] = {
            topic: [] for topic in ("own", *self._chat.values(), *([fallback] if fallback else []))
        }
        self.missing: set[str] = set()

    def publish(self, subject: str, body: str, chat: str, sms: str, attributes: Mapping[str, str]) -> None:
        """See `Publisher.publish`."""
        rich = PublishedMessage(subject, body, dict(attributes), sms)
        failures = []
        if failure := self._publish("own", rich):
            failures.append(failure)
            if self._fallback and (failure := self._publish(self._fallback, rich)):
                failures.append(f"fallback {failure}")
        topic = self._chat.get(attributes["severity"])
        if topic and (failure := self._publish(topic, PublishedMessage(None, chat, dict(attributes)))):
            failures.append(f"chat {failure}")
        if failures:
            raise NotificationFailed(", ".join(failures))

    def take(self, topic: str = "own") -> list[PublishedMessage]:
        """Take the messages out of a topic."""
        with self._lock:
            found, self.topics[topic] = self.topics[topic], []
            return found

    def _publish(self, topic: str, message: PublishedMessage) -> str | None:
        """Return SNS's name for why a topic did not take a message, None where it did."""
        if topic in self.missing:
            return "NotFound"
        if message.subject and len(message.subject) > _LONGEST_SUBJECT:
            return "InvalidParameter"
        with self._lock:
            self.topics[topic].append(message)
        return None


class MemoryStacks:
    """CloudFormation stacks, as `Stacks`.

    Attributes:
        status: CloudFormation's word for a stack's status, by its id.
    """

    def __init__(self) -> None:
        self.status: dict[str, str] = {}

    def rolls_back(self, stack_id: str) -> bool:
        """See `Stacks.rolls_back`."""
        if stack_id not in self.status:
            raise StoreFailed("DescribeStacks: ValidationError")
        return self.status[stack_id] == "UPDATE_ROLLBACK_IN_PROGRESS"
