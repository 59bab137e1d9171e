"""Where a system stands and what its parts are called there.

Every physical name follows from the place, so that a policy can name what does not exist yet
(the state machine starts itself, `plan` hands its lease to a new execution of it).
"""

import hashlib
import re
from dataclasses import dataclass, replace

MEMBERS = "members"
"""The bus and the stack set of members' own events."""

MEMBER_CHANGED = "member-changed"
"""The rule that forwards them, in every member, and the one that rings for them."""

LONGEST_PREFIX = 40
"""Characters: the run bucket's name has 63, a role's 64, with room for the longest suffix."""

ACCOUNT_EVENTS = {"aws": "us-east-1", "aws-cn": "cn-northwest-1", "aws-us-gov": "us-gov-west-1"}
"""The region in which a partition records Account Management and Organizations; the one place that names regions."""

REGIONS = {
    "aws-cn": r"cn-[a-z]+-\d",
    "aws-us-gov": r"us-gov-[a-z]+-\d",
    "aws": r"(af|ap|ca|eu|il|me|mx|sa|us)-(?!gov|iso)[a-z]+-\d",
}
"""What a partition's regions look like; new ones come every year, so their names are no list."""


def short(*words: str) -> str:
    """Eight characters that stand for some words: part of a name that must not hold them."""
    return hashlib.sha256(" ".join(words).encode()).hexdigest()[:8]


class NameRefused(ValueError):
    """Project, stack and component name together cannot begin the names of the parts."""


class RegionRefused(ValueError):
    """A region of another partition, or of none: nothing there could speak with what stands here."""


@dataclass(frozen=True)
class Place:
    """A system's address: partition, region and account, and the prefix of its names."""

    prefix: str
    stack: str
    partition: str
    region: str
    account: str
    organization: str = ""
    """Its id, where members' own events are wanted; what members may do here is held to it."""

    def __post_init__(self) -> None:
        if len(self.prefix) > LONGEST_PREFIX:
            raise NameRefused(
                f"{self.prefix!r} has {len(self.prefix)} characters, {LONGEST_PREFIX} at most: shorten project or stack"
            )
        if not re.fullmatch(r"(?!aws)[a-z][a-z0-9-]*", self.prefix):
            raise NameRefused(
                f"{self.prefix!r} is made of the names of project, stack and component: buckets, stack sets and keys "
                "take small letters, digits and hyphens only, a letter first, and not aws; name them so"
            )
        self.check_region(self.region, "aws:region")

    def check_region(self, region: str, path: str) -> None:
        """See that a region belongs to this partition.

        Raises:
            RegionRefused: with the path in the stack file at which it stands.
        """
        if not re.fullmatch(REGIONS.get(self.partition, ""), region):
            raise RegionRefused(f"{path}: {region!r} is no region of the partition {self.partition}; name one of it")

    def check_topic(self, topic: str | None) -> None:
        """See that a topic of the owner's is one that the functions can reach: they publish in their own region.

        Raises:
            RegionRefused: it is elsewhere.
        """
        if topic and topic.split(":")[1:4:2] != [self.partition, self.region]:
            raise RegionRefused(
                f"orgsync:contact_sync notification_settings.fallback_sns_topic: {topic} is not in {self.region} "
                f"of the partition {self.partition}; name a topic there"
            )

    @property
    def of_account_events(self) -> "Place":
        """The same system in the region where account events happen; itself, where that is its own region."""
        return replace(self, region=ACCOUNT_EVENTS.get(self.partition, self.region))

    def name(self, part: str) -> str:
        """`{project}-{stack}-contact-sync-{part}`."""
        return f"{self.prefix}-{part}"

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource in this region and account."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def integration(self, action: str) -> str:
        """A state machine's service integration, such as `lambda:invoke`."""
        return f"arn:{self.partition}:states:::{action}"

    def function(self, part: str) -> str:
        """A function's ARN."""
        return self.arn("lambda", f"function:{self.name(part)}")

    @property
    def state_machine(self) -> str:
        """The state machine's ARN."""
        return self.arn("states", f"stateMachine:{self.prefix}")

    @property
    def executions(self) -> list[str]:
        """Patterns of the state machine's executions, and of the children that its Distributed Map starts."""
        # Runs name themselves as they start.
        return [self.arn("states", f"execution:{self.prefix}:*"), self.arn("states", f"execution:{self.prefix}/*")]

    def rule(self, part: str = "*") -> str:
        """An EventBridge rule's ARN."""
        return self.arn("events", f"rule/{self.name(part)}")

    @property
    def bus(self) -> str:
        """The ARN of the default event bus."""
        return self.arn("events", "event-bus/default")

    @property
    def members_bus(self) -> str:
        """The ARN of the bus on which members' own events arrive."""
        return self.arn("events", f"event-bus/{self.name(MEMBERS)}")

    @property
    def member_rule(self) -> str:
        """Pattern of the rule that forwards such events, in whichever member."""
        region = self.of_account_events.region
        return f"arn:{self.partition}:events:{region}:*:rule/{self.name(MEMBER_CHANGED)}"

    @property
    def alarms(self) -> str:
        """Pattern of the system's alarms."""
        # Alarms follow the configuration; what lets them in does not change with each.
        return self.arn("cloudwatch", f"alarm:{self.name('*')}")

    @property
    def bucket_name(self) -> str:
        """The run bucket's name: bucket names are shared with all of AWS, so the account is part of it."""
        return f"{self.name('runs')}-{self.account}"

    @property
    def bucket(self) -> str:
        """The run bucket's ARN."""
        return f"arn:{self.partition}:s3:::{self.bucket_name}"

    @property
    def trail_bucket_name(self) -> str:
        """The name of the bucket of an own trail."""
        return f"{self.name('trail')}-{self.account}"

    @property
    def trail(self) -> str:
        """The ARN of an own trail."""
        return self.arn("cloudtrail", f"trail/{self.prefix}")

    def log_group(self, part: str) -> str:
        """A function's log group: the name that Lambda looks for."""
        return f"/aws/lambda/{self.name(part)}"

    @property
    def logical_id(self) -> str:
        """The custom resource's id in its template: letters and digits.

        crhelper names its polling rule after it, plus eight random characters, so it is what
        the deploy function's right to make rules is scoped to, and it differs by stack.
        """
        return "".join(word.capitalize() for word in re.split(r"[^A-Za-z0-9]+", self.prefix))
