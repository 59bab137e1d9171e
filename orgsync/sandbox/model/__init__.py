"""The organization, its Account API and its quotas as pure models: no moto, no network, no thread."""
