"""Arguments and outputs of ContactSync, typed for every language.

`orgsync.contact_sync.config` and `orgsync.components.contact_sync.deployment` validate the two
documents; a test holds that keys, requiredness and closed sets are the same here and there.

No `from __future__ import annotations` here: Pulumi infers the package's schema from the annotations.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, NotRequired, TypedDict

from pydantic import BaseModel

from orgsync.components.contact_sync.deployment import Deployment, InitialSyncWait, LogLevel
from orgsync.components.shared.arguments import (
    PYTHON,
    Choice,
    Documents,
    LaterValues,
    OneOrMore,
    Spelling,
    Written,
    pairs,
)
from orgsync.components.shared.notification_arguments import NotificationOptions
from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.names import FailOn, Kind, OnSourceDelete
from orgsync.shared.notification_settings import RunScenario, Severity
from orgsync.shared.schedule import fires_again

PAST_ONLY = "names days of the past only, so it would never fire again: name later years, or * for every year"


class RetryOptions(TypedDict):
    """Retries of a temporary failure (5xx, network, conflict), for each account and contact type of a run. With those
    of `verify_config`, their delays add up to 840 seconds at most."""

    max_attempts: NotRequired[int]
    """Number of retries."""
    base_delay: NotRequired[float]
    """Seconds before the first retry; they double with each further one."""
    fresh_permissions: NotRequired[float]
    """Seconds after the start of a first deployment in which a refusal is asked again, because permissions may not be
    in force yet: 0 to 300; by default 120."""
    max_delay: NotRequired[float]
    """Seconds before a retry at most; not less than `base_delay`."""


class VerifyOptions(TypedDict):
    """Verification of a write: AWS is asked until it answers with what was written."""

    delay: NotRequired[float]
    """Seconds before the first look; they double with each further one."""
    max_attempts: NotRequired[int]
    """Number of looks."""


class NewAccountsOptions(TypedDict):
    """Accounts that were just created or have joined: AWS refuses calls about them for some minutes."""

    settle: NotRequired[int]
    """Seconds after its creation in which no run touches a new account."""
    patience: NotRequired[int]
    """Seconds after its creation in which AWS's refusal means "not yet", and is tried again every minute."""


class PaceOptions(TypedDict):
    """Pace of one operation."""

    rate: float
    """Calls per second."""
    burst: float
    """Calls that may come at once."""


class PacingOptions(TypedDict):
    """Pace of the calls. An operation that is not named keeps to AWS's published quota."""

    explore: NotRequired[bool]
    """True if calls may come faster than that as long as AWS throttles none; at the first that it throttles they fall
    back."""
    GetContactInformation: NotRequired[PaceOptions]
    """Pace of reading primary contacts."""
    PutContactInformation: NotRequired[PaceOptions]
    """Pace of writing primary contacts."""
    GetAlternateContact: NotRequired[PaceOptions]
    """Pace of reading alternate contacts."""
    PutAlternateContact: NotRequired[PaceOptions]
    """Pace of writing alternate contacts."""
    DeleteAlternateContact: NotRequired[PaceOptions]
    """Pace of deleting alternate contacts."""
    ListTagsForResource: NotRequired[PaceOptions]
    """Pace of looking up tags, where `excluded_tags` asks for them."""
    DescribeAccount: NotRequired[PaceOptions]
    """Pace of looking up accounts that refuse."""


class ContactSyncOptions(TypedDict):
    """Decisions of an owner about contacts."""

    contact_types: NotRequired[Sequence[Choice[Kind]]]
    """Contact types that are kept in sync."""
    excluded_accounts: NotRequired[Sequence[str]]
    """Ids of accounts that are never written."""
    excluded_units: NotRequired[Sequence[str]]
    """Organizational units whose accounts, at any depth, are never written: paths of names such as
    `/Workloads/Sandbox`, or ids such as `ou-ab12-34cd56ef`."""
    excluded_tags: NotRequired[Mapping[str, OneOrMore]]
    """Tags whose accounts are never written: the tag's key, and its values."""
    on_source_delete: NotRequired[Choice[OnSourceDelete]]
    """Treatment of the members' own alternate contact where the source account has none of that type."""
    retry_config: NotRequired[RetryOptions]
    """Retries of temporary failures."""
    verify_config: NotRequired[VerifyOptions]
    """Verification of writes."""
    new_accounts: NotRequired[NewAccountsOptions]
    """Patience with new accounts."""
    pacing: NotRequired[PacingOptions]
    """Pace by operation, where AWS has granted another quota than its usual one."""
    schedule: NotRequired[str]
    """Schedule of the comparison of all accounts, which finds what no event reported: `rate(...)` or `cron(...)` of
    EventBridge Scheduler, in UTC."""
    notification_settings: NotRequired[NotificationOptions]
    """People who are notified of runs, and the runs of which they are notified."""
    paused: NotRequired[bool]
    """True if no run may start, whatever asks for one."""


class MemoryOptions(TypedDict):
    """Memory of the functions, in megabytes; the share of a processor grows with it."""

    plan: NotRequired[int]
    """Memory of the function that plans a run."""
    process: NotRequired[int]
    """Memory of the function that compares and writes accounts."""
    report: NotRequired[int]
    """Memory of the function that reports a run."""
    initial_sync: NotRequired[int]
    """Memory of the function that answers CloudFormation for the initial sync."""


class InitialSyncOptions(TypedDict):
    """Waiting of a deployment for the initial sync, the run that follows a change of what accounts should hold."""

    wait: NotRequired[Choice[InitialSyncWait]]
    """Moment of the run that the deployment waits for."""
    fail_on: NotRequired[Choice[FailOn]]
    """End of the run that fails the deployment."""


class DeploymentOptions(TypedDict):
    """Running of one stack: logs, retention, protection, memory and the events that it listens to."""

    log_level: NotRequired[Choice[LogLevel]]
    """Least level of the log lines that functions write."""
    log_retention_days: NotRequired[int]
    """Days for which logs are kept; one of the numbers that CloudWatch Logs takes: 1, 3, 5, 7, 14, 30, 60, 90, 120,
    150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653."""
    receipt_retention_days: NotRequired[int]
    """Days for which receipts and reports of runs are kept."""
    tracing: NotRequired[bool]
    """True if functions and state machine are traced with AWS X-Ray."""
    point_in_time_recovery: NotRequired[bool]
    """True if the tables are backed up continuously."""
    protect: NotRequired[bool]
    """True if tables, buckets and keys are protected from deletion."""
    trail: NotRequired[bool]
    """True if the stack makes a CloudTrail trail of its own, for an organization that has none. Without a trail there
    are no events of changes."""
    memory: NotRequired[MemoryOptions]
    """Memory of the functions."""
    initial_sync: NotRequired[InitialSyncOptions]
    """Waiting of a deployment for the initial sync."""
    member_events: NotRequired[bool]
    """True if members' own changes are forwarded by a StackSet, which needs trusted access of CloudFormation; without
    them the schedule finds such changes."""
    member_units: NotRequired[Sequence[str]]
    """Ids of the organizational units whose members' changes are forwarded; every member's if none is given."""
    throttles_tolerated: NotRequired[int]
    """Number of throttled calls in a quarter of an hour above which an alarm rises."""


class ContactSyncArgs(TypedDict):
    """Arguments of ContactSync; with none of them it deploys something safe."""

    contact_sync: NotRequired[ContactSyncOptions]
    """Decisions about contacts: which are kept in sync, in which accounts, when, how fast, and who is notified. A key
    that is none of these is refused at preview."""
    deployment: NotRequired[DeploymentOptions]
    """Running of this stack: logs, retention, protection, memory, and the events that it listens to. A key that is
    none of these is refused at preview."""


class InitialSyncOutcome(StrEnum):
    """Outcome of the initial sync, as far as the deployment saw it."""

    COMPLETED = "completed"
    """The run ended, and no account failed."""
    PARTIAL = "partial"
    """The run ended, and some accounts failed."""
    FAILED = "failed"
    """The run did not do what it was asked to, and `fail_on: never` let the deployment go on."""
    STARTED = "started"
    """The run was not waited for."""
    HANDED_OVER = "handed_over"
    """The run goes on without the deployment: the organization is too large for CloudFormation's hour."""
    PAUSED = "paused"
    """There was no run: `paused` is set."""
    UNCHANGED = "unchanged"
    """There was no run: nothing has changed of what accounts should hold."""


class InitialSyncResult(TypedDict):
    """Result of the last initial sync."""

    status: InitialSyncOutcome
    """Outcome of the run."""
    succeeded: int
    """Number of accounts and contact types that are in sync."""
    skipped: int
    """Number of accounts and contact types that were skipped."""
    failed: int
    """Number of accounts and contact types that failed."""
    run_id: NotRequired[str]
    """Id of the run, as `orgsync status` takes it; absent where there was none."""
    scenario: NotRequired[RunScenario]
    """Scenario in which the run ended; absent where its end was not seen."""
    severity: NotRequired[Severity]
    """Severity of the run; absent where its end was not seen, or its scenario has none."""
    error: NotRequired[str]
    """Class of the error that ended the run; absent where none did."""


@dataclass(frozen=True)
class Settings:
    """Validated arguments.

    Attributes:
        document: what a run may know of `contact_sync`: without values that are known later, and without passwords.
        later: values that are known only once something is made.
    """

    config: ContactSyncConfig
    deployment: Deployment
    document: dict[str, Any]
    later: LaterValues


def written(spelling: Spelling = PYTHON) -> Written:
    """Return how the arguments are written: as a Python program that imports the component does, unless said."""
    return Written(ContactSyncArgs, spelling)


def validators() -> list[tuple[type, type[BaseModel]]]:
    """Return each typed dictionary with the model that validates it."""
    return [*pairs(ContactSyncOptions, ContactSyncConfig), *pairs(DeploymentOptions, Deployment)]


def settings(given: Mapping[str, Any] | None, spelling: Spelling = PYTHON, today: date = date.min) -> Settings:
    """Validate the arguments.

    Args:
        today: day from which on the schedule must fire.

    Raises:
        ArgumentsRefused: with a line for each mistake, in the caller's spelling.
    """
    documents = Documents(written(spelling), given)
    config, deployment = _validated(documents, today)
    return Settings(config, deployment, documents.without_destinations("contact_sync"), documents.later)


def checked(given: Mapping[str, Any] | None, spelling: Spelling) -> dict[str, Any]:
    """Return valid arguments in the component's own keys.

    Raises:
        ArgumentsRefused: with a line for each mistake, in the caller's spelling.
    """
    documents = Documents(written(spelling), given)
    _validated(documents)
    return documents.given()


def _validated(documents: Documents, today: date = date.min) -> tuple[ContactSyncConfig, Deployment]:
    config = documents.validate(ContactSyncConfig, "contact_sync")
    if config and not fires_again(config.schedule, today):
        documents.refuse(("contact_sync", "schedule"), PAST_ONLY)
    deployment = documents.validate(Deployment, "deployment")
    documents.check()
    assert config
    assert deployment
    return config, deployment


def result(outputs: Mapping[str, str]) -> InitialSyncResult:
    """Return the result that the custom resource's attributes stand for; it writes `none` for what there is not."""
    known = {name: value for name, value in outputs.items() if value not in ("", "none")}
    found: InitialSyncResult = {
        "status": InitialSyncOutcome(known.get("Status", InitialSyncOutcome.UNCHANGED)),
        "succeeded": int(known.get("Succeeded", 0)),
        "skipped": int(known.get("Skipped", 0)),
        "failed": int(known.get("Failed", 0)),
    }
    if "RunId" in known:
        found["run_id"] = known["RunId"]
    if "Scenario" in known:
        found["scenario"] = RunScenario(known["Scenario"])
    if "Severity" in known:
        found["severity"] = Severity(known["Severity"])
    if "Error" in known:
        found["error"] = known["Error"]
    return found
