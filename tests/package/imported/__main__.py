"""Another team's program in Python: two systems in one stack, one of them with nothing given, in its own component."""

import pulumi

from orgsync.components.contact_sync.arguments import ContactSyncOptions
from orgsync.components.contact_sync.component import ContactSync


class Platform(pulumi.ComponentResource):
    """A component of a platform team's own, around those of others."""

    def __init__(self) -> None:
        super().__init__("platform:index:Platform", "platform")
        below = pulumi.ResourceOptions(parent=self)
        self.whole = ContactSync("whole", opts=below)
        labs: ContactSyncOptions = {"contact_types": ["billing"], "excluded_accounts": ["200000000001"]}
        self.billing = ContactSync("bills", {"contact_sync": labs}, below)
        self.register_outputs({})


platform = Platform()
pulumi.export("whole", platform.whole.initial_sync)
pulumi.export("billing", platform.billing.initial_sync)
pulumi.export("parameters", [platform.whole.discovery_parameter, platform.billing.discovery_parameter])
