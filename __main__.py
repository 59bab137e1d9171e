"""The Pulumi program: read the stack's configuration, build its system, export its outputs."""

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env, get_config_secret_keys_env, is_config_secret

from orgsync.components.contact_sync.component import DOCUMENTS, ContactSync
from orgsync.components.shared.stack_file import stack_file

# `pulumi.Config` answers for one key only and never lists them, so a misspelt one would go unseen. The engine
# hands all of them on by the environment; whoever runs the program in a process of its own sets them there.
values = {**get_config_env(), **CONFIG.get()}
own = stack_file(values, DOCUMENTS, {*get_config_secret_keys_env(), *filter(is_config_secret, values)})

contact_sync = ContactSync(
    "contact-sync",
    {"contact_sync": own.get("contact_sync", {}), "deployment": own.get("deployment", {})},
)

pulumi.export("state_machine_arn", contact_sync.state_machine_arn)
pulumi.export("config_table", contact_sync.config_table)
pulumi.export("state_table", contact_sync.state_table)
pulumi.export("run_bucket", contact_sync.run_bucket)
pulumi.export("topic_arn", contact_sync.topic_arn)
pulumi.export("dashboard", contact_sync.dashboard)
pulumi.export("discovery_parameter", contact_sync.discovery_parameter)
pulumi.export("initial_sync", contact_sync.initial_sync)
