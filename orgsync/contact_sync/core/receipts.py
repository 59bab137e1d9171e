"""Receipts: the outcome of one account and kind in one run."""

from dataclasses import dataclass
from enum import StrEnum

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
        excluded_by: the rules of the configuration that exclude the account, as `ContactSyncConfig.exclusions` names
            them.
        at: when, ISO 8601 in UTC.
    """

    account: str
    kind: Kind
    status: Status
    at: str
    changed: tuple[str, ...] = ()
    error: str | None = None
    retries: int = 0
    excluded_by: tuple[str, ...] = ()
