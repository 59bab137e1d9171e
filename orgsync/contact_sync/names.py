"""Names that the declared cloud (`components`) and the running code share.

Standard library only: both sides import it, and every function does when it starts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from orgsync.shared.names import EVENT_SOURCE

SYSTEM = "contact-sync"
"""The system's name: in resource names, tags and the path of its SSM parameter."""

CONFIG_KEY = "default"
"""Partition of the configuration table that holds contact sync's versions (spec: `config_key`)."""

BY_ACCOUNT_INDEX = "by_account"
"""State table: receipts by `account`, ordered by `at`."""

BY_DAY_INDEX = "by_day"
"""State table: run headers by `day` (UTC, YYYY-MM-DD), ordered by `started`."""


class Kind(StrEnum):
    """A kind of contact; the three alternates carry AWS's own names in lower case."""

    PRIMARY = "primary"
    """The primary contact: company, postal address and telephone number of the account; it is never deleted."""
    BILLING = "billing"
    """The alternate contact for invoices and payments."""
    OPERATIONS = "operations"
    """The alternate contact for the operation of the account, such as planned maintenance."""
    SECURITY = "security"
    """The alternate contact for security incidents and abuse reports."""


ALTERNATES = frozenset(Kind) - {Kind.PRIMARY}


class FunctionName(StrEnum):
    """The four functions: the end of each physical name."""

    PLAN = "plan"
    PROCESS = "process"
    REPORT = "report"
    INITIAL_SYNC = "initial-sync"

    @staticmethod
    def longest_life() -> int:
        """Return the seconds that Lambda lets an invocation take at most."""
        return 15 * 60

    @property
    def module(self) -> str:
        """Return the entry point's module, and the function's key in `memory`."""
        return self.replace("-", "_")

    @property
    def handler(self) -> str:
        """Return what Lambda calls the handler."""
        return f"orgsync.handlers.contact_sync.{self.module}.handler"


class Env(StrEnum):
    """Environment variables of the functions. The first five are the spec's."""

    MANAGEMENT_ACCOUNT_ID = "MANAGEMENT_ACCOUNT_ID"
    CONFIG_TABLE_NAME = "CONFIG_TABLE_NAME"
    STATE_TABLE_NAME = "STATE_TABLE_NAME"
    ENVIRONMENT = "ENVIRONMENT"
    LOG_LEVEL = "LOG_LEVEL"
    RUN_BUCKET_NAME = "RUN_BUCKET_NAME"
    STATE_MACHINE_ARN = "STATE_MACHINE_ARN"
    TOPIC_ARN = "TOPIC_ARN"
    CHAT_TOPIC_ARNS = "CHAT_TOPIC_ARNS"
    FALLBACK_TOPIC_ARN = "FALLBACK_TOPIC_ARN"
    RECEIPT_RETENTION_DAYS = "RECEIPT_RETENTION_DAYS"
    WRITER_ROLE_NAME = "WRITER_ROLE_NAME"


class OwnEvent(StrEnum):
    """Types of our own events: their `detail-type`."""

    SCHEDULE = "Schedule"
    INITIAL_SYNC = "Initial Sync"
    OPERATOR = "Operator"
    PENDING = "Pending Request"
    NOT_READY = "Accounts Not Ready"

    @staticmethod
    def source() -> str:
        """Return the `source` of all of them."""
        return EVENT_SOURCE

    def document(self, detail: Mapping[str, Any]) -> dict[str, Any]:
        """Return an event of this type, as the state machine's input."""
        return {"source": EVENT_SOURCE, "detail-type": str(self), "detail": detail}


class PlanResult(StrEnum):
    """Results of `plan`, by which the state machine chooses."""

    PROCESS = "process"
    REPORT = "report"
    MERGED = "merged"
    REFUSED = "refused"


class InitialSyncStatus(StrEnum):
    """Outcomes of an initial sync, besides a run's own `completed` and `failed`.

    `partial` is a completed run in which accounts failed; `started` was not waited for; `handed_over` goes on
    without CloudFormation, whose hour was over; `paused` and `unchanged` started none.
    """

    RUNNING = "running"
    PARTIAL = "partial"
    STARTED = "started"
    UNCHANGED = "unchanged"
    HANDED_OVER = "handed_over"
    PAUSED = "paused"


class FailOn(StrEnum):
    """End of the initial sync that fails the deployment: a failed run, or a severity and above."""

    NEVER = "never"
    """No end of the initial sync fails the deployment."""
    FAILED = "failed"
    """A run that did not do what it was asked to fails the deployment."""
    HIGH = "high"
    """A failed run, and a run of high severity, fail the deployment."""
    MEDIUM = "medium"
    """A failed run, and a run of medium or high severity, fail the deployment."""


class OnSourceDelete(StrEnum):
    """Treatment of the members' own contact of a kind that the source account does not have."""

    IGNORE = "ignore"
    """The members' own contacts stay as they are."""
    PROPAGATE = "propagate"
    """The contact is deleted in the members too; the primary contact never is."""
    ALERT = "alert"
    """The members' own contacts stay as they are, and the run reports a configuration error."""


class Operation(StrEnum):
    """Calls that a run paces, each with a quota (and so a token bucket) of its own."""

    GET_PRIMARY = "GetContactInformation"
    PUT_PRIMARY = "PutContactInformation"
    GET_ALTERNATE = "GetAlternateContact"
    PUT_ALTERNATE = "PutAlternateContact"
    DELETE_ALTERNATE = "DeleteAlternateContact"
    LIST_TAGS = "ListTagsForResource"
    DESCRIBE_ACCOUNT = "DescribeAccount"

    @classmethod
    def get(cls, kind: Kind) -> "Operation":
        """Return the call that reads a kind."""
        return cls.GET_PRIMARY if kind is Kind.PRIMARY else cls.GET_ALTERNATE

    @classmethod
    def put(cls, kind: Kind) -> "Operation":
        """Return the call that writes a kind."""
        return cls.PUT_PRIMARY if kind is Kind.PRIMARY else cls.PUT_ALTERNATE


@dataclass(frozen=True)
class ContactCall:
    """A call by which a contact changes, as CloudTrail records it.

    The event rules, the parser and the fields that are passed on all follow from `ContactCall.by_name`.

    Attributes:
        event_source: the service's name in the event.
        kinds: what the call may change; which of them stands in a parameter, unless that is cut off or masked.
    """

    event_source: str
    kinds: frozenset[Kind]

    ACCOUNT_PARAMETERS: ClassVar = ("accountId", "AccountId")
    KIND_PARAMETERS: ClassVar = ("alternateContactType", "AlternateContactType")
    """Request parameters of these calls that say whose contact changed, and which.

    AWS's samples and a live report contradict each other about the casing in events, so both are expected.
    """

    @staticmethod
    def by_name() -> Mapping[str, "ContactCall"]:
        """Return every call that changes a contact, by its name in events."""
        return _CONTACT_CALLS


_ACCOUNT_API, _CONSOLE = "account.amazonaws.com", "billingconsole.amazonaws.com"

_CONTACT_CALLS: Mapping[str, ContactCall] = {
    Operation.PUT_PRIMARY: ContactCall(_ACCOUNT_API, frozenset({Kind.PRIMARY})),
    Operation.PUT_ALTERNATE: ContactCall(_ACCOUNT_API, ALTERNATES),
    Operation.DELETE_ALTERNATE: ContactCall(_ACCOUNT_API, ALTERNATES),
    # The billing console's names for the same edits.
    "SetContactAddress": ContactCall(_CONSOLE, frozenset({Kind.PRIMARY})),
    "SetAdditionalContacts": ContactCall(_CONSOLE, ALTERNATES),
}


class OrganizationCall(StrEnum):
    """A call of AWS Organizations that changes what accounts should hold: where they stand, how they are tagged.

    A unit's name or end changes what the paths of `excluded_units` mean. Event rule, parser and the fields that are
    passed on all follow from this list.
    """

    MOVE = "MoveAccount"
    TAG = "TagResource"
    UNTAG = "UntagResource"
    CREATE_UNIT = "CreateOrganizationalUnit"
    RENAME_UNIT = "UpdateOrganizationalUnit"
    DELETE_UNIT = "DeleteOrganizationalUnit"

    @staticmethod
    def joined() -> tuple[str, ...]:
        """Return the names of the event of an account that joined, in the two forms of its kind.

        It is no call, and which of them AWS sends is not known.
        """
        return ("AccountJoinedOrganization", "Account Joined Organization")

    @property
    def subject(self) -> tuple[str, ...]:
        """Return the request parameter that names the account or other resource, in both casings; none of a unit's."""
        if self is OrganizationCall.MOVE:
            return ContactCall.ACCOUNT_PARAMETERS
        return ("resourceId", "ResourceId") if self in (OrganizationCall.TAG, OrganizationCall.UNTAG) else ()


class Metric(StrEnum):
    """Custom metrics under `shared.names.METRIC_NAMESPACE`."""

    TRIGGERS = "Triggers"
    HEARTBEAT = "Heartbeat"
    RUNS = "Runs"
    RUNS_FAILED = "RunsFailed"
    TRIGGERS_REFUSED = "TriggersRefused"
    TRIGGERS_MERGED = "TriggersMerged"
    ACCOUNTS_IN_SYNC = "AccountsInSync"
    ACCOUNTS_FAILED = "AccountsFailed"
    WRITES = "Writes"
    THROTTLES = "Throttles"
    RUN_SECONDS = "RunSeconds"
    TRIGGER_TO_FIRST_WRITE_SECONDS = "TriggerToFirstWriteSeconds"
    NOTIFICATIONS_FAILED = "NotificationsFailed"
    SEVERITY_HIGH = "SeverityHigh"
    SEVERITY_MEDIUM = "SeverityMedium"
    SEVERITY_LOW = "SeverityLow"


class Cause(StrEnum):
    """Reasons for which a run is asked for."""

    DEPLOY = "deploy"
    SOURCE_CHANGED = "source_changed"
    ACCOUNT_CREATED = "account_created"
    ACCOUNT_JOINED = "account_joined"
    ACCOUNT_CHANGED = "account_changed"
    MEMBER_CHANGED = "member_changed"
    SCHEDULE = "schedule"
    OPERATOR = "operator"


RUNS = "runs/"
"""Beginning of the run bucket's keys of batches and reports, which expire."""

CONFIGURATIONS = "configurations/"
"""Beginning of the run bucket's keys of configurations, which a stack or a rollback may name: they never expire."""

CONFIGURATION_OBJECT = f"{CONFIGURATIONS}{SYSTEM}.json"
"""Key of the configuration that a deployment hands over. Every content is a version of it, and none is ever changed."""


def manifest_key(run_id: str, attempt: int = 1) -> str:
    """Return the run bucket's key of a run's list of batches: JSON `[{"run_id": ..., "batch": 0}, ...]`.

    Each plan that was asked for the run has keys of its own, so that none writes over the batches of another.
    """
    return f"{_planned_below(run_id, attempt)}/batches.json"


def batch_key(run_id: str, batch: int, attempt: int = 1) -> str:
    """Return the run bucket's key of one batch: JSON `[{"account": id, "kinds": [...], "deletions": [...]}, ...]`."""
    return f"{_planned_below(run_id, attempt)}/batches/{batch:05d}.json"


def skipped_key(run_id: str, attempt: int = 1) -> str:
    """Return the run bucket's key of the receipts that a run's plan decided: JSON, one object a receipt."""
    return f"{_planned_below(run_id, attempt)}/batches/skipped.json"


def _planned_below(run_id: str, attempt: int) -> str:
    return f"{RUNS}{run_id}" if attempt == 1 else f"{RUNS}{run_id}/{attempt}"


def report_key(run_id: str) -> str:
    """Return the run bucket's key of a run's report: JSON lines, the header first, then one receipt a line."""
    return f"{RUNS}{run_id}/report.jsonl"


def discovery_parameter(prefix: str) -> str:
    """Return the name of the one SSM parameter by which the command finds a system, `prefix` being its names'."""
    return f"/orgsync/{SYSTEM}/{prefix}"
