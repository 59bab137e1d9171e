"""The `orgsync` command."""
