"""The context of resources: the cloud, the region, and the program that declares them."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import ClientError


class CloudServices(Protocol):
    """The part of the emulated cloud that resources need."""

    unsupported_resources: dict[str, dict[str, Any]]
    """Resources of services that moto lacks: resource type -> id -> properties."""

    cloudformation: Any
    """Stacks: `create`, `update`, `delete`, `describe`, each answering status, reason and outputs."""

    stack_sets: Any
    """Service-managed stack sets over the organization's members."""

    def client(self, service: str, region: str) -> Any:
        """A boto3 client into the cloud."""


class ProviderInvalid(ValueError):
    """A provider setting that the sandbox cannot honour."""


class ResourceFailed(Exception):
    """AWS refused to make, change or remove a resource; the message is for people."""


@dataclass
class ProviderContext:
    """One provider's view: its default region and tags, and clients by region."""

    cloud: CloudServices
    root: Path
    region: str = "us-east-1"
    default_tags: Mapping[str, str] = field(default_factory=dict)
    _settings: Mapping[str, Any] | None = None
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self) -> None:
        """Begin another operation; its stack may have another provider."""
        self._settings = None

    def use_settings(self, settings: Mapping[str, Any]) -> None:
        """Take the region and default tags of an operation's provider.

        Raises:
            ProviderInvalid: another provider of this operation has others.
        """
        with self._lock:
            if self._settings is not None and settings != self._settings:
                raise ProviderInvalid("the sandbox serves one AWS provider: give resources `region=`, not a second one")
            self._settings = settings
            self.region = settings.get("region", self.region)
            self.default_tags = (settings.get("defaultTags") or {}).get("tags", {})

    def client(self, service: str, region: str | None = None) -> Any:
        """Give the boto3 client of a service, made once for each region; threads may share it."""
        where = (service, region or self.region)
        with self._lock:
            if where not in self._clients:
                self._clients[where] = self.cloud.client(service, region=where[1])
            return self._clients[where]

    def caller(self) -> dict[str, str]:
        """Read `Account`, `Arn` and `UserId` of the deploying identity."""
        identity: dict[str, str] = self.client("sts").get_caller_identity()
        return identity

    @property
    def partition(self) -> str:
        """The region's partition: `aws`, `aws-cn` or `aws-us-gov`."""
        return partition_of(self.region)


def partition_of(region: str) -> str:
    """Find the partition that a region belongs to."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


# Each service has an error code of its own for a resource that does not exist.
_GONE = frozenset(
    {
        "404",
        "AWS.SimpleQueueService.NonExistentQueue",
        "NoSuchBucket",
        "NoSuchBucketPolicy",
        "NoSuchEntity",
        "NoSuchLifecycleConfiguration",
        "NoSuchPublicAccessBlockConfiguration",
        "NotFound",
        "NotFoundException",
        "OwnershipControlsNotFoundError",
        "ParameterNotFound",
        "QueueDoesNotExist",
        "ResourceNotFound",
        "ResourceNotFoundException",
        "ServerSideEncryptionConfigurationNotFoundError",
        "StackInstanceNotFoundException",
        "StackSetNotFoundException",
        "StateMachineDoesNotExist",
        "TrailNotFoundException",
    }
)


def is_gone(error: ClientError) -> bool:
    """Return whether AWS says that the thing does not exist."""
    return error.response["Error"]["Code"] in _GONE


def error_message(error: Exception) -> str:
    """Describe an error in one line for people."""
    if not isinstance(error, ClientError):
        return str(error) or type(error).__name__
    detail = error.response["Error"]
    return f"{detail['Code']}: {detail.get('Message', '')} ({error.operation_name})"
