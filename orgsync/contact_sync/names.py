"""What the declared cloud (`components`) and the running code call the same things.

Standard library only: it is imported by both sides and by every function at start.
"""

from enum import StrEnum

SYSTEM = "contact-sync"
"""The system's name: in resource names, tags and the path of its SSM parameter."""

METRIC_NAMESPACE = "orgsync"
"""The one custom-metric namespace (Powertools writes it, dashboard and alarms read it)."""

BELL_SOURCE = "orgsync"
"""`source` of the bells that are ours; AWS reserves `aws.*` for itself."""

CONFIG_KEY = "default"
"""Partition of the configuration table that holds contact sync's versions (spec: `config_key`)."""

BY_ACCOUNT_INDEX = "by_account"
"""State table: receipts by `account`, ordered by `at`."""

BY_DAY_INDEX = "by_day"
"""State table: run headers by `day` (UTC, YYYY-MM-DD), ordered by `started`."""


class Kind(StrEnum):
    """A kind of contact; the three alternates carry AWS's own names in lower case."""

    PRIMARY = "primary"
    BILLING = "billing"
    OPERATIONS = "operations"
    SECURITY = "security"


ALTERNATES = frozenset(Kind) - {Kind.PRIMARY}


class Entry(StrEnum):
    """Lambda handler strings, as `Function.handler` wants them."""

    PLAN = "orgsync.handlers.contact_sync.plan.handler"
    PROCESS = "orgsync.handlers.contact_sync.process.handler"
    REPORT = "orgsync.handlers.contact_sync.report.handler"
    DEPLOY = "orgsync.handlers.contact_sync.initial_sync.handler"


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


class Bell(StrEnum):
    """`detail-type` of our own bells (`source` is `BELL_SOURCE`)."""

    SCHEDULE = "Schedule"
    DEPLOY = "Deploy"
    OPERATOR = "Operator"
    PENDING = "Pending Request"


class Outcome(StrEnum):
    """What `plan` answers, and what the state machine chooses by."""

    PROCESS = "process"
    REPORT = "report"
    MERGED = "merged"
    REFUSED = "refused"


class DeployStatus(StrEnum):
    """What the deploy's own run came to, besides a run's own `completed` and `failed`.

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
    """Which end of the deploy's run fails the deployment: a failed run, or a severity and above."""

    NEVER = "never"
    FAILED = "failed"
    HIGH = "high"
    MEDIUM = "medium"


class Operation(StrEnum):
    """Account Management operations, each with a quota (and so a bucket) of its own."""

    GET_PRIMARY = "GetContactInformation"
    PUT_PRIMARY = "PutContactInformation"
    GET_ALTERNATE = "GetAlternateContact"
    PUT_ALTERNATE = "PutAlternateContact"
    DELETE_ALTERNATE = "DeleteAlternateContact"
    LIST_TAGS = "ListTagsForResource"


class Metric(StrEnum):
    """Custom metrics under `METRIC_NAMESPACE`."""

    BELLS = "Bells"
    RUNS = "Runs"
    RUNS_FAILED = "RunsFailed"
    BELLS_REFUSED = "BellsRefused"
    BELLS_MERGED = "BellsMerged"
    ACCOUNTS_IN_STEP = "AccountsInStep"
    ACCOUNTS_FAILED = "AccountsFailed"
    WRITES = "Writes"
    THROTTLES = "Throttles"
    RUN_SECONDS = "RunSeconds"
    BELL_TO_FIRST_WRITE_SECONDS = "BellToFirstWriteSeconds"
    NOTIFICATIONS_FAILED = "NotificationsFailed"
    SEVERITY_HIGH = "SeverityHigh"
    SEVERITY_MEDIUM = "SeverityMedium"
    SEVERITY_LOW = "SeverityLow"


class Cause(StrEnum):
    """Why a run was asked for."""

    DEPLOY = "deploy"
    SOURCE_CHANGED = "source_changed"
    ACCOUNT_CREATED = "account_created"
    ACCOUNT_JOINED = "account_joined"
    MEMBER_CHANGED = "member_changed"
    SCHEDULE = "schedule"
    OPERATOR = "operator"


def manifest_key(run_id: str) -> str:
    """Run bucket key of a run's list of batches: JSON `[{"run_id": ..., "batch": 0}, ...]`."""
    return f"runs/{run_id}/batches.json"


def batch_key(run_id: str, batch: int) -> str:
    """Run bucket key of one batch: JSON `[{"account": id, "kinds": [...]}, ...]`."""
    return f"runs/{run_id}/batches/{batch:05d}.json"


def report_key(run_id: str) -> str:
    """Run bucket key of a run's report: JSON lines, the header first, then one receipt a line."""
    return f"runs/{run_id}/report.jsonl"


def discovery_parameter(prefix: str) -> str:
    """Name of the one SSM parameter by which the command finds a deployed system; `prefix` is that of its names."""
    return f"/orgsync/{SYSTEM}/{prefix}"
