"""The declared cloud: Pulumi components, a folder a system, and the Pulumi package `orgsync` for every language."""
