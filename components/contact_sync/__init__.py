"""ContactSync and its parts; every JSON document that AWS gets is a pure function here."""

from orgsync.components.contact_sync.component import ContactSync, ContactSyncArgs

__all__ = ["ContactSync", "ContactSyncArgs"]
