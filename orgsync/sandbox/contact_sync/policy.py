"""The policy that a deployed configuration states for every account, decided independently of the product.

Nothing here is taken from the product: it is written a second time, and shorter, from the
contract, so that an error in deciding is not hidden by the same error in the check.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orgsync.sandbox.rehearsal.accounts import ListedAccount
from orgsync.sandbox.rehearsal.snapshot import Contacts, Fields

KINDS = ("primary", "billing", "operations", "security")


@dataclass(frozen=True)
class ContactPolicy:
    """`config` as it stands under `orgsync:contact_sync`, everything laid over it included."""

    config: Mapping[str, Any]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that are kept in sync."""
        wanted = self.config.get("contact_types", KINDS)
        return tuple(kind for kind in KINDS if kind in wanted)

    def skip_reason(self, member: ListedAccount) -> str | None:
        """Give the reason why nothing may be written to this account, or None."""
        if member.state != "ACTIVE":
            return f"is {member.state}"
        if member.id in self.config.get("excluded_accounts", ()):
            return "excluded by id"
        for unit in self.config.get("excluded_units", ()):
            if unit in member.unit_ids or member.path == unit or member.path.startswith(f"{unit}/"):
                return f"excluded with unit {unit}"
        for key, values in self.config.get("excluded_tags", {}).items():
            if member.tags.get(key) in ([values] if isinstance(values, str) else values):
                return f"excluded by tag {key}"
        return None

    def differences(self, members: list[ListedAccount], contacts: Contacts, management: str) -> set[tuple[str, str]]:
        """List account and kind of everything that is not as the policy wants it; empty when converged."""
        source = contacts[management]
        return {
            (member.id, kind)
            for member in members
            if self.skip_reason(member) is None
            for kind in self.kinds
            if not self._content(kind, source.get(kind), contacts[member.id].get(kind))
        }

    def _content(self, kind: str, source: Fields, found: Fields) -> bool:
        if source is not None:
            return found is not None and _normalized(found) == _normalized(source)
        propagate = kind != "primary" and self.config.get("on_source_delete", "alert") == "propagate"
        return found is None or not propagate


def _normalized(fields: Mapping[str, str]) -> dict[str, str]:
    """Leave out what makes no difference: white space around a value, and fields that hold nothing else."""
    return {name: value.strip() for name, value in fields.items() if value and value.strip()}
