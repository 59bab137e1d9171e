"""Who hears: the topic that carries a run's outcome and every alarm, and its subscribers."""

import hashlib

import pulumi
import pulumi_aws as aws

from handlers.contact_sync.config import ContactSyncConfig

from . import resource_policies
from .place import Place


class Notifications(pulumi.ComponentResource):
    """The encrypted topic and the subscriptions of the stack file."""

    topic: aws.sns.Topic

    def __init__(
        self,
        name: str,
        place: Place,
        config: ContactSyncConfig,
        *,
        key: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("orgsync:contact_sync:Notifications", name, None, opts)
        self.topic = aws.sns.Topic(
            name,
            name=place.name("notifications"),
            display_name="orgsync",
            kms_master_key_id=key,
            opts=pulumi.ResourceOptions(parent=self),
        )
        below = pulumi.ResourceOptions(parent=self.topic)
        aws.sns.TopicPolicy(
            name,
            arn=self.topic.arn,
            policy=resource_policies.topic_policy(place, place.arn("sns", place.name("notifications"))),
            opts=below,
        )
        for subscription in config.notification_settings.subscriptions:
            # Named after who hears: adding one in the middle of the list leaves the others alone.
            who = hashlib.sha256(f"{subscription.protocol} {subscription.endpoint}".encode()).hexdigest()[:8]
            aws.sns.TopicSubscription(
                f"{name}-{subscription.protocol}-{who}",
                topic=self.topic.arn,
                protocol=subscription.protocol,
                endpoint=subscription.endpoint,
                opts=below,
            )
        self.register_outputs({})
