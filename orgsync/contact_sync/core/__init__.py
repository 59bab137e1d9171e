"""Decisions: standard library and pydantic only, no clock, network or randomness of its own."""
