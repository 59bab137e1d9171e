"""The rest of a run that made way: accounts that it has not compared, and its last look at the source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from orgsync.contact_sync.config import ContactSyncConfig
from orgsync.contact_sync.core.accounts import Target
from orgsync.contact_sync.core.errors import BatchUnreadable, SyncReason
from orgsync.contact_sync.core.request import Request
from orgsync.contact_sync.core.run import Run
from orgsync.contact_sync.core.source import Source
from orgsync.contact_sync.names import Kind
from orgsync.contact_sync.services import Services


@dataclass(frozen=True)
class Rest:
    """The part of a run that the request it made way for takes up; nothing, where none did.

    Attributes:
        request: the request, in which a kind is wanted for everyone where nobody knows any more who holds it.
        batches: what that run has not compared, in its batches and in its order.
        new_accounts: those of its accounts that may not be ready yet, with the time of the first event about each.
        confirmed: what it saw of the source, contacts that it wrote and flaws that it reported, and that reads the same
            now. This run's own last look is at them as well, because that run has had none.
        source: the source as it was read for that, with every kind that the request wants; None where nothing was read.
    """

    request: Request
    batches: Sequence[Sequence[Target]] = ()
    new_accounts: Mapping[str, str] = field(default_factory=dict)
    confirmed: Source = field(default_factory=Source)
    source: Source | None = None

    @classmethod
    async def of(cls, request: Request, config: ContactSyncConfig, services: Services, until: float) -> "Rest":
        """Read what is handed over, and the source's kinds of which its run has not had its last look.

        Args:
            until: the monotonic second after which nothing that is throttled is waited for.
        """
        before = services.states.run(request.rest) if request.rest else None
        if before is None:
            return cls(replace(request, everyone=request.everyone | request.unconfirmed))
        try:
            if before.error == SyncReason.HEADER_UNREADABLE:
                raise BatchUnreadable(before.run_id)
            batches = [part for part in _not_compared(before, services) if part]
        except BatchUnreadable:
            # Nobody knows what was handed over: everything is compared.
            return cls(replace(request, everyone=frozenset(Kind)))
        rest = cls(request, batches, before.new_accounts)
        kinds = request.unconfirmed - request.everyone
        if not kinds:
            return rest
        wanted = kinds | rest.with_accounts().only(config.contact_types).kinds()
        limiter, changed_at = services.limiter(config), request.source_changed_at
        now = await Source.read(wanted, services.contacts, config, limiter, services.clock, changed_at, until)
        # Its header says what it deleted; a kind that only lacks there may be one that a damaged header lost.
        same = Source.seen_by(before, before.deletions).confirmed_by(now, kinds)
        request = replace(request, everyone=request.everyone | (kinds - same))
        return replace(rest, request=request, confirmed=now.only(same), source=now)

    @cached_property
    def kinds(self) -> Mapping[str, frozenset[Kind]]:
        """The kinds that are left, by account."""
        return {target.account: frozenset(target.kinds) for part in self.batches for target in part}

    def with_accounts(self) -> Request:
        """Return the request with the accounts that were handed over."""
        named = self.request.accounts
        left = {one: named.get(one, frozenset()) | self.kinds.get(one, frozenset()) for one in (*self.kinds, *named)}
        return replace(self.request, accounts=left)


def _not_compared(run: Run, services: Services) -> list[list[Target]]:
    parts = []
    for number in range(run.batches):
        batch = services.bucket.batch(run.run_id, number, run.attempt)
        accounts = [target.account for target in batch]
        final = {
            (receipt.account, receipt.kind)
            for receipt in services.states.receipts(run.run_id, (min(accounts), max(accounts)) if accounts else None)
            if receipt.error != SyncReason.HANDED_OVER
        }
        missing = [
            replace(target, kinds=tuple(kind for kind in target.kinds if (target.account, kind) not in final))
            for target in batch
        ]
        parts.append([target for target in missing if target.kinds])
    return parts
