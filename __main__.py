"""The cloud's table of contents: read the stack's configuration, build its system, say what it made."""

import pulumi

from components.contact_sync import ContactSync

config = pulumi.Config("orgsync")

contact_sync = ContactSync(
    "contact-sync",
    {
        "contact_sync": config.get_object("contact_sync", {}),
        "deployment": config.get_object("deployment", {}),
    },
)

pulumi.export("state_machine_arn", contact_sync.state_machine_arn)
pulumi.export("config_table", contact_sync.config_table)
pulumi.export("state_table", contact_sync.state_table)
pulumi.export("run_bucket", contact_sync.run_bucket)
pulumi.export("topic_arn", contact_sync.topic_arn)
pulumi.export("dashboard", contact_sync.dashboard)
pulumi.export("discovery_parameter", contact_sync.discovery_parameter)
pulumi.export("initial_sync", contact_sync.initial_sync)
