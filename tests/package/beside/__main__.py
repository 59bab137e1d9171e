"""Another team's program with `components` and `handlers` of its own, beside the library's of the same names."""

import pulumi

import components
import handlers
from orgsync.components.contact_sync import ContactSync

contacts = ContactSync(
    "contacts", {"contact_sync": {"contact_types": handlers.KINDS, "excluded_accounts": components.EXCLUDED}}
)
pulumi.export("initial_sync", contacts.initial_sync)
