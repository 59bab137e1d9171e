"""Outcomes: a run's summary folded to a status, a scenario and a severity (spec: notification scenarios)."""

from dataclasses import dataclass

from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.errors import ConfigurationError, WorkerDied
from orgsync.contact_sync.core.receipts import RunSummary, Status
from orgsync.shared.errors import AccessDenied, error_class
from orgsync.shared.notification_settings import NotificationSettings, RunScenario, Severity


@dataclass(frozen=True)
class RunOutcome:
    """The outcome of a run.

    Attributes:
        status: `completed`, or `failed` when it did not do what it was asked to.
        scenario: one of the spec's six.
        severity: from the owner's notification_rules; None for a scenario that has no priority there.
        notify: whether anyone is notified.
    """

    status: str
    scenario: RunScenario
    severity: Severity | None
    notify: bool

    @property
    def severity_name(self) -> str:
        """Return the severity as headers, outputs and messages write it: `none` where there is none."""
        return str(self.severity or "none")


def classify(summary: RunSummary, error: str | None, config: ContactSyncConfig) -> RunOutcome:
    """Fold a run into one outcome.

    Args:
        error: code of what ended the run before or besides its accounts, or None.
    """
    settings = config.notification_settings
    scenario, status = _scenario(summary, error, config)
    severity = settings.user_notifications_config.notification_rules.severity(scenario)
    return RunOutcome(status, scenario, severity, _notify(scenario, status, summary, settings))


def _scenario(summary: RunSummary, error: str | None, config: ContactSyncConfig) -> tuple[RunScenario, str]:
    if error:
        ours = issubclass(error_class(error), ConfigurationError)
        return (RunScenario.CONFIGURATION_ERRORS if ours else RunScenario.SYSTEM_ERRORS), "failed"
    if summary.nothing_succeeded:
        return RunScenario.COMPLETE_FAILURE, "failed"
    denied = summary.errors[AccessDenied.__name__] > 0
    if summary.circuit_opened:
        return (RunScenario.PERMISSION_ERRORS if denied else RunScenario.SYSTEM_ERRORS), "failed"
    if denied:
        return RunScenario.PERMISSION_ERRORS, "completed"
    if summary.errors[WorkerDied.__name__]:
        return RunScenario.SYSTEM_ERRORS, "completed"
    if summary.receipts[Status.FAILED]:
        return RunScenario.PARTIAL_FAILURE, "completed"
    if summary.missing_at_source and config.on_source_delete == "alert":
        return RunScenario.CONFIGURATION_ERRORS, "completed"
    return RunScenario.SUCCESS_COMPLETION, "completed"


def _notify(scenario: RunScenario, status: str, summary: RunSummary, settings: NotificationSettings) -> bool:
    if scenario == RunScenario.SUCCESS_COMPLETION:
        return settings.notify_on_success
    # The threshold speaks of accounts that failed in a run that went on; a run that failed as
    # a whole, or a source that lacks a contact, is not a matter of how many.
    if status == "completed" and 0 < len(summary.failed_accounts) < settings.failure_threshold:
        return False
    return settings.notify_on_partial_failure if scenario == RunScenario.PARTIAL_FAILURE else settings.notify_on_failure
