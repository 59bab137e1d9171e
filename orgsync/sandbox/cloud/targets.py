"""Delivery to targets, by their ARN: from a rule, a schedule or a failed invocation.

Calls go through the cloud's own server like everybody's, so that a fault on StartExecution or
Publish applies to them too. A missing permission stops a delivery here as at AWS: the
resource's policy for functions, topics and queues, that of the key over an encrypted topic or
queue, the role for state machines and buses.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from moto.awslambda.models import lambda_backends
from moto.iam.models import iam_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from orgsync.sandbox.cloud import bus_access, key_access, resource_policy
from orgsync.sandbox.errors import UnknownTarget

Client = Callable[[str, str, str], Any]
"""A boto3 client for a delivery: service, region and account of the target."""

_RETRYABLE = frozenset(
    {"Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded", "ExecutionLimitExceeded"}
)


class DeliveryFailed(Exception):
    """A failed delivery; `retryable` if another attempt may succeed."""

    def __init__(self, code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.retryable = code, message, retryable


@dataclass(frozen=True)
class Sender:
    """The sender of a delivery: the service's principal, the ARN that it acts for, and its role if any."""

    principal: str
    source_arn: str
    role_arn: str | None = None
    by_role: bool = False
    """True if the role alone decides, as it does for EventBridge Scheduler and destinations."""


class Targets:
    """Deliveries to all targets except event buses, which take the event and not its text."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._kinds: dict[str, Callable[[str, str, Sender, Mapping[str, Any]], None]] = {
            "states:stateMachine": self._start_execution,
            "lambda:function": self._invoke,
            "sns:": self._publish,
            "sqs:": self._send_message,
        }

    def deliver(self, arn: str, text: str, sender: Sender, settings: Mapping[str, Any]) -> None:
        """Send a JSON text to the target.

        Args:
            settings: the target's own: `MessageAttributes`, `SqsParameters`, `Subject`.

        Raises:
            DeliveryFailed: the target is missing, refuses, or is not allowed.
            UnknownTarget: the sandbox has no such kind of target.
        """
        try:
            self._kinds[target_kind(arn)](arn, text, sender, settings)
        except KeyError as unknown:
            raise UnknownTarget(f"{sender.source_arn} has a target the sandbox cannot deliver to: {arn}") from unknown
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            code = error.response["Error"]["Code"]
            retryable = status >= 500 or status == 429 or code in _RETRYABLE
            raise DeliveryFailed(code, error.response["Error"].get("Message", ""), retryable=retryable) from error

    def require_role(self, sender: Sender) -> None:
        """Raise DeliveryFailed if the sender has no role, or one that does not exist."""
        account = (sender.role_arn or ":::::").split(":")[4]
        roles = iam_backends[account]["aws"].roles.values() if account else ()
        if sender.role_arn not in {role.arn for role in roles}:
            raise DeliveryFailed("NO_PERMISSIONS", f"the target's role {sender.role_arn} does not exist")

    def _start_execution(self, arn: str, text: str, sender: Sender, settings: Mapping[str, Any]) -> None:
        self.require_role(sender)
        self._for(arn, "stepfunctions").start_execution(stateMachineArn=arn, input=text)

    def _invoke(self, arn: str, text: str, sender: Sender, settings: Mapping[str, Any]) -> None:
        _, _, _, region, account, _, name = arn.split(":")[:7]
        functions = {function.function_name: function for function in lambda_backends[account][region].list_functions()}
        if name not in functions:
            raise DeliveryFailed("NO_RESOURCE", f"there is no function {arn}")
        self._require(sender, {"Statement": functions[name].policy.statements}, "lambda:InvokeFunction", arn)
        self._for(arn, "lambda").invoke(FunctionName=name, InvocationType="Event", Payload=text.encode())

    def _publish(self, arn: str, text: str, sender: Sender, settings: Mapping[str, Any]) -> None:
        _, _, _, region, account, _ = arn.split(":")
        topic = sns_backends[account][region].topics.get(arn)
        if topic is None:
            raise DeliveryFailed("NO_RESOURCE", f"there is no topic {arn}")
        self._require(sender, topic.policy, "sns:Publish", arn)
        _require_key(sender, topic.kms_master_key_id, arn)
        subject = {"Subject": settings["Subject"]} if "Subject" in settings else {}
        self._for(arn, "sns").publish(TopicArn=arn, Message=text, **subject)

    def _send_message(self, arn: str, text: str, sender: Sender, settings: Mapping[str, Any]) -> None:
        _, _, _, region, account, name = arn.split(":")
        queue = sqs_backends[account][region].queues.get(name)
        if queue is None:
            raise DeliveryFailed("NO_RESOURCE", f"there is no queue {arn}")
        self._require(sender, queue.policy, "sqs:SendMessage", arn)
        _require_key(sender, getattr(queue, "kms_master_key_id", None), arn)
        client = self._for(arn, "sqs")
        attributes = {
            key: {"DataType": "String", "StringValue": value or "-"}
            for key, value in settings.get("MessageAttributes", {}).items()
        }
        group = settings.get("SqsParameters", {})
        client.send_message(
            QueueUrl=client.get_queue_url(QueueName=name)["QueueUrl"],
            MessageBody=text,
            MessageAttributes=attributes,
            **group,
        )

    def _require(self, sender: Sender, policy: Any, action: str, arn: str) -> None:
        if sender.by_role:
            self.require_role(sender)
            return
        context = _condition_context(sender, action.partition(":")[0])
        if not resource_policy.allows(policy, sender.principal, action, context, arn):
            raise DeliveryFailed("NO_PERMISSIONS", f"{arn} does not allow {sender.principal} to do {action}")

    def queue_refusal(self, arn: str, sender: Sender) -> str | None:
        """Give the reason why a queue would not take a message of a sender; None if it would."""
        _, _, _, region, account, name = arn.split(":")
        queue = sqs_backends[account][region].queues.get(name)
        if queue is None:
            return f"there is no queue {arn}"
        try:
            self._require(sender, queue.policy, "sqs:SendMessage", arn)
            _require_key(sender, getattr(queue, "kms_master_key_id", None), arn)
        except DeliveryFailed as failure:
            return failure.message
        return None

    def _for(self, arn: str, service: str) -> Any:
        _, _, _, region, account = arn.split(":")[:5]
        return self._client(service, region, account)


def _require_key(sender: Sender, key: str | None, arn: str) -> None:
    """Ask the policy of the key over a queue or a topic; for a role's deliveries, whether its account is let in."""
    _, _, service, region, owner = arn.split(":")[:5]
    principal = (sender.role_arn or "").split(":")[4] if sender.by_role else sender.principal
    refusal = key_access.key_refusal(key, owner, region, principal, _condition_context(sender, service))
    if refusal:
        raise DeliveryFailed("NO_PERMISSIONS", f"{arn}: {refusal}")


def _condition_context(sender: Sender, service: str) -> dict[str, str]:
    """Make the condition keys of a delivery: for a rule without the account, and for SNS none at all."""
    account = sender.source_arn.split(":")[4]
    whole = {
        "aws:SourceAccount": account,
        "aws:SourceArn": sender.source_arn,
        "aws:SourceOrgID": bus_access.organization_of(account),
    }
    if sender.principal != "events.amazonaws.com":
        return whole
    return {} if service == "sns" else {key: value for key, value in whole.items() if key != "aws:SourceAccount"}


def target_kind(arn: str) -> str:
    """Give `service:resource type` of an ARN: `lambda:function`, `sqs:`, `events:event-bus`."""
    _, _, service, _, _, resource = arn.split(":", 5)
    for separator in (":", "/"):
        if separator in resource:
            return f"{service}:{resource.split(separator)[0]}"
    return f"{service}:"
