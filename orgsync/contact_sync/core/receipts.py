"""Receipts: the outcome of one account and kind in one run."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

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
        differs: the contact was compared and differs, and is not known to be in sync since.
        call_error: code of the failed call that `error` follows from, where `error` is not that code itself.
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
    differs: bool = False
    call_error: str | None = None

    @property
    def why(self) -> str:
        """Return `error` and the error of the call that it follows from, as tables show them."""
        return f"{self.error} ({self.call_error})" if self.call_error else str(self.error or "")

    def to_json(self) -> dict[str, Any]:
        """Return the receipt as a JSON document."""
        return {
            name: list(value) if isinstance(value, tuple) else str(value) if isinstance(value, StrEnum) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Receipt | None":
        """Read back a receipt, whoever wrote it.

        Attributes that it lacks get their defaults, others are ignored. None where it is no receipt that this release
        can read, by another hand or of another release: the account and kind count as not done, and are done again.
        """
        try:
            return _reader().validate_python(document)
        except ValidationError:
            return None


@cache
def _reader() -> TypeAdapter[Receipt]:
    return TypeAdapter(Receipt)
