"""Names that all systems and the declared cloud share. Standard library only."""

METRIC_NAMESPACE = "orgsync"
"""The one custom-metric namespace (Powertools writes it, dashboard and alarms read it)."""

EVENT_SOURCE = "orgsync"
"""`source` of our own events; AWS reserves `aws.*` for itself."""
