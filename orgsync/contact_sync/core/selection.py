"""Selection: which accounts and kinds a run works on, and which it skips and why."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.accounts import Account, Target
from orgsync.contact_sync.core.errors import (
    Excluded,
    NotActive,
    NotAMember,
    OrganizationUnreadable,
    RunError,
    Skip,
    SourceMissing,
    SourceUnwritable,
)
from orgsync.contact_sync.core.protocols import Contacts, Organization
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.core.source import Source
from orgsync.contact_sync.names import Kind
from orgsync.shared.clock import Clock
from orgsync.shared.errors import OrgsyncError
from orgsync.shared.rate_limiter import RateLimiter


@dataclass(frozen=True)
class Selection:
    """Every account of a run: to compare, or not, with the reason for each account and kind.

    Attributes:
        skipped: why an account and kind is not compared: left alone on purpose, or it cannot be done.
        exclusions: how many accounts each excluded unit and id covers, where every account was listed.
        ended_by: why nothing is compared, where the run ends before any write.
    """

    targets: tuple[Target, ...]
    skipped: Mapping[tuple[str, Kind], type[OrgsyncError]]
    exclusions: Mapping[str, int] = field(default_factory=dict)
    ended_by: type[OrgsyncError] | None = None

    @classmethod
    def of(
        cls,
        request: Request,
        accounts: Iterable[Account],
        config: ContactSyncConfig,
        *,
        management: str,
        in_excluded_units: Mapping[str, Collection[str]],
        source: Source,
    ) -> "Selection":
        """Split the accounts that a request concerns.

        The management account is never a target; asked for by its id, it is said to be no member, as any other id
        that is none. Tags are looked up later, account by account, where they are paced (see `AccountSync`): an
        organization of 50,000 would not fit into one function's quarter of an hour.

        Args:
            accounts: the organization's accounts that the request may concern.
            in_excluded_units: ids of the accounts in each excluded unit or below.
        """
        listed = {account.id: account for account in accounts}
        below = frozenset[str]().union(*in_excluded_units.values())
        stopped: dict[Kind, type[OrgsyncError]] = {kind: type(error) for kind, error in source.unreadable.items()}
        stopped |= dict.fromkeys(source.flawed, SourceUnwritable)
        # Deleting is reading and writing like any other change; skipping needs neither.
        deletions = source.missing if config.on_source_delete == "propagate" else frozenset[Kind]()
        stopped |= dict.fromkeys(source.missing - deletions, SourceMissing)
        targets: list[Target] = []
        skipped: dict[tuple[str, Kind], type[OrgsyncError]] = {}
        for named, asked in request.accounts.items():
            if named not in listed or named == management:
                skipped |= {(named, kind): NotAMember for kind in asked}
        for account in listed.values():
            kinds = sorted(request.kinds_for(account.id))
            if account.id == management or not kinds:
                continue
            reason = _skip_reason(account, config, below)
            skipped |= {(account.id, kind): reason or stopped[kind] for kind in kinds if reason or kind in stopped}
            rest = () if reason else tuple(kind for kind in kinds if kind not in stopped)
            if rest:
                targets.append(Target(account.id, rest, deletions & frozenset(rest)))
        return cls(tuple(targets), skipped, _coverage(listed, config, in_excluded_units) if request.everyone else {})

    def given_up(self, reason: type[OrgsyncError]) -> "Selection":
        """Return the same accounts with nothing to compare: the run ends before any write."""
        rest = {(target.account, kind): reason for target in self.targets for kind in target.kinds}
        of_run = dict.fromkeys(self.skipped, reason)
        kept = {pair: why for pair, why in self.skipped.items() if issubclass(why, Skip | NotAMember)}
        return Selection((), {**of_run, **kept, **rest}, self.exclusions, reason)

    def receipts(self, at: str) -> list[Receipt]:
        """Return the receipts of all that is not compared: failed where it should have been.

        What ends a run before any write is the run's own error: its accounts are skipped.
        """
        return [
            Receipt(
                account,
                kind,
                Status.SKIPPED if issubclass(reason, Skip) or reason is self.ended_by else Status.FAILED,
                at,
                error=reason.__name__,
            )
            for (account, kind), reason in self.skipped.items()
        ]

    def batches(self, size: int, run_id: str, first: Collection[str] = ()) -> list[tuple[Target, ...]]:
        """Cut the targets into batches of at most `size` accounts, each a range of ids, in the order of work.

        The order is drawn from the run's id, so that no account is last in every run.

        Args:
            first: ids of accounts whose batches come before all others.
        """
        ordered = sorted(self.targets, key=lambda target: target.account)
        draw = Random(run_id)
        batches: list[tuple[Target, ...]] = []
        for group in (
            [target for target in ordered if target.account in first],
            [target for target in ordered if target.account not in first],
        ):
            cut = [tuple(group[start : start + size]) for start in range(0, len(group), size)]
            batches += draw.sample(cut, len(cut))
        return batches


def _skip_reason(account: Account, config: ContactSyncConfig, below: Collection[str]) -> type[Skip] | None:
    if account.id in config.excluded_accounts or account.id in below:
        return Excluded
    return None if account.active else NotActive


def _coverage(
    listed: Collection[str], config: ContactSyncConfig, in_excluded_units: Mapping[str, Collection[str]]
) -> dict[str, int]:
    units = {unit: len(set(below).intersection(listed)) for unit, below in in_excluded_units.items()}
    return units | {account: int(account in listed) for account in config.excluded_accounts}


async def gather(
    request: Request,
    config: ContactSyncConfig,
    *,
    management: str,
    contacts: Contacts,
    organization: Organization,
    limiter: RateLimiter,
    clock: Clock,
    given_up: RunError | None = None,
) -> tuple[Source, Selection, RunError | None]:
    """List the accounts that a request is about, read the source, and select. Nothing is recorded here.

    Args:
        given_up: why the run can write nothing; the accounts are listed all the same.

    Returns:
        The source, what becomes of every account, and why the run ends before any write, if it does: no kind of the
        source can be read, or what is excluded is unknown. Then no account is compared.

    Raises:
        RunError: the accounts cannot be listed.
    """
    accounts = _requested_accounts(request, organization, management)
    below: Mapping[str, Collection[str]] = {}
    source, error = Source(), given_up
    try:
        if error is None:
            named = () if request.everyone else request.accounts
            below = organization.accounts_below(config.excluded_units, named)
            source = await Source.read(
                request.kinds(), contacts, config, limiter, clock, changed_at=request.source_changed_at
            )
            if source.unreadable.keys() >= request.kinds():
                failures = [*source.unreadable.values()]
                error = type(failures[0])("; ".join(map(str, failures)))
    except RunError as found:
        error = found
    selection = Selection.of(request, accounts, config, management=management, in_excluded_units=below, source=source)
    return source, selection.given_up(type(error)) if error else selection, error


def _requested_accounts(request: Request, organization: Organization, management: str) -> Sequence[Account]:
    """Return the accounts that a request is about, those among the named ones that are no members left out.

    Raises:
        OrganizationUnreadable: the listing cannot be whole, because every organization has its management account.
    """
    if not request.everyone:
        return [found for account in request.accounts if (found := organization.account(account))]
    listed = list(organization.accounts())
    if not any(account.id == management for account in listed):
        raise OrganizationUnreadable("ListAccounts: the listing lacks the management account")
    return listed
