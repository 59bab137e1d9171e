"""The other team's own handlers."""

KINDS = ["billing", "security"]
