"""Keys over encrypted queues, topics, log groups and trails: every delivery asks the key's policy.

The policy is the product's own, so a statement that it loses is found here.
"""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from botocore.exceptions import ClientError

from orgsync.components.contact_sync.resource_names import member_rule_arn
from orgsync.components.contact_sync.resource_policies import failed_events_policy, key_policy
from orgsync.components.shared.resource_policies import queue_policy, topic_policy
from orgsync.components.shared.stack_context import StackContext
from orgsync.sandbox.cloud.cloud import Cloud
from orgsync.sandbox.model.organization import make

HOME, MANAGEMENT, MEMBER = "us-east-1", "100000000001", "200000000001"
PREFIX = "orgsync-dev-contact-sync"
TOPIC, ALARM, RULE = f"{PREFIX}-notifications", f"{PREFIX}-some-alarm", f"{PREFIX}-some-rule"
CONTACT = {"Name": "N", "Title": "T", "EmailAddress": "n@example.com", "PhoneNumber": "555"}
DEAD_LETTERS = f"arn:aws:sqs:{HOME}:{MANAGEMENT}:{PREFIX}-failed-events"
EVENT = {"source": "a", "detail-type": "b", "detail": {}}
GONE = f"arn:aws:sqs:{HOME}:{MANAGEMENT}:gone"


@dataclass
class Stack:
    """A cloud with a key whose policy is the product's, but for the statements that a test takes away."""

    cloud: Cloud
    context: StackContext
    key: str

    queue_exists: bool = True

    def take_out(self, *sids: str) -> None:
        """Take statements out of the key's policy by hand, as somebody in the console would."""
        document = json.loads(key_policy(self.context, trail=True))
        document["Statement"] = [one for one in document["Statement"] if one["Sid"] not in sids]
        self.cloud.client("kms").put_key_policy(KeyId=self.key, PolicyName="default", Policy=json.dumps(document))

    def queue(self) -> None:
        """Declare the queue of dead letters under the key."""
        if self.queue_exists:
            attributes = {"KmsMasterKeyId": self.key, "Policy": failed_events_policy(self.context, DEAD_LETTERS)}
            self.cloud.client("sqs").create_queue(QueueName=f"{PREFIX}-failed-events", Attributes=attributes)

    def topic(self) -> str:
        """Declare a topic for alarms under the key."""
        arn = f"arn:aws:sns:{HOME}:{MANAGEMENT}:{TOPIC}"
        attributes = {"KmsMasterKeyId": self.key, "Policy": topic_policy(self.context, arn)}
        self.cloud.client("sns").create_topic(Name=TOPIC, Attributes=attributes)
        return arn

    def rule(self, name: str, account: str | None = None) -> None:
        """Declare a rule for everything, with a target that does not exist and the queue of dead letters."""
        events = self.cloud.client("events", account=account)
        events.put_rule(Name=name, EventPattern=json.dumps({"source": [{"prefix": ""}]}))
        target = {"Id": "1", "Arn": GONE, "DeadLetterConfig": {"Arn": DEAD_LETTERS}}
        events.put_targets(Rule=name, Targets=[target])

    def alarm(self, namespace: str, metric: str, dimensions: dict[str, str]) -> None:
        """Declare an alarm that rises with the first datum and notifies the topic."""
        self.cloud.client("cloudwatch").put_metric_alarm(
            AlarmName=ALARM,
            Namespace=namespace,
            MetricName=metric,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            Statistic="Sum",
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            Threshold=1,
            Period=3600,
            EvaluationPeriods=1,
            TreatMissingData="notBreaching",
            AlarmActions=[f"arn:aws:sns:{HOME}:{MANAGEMENT}:{TOPIC}"],
        )


@pytest.fixture
def stack() -> Iterator[Stack]:
    with Cloud(make(seed=1, count=2)) as cloud:
        organization = cloud.client("organizations").describe_organization()["Organization"]["Id"]
        context = StackContext(PREFIX, "dev", "aws", HOME, MANAGEMENT, organization)
        key = cloud.client("kms").create_key(Policy=key_policy(context, trail=True))["KeyMetadata"]["Arn"]
        yield Stack(cloud, context, key)


def a_schedule_fails(stack: Stack) -> None:
    """Its role leaves what could not be started."""
    stack.queue()
    cloud = stack.cloud
    role = cloud.client("iam").create_role(RoleName="s", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    cloud.client("scheduler").create_schedule_group(Name=PREFIX)
    cloud.client("scheduler").create_schedule(
        Name="s",
        GroupName=PREFIX,
        ScheduleExpression="rate(1 day)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": GONE, "RoleArn": role, "Input": "{}", "DeadLetterConfig": {"Arn": DEAD_LETTERS}},
    )
    assert cloud.fire_schedules() == 1


def a_function_logs(stack: Stack) -> None:
    """CloudWatch Logs writes its line into the function's encrypted group."""
    name, content = f"{PREFIX}-plan", io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("app.py", "def handler(event, context): print('a line')")
    cloud = stack.cloud
    cloud.client("logs").create_log_group(logGroupName=f"/aws/lambda/{name}", kmsKeyId=stack.key)
    role = cloud.client("iam").create_role(RoleName="f", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    cloud.client("lambda").create_function(
        FunctionName=name, Runtime="python3.13", Role=role, Handler="app.handler", Code={"ZipFile": content.getvalue()}
    )
    cloud.client("lambda").invoke(FunctionName=name, Payload=b"{}")


def a_trail_is_made(stack: Stack) -> None:
    """CloudTrail looks at the key and encrypts its files."""
    stack.cloud.client("s3").create_bucket(Bucket="trail")
    stack.cloud.client("cloudtrail").create_trail(Name=PREFIX, S3BucketName="trail", KmsKeyId=stack.key)


def an_alarm_rises(stack: Stack) -> None:
    """CloudWatch publishes to the topic."""
    stack.topic()
    stack.alarm("sample", "Runs", {"service": "one"})
    dimensions = [{"Name": "service", "Value": "one"}]
    datum = {"MetricName": "Runs", "Dimensions": dimensions, "Value": 1}
    stack.cloud.client("cloudwatch").put_metric_data(Namespace="sample", MetricData=[datum])


def a_rule_fails(stack: Stack) -> None:
    """EventBridge leaves what the rule's target refused."""
    stack.queue()
    stack.rule(RULE)
    stack.cloud.put_event(EVENT)


def a_members_rule_fails(stack: Stack) -> None:
    """EventBridge leaves here what a member could not forward."""
    stack.queue()
    stack.rule(member_rule_arn(stack.context).rsplit("/", 1)[-1], MEMBER)
    stack.cloud.edit_member(MEMBER, {"security": CONTACT}, via="member")


DELIVERIES = {
    "Account": a_schedule_fails,
    "Logs": a_function_logs,
    "Trail": a_trail_is_made,
    "TrailLooks": a_trail_is_made,
    "Alarms": an_alarm_rises,
    "Rules": a_rule_fails,
    "Members": a_members_rule_fails,
}
"""Statement of the product's key policy -> what needs it."""


def test_every_statement_of_the_key_policy_is_needed_by_a_delivery(stack: Stack) -> None:
    """A new statement comes with the delivery that it lets through."""
    assert {one["Sid"] for one in json.loads(key_policy(stack.context, trail=True))["Statement"]} == set(DELIVERIES)


@pytest.mark.parametrize("taken", [False, True], ids=["whole", "without"])
@pytest.mark.parametrize("sid", DELIVERIES)
def test_a_statement_that_is_taken_out_of_the_key_policy_is_missed(stack: Stack, sid: str, taken: bool) -> None:
    """With it the delivery arrives; without it nothing arrives, and that is reported or refused."""
    if taken:
        stack.take_out(sid)
    try:
        DELIVERIES[sid](stack)
        stack.cloud.settle(20)
        refused = "".join(stack.cloud.undelivered)
    except ClientError as error:
        refused = str(error)
    assert bool(refused) == taken
    if taken:
        assert f"key {stack.key}" in refused
        assert sum(stack.cloud.dead_letters().values()) == len(stack.cloud.notifications) == 0


@pytest.mark.parametrize("taken", ["policy", "key", "queue"])
@pytest.mark.parametrize(
    ("fails", "namespace", "metric", "dimensions"),
    [
        (a_rule_fails, "AWS/Events", "InvocationsFailedToBeSentToDlq", {"RuleName": RULE}),
        (a_schedule_fails, "AWS/Scheduler", "InvocationsFailedToBeSentToDeadLetterCount", {"ScheduleGroup": PREFIX}),
    ],
)
def test_what_even_the_dead_letter_queue_refused_is_counted(
    stack: Stack, fails: Callable[[Stack], None], namespace: str, metric: str, dimensions: dict[str, str], taken: str
) -> None:
    """AWS says so by a metric only: an alarm over it rises, whatever the reason was."""
    stack.topic()
    stack.alarm(namespace, metric, dimensions)
    if taken == "key":
        stack.cloud.client("kms").disable_key(KeyId=stack.key.rpartition("/")[2])
    elif taken == "policy":
        stack.take_out("Account", "Rules")
    else:
        stack.queue_exists = False
    fails(stack)
    stack.cloud.settle(20)
    (alarm,) = stack.cloud.client("cloudwatch").describe_alarms(AlarmNames=[ALARM])["MetricAlarms"]
    assert alarm["StateValue"] == "ALARM"
    assert "dead-letter queue refused it too" in stack.cloud.undelivered[0]


def test_a_queue_that_a_topic_feeds_asks_its_policy_and_its_key(stack: Stack) -> None:
    """A subscribed queue gets what SNS may send and encrypt; anything else is lost, counted and reported."""
    sns, topic = stack.cloud.client("sns"), stack.topic()
    queue = f"arn:aws:sqs:{HOME}:{MANAGEMENT}:fed"
    sends = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    sends |= {"Resource": queue, "Condition": {"ArnEquals": {"aws:SourceArn": topic}}}
    encrypts = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Resource": "*"}
    encrypts |= {"Action": ["kms:Decrypt", "kms:GenerateDataKey*"]}
    kms, sqs = stack.cloud.client("kms"), stack.cloud.client("sqs")
    key = kms.create_key(Policy=json.dumps({"Statement": [encrypts]}))["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/fed", TargetKeyId=key)
    url = sqs.create_queue(QueueName="fed", Attributes={"KmsMasterKeyId": "alias/fed"})["QueueUrl"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    arrived = []
    for policy, key_policy_of_fed in (
        (queue_policy(queue), [encrypts]),
        (queue_policy(queue, sends), []),
        (queue_policy(queue, sends), [{**encrypts, "Action": "kms:Decrypt"}]),
        (queue_policy(queue, sends | {"Resource": f"{queue}-other"}), [encrypts]),
        (queue_policy(queue, sends), [encrypts]),
    ):
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps({"Statement": key_policy_of_fed}))
        sns.publish(TopicArn=topic, Message="m")
        arrived.append(stack.cloud.dead_letters()["fed"])
    assert arrived == [0, 0, 0, 0, 1]
    assert len(stack.cloud.undelivered) == 4
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": queue_policy(queue)})
    (fed,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    sns.set_subscription_attributes(
        SubscriptionArn=fed["SubscriptionArn"],
        AttributeName="FilterPolicy",
        AttributeValue=json.dumps({"severity": ["high"]}),
    )
    sns.publish(TopicArn=topic, Message="not for this queue")
    assert len(stack.cloud.undelivered) == 4


def test_aws_own_keys_let_no_service_in(stack: Stack) -> None:
    """An alarm cannot publish to a topic under alias/aws/sns [inferred, widely reported]."""
    topic = stack.topic()
    stack.cloud.client("sns").set_topic_attributes(
        TopicArn=topic, AttributeName="KmsMasterKeyId", AttributeValue="alias/aws/sns"
    )
    an_alarm_rises(stack)
    stack.cloud.settle(20)
    assert "alias/aws/sns" in stack.cloud.undelivered[0]
    assert stack.cloud.notifications == []
