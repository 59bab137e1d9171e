"""The stack context: partition, region, account and the prefix of every physical name.

Every physical name follows from it, so that a policy can name what does not exist yet
(the state machine starts itself, `plan` hands its lease to a new execution of it).
"""

import hashlib
import re
from dataclasses import dataclass, replace

from orgsync.shared.configuration import ConfigurationRefused

LONGEST_PREFIX = 40
"""Characters: a bucket's name has 63, a role's 64, with room for the longest suffix."""

ACCOUNT_EVENTS = {"aws": "us-east-1"}
"""The region in which a partition records Account Management and Organizations, for each partition that was proved.

The one place that names regions. China and GovCloud have other endpoints, quotas, suffixes of service names and
consoles, and no rehearsal has played there (decision 0046).
"""

# Pattern of a partition's regions; new ones come every year, so their names are no list.
_REGIONS = {"aws": r"(af|ap|ca|eu|il|me|mx|sa|us)-(?!gov|iso)[a-z]+-\d"}


def short_hash(*words: str) -> str:
    """Return eight characters that stand for some words: part of a name that must not hold them."""
    return hashlib.sha256(" ".join(words).encode()).hexdigest()[:8]


@dataclass(frozen=True)
class StackContext:
    """Partition, region and account of a system, and the prefix of its names."""

    prefix: str
    stack: str
    partition: str
    region: str
    account: str
    organization: str = ""
    """Its id, where members' own events are wanted; what members may do here is held to it."""

    def __post_init__(self) -> None:
        if self.partition not in ACCOUNT_EVENTS:
            raise ConfigurationRefused(
                f"aws:region: {self.region!r} is in the partition {self.partition}, in which orgsync was never proved; "
                f"deploy from a management account of the partition {', '.join(ACCOUNT_EVENTS)}, with a region of it"
            )
        if len(self.prefix) > LONGEST_PREFIX:
            raise ConfigurationRefused(
                f"{self.prefix!r} has {len(self.prefix)} characters, {LONGEST_PREFIX} at most: shorten project or stack"
            )
        if not re.fullmatch(r"(?!aws)[a-z][a-z0-9-]*", self.prefix):
            raise ConfigurationRefused(
                f"{self.prefix!r} is made of the names of project, stack and component: buckets, stack sets and keys "
                "take small letters, digits and hyphens only, a letter first, and not aws; name them so"
            )
        self.check_region(self.region, "aws:region")

    def check_region(self, region: str, path: str) -> None:
        """See that a region belongs to this partition.

        Raises:
            ConfigurationRefused: with the path at which it stands.
        """
        if not re.fullmatch(_REGIONS[self.partition], region):
            raise ConfigurationRefused(
                f"{path}: {region!r} is no region of the partition {self.partition}; name one of it"
            )

    def check_topic(self, topic: str, path: str) -> None:
        """See that a topic of the owner's is one that the functions can reach: they publish in their own region.

        Raises:
            ConfigurationRefused: with the path at which it stands; it is elsewhere.
        """
        partition, region = topic.split(":")[1:4:2]
        if (partition, region) != (self.partition, self.region):
            # Without the topic's name: the stack file may hold it as a secret.
            raise ConfigurationRefused(
                f"{path}: a topic in {region} of the partition {partition} is not in {self.region} of the partition "
                f"{self.partition}; name a topic there"
            )

    @property
    def of_account_events(self) -> "StackContext":
        """Return the same system in the region where account events happen; itself, where that is its own region."""
        return replace(self, region=ACCOUNT_EVENTS[self.partition])

    def name(self, part: str) -> str:
        """Return `{project}-{stack}-{component}-{part}`."""
        return f"{self.prefix}-{part}"

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource in this region and account."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def integration(self, action: str) -> str:
        """Return a state machine's service integration, such as `lambda:invoke`."""
        return f"arn:{self.partition}:states:::{action}"

    def function(self, part: str) -> str:
        """Return a function's ARN."""
        return self.arn("lambda", f"function:{self.name(part)}")

    def rule(self, part: str = "*") -> str:
        """Return an EventBridge rule's ARN."""
        return self.arn("events", f"rule/{self.name(part)}")

    @property
    def bus(self) -> str:
        """Return the ARN of the default event bus."""
        return self.arn("events", "event-bus/default")

    @property
    def alarms(self) -> str:
        """Return the pattern of the system's alarms."""
        # Alarms follow the configuration; what lets them in does not change with each.
        return self.arn("cloudwatch", f"alarm:{self.name('*')}")

    @property
    def trail_bucket_name(self) -> str:
        """Return the name of the bucket of an own trail."""
        return f"{self.name('trail')}-{self.account}"

    @property
    def trail(self) -> str:
        """Return the ARN of an own trail."""
        return self.arn("cloudtrail", f"trail/{self.prefix}")

    def log_group(self, part: str) -> str:
        """Return a function's log group: the name that Lambda looks for."""
        return f"/aws/lambda/{self.name(part)}"
