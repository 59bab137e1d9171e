"""Outcomes: a run's receipts, counted and folded to a status, a scenario and a severity (spec: notification
scenarios).
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.errors import (
    CircuitOpen,
    ConfigurationError,
    Excluded,
    NotActive,
    SourceMissing,
    SourceUnwritable,
    WorkerDied,
)
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.names import Kind
from orgsync.shared.errors import AccessDenied, error_class
from orgsync.shared.notification_settings import NotificationSettings, RunScenario, Severity


@dataclass
class RunSummary:
    """A run's receipts, counted as they stream by; of accounts only the ids are kept."""

    receipts: Counter[Status] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    failed_accounts: set[str] = field(default_factory=set)
    successful_accounts: set[str] = field(default_factory=set)
    written: int = 0
    first_write: str | None = None
    missing_at_source: set[Kind] = field(default_factory=set)

    @classmethod
    def of(cls, receipts: Iterable[Receipt]) -> "RunSummary":
        """Count receipts."""
        summary = cls()
        for receipt in receipts:
            summary.add(receipt)
        return summary

    def add(self, receipt: Receipt) -> None:
        """Count one more receipt."""
        self.receipts[receipt.status] += 1
        if receipt.error:
            self.errors[receipt.error] += 1
        if receipt.status is Status.FAILED:
            self.failed_accounts.add(receipt.account)
        if receipt.status is Status.SUCCESS:
            self.successful_accounts.add(receipt.account)
        if receipt.error == SourceMissing.__name__:
            self.missing_at_source.add(receipt.kind)
        if receipt.changed and receipt.status is Status.SUCCESS:
            self.written += 1
            self.first_write = min(self.first_write or receipt.at, receipt.at)

    def counts(self) -> dict[str, int]:
        """Return the number of receipts by status, every status named."""
        return {str(status): self.receipts[status] for status in Status}

    def in_sync_accounts(self) -> set[str]:
        """Return the ids of the accounts that are in sync in all that was compared."""
        return self.successful_accounts - self.failed_accounts

    @property
    def circuit_opened(self) -> bool:
        """Return whether the run gave up early."""
        return self.errors[CircuitOpen.__name__] > 0

    @property
    def nothing_succeeded(self) -> bool:
        """Return whether there was something to do and none of it was done."""
        skips = (Excluded, NotActive, SourceMissing, SourceUnwritable)
        skipped = sum(self.errors[skip.__name__] for skip in skips)
        tried = self.receipts.total() - skipped
        return tried > 0 and self.receipts[Status.SUCCESS] == 0


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
    missing = bool(summary.missing_at_source) and config.on_source_delete == "alert"
    if missing or summary.errors[SourceUnwritable.__name__]:
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
