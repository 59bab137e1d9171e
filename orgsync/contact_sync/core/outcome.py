"""Outcomes: a run's receipts, counted and folded to a status, a scenario and a severity (spec: notification
scenarios).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.errors import ConfigurationError, SyncReason
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.names import Kind
from orgsync.shared.errors import AccessDenied, Explanation, error_class, explain
from orgsync.shared.notification_settings import NotificationSettings, RunScenario, Severity

_ON_PURPOSE = frozenset[str]((SyncReason.EXCLUDED, SyncReason.NOT_ACTIVE, SyncReason.SOURCE_MISSING))
"""Codes of what the configuration or the organization wants skipped: nothing is left to do."""

_NOT_TO_COMPARE = _ON_PURPOSE | {SyncReason.NOT_A_MEMBER}
"""Codes of what was not to be compared at all."""

_LATER = frozenset[str]((SyncReason.HANDED_OVER, SyncReason.NOT_YET))
"""Codes of what another run does that is scheduled already."""


@dataclass
class RunSummary:
    """A run's receipts, counted as they stream by; of accounts only the ids are kept.

    Attributes:
        everyone: the run was asked for every account of the organization, not only for accounts by their ids.
        receipts: receipts by status.
        errors: receipts by code, failed and skipped; `failures`: the failed ones alone.
        call_errors: of the codes that follow from a failed call, receipts by the code of that call's error; what to
            do depends on it.
        compared: contacts that were compared with what they should hold, in sync or not.
        kinds: the kinds of the receipts of each code.
        accounts_of: ids by each code that one of their receipts has.
        excluded_accounts: ids by the exclusion that matches them (see `ContactSyncConfig.exclusions`); none for an
            exclusion that matches nobody.
        written: contacts that were written or deleted.
    """

    everyone: bool = False
    receipts: Counter[Status] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    call_errors: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    compared: int = 0
    kinds: dict[str, set[Kind]] = field(default_factory=lambda: defaultdict(set))
    failed_accounts: set[str] = field(default_factory=set)
    successful_accounts: set[str] = field(default_factory=set)
    accounts_of: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    excluded_accounts: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    written: int = 0
    first_write: str | None = None

    @classmethod
    def of(cls, receipts: Iterable[Receipt], *, everyone: bool = False, exclusions: Iterable[str] = ()) -> "RunSummary":
        """Count the receipts of a run that was asked for everyone, or for some accounts.

        Args:
            exclusions: every exclusion of the configuration, so that those that match nobody are known too.
        """
        summary = cls(everyone)
        summary.excluded_accounts.update({rule: set() for rule in exclusions})
        for receipt in receipts:
            summary.add(receipt)
        return summary

    def add(self, receipt: Receipt) -> None:
        """Count one more receipt."""
        self.receipts[receipt.status] += 1
        if receipt.error:
            self.errors[receipt.error] += 1
            self.kinds[receipt.error].add(receipt.kind)
            self.accounts_of[receipt.error].add(receipt.account)
            if receipt.call_error and receipt.error not in _LATER:
                self.call_errors[receipt.error][receipt.call_error] += 1
        differs = (receipt.differs or receipt.changed) and receipt.error not in _NOT_TO_COMPARE
        self.compared += bool(receipt.status is Status.SUCCESS or differs)
        if receipt.status is Status.FAILED:
            self.failed_accounts.add(receipt.account)
            self.failures[receipt.error or ""] += 1
        if receipt.status is Status.SUCCESS:
            self.successful_accounts.add(receipt.account)
        for rule in receipt.excluded_by:
            self.excluded_accounts[rule].add(receipt.account)
        if receipt.changed and receipt.status is Status.SUCCESS:
            self.written += 1
            self.first_write = min(self.first_write or receipt.at, receipt.at)

    def counts(self) -> dict[str, int]:
        """Return the number of receipts by status, every status named."""
        return {str(status): self.receipts[status] for status in Status}

    def accounts(self) -> set[str]:
        """Return the ids of all accounts that the run was about."""
        return self.tried_accounts().union(*self.accounts_of.values())

    def tried_accounts(self) -> set[str]:
        """Return the ids of the accounts of which at least one contact was compared, or could not be."""
        return self.successful_accounts | self.failed_accounts

    def in_sync_accounts(self) -> set[str]:
        """Return the ids of the accounts that are in sync in all that was compared."""
        return self.successful_accounts - self.failed_accounts

    def skipped_whole(self) -> dict[str, int]:
        """Return how many accounts were skipped with every kind, by code: each account counts once."""
        rest = self.accounts() - self.tried_accounts()
        found = Counter[str]()
        # What is still to do speaks first, of an account that was skipped for several reasons.
        for code in sorted(self.accounts_of, key=lambda code: (code in _ON_PURPOSE, code)):
            found[code] = len(rest & self.accounts_of[code])
            rest = rest - self.accounts_of[code]
        return {code: count for code, count in found.items() if count}

    def skipped_on_purpose(self) -> dict[str, int]:
        """Return how many accounts were skipped on purpose with every kind, by code."""
        return {code: count for code, count in self.skipped_whole().items() if code in _ON_PURPOSE}

    def all_done(self) -> bool:
        """Return whether something was compared, and everything that was asked for is in sync or skipped on purpose.

        Of an organization without members nothing is to be compared.
        """
        compared = self.receipts[Status.SUCCESS] > 0
        return not self.unfinished() and (compared or (self.everyone and not self.receipts))

    def to_compare(self) -> int:
        """Return the number of contacts that were to be compared.

        That is all but those that were skipped on purpose, and those of ids behind which there is no member.
        """
        return self.receipts.total() - sum(self.errors[code] for code in _NOT_TO_COMPARE)

    def unfinished(self) -> dict[str, int]:
        """Return the contacts by code that were asked for and are not known to be in sync, most of them first.

        What an open circuit kept back counts for what opened it, if that was met; what a run does that is scheduled
        already comes last. Of two codes that are equal the first is that of the lower name.
        """
        codes = {code: self.failures[code] if code in _ON_PURPOSE else count for code, count in self.errors.items()}
        weights, later = Counter(codes), _LATER - self.failures.keys()
        for cause, count in self.call_errors.get(SyncReason.CIRCUIT_OPEN, {}).items():
            if cause in codes:
                weights[cause] += count
                weights[SyncReason.CIRCUIT_OPEN] -= count
        ranked = sorted(filter(codes.get, codes), key=lambda code: (code in later, -weights[code], code))
        return {code: codes[code] for code in ranked}

    def main_cause(self) -> str | None:
        """Return the code by which most contacts are not known to be in sync, failed or skipped (see `unfinished`).

        Without any it is that of a contact that the source lacks, or of a whole organization that is skipped; else
        None.
        """
        unfinished = next(iter(self.unfinished()), None)
        if unfinished or not self.errors:
            return unfinished
        if self.nothing_compared:
            return SyncReason.NOTHING_COMPARED
        return SyncReason.SOURCE_MISSING if self.missing_at_source else None

    def explain(self, code: str) -> Explanation:
        """Return what a code of this run means, and what to do about it after the failed calls that it follows from."""
        found = explain(code)
        cause = next(iter(_ranked(self.call_errors.get(code, {}))), None)
        if cause is None or (code == SyncReason.EXCLUSION_UNKNOWN and cause == AccessDenied.__name__):
            return found
        return Explanation(found.meaning, explain(cause).remedy)

    @property
    def missing_at_source(self) -> set[Kind]:
        """Return the kinds that were skipped because the source has no such contact."""
        return self.kinds.get(SyncReason.SOURCE_MISSING, set())

    @property
    def nothing_compared(self) -> bool:
        """Return whether a whole organization was skipped on purpose, and not only for what the source lacks."""
        on_purpose = self.errors.keys() <= _ON_PURPOSE and not self.receipts[Status.SUCCESS]
        return self.everyone and on_purpose and bool(self.errors.keys() - {SyncReason.SOURCE_MISSING})

    @property
    def denied(self) -> bool:
        """Return whether AWS denied a call that was needed."""
        denied = AccessDenied.__name__
        return bool(self.errors[denied] or any(causes[denied] for causes in self.call_errors.values()))

    @property
    def circuit_opened(self) -> bool:
        """Return whether the run gave up early."""
        return self.errors[SyncReason.CIRCUIT_OPEN] > 0

    @property
    def everything_failed(self) -> bool:
        """Return whether every member account failed, of a run over all of them; skipped on purpose is no failure."""
        failed = self.receipts[Status.FAILED] - self.failures[SyncReason.NOT_A_MEMBER]
        failed += self.errors[SyncReason.CIRCUIT_OPEN]
        later = any(self.errors[code] for code in _LATER)
        return self.everyone and failed > 0 and self.receipts[Status.SUCCESS] == 0 and not later


def _ranked(codes: Mapping[str, int]) -> list[str]:
    """Return codes by how often they were met; of two that are equal the first by name."""
    return sorted(codes, key=lambda code: (-codes[code], code))


@dataclass(frozen=True)
class RunOutcome:
    """The outcome of a run.

    Attributes:
        status: `completed`, or `failed` when it did not do what it was asked to.
        scenario: one of the spec's six; None where none of them is true: it was asked for some accounts and had
            nothing to compare of them, or left some of them to a run that is scheduled already.
        severity: from the owner's notification_rules; None for a scenario that has no priority there.
        notify: whether anyone is notified.
    """

    status: str
    scenario: RunScenario | None
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
    if scenario is None:
        return RunOutcome(status, None, None, notify=False)
    severity = settings.user_notifications_config.notification_rules.severity(scenario)
    return RunOutcome(status, scenario, severity, _notify(scenario, status, summary, settings))


def _scenario(summary: RunSummary, error: str | None, config: ContactSyncConfig) -> tuple[RunScenario | None, str]:
    if error:
        return (RunScenario.CONFIGURATION_ERRORS if _owners(error) else RunScenario.SYSTEM_ERRORS), "failed"
    if summary.everything_failed:
        return RunScenario.COMPLETE_FAILURE, "failed"
    if summary.circuit_opened:
        # What was refused everywhere keeps nobody from what was not: only a run without any success did nothing.
        status = "completed" if summary.receipts[Status.SUCCESS] else "failed"
        return (RunScenario.PERMISSION_ERRORS if summary.denied else RunScenario.SYSTEM_ERRORS), status
    if summary.denied:
        return RunScenario.PERMISSION_ERRORS, "completed"
    if summary.errors[SyncReason.WORKER_DIED] or summary.errors[SyncReason.OUT_OF_TIME]:
        return RunScenario.SYSTEM_ERRORS, "completed"
    if any(not _owners(code) for code in summary.failures):
        return RunScenario.PARTIAL_FAILURE, "completed"
    compared = summary.receipts[Status.SUCCESS] > 0
    codes = set(summary.errors)
    missing = summary.missing_at_source and config.on_source_delete == "alert"
    if missing or any(_owners(code) for code in codes):
        return RunScenario.CONFIGURATION_ERRORS, "completed"
    if codes - _ON_PURPOSE - _LATER:
        return RunScenario.PARTIAL_FAILURE, "completed"
    if codes & _LATER:
        return None, "completed"
    if not compared and (codes or not summary.everyone):
        # Of a whole organization that is what its configuration should hardly mean; of an account, and of a contact
        # whose absence the owner ignores, it is what it says.
        return (RunScenario.CONFIGURATION_ERRORS if summary.nothing_compared else None), "completed"
    return RunScenario.SUCCESS_COMPLETION, "completed"


def _owners(code: str) -> bool:
    """Return whether a code is a mistake of the owner's configuration or source, or an id that is no member's."""
    mistakes = (SyncReason.SOURCE_UNWRITABLE, SyncReason.NOT_A_MEMBER)
    return code in mistakes or issubclass(error_class(code), ConfigurationError)


def _notify(scenario: RunScenario, status: str, summary: RunSummary, settings: NotificationSettings) -> bool:
    if scenario == RunScenario.SUCCESS_COMPLETION:
        return settings.notify_on_success
    # The threshold speaks of accounts that failed in a run that went on; a run that failed as
    # a whole, a call that was no longer made, or a source that lacks a contact, is not a matter of how many.
    if (
        status == "completed"
        and not summary.circuit_opened
        and 0 < len(summary.failed_accounts) < settings.failure_threshold
    ):
        return False
    return settings.notify_on_partial_failure if scenario == RunScenario.PARTIAL_FAILURE else settings.notify_on_failure
