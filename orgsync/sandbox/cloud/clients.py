"""boto3 clients into the cloud, one for each service, region and caller."""

import threading
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from orgsync.sandbox.cloud.access_keys import SECRET, AccessKeys
from orgsync.sandbox.model.account import CallerIdentity

# A function may run for 15 minutes, and its caller waits as long; no call is retried unseen.
_CONFIG = Config(
    read_timeout=1000, retries={"total_max_attempts": 1}, max_pool_connections=50, proxies={}, parameter_validation=True
)


class Clients:
    """The clients made so far; threads may share boto3's clients, but may not make them at the same time."""

    def __init__(self, access_keys: AccessKeys, url: str) -> None:
        self._access_keys, self._url = access_keys, url
        self._clients: dict[tuple[str, str, CallerIdentity], Any] = {}
        self._lock = threading.Lock()

    def client(self, service: str, region: str, caller: CallerIdentity) -> Any:
        """Give the client with which `caller` calls a service; `service` is boto3's name."""
        key = (service, region, caller)
        with self._lock:
            if key not in self._clients:
                self._clients[key] = _session().client(
                    service,
                    region_name=region,
                    endpoint_url=self._url,
                    aws_access_key_id=self._access_keys.key_for(caller),
                    aws_secret_access_key=SECRET,
                    config=_CONFIG,
                )
            return self._clients[key]

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()


@cache
def _session() -> Any:
    """Make one session for all clouds of the process: it keeps the service models that it has read."""
    return boto3.session.Session(aws_access_key_id="unused", aws_secret_access_key=SECRET)
