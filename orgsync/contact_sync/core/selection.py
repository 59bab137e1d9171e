"""Selection: which accounts and kinds a run works on, and which it skips and why."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random

from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.accounts import Account, Target
from orgsync.contact_sync.core.errors import OrganizationUnreadable, RunError, SourceUnreadable, SyncReason
from orgsync.contact_sync.core.protocols import Contacts, Organization
from orgsync.contact_sync.core.receipts import Receipt, Status
from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.core.source import Source
from orgsync.contact_sync.names import Kind
from orgsync.shared.clock import Clock
from orgsync.shared.rate_limiter import RateLimiter


@dataclass(frozen=True)
class Selection:
    """Every account of a run: to compare, or not, with the reason for each account and kind.

    Attributes:
        skipped: the code for which an account and kind is not compared: skipped on purpose, or it cannot be done.
        excluded_by: the rules by which each account is excluded (see `ContactSyncConfig.exclusions`).
        joined: when each account was created or joined, or was first heard of as new, where that is known.
        ended_by: the code for which nothing is compared, where the run ends before any write.
    """

    targets: tuple[Target, ...]
    skipped: Mapping[tuple[str, Kind], str]
    excluded_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    joined: Mapping[str, str] = field(default_factory=dict)
    ended_by: str | None = None

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
        now: datetime,
    ) -> "Selection":
        """Split the accounts that a request concerns.

        The management account is never a target: asked for by its id, it is skipped as `NotAMember`, as any other id
        that is no member's. A new account is not touched before it has settled, whatever asks for it: it may be moved
        or tagged yet, and then be excluded. Tags are looked up later, account by account, where they are paced (see
        `AccountSync`): an organization of 50,000 would not fit into one function's quarter of an hour.

        Args:
            accounts: the organization's accounts that the request may concern.
            in_excluded_units: ids of the accounts in each excluded unit or below.
        """
        listed = {account.id: account for account in accounts}
        stopped: dict[Kind, str] = dict.fromkeys(source.unreadable, SourceUnreadable.__name__)
        stopped |= dict.fromkeys(source.flawed, SyncReason.SOURCE_UNWRITABLE)
        # Deleting is reading and writing like any other change; skipping needs neither.
        deletions = source.missing if config.on_source_delete == "propagate" else frozenset[Kind]()
        stopped |= dict.fromkeys(source.missing - deletions, SyncReason.SOURCE_MISSING)
        targets: list[Target] = []
        skipped: dict[tuple[str, Kind], str] = {}
        excluded_by: dict[str, tuple[str, ...]] = {}
        joined: dict[str, str] = {}
        patience = config.new_accounts.patience
        expected = {one for one, since in request.new_accounts.items() if _younger(since, now, patience)}
        # Merged with a request for everyone, an id is in `accounts` no more.
        asked = {**request.accounts, **{one: request.kinds_for(one) for one in sorted(request.named | expected)}}
        for named, wanted in asked.items():
            if named not in listed or named == management:
                skipped |= {(named, kind): SyncReason.NOT_A_MEMBER for kind in wanted}
        for account in listed.values():
            kinds = sorted(request.kinds_for(account.id))
            if account.id == management or not kinds:
                continue
            if heard := list(filter(None, (account.joined, request.new_accounts.get(account.id)))):
                joined[account.id] = min(heard)
            units = [unit for unit, below in in_excluded_units.items() if account.id in below]
            if rules := config.exclusions(account=account.id, units=units):
                excluded_by[account.id] = rules
            reason = SyncReason.EXCLUDED if rules else None if account.active else SyncReason.NOT_ACTIVE
            skipped |= {(account.id, kind): reason or stopped[kind] for kind in kinds if reason or kind in stopped}
            rest = () if reason else tuple(kind for kind in kinds if kind not in stopped)
            if account.id in joined and _younger(joined[account.id], now, config.new_accounts.settle):
                skipped |= {(account.id, kind): SyncReason.NOT_YET for kind in rest}
            elif rest:
                targets.append(Target(account.id, rest, deletions & frozenset(rest)))
        return cls(tuple(targets), skipped, excluded_by, joined)

    def given_up(self, reason: str) -> "Selection":
        """Return the same accounts with nothing to compare: the run ends before any write."""
        rest = {(target.account, kind): reason for target in self.targets for kind in target.kinds}
        # Asked for again, what is not ready would meet the same error, each minute.
        known = {
            pair: why if _skips(why) and why != SyncReason.NOT_YET else reason for pair, why in self.skipped.items()
        }
        return replace(self, targets=(), skipped={**known, **rest}, ended_by=reason)

    def receipts(self, at: str, unready: Collection[str] = (), handed_over: Collection[str] = ()) -> list[Receipt]:
        """Return the receipts of all that is not compared: failed where it should have been.

        What ends a run before any write is the run's own error: its accounts are skipped.

        Args:
            unready: new accounts; one that is not listed as ACTIVE is not ready yet.
            handed_over: accounts of a run that made way; one that is no member any more was asked for while it was,
                and nobody mistook its id.
        """
        receipts = []
        for (account, kind), found in self.skipped.items():
            reason = found
            if found in (SyncReason.NOT_ACTIVE, SyncReason.NOT_A_MEMBER) and account in unready:
                reason = SyncReason.NOT_YET
            elif found == SyncReason.NOT_A_MEMBER and account in handed_over:
                reason = SyncReason.NOT_ACTIVE
            skipped = _skips(reason) or reason == self.ended_by
            rules = self.excluded_by.get(account, ()) if reason == SyncReason.EXCLUDED else ()
            status = Status.SKIPPED if skipped else Status.FAILED
            receipts.append(Receipt(account, kind, status, at, error=reason, excluded_by=rules))
        return receipts

    def batches(self, size: int, run_id: str, rest: Sequence[Sequence[Target]] = ()) -> list[tuple[Target, ...]]:
        """Cut the targets into batches of at most `size` accounts, each a range of ids, in the order of work.

        The order is drawn from the run's id, so that no account is last in every run. What a run that made way handed
        over (`rest`) comes before, in the order of that run. The others join its last batch while it has room, unless
        that is also its first: an account never falls behind one that came later, and batches stay few.
        """
        targets = {target.account: target for target in sorted(self.targets, key=_account)}
        parts = [tuple(targets.pop(one.account) for one in part if one.account in targets) for part in rest]
        parts = [part for part in parts if part]
        others = list(targets.values())
        if len(parts) > 1:
            room = max(size - len(parts[-1]), 0)
            parts[-1] = tuple(sorted((*parts[-1], *others[:room]), key=_account))
            others = others[room:]
        cut = [tuple(others[start : start + size]) for start in range(0, len(others), size)]
        return [*parts, *Random(run_id).sample(cut, len(cut))]


def _skips(code: str) -> bool:
    return isinstance(code, SyncReason) and code.skips


def _younger(since: str, now: datetime, seconds: float) -> bool:
    """Return whether less than so many seconds have passed; clocks differ, so none has passed for the future."""
    return max((now - datetime.fromisoformat(since)).total_seconds(), 0) < seconds


def _account(target: Target) -> str:
    return target.account


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
    read: Source | None = None,
    until: float | None = None,
) -> tuple[Source, Selection, RunError | None]:
    """List the accounts that a request is about, read the source, and select. Nothing is recorded here.

    Args:
        given_up: why the run can write nothing; the accounts are listed all the same.
        read: the source, where it has just been read.
        until: the monotonic second after which nothing that is throttled is waited for.

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
            source = read or await Source.read(
                request.kinds(), contacts, config, limiter, clock, request.source_changed_at, until
            )
            source = source.only(request.kinds())
            if source.unreadable.keys() >= request.kinds():
                why = list(source.unreadable.values())
                error = SourceUnreadable("; ".join(map(str, why)), throttled=any(one.throttled for one in why))
    except RunError as found:
        error = found
    selection = Selection.of(
        request,
        accounts,
        config,
        management=management,
        in_excluded_units=below,
        source=source,
        now=clock.now(),
    )
    return source, selection.given_up(error.code) if error else selection, error


def _requested_accounts(request: Request, organization: Organization, management: str) -> Sequence[Account]:
    """Return the accounts that a request is about, those among the named ones that are no members left out.

    Raises:
        OrganizationUnreadable: the listing cannot be whole, because every organization has its management account.
    """
    # The rest of a run that made way may be large: asked one by one it would take too long.
    if not request.everyone and len(request.accounts) <= request.MAX_ACCOUNTS:
        return [found for account in request.accounts if (found := organization.account(account))]
    listed = list(organization.accounts())
    if not any(account.id == management for account in listed):
        raise OrganizationUnreadable("ListAccounts: the listing lacks the management account")
    return listed
