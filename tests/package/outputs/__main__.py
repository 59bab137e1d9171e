"""Another team's program in Python: it hands on what other resources give, and has two systems in two regions."""

import pulumi
import pulumi_aws as aws

from orgsync.components.contact_sync.arguments import ContactSyncOptions
from orgsync.components.contact_sync.component import ContactSync

PASSWORD = "correct-horse-battery"

# The sandbox lays a rehearsal's `config` over this key.
protect = bool((pulumi.Config("orgsync").get_object("contact_sync") or {}).get("protect"))


def keep_logs_for_a_week(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
    """Shorten the retention of every log group, whatever the component asks for."""
    if args.type_ != "aws:cloudwatch/logGroup:LogGroup":
        return None
    return pulumi.ResourceTransformResult(props={**args.props, "retentionInDays": 7}, opts=args.opts)


topic = aws.sns.Topic("fallback")
desk = aws.ssm.Parameter("desk", type="String", insecure_value="desk@example.com")
duty = aws.ssm.Parameter("duty", type="String", insecure_value="+15550100")

decisions: ContactSyncOptions = {
    "contact_types": ["billing", "security"],
    "notification_settings": {
        "fallback_sns_topic": topic.arn,
        "subscriptions": [
            {"protocol": "email", "endpoint": "first@example.com"},
            {"protocol": "sms", "endpoint": duty.insecure_value.apply(str), "severities": ["high"]},
            {"protocol": "https", "endpoint": pulumi.Output.secret(f"https://hook:{PASSWORD}@hooks.example.com/alarm")},
            {"protocol": "https", "endpoint": f"https://plain:{PASSWORD}@hooks.example.com/alarm"},
        ],
        "user_notifications_config": {"email_contacts": [{"address": desk.insecure_value.apply(str)}]},
    },
}

home = ContactSync(
    "home",
    {"contact_sync": decisions},
    pulumi.ResourceOptions(protect=protect, transforms=[keep_logs_for_a_week]),
)
elsewhere = ContactSync(
    "abroad",
    {"contact_sync": {"contact_types": ["operations"]}, "deployment": {"member_events": False}},
    pulumi.ResourceOptions(
        providers=[
            aws.Provider(
                "abroad", region="eu-west-1", default_tags=aws.ProviderDefaultTagsArgs(tags={"team": "europe"})
            )
        ]
    ),
)

pulumi.export("home", home.initial_sync)
pulumi.export("abroad", elsewhere.initial_sync)
pulumi.export("machines", [home.state_machine_arn, elsewhere.state_machine_arn])
pulumi.export("topics", [topic.arn, home.topic_arn])
