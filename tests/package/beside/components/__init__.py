"""The other team's own components."""

EXCLUDED = ["200000000001"]
