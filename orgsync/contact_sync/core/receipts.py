"""Receipts: the outcome of one account and kind in one run, and the summary of all of them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from orgsync.contact_sync.core.errors import (
    CircuitOpen,
    Excluded,
    NotActive,
    SourceMissing,
)
from orgsync.contact_sync.names import Kind


class Status(StrEnum):
    """Outcomes of one account and kind: in sync; could not be made so; skipped on purpose."""

    SUCCESS = "success"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Receipt:
    """The outcome of one account and kind in one run.

    Attributes:
        changed: fields that were written (or deleted), sorted; empty when it was in sync. Of a worker that died,
            those that it was about to write; of a dry run, those that differ.
        error: code of the error class for skipped and failed, else None.
        retries: how often a temporary failure was tried again.
        at: when, ISO 8601 in UTC.
    """

    account: str
    kind: Kind
    status: Status
    at: str
    changed: tuple[str, ...] = ()
    error: str | None = None
    retries: int = 0


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
        skipped = sum(self.errors[skip.__name__] for skip in (Excluded, NotActive, SourceMissing))
        tried = self.receipts.total() - skipped
        return tried > 0 and self.receipts[Status.SUCCESS] == 0
