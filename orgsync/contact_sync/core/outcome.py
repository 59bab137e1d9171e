"""A run's receipts → what happened, how grave it is, and who must hear (spec: notification scenarios)."""

from dataclasses import dataclass
from enum import StrEnum

from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.errors import (
    AccessDenied,
    ConfigurationError,
    WorkerDied,
    class_of,
)
from orgsync.contact_sync.core.receipts import Status, Tally
from orgsync.shared.notification_settings import NotificationSettings, Scenario


class Severity(StrEnum):
    """How grave a run's end is; `none` for a scenario that the owner gave no priority."""

    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True)
class Verdict:
    """The end of a run.

    Attributes:
        status: `completed`, or `failed` when it did not do what it was asked to.
        scenario: one of the spec's six.
        severity: from the owner's notification_rules.
        notify: whether anyone is told.
    """

    status: str
    scenario: Scenario
    severity: Severity
    notify: bool


def judge(tally: Tally, error: str | None, config: ContactSyncConfig) -> Verdict:
    """Fold a run into one verdict.

    Args:
        error: code of what ended the run before or besides its accounts, or None.
    """
    settings = config.notification_settings
    scenario, status = _scenario(tally, error, config)
    return Verdict(status, scenario, _severity(scenario, settings), _notify(scenario, status, tally, settings))


def _scenario(tally: Tally, error: str | None, config: ContactSyncConfig) -> tuple[Scenario, str]:
    if error:
        ours = issubclass(class_of(error), ConfigurationError)
        return ("configuration_errors" if ours else "system_errors"), "failed"
    if tally.nothing_succeeded:
        return "complete_failure", "failed"
    denied = tally.errors[AccessDenied.__name__] > 0
    if tally.circuit_opened:
        return ("permission_errors" if denied else "system_errors"), "failed"
    if denied:
        return "permission_errors", "completed"
    if tally.errors[WorkerDied.__name__]:
        return "system_errors", "completed"
    if tally.receipts[Status.FAILED]:
        return "partial_failure", "completed"
    if tally.missing_at_source and config.on_source_delete == "alert":
        return "configuration_errors", "completed"
    return "success_completion", "completed"


def _severity(scenario: Scenario, settings: NotificationSettings) -> Severity:
    rules = settings.user_notifications_config.notification_rules
    for severity, scenarios in (
        (Severity.HIGH, rules.high_priority),
        (Severity.MEDIUM, rules.medium_priority),
        (Severity.LOW, rules.low_priority),
    ):
        if scenario in scenarios:
            return severity
    return Severity.NONE


def _notify(scenario: Scenario, status: str, tally: Tally, settings: NotificationSettings) -> bool:
    if scenario == "success_completion":
        return settings.notify_on_success
    # The threshold speaks of accounts that failed in a run that went on; a run that failed as
    # a whole, or a source that lacks a contact, is not a matter of how many.
    if status == "completed" and 0 < len(tally.failed_accounts) < settings.failure_threshold:
        return False
    return settings.notify_on_partial_failure if scenario == "partial_failure" else settings.notify_on_failure
