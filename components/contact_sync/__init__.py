"""ContactSync and its parts; every JSON document that AWS gets is a pure function here."""

from orgsync.components.contact_sync.arguments import ContactSyncArgs
from orgsync.components.contact_sync.component import ContactSync

__all__ = ["ContactSync", "ContactSyncArgs"]
