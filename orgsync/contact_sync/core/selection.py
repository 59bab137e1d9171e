"""Selection: which accounts and kinds a run works on, and which it skips and why."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.accounts import Account, Target
from orgsync.contact_sync.core.contacts import Contact
from orgsync.contact_sync.core.errors import Excluded, NotActive, RunError, Skip, SourceMissing
from orgsync.contact_sync.core.protocols import Contacts, Organization
from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.core.source import read_source
from orgsync.contact_sync.names import Kind
from orgsync.shared.clock import Clock
from orgsync.shared.errors import OrgsyncError
from orgsync.shared.rate_limiter import RateLimiter


@dataclass(frozen=True)
class Selection:
    """Every account of a run: to compare, or skipped with the reason for each account and kind.

    Attributes:
        joined: when each account was created or joined, where that is known.
    """

    targets: tuple[Target, ...]
    skipped: Mapping[tuple[str, Kind], type[OrgsyncError]]
    joined: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        request: Request,
        accounts: Iterable[Account],
        config: ContactSyncConfig,
        *,
        management: str,
        in_excluded_units: Collection[str],
        missing_at_source: Collection[Kind] = (),
    ) -> "Selection":
        """Split the accounts that a request concerns.

        The management account is never in it, whatever was asked for. Tags are looked up
        later, account by account, where they are paced (see `AccountSync`): an organization of
        50,000 would not fit into one function's quarter of an hour.

        Args:
            in_excluded_units: ids of the accounts below any excluded unit.
            missing_at_source: alternates that the source does not have.
        """
        targets: list[Target] = []
        skipped: dict[tuple[str, Kind], type[OrgsyncError]] = {}
        joined: dict[str, str] = {}
        # Deleting is reading and writing like any other change; skipping needs neither.
        gone = set(missing_at_source) if config.on_source_delete != "propagate" else set()
        for account in accounts:
            kinds = sorted(request.kinds_for(account.id))
            if account.id == management or not kinds:
                continue
            if account.joined:
                joined[account.id] = account.joined
            reason = _skip_reason(account, config, in_excluded_units)
            if reason:
                skipped |= {(account.id, kind): reason for kind in kinds}
                continue
            skipped |= {(account.id, kind): SourceMissing for kind in kinds if kind in gone}
            if rest := tuple(kind for kind in kinds if kind not in gone):
                targets.append(Target(account.id, rest))
        return cls(tuple(targets), skipped, joined)

    def given_up(self, reason: type[OrgsyncError]) -> "Selection":
        """Return the same accounts with nothing to compare: the run ends before any write."""
        rest = {(target.account, kind): reason for target in self.targets for kind in target.kinds}
        return Selection((), {**self.skipped, **rest})

    def batches(self, size: int) -> list[tuple[Target, ...]]:
        """Cut the targets, by account id, into batches of at most `size` accounts."""
        ordered = sorted(self.targets, key=lambda target: target.account)
        return [tuple(ordered[start : start + size]) for start in range(0, len(ordered), size)]


def _skip_reason(account: Account, config: ContactSyncConfig, in_excluded_units: Collection[str]) -> type[Skip] | None:
    if account.id in config.excluded_accounts or account.id in in_excluded_units:
        return Excluded
    return None if account.active else NotActive


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
) -> tuple[Mapping[Kind, Contact], Selection, RunError | None]:
    """List the accounts that a request is about, read the source, and select.

    Args:
        given_up: why the run can write nothing; the accounts are listed all the same.

    Returns:
        The source's contacts, what becomes of every account, and why the run ends before any write, if it does:
        the source cannot be read or written, or what is excluded is unknown. Then every account is skipped.

    Raises:
        RunError: the accounts cannot be listed.
    """
    accounts = _requested_accounts(request, organization)
    try:
        if given_up:
            raise given_up
        named = () if request.everyone else request.accounts
        below = organization.accounts_below(config.excluded_units, named)
        source = await read_source(contacts, request.kinds(), config, limiter, clock)
    except RunError as error:
        everyone = Selection.of(request, accounts, config, management=management, in_excluded_units=())
        return {}, everyone.given_up(type(error)), error
    missing = {kind for kind, contact in source.items() if contact is None}
    selection = Selection.of(
        request, accounts, config, management=management, in_excluded_units=below, missing_at_source=missing
    )
    return {kind: contact for kind, contact in source.items() if contact is not None}, selection, None


def _requested_accounts(request: Request, organization: Organization) -> list[Account]:
    """Return the accounts that a request is about; a named one that is no member is among them, and not ACTIVE."""
    if request.everyone:
        return list(organization.accounts())
    if len(request.accounts) > request.MAX_ACCOUNTS:  # the rest of a run that made way: asked one by one for too long
        return [account for account in organization.accounts() if account.id in request.accounts]
    return [organization.account(account) or Account(account, "NOT_A_MEMBER") for account in request.accounts]
