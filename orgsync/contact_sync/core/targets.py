"""Which accounts a run concerns, and which it leaves alone and why."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.errors import (
    Excluded,
    NotActive,
    OrgsyncError,
    Skip,
    SourceMissing,
)
from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.names import Kind

ACTIVE = "ACTIVE"


@dataclass(frozen=True)
class Account:
    """An account of the organization; `state` is Organizations' own word (ACTIVE, SUSPENDED, …)."""

    id: str
    state: str


@dataclass(frozen=True)
class Target:
    """One account to bring into step, and the kinds to compare."""

    account: str
    kinds: tuple[Kind, ...]


@dataclass(frozen=True)
class Left:
    """One account and kind that the run leaves alone."""

    account: str
    kind: Kind
    why: type[OrgsyncError]


@dataclass(frozen=True)
class Selection:
    """Every account of a run: to work on, or left alone."""

    targets: tuple[Target, ...]
    left: tuple[Left, ...]


def select(
    request: Request,
    accounts: Iterable[Account],
    config: ContactSyncConfig,
    *,
    management: str,
    in_excluded_units: Collection[str],
    missing_at_source: Collection[Kind] = (),
) -> Selection:
    """Split the accounts that a request concerns.

    The management account is never in it, whatever it was asked for. Tags are looked up
    later, account by account, where they are paced (see `Worker`): an organization of
    50,000 would not fit into one function's quarter of an hour.

    Args:
        in_excluded_units: ids of the accounts below any excluded unit.
        missing_at_source: alternates that the source does not have.
    """
    targets: list[Target] = []
    left: list[Left] = []
    for account in accounts:
        kinds = sorted(request.kinds_for(account.id))
        if account.id == management or not kinds:
            continue
        why = _why_left(account, config, in_excluded_units)
        if why:
            left += [Left(account.id, kind, why) for kind in kinds]
            continue
        # Deleting is reading and writing like any other change; leaving alone needs neither.
        gone = set(missing_at_source) if config.on_source_delete != "propagate" else set()
        left += [Left(account.id, kind, SourceMissing) for kind in kinds if kind in gone]
        wanted = tuple(kind for kind in kinds if kind not in gone)
        if wanted:
            targets.append(Target(account.id, wanted))
    return Selection(tuple(targets), tuple(left))


def abandon(selection: Selection, why: type[OrgsyncError]) -> Selection:
    """The same accounts with nothing to work on: the run ends before any write."""
    given_up = [Left(target.account, kind, why) for target in selection.targets for kind in target.kinds]
    return Selection((), (*selection.left, *given_up))


def _why_left(account: Account, config: ContactSyncConfig, in_excluded_units: Collection[str]) -> type[Skip] | None:
    if account.id in config.excluded_accounts or account.id in in_excluded_units:
        return Excluded
    return None if account.state == ACTIVE else NotActive


def excluded_by_tag(tags: Mapping[str, str], excluded: Mapping[str, str | tuple[str, ...]]) -> bool:
    """Whether any tag of an account has an excluded value."""
    return any(tags.get(key) in ((values,) if isinstance(values, str) else values) for key, values in excluded.items())


def batches(targets: Iterable[Target], size: int) -> list[tuple[Target, ...]]:
    """Cut the targets, by account id, into batches of at most `size` accounts."""
    ordered = sorted(targets, key=lambda target: target.account)
    return [tuple(ordered[start : start + size]) for start in range(0, len(ordered), size)]
